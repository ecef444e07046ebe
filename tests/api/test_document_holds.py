"""Calls made by schemathesis from the document, good, nearly good and hostile, with tokens of every scope and without:
no error of the server, and no status, header, kind or shape of an answer that the document doesn't have; what isn't of
the document's types is refused.

`API_CALLS` is how many calls are made at least, `FUZZ_SEED` what they begin with.
"""

import json
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from pytest_django import Settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    positive_data_acceptance,
)

from amicopy.api.api import api
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.wsgi import application
from tests.api.conftest import Program, said, token_of
from tests.api.test_scopes import told
from tests.conftest import Control
from tests.copies.conftest import SOURCE, Submit, approve, approver, make_call, make_person

__all__ = ("approver",)
pytestmark = [pytest.mark.django_db, pytest.mark.slow]
SEED = int(os.environ.get("FUZZ_SEED", "1"))
document = json.loads(json.dumps(api.get_openapi_schema()))
schema = schemathesis.openapi.from_dict(document)
schema.app = application
OPERATIONS = [f"{method.upper()} {path}" for path, each in document["paths"].items() for method in each]
EACH = -(-int(os.environ.get("API_CALLS", "5000")) // len(OPERATIONS))
# Values that get through to the verbs, by the names of members; what is generated hardly ever does.
GOOD: dict[str, Sequence[Any]] = {
    "account": ("111122223333",),
    "reason": ("PLAT-1",),
    "SourceImageId": (SOURCE,),
    "SourceRegion": ("us-east-1",),
    "DestinationRegion": ("eu-west-1", "us-west-2", "eu-central-1"),
    "Name": ("golden-1", "golden-2"),
    "kind": ("approve", "reject", "request-changes"),
    **dict.fromkeys(("continues", "mends", "start_not_before", "DestinationOutpostArn"), (None,)),
    **dict.fromkeys(("DestinationAvailabilityZone", "DestinationAvailabilityZoneId"), (None,)),
    **dict.fromkeys(("Encrypted", "KmsKeyId", "TagSpecifications", "ClientToken"), (None,)),
    **dict.fromkeys(("Description", "SnapshotCopyCompletionDurationMinutes"), (None,)),
}
IN_QUERIES = ("account", "SourceRegion", "SourceImageId")
# Tokens that open nothing.
CLOSED = ("", "amic_nothing")
# What failed here was never approved, and nothing follows these copies; tests/api/test_tokens_in_history.py does both.
NEVER_DONE = tuple(f"POST /api/v1/requests/{{number}}/{verb}" for verb in ("retry", "retry-steps", "put-back"))


@dataclass
class World:
    """What there is to ask for, who asks, and what was answered. `requests` are picked from; of each `parts` has what
    else an address names."""

    requests: list[CopyRequest]
    parts: dict[int, dict[str, int]]
    tokens: list[str]
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    statuses: Counter[int] = field(default_factory=Counter)

    def aim(self, case: schemathesis.Case[Any]) -> str:
        """Has two calls of three reach something, and returns the token that it takes, mostly one that may."""
        token = self.chance.choice(self.tokens)
        case.headers["Authorization"] = f"Bearer {token}" if token else ""
        if self.chance.random() < 0.33:
            return token
        row = self.chance.choice(self.requests)
        for name, value in {"number": row.pk, **self.parts[row.pk]}.items():
            if isinstance(case.path_parameters.get(name), int):
                case.path_parameters[name] = value
        if "If-Match" in case.headers or self.chance.random() < 0.5:
            case.headers["If-Match"] = f'"{row.content_hash}"'
        # What is wrong with a body on purpose stays wrong.
        good = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
        if isinstance(case.body, dict) and good:
            case.body = self.improved(case.body)
        if good:
            case.query.update({name: self.chance.choice(GOOD[name]) for name in case.query if name in IN_QUERIES})
        return token

    def improved(self, value: Any) -> Any:
        """A body with good values for the members it has."""
        if isinstance(value, list):
            return [self.improved(each) for each in value[:3]]
        if not isinstance(value, dict):
            return value
        return {
            name: self.chance.choice(GOOD[name]) if name in GOOD else self.improved(each)
            for name, each in value.items()
        }


@pytest.fixture
def world(
    request: pytest.FixtureRequest,
    submit: Submit,
    sandbox: Control,
    connections_stay: None,
    settings: Settings,
) -> Iterator[World]:
    settings.API_CALLS_PER_MINUTE = 10**9
    person = make_person("boss", "administrator", "approver", "requester")
    rows = [submit(make_call(Name=f"golden-{number}")) for number in range(12)]
    rows += [submit(make_call(Name=f"own-{number}"), by=person) for number in range(4)]
    for row in rows[:4]:
        approve(make_person("approver", "approver"), row)
    if "withdraw-vote" in request.node.name:
        settings.APPROVAL_UNDO_SECONDS = 3600.0
        for row in rows[4:12]:
            approve(person, row)
    every = token_of(person, "read", "request", "audit", "decide")
    alone = [token_of(person, scope) for scope in ("read", "request", "audit", "decide")]
    others = token_of(make_person("other", "requester"), "read", "request")
    failed = rows[-1]
    ImageCopy.objects.filter(request=failed).update(state="FAILED", error_code="Blocked")
    CopyRequest.objects.filter(pk=failed.pk).update(state="FAILED")
    delivery = told(failed)
    found = World(
        [*rows, *[failed] * 4],
        {row.pk: {"copy_id": row.copies.get().pk, "delivery_id": delivery.pk} for row in rows},
        [every] * 20 + alone + [others, *CLOSED],
    )
    logging.disable(logging.CRITICAL)
    yield found
    logging.disable(logging.NOTSET)
    name = request.node.name.partition("[")[2].rstrip("]")
    # With -s, for who wants to know.
    print(f"{name}, seed {SEED}: {found.statuses.total()} calls, {dict(sorted(found.statuses.items()))}")  # noqa: T201
    assert found.statuses.total() >= EACH
    if name not in NEVER_DONE:
        assert {200, 201} & set(found.statuses), f"{name} was never done: {found.statuses}"


def operation_test(path: str, method: str) -> Any:
    """The test of an operation."""

    @schema.include(path=path, method=method.upper()).parametrize()
    @seed(SEED)
    @settings(
        max_examples=EACH,
        deadline=None,
        database=None,
        # A failure is shown as it was found: what was done before it can't be taken back for a smaller one.
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def every_answer_is_in_the_document(case: schemathesis.Case[Any], world: World) -> None:
        token = world.aim(case)
        answer = case.call()
        world.statuses[answer.status_code] += 1
        assert answer.status_code >= 400 or token not in CLOSED
        # Who has a token is known here alone; and what else a verb refuses, rules say, which the document doesn't have.
        by_rules = [positive_data_acceptance] if case.operation.method == "post" else []
        if answer.status_code == 200 and case.operation.path.endswith(("/validate", "/estimate")):
            # These say what breaks a limit, or estimate all the same; of types creating has the same check.
            by_rules.append(negative_data_rejection)
        if answer.status_code == 200 and any(isinstance(value, list | dict) for value in case.query.values()):
            # Of a name that comes twice the last value counts, which is good; and an address has no objects: what is
            # sent of one may be nothing.
            by_rules.append(negative_data_rejection)
        case.validate_response(answer, excluded_checks=[ignored_auth, missing_required_header, *by_rules])

    return every_answer_is_in_the_document


# One for each: schemathesis's own items have one id together, of which processes side by side run the first alone.
vars().update(
    {
        f"test_answers_of_{operation['operationId']}": operation_test(path, method)
        for path, each in document["paths"].items()
        for method, operation in each.items()
    }
)


def test_the_document_is_the_one_that_is_served() -> None:
    token = token_of(make_person("requester", "requester"), "read")
    assert said(Program(token).get("/openapi.json")) == document
