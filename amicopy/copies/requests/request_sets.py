"""Several requests handed in together, a source image each: all of them are stored, or none."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call, FieldError, InvalidRequest
from amicopy.copies.core.models import Account, RequestSet
from amicopy.copies.core.permissions import person
from amicopy.copies.core.set_models import part_of
from amicopy.copies.core.steps.wanted import NOTHING, WantedSteps
from amicopy.copies.lifecycle.wakeup import together
from amicopy.copies.requests.submission import Submission
from amicopy.copies.requests.submission_checks import refuse
from amicopy.copies.requests.submission_reasons import Anyway
from amicopy.copies.requests.submission_storage import store_request, twice
from amicopy.copies.requests.verbs import TAKEN
from amicopy.copies.voting.facts import Facts


@dataclass(frozen=True)
class Part:
    """The request for one source: its calls, and what was known of source and destinations."""

    calls: Sequence[Call]
    lookups: Mapping[str, Any]

    @property
    def source(self) -> str:
        return str(self.calls[0].parameters["SourceImageId"])


class InvalidSet(Exception):
    """The rules refuse some of the requests, so none is made; `errors` says why, by source image."""

    def __init__(self, errors: Mapping[str, Sequence[FieldError]]) -> None:
        self.errors = errors
        super().__init__("; ".join(f"{source}: {error.message}" for source in errors for error in errors[source]))


def submit_set(
    actor: Actor,
    *,
    account: Account,
    reason: str,
    parts: Sequence[Part],
    submission: uuid.UUID,
    start_not_before: datetime | None = None,
    anyway: Anyway | None = None,
    typed: Mapping[str, str] | None = None,
    steps: WantedSteps = NOTHING,
) -> RequestSet:
    """Stores a request for each part and returns the set that links them; a second submission returns the first.

    Each request is decided, followed and told of on its own, as one that was handed in alone. Raises NotAllowed,
    InvalidRequest for a submission of somebody else's, and InvalidSet.
    """
    user = person(actor)
    permissions.check_submit(user)
    by_machine = actor.token is not None
    handed_in = [
        Submission(
            account,
            reason,
            part.calls,
            part.lookups,
            start_not_before,
            by_machine=by_machine,
            typed=typed or {},
            anyway=anyway,
            steps=steps,
        )
        for part in parts
    ]

    def store() -> RequestSet:
        earlier = RequestSet.objects.filter(submission=submission).first()
        if earlier is not None and earlier.requester_id != user.pk:
            raise InvalidRequest([FieldError("submission", TAKEN)])
        return earlier or _store(actor, user, parts, handed_in, submission)

    with together():
        return twice(store)


def _store(
    actor: Actor, user: User, parts: Sequence[Part], handed_in: Sequence[Submission], submission: uuid.UUID
) -> RequestSet:
    refused: dict[str, Sequence[FieldError]] = {}
    seen: dict[str, Facts] = {}
    for part, each in zip(parts, handed_in, strict=True):
        try:
            seen[part.source] = refuse(each, user)
        except InvalidRequest as invalid:
            refused[part.source] = invalid.errors
    if refused:
        raise InvalidSet(refused)
    with transaction.atomic():
        made = RequestSet.objects.create(requester=user, submission=submission, created_at=timezone.now())
        for part, each in zip(parts, handed_in, strict=True):
            try:
                number = part_of(submission, part.source)
                store_request(actor, user, each, number, in_set=made, seen=seen[part.source])
            except InvalidRequest as invalid:
                # Raised out of the transaction, so that nothing of the set stays.
                raise InvalidSet({part.source: invalid.errors}) from invalid
    return made
