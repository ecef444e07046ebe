"""What a requester hands in, and what a request keeps of it."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.copies import rules
from amicopy.copies.core import marks, name_templates
from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.content import HASH_VERSION, Content, content_hash
from amicopy.copies.core.installation import mark_values
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.steps.members import Members
from amicopy.copies.core.steps.wanted import NOTHING, WantedSteps, frozen
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.requests import look_again, submission_reasons
from amicopy.copies.requests.submission_reasons import Anyway
from amicopy.copies.rules.case import Case
from amicopy.copies.voting import fact_evidence, fact_table, facts, pending_votes, rulebook

LONGEST_NAME = 128


@dataclass(frozen=True)
class Submission:
    """What a person hands in; `lookups` is what was known of source and destinations, `fresh` what of it was looked up
    for this submission, where `lookups` has older answers too; `continues` the finished request
    that these are more destinations of, `mends` the failed copy that is asked for again;
    `by_machine`: a program hands it in; `typed` are names with placeholders, by input; `anyway` is there when it is
    submitted whatever is in its way; `steps` are those after the copies, as they were asked for."""

    account: Account
    reason: str
    calls: Sequence[Call]
    lookups: Mapping[str, Any] = field(default_factory=dict)
    start_not_before: datetime | None = None
    continues: CopyRequest | None = None
    mends: ImageCopy | None = None
    by_machine: bool = False
    typed: Mapping[str, str] = field(default_factory=dict)
    anyway: Anyway | None = None
    fresh: Mapping[str, Any] | None = None
    steps: WantedSteps = NOTHING

    @cached_property
    def approved_steps(self) -> list[dict[str, Members]]:
        """The steps after each copy, as they will be approved and done."""
        source = str(fact_evidence.source_in(self.lookups).get("Name") or "")
        return frozen(self.steps, self.calls, now=timezone.now(), source=source)

    @property
    def existing(self) -> bool:
        """Whether it is about an AMI that exists, of which nothing is copied."""
        return all(call.existing for call in self.calls)

    @property
    def _name(self) -> str:
        """What the request is called: as its copies, or as the AMI that exists."""
        if self.existing:
            source = fact_evidence.source_in(self.lookups)
            return str(source.get("Name") or self.calls[0].parameters["SourceImageId"])
        return name_templates.of_all([(call.DestinationRegion, call.name) for call in self.calls])

    @property
    def in_the_way(self) -> list[FieldError]:
        """What was looked up now and stands in its way."""
        return rules.found_in_the_way(
            self.calls,
            lookups=self.lookups if self.fresh is None else self.fresh,
            account_id=self.account.account_id,
            partition=self.account.partition,
        )

    @property
    def anyway_kept(self) -> dict[str, Any]:
        """What a request keeps of being submitted anyway; empty when nothing was in its way."""
        return submission_reasons.kept(self.in_the_way, self.calls, self.anyway)

    def marked(self, submission: uuid.UUID) -> "Submission":
        """The same with amicopy's mark in every call, as it will be approved and sent. `submission` is the
        request's."""
        return replace(self, calls=marked_calls(self.account, self.calls, submission, self.lookups))

    def known_facts(self, requester: User) -> facts.Facts:
        """What rules and people look at; amicopy's mark in the calls changes nothing about it."""
        return facts.facts_for(
            self.account,
            requester,
            self.lookups,
            calls=self.calls,
            start_not_before=self.start_not_before,
            by_machine=self.by_machine,
            anyway=self.anyway_kept,
            steps=self.approved_steps,
        )

    def told(self, seen: facts.Facts) -> list[fact_table.Told]:
        """What sets it apart."""
        return fact_table.tell(self.calls, seen.evidence) if seen.evidence else []

    def columns(self, seen: facts.Facts, told: Sequence[fact_table.Told]) -> dict[str, Any]:
        """What a request keeps of it, with the plan that the rules of this moment ask for; `seen` and `told` are its
        own."""
        first, now = self.calls[0].parameters, timezone.now()
        anyway = self.anyway_kept
        plans = rulebook.plan_for(self.calls, seen)
        content = Content(
            account_id=self.account.account_id,
            calls=self.calls,
            keys=source_binding.keys_seen(self.lookups, self.calls),
            source_seen=source_binding.seen(self.lookups, self.calls),
            reason=self.reason.strip(),
            start_not_before=self.start_not_before,
            plan=plans.plan,
            rules=plans.rules,
            anyway=anyway,
            steps=self.approved_steps,
        )
        return {
            "reason": content.reason,
            "SourceRegion": first["SourceRegion"],
            "SourceImageId": first["SourceImageId"],
            "Name": self._name[:LONGEST_NAME],
            "dry_run": all(call.dry_run for call in self.calls),
            "existing": self.existing,
            "content_hash": content_hash(content),
            "hash_version": HASH_VERSION,
            "plan": plans.plan,
            "unvoted_plan": pending_votes.key_of(plans.plan),
            "rules": plans.rules,
            "lookups": dict(self.lookups),
            "estimate": dict(seen.evidence.estimate) if seen.evidence else {},
            "source_seen": content.source_seen,
            "submitted_at": now,
            "expires_at": now + timedelta(days=settings.REQUEST_EXPIRES_DAYS),
            "start_not_before": self.start_not_before,
            "risky": seen.evidence is None or fact_table.risky(told),
            "anyway": content.anyway,
            "anyway_looked": {},
            "look_again_at": look_again.first_look(self.lookups, now, anyway=bool(content.anyway)),
            "continues": self.continues,
            "mends": self.mends,
            "by_machine": self.by_machine,
            "typed": dict(self.typed),
            "steps": dict(self.steps.everywhere),
        }


def marked_calls(
    account: Account, calls: Sequence[Call], submission: uuid.UUID | str, lookups: Mapping[str, Any]
) -> list[Call]:
    """Calls as a person asked for them, each with the mark of its place in the request."""
    found: list[Call] = []
    for call, value in zip(calls, mark_values(submission, len(calls)), strict=True):
        if call.existing:
            # amicopy makes nothing: what isn't its own never looks as if it were.
            found.append(call)
            continue
        case = Case(call, account.account_id, account.partition, lookups)
        copied = case.source_tags if call.parameters.get("CopyImageTags") else set[str]()
        # An image in S3 has no snapshots.
        kinds = marks.KINDS[:1] if case.source.get("RootDeviceType") == "instance-store" else marks.KINDS
        found.append(marks.marked(call, value, copied=copied, kinds=kinds))
    return found
