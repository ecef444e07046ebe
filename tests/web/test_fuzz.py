"""Whatever is sent to the request form: words at the right field or a request that AWS takes, never a server error.

`make test-all` sends a few hundred submissions, always the same; `make fuzz` sends 20,000 others each time.
"""

import json
import logging
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded

from amicopy.aws import ec2
from amicopy.aws.errors import AwsError
from amicopy.copies.core.calls import Call, fingerprint
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.parameters import BY_NAME
from amicopy.sandbox.ec2 import checks
from amicopy.sandbox.errors import Refused
from tests.conftest import Control
from tests.web.conftest import SignedIn
from tests.web.fuzzing import UNESCAPED, Submission, submissions
from tests.web.page import Page, read

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

MODEL: Any = botocore.session.Session().get_service_model("ec2").operation_model("CopyImage").input_shape
HOW_MANY = int(os.environ.get("FUZZ_SUBMISSIONS", "200"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
# Where the figures go, for whoever adds up several processes' of them.
FIGURES = os.environ.get("FUZZ_FIGURES", "")
# What a call of good shape may still be told: source, place or key isn't there, or isn't theirs.
NOT_ABOUT_SHAPE = {
    "AuthFailure",
    "DryRunOperation",
    "IdempotentParameterMismatch",
    "InvalidAMIID.NotFound",
    "InvalidRegion",
    "InvalidRequest",
}
NOT_THERE = re.compile(r"The Outpost '.*' does not exist\.|is not a Local Zone that you can use in")
# The sandbox's words, and the fields at one of which the form must have said it.
BLAMED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("AMI names must", ("Name",)),
    ("The description must", ("Description",)),
    ("The client token must", ("ClientToken",)),
    ("KmsKeyId requires", ("KmsKeyId",)),
    ("Invalid id", ("SourceImageId",)),
    ("Only one of", checks.DESTINATIONS),
    ("requires the source image", (*checks.DESTINATIONS, "DestinationRegion", "SourceRegion")),
    ("SnapshotCopyCompletionDurationMinutes", ("SnapshotCopyCompletionDurationMinutes",)),
    ("completion duration", ("SnapshotCopyCompletionDurationMinutes",)),
    ("taggable", ("TagSpecifications",)),
    ("tag key", ("TagSpecifications",)),
    ("tags on a resource", ("TagSpecifications",)),
    ("Outpost", ("DestinationOutpostArn", "DestinationRegion")),
    ("Local Zone", checks.DESTINATIONS[1:]),
)


class Fuzz:
    """One run: sends submissions and judges the answers."""

    def __init__(self, client: Client, account: Account, sandbox: Control) -> None:
        self.client, self.account, self.sandbox = client, account, sandbox
        self.figures: Counter[str] = Counter()
        self.called: set[str] = set()
        self._empty_sandbox()

    def send(self, submission: Submission) -> None:
        answer = self.client.generic("POST", "/requests/new/", submission.body, content_type=submission.content_type)
        self.figures["submissions"] += 1
        self.figures["server errors"] += answer.status_code >= 500
        assert answer.status_code in {200, 302, 400, 422}, answer.status_code
        if answer.status_code == 302:
            self.figures["accepted"] += 1
            self._accepted(int(re.fullmatch(r"/requests/(\d+)/", answer["Location"])[1]))  # type: ignore[index]
            return
        assert not re.search(UNESCAPED, read(answer).source), "unescaped"
        if answer.status_code == 400:
            self.figures["unreadable"] += 1
            assert submission.broken or submission.too_much, "a body that can be read was turned away"
            assert "That couldn’t be read" in read(answer).text
        elif answer.status_code == 422:
            self.figures["refused"] += 1
            self._refused(answer)
            if not submission.broken:
                _kept(submission, read(answer))
        else:
            self.figures["rows added or removed"] += 1

    def _accepted(self, number: int) -> None:
        """Every copy passes botocore's validation, and the sandbox takes it over HTTP as the engine would send it."""
        for copy in CopyRequest.objects.get(pk=number).copies.all():
            parameters = {**copy.parameters, "ClientToken": copy.ClientToken or f"fuzz-{copy.pk}"}
            report = ParamValidator().validate(parameters, MODEL)
            assert not report.has_errors(), report.generate_report()
            what = fingerprint([copy.DestinationRegion, copy.parameters])
            if what in self.called:
                continue
            self.called.add(what)
            self.figures["calls"] += 1
            told = self._call(copy)
            assert told is None or told.code in NOT_ABOUT_SHAPE or NOT_THERE.search(told.message), (
                f"{told.code} {told.message} {copy.DestinationRegion} {copy.parameters}"
            )
        if len(self.called) % 200 == 0:
            self._empty_sandbox()

    def _call(self, copy: ImageCopy) -> AwsError | None:
        try:
            ec2.copy_image(
                self.account.aws(),
                region=copy.DestinationRegion,
                parameters=copy.parameters,
                client_token=f"fuzz-{copy.pk}",
            )
        except AwsError as error:
            return error
        return None

    def _refused(self, answer: Any) -> None:
        """Each error leads to an input; and what botocore or the sandbox would refuse is said at its field."""
        page = read(answer)
        leads, ids = {link.address.removeprefix("#") for link in page.alert().links()}, set(page.marks("id"))
        assert leads, "refused without a word"
        assert leads <= ids, leads - ids
        form = answer.context["form"]
        if form.account is None:
            return
        for index, call in enumerate(form.calls()):
            for words, fields in _shape_refusals(call, self.account):
                places = {*fields, *(f"destinations-{index}-{field}" for field in fields)}
                said = places & set(form.errors) or (
                    "TagSpecifications" in fields and any(name.startswith("tags-") for name in form.errors)
                )
                assert said, f"{words}: {fields} not in {form.errors}"

    def _empty_sandbox(self) -> None:
        self.sandbox("reset", method="POST")
        self.sandbox("settings", limit=10**9, copy_seconds=1.0)


def _shape_refusals(call: Call, account: Account) -> list[tuple[str, tuple[str, ...]]]:
    """What botocore and the sandbox say against a call's shape, with the fields to blame."""
    parameters = {**call.parameters, **({"ClientToken": call.ClientToken} if call.ClientToken else {})}
    report = ParamValidator().validate(parameters, MODEL)
    if report.has_errors():
        words = report.generate_report()
        return [(words, tuple(name for name in BY_NAME if name in words))]
    found: list[tuple[str, tuple[str, ...]]] = []
    for check in (
        lambda: checks.check_fields(parameters),
        lambda: checks.check_destination(parameters, account=account.account_id, region=call.DestinationRegion),
        lambda: checks.tags_by_type(parameters),
    ):
        message = _refusal(check)
        if not message:
            continue
        blamed = next((fields for words, fields in BLAMED if words.lower() in message.lower()), None)
        assert blamed is not None, message
        # A place that isn't there is no matter of shape, if it is written as one could be.
        absent = NOT_THERE.search(message) and all(
            re.fullmatch(BY_NAME[name].pattern, parameters[name]) for name in blamed if name in parameters
        )
        if not absent:
            found.append((message, blamed))
    return found


def _refusal(check: Callable[[], object]) -> str:
    """Why the sandbox refuses, or empty."""
    try:
        check()
    except Refused as refused:
        return refused.message
    return ""


def _kept(submission: Submission, page: Page) -> None:
    """Everything typed is in the page's inputs again."""
    shown = {field.sent_as: field.value for field in page.fields() if not field.is_box and field.node.tag != "select"}
    typed = submission.typed
    rows: dict[str, dict[int, int]] = {}
    for prefix in ("destinations", "tags"):
        found = (re.fullmatch(rf"{prefix}-(\d{{1,6}})-[A-Za-z]+", name) for name in typed)
        numbers = sorted({int(match[1]) for match in found if match})[:101]
        rows[prefix] = {number: place for place, number in enumerate(numbers)}
    for name, value in typed.items():
        row = re.fullmatch(r"(destinations|tags)-(\d{1,6})-([A-Za-z]+)", name)
        if row:
            place = rows[row[1]].get(int(row[2]))
            name = f"{row[1]}-{place}-{row[3]}"
        if name in shown and name != "csrfmiddlewaretoken":
            # As a browser reads and sends it.
            wanted = value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
            if name == "submission" and not re.fullmatch(r"[0-9a-f-]{36}", value):
                continue
            # Source images are one text, however many fields of the name were sent.
            several = name == "SourceImageId" and wanted in shown[name].split(" ")
            assert shown[name] == wanted or several, f"{name}: {shown[name]!r} isn't {wanted!r}"


def test_whatever_is_sent_is_refused_with_words_or_accepted_by_aws(
    signed_in: SignedIn, account: Account, sandbox: Control, capsys: pytest.CaptureFixture[str]
) -> None:
    fuzz = Fuzz(signed_in("requester"), account, sandbox)

    @seeded(SEED)
    @settings(
        max_examples=HOW_MANY,
        database=None,
        deadline=None,
        # A submission is short as it is, and one of a megabyte takes minutes to make smaller.
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(submissions())
    def send(submission: Submission) -> None:
        fuzz.send(submission)

    logging.disable(logging.CRITICAL)
    begun = time.monotonic()
    try:
        send()
    finally:
        logging.disable(logging.NOTSET)
        if FIGURES:
            Path(FIGURES).write_text(json.dumps(fuzz.figures))
    words = ", ".join(f"{count:,} {what}" for what, count in fuzz.figures.items())
    with capsys.disabled():
        os.write(1, f"\n{words}; {time.monotonic() - begun:.0f} s, seed {SEED}\n".encode())
    assert fuzz.figures["submissions"] >= HOW_MANY
    assert fuzz.figures["server errors"] == 0
    # A run that accepts or refuses nearly all of it would show little.
    assert fuzz.figures["accepted"] > HOW_MANY / 20
    assert fuzz.figures["refused"] > HOW_MANY / 5
