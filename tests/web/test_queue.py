"""The queue of approvals: riskiest first, a row a request, one of them open; decided in place, with undo."""

from typing import Any, cast

import pytest
from django.db import transaction
from django.test import Client
from pytest_django import Settings

from amicopy.audit.actor import worker
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.states import CopyState
from amicopy.copies.lifecycle.transitions import lock_request
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.requests import look_again, verbs
from tests.copies.conftest import acting, approve, make_call, make_person
from tests.web.conftest import SignedIn
from tests.web.page import Page, read
from tests.web.test_approvals import SOURCE, VOLUME, ask, destination, lookups, shown_in

pytestmark = pytest.mark.django_db
OWN_KEY = "arn:aws:kms:us-east-1:111122223333:key/own"


@pytest.fixture
def approver(signed_in: SignedIn) -> Client:
    return signed_in("approver")


@pytest.fixture
def used(account: Account) -> None:
    """An AMI was copied to eu-west-1 before."""
    copy = ask(account).copies.get()
    ImageCopy.objects.filter(pk=copy.pk).update(state=CopyState.AVAILABLE, ImageId="ami-1")
    CopyRequest.objects.update(state="COMPLETED")


def public(**changes: Any) -> dict[str, Any]:
    return lookups(source={**SOURCE, "Public": True, "OwnerId": "444455556666", **changes})


def decide(client: Client, row: CopyRequest, verb: str, *others: CopyRequest, **typed: str) -> Any:
    """A decision in the queue with a script, where these requests are shown."""
    ids = ",".join(str(each.pk) for each in (row, *others))
    data = {"content_hash": row.content_hash, "back": "approvals", "queue": "mine", "ids": ids, **typed}
    return client.post(f"/requests/{row.pk}/{verb}/", data, headers={"HX-Request": "true"})


def opened(page: Page) -> list[int]:
    return [int(number) for number in page.marks("data-panel")]


@pytest.mark.usefixtures("used")
def test_a_request_keeps_whether_it_has_to_be_looked_at_closely(account: Account) -> None:
    routine, risky, unseen = ask(account), ask(account, known=public()), ask(account, known={})
    assert [row.risky for row in (routine, risky, unseen)] == [False, True, True]
    # What is found out later counts, in both ways.
    for found, expected in ((lookups(asked_at=""), False), ({**public(), "asked_at": ""}, True)):
        with transaction.atomic():
            look_again._store(lock_request(unseen.pk), cast("Kept", found), actor=worker("look_again"))
        unseen.refresh_from_db()
        assert unseen.risky is expected
        CopyRequest.objects.filter(pk=unseen.pk).update(lookups={})


@pytest.mark.usefixtures("used")
def test_what_to_look_at_closely_comes_first_and_then_the_oldest(approver: Client, account: Account) -> None:
    routine, risky, later = ask(account), ask(account, known=public()), ask(account)
    page = read(approver.get("/approvals/"))
    assert shown_in(page) == [risky.pk, routine.pk, later.pk]
    assert [heading.text for heading in page.headings() if heading.text in {"Look closely", "Routine"}] == [
        "Look closely",
        "Routine",
    ]
    assert opened(page) == [risky.pk]
    row = page.by_id(f"request-{risky.pk}")
    for words in ("Public AMI", "Owner 444455556666", "40 GiB"):
        assert words in row.text
    # The fragment that keeps it current leaves all where it is.
    assert page.polled
    assert shown_in(read(approver.get(page.polled.address))) == [risky.pk, routine.pk, later.pk]


def test_a_change_of_key_and_owner_is_a_change(approver: Client, account: Account) -> None:
    volume = {**VOLUME, "Encrypted": True, "KmsKeyId": OWN_KEY}
    default = {"Encrypted": True, "KmsKeyId": "arn:aws:kms:eu-west-1:111122223333:key/default", "words": "encrypted"}
    known = public(volumes=[volume])
    known["destinations"] = [
        {**destination(key={"problem": ""}), "encryption": [{"DeviceName": "/dev/xvda", "SnapshotId": "s", **default}]}
    ]
    call = make_call()
    person = make_person("requester", "requester")
    verbs.submit(acting(person), account=account, reason="PLAT-1", calls=[call], lookups=known)
    page = read(approver.get("/approvals/"))
    rows = page.table("What the copies will have, compared with the source AMI").rows
    assert rows[0] == ["→ changed, weaker", "KMS key (KmsKeyId)", OWN_KEY, "The default EBS key"]
    assert ["→ changed", "Owner", "444455556666", account.account_id] in rows
    assert "= same" not in [row[0] for row in rows if "KmsKeyId" in row[1] or "Encrypted" in row[1]]
    assert "Key changes to the default one" in page.text


@pytest.mark.usefixtures("used")
def test_a_decision_is_taken_in_place_and_the_next_request_opens(
    approver: Client, account: Account, settings: Settings
) -> None:
    settings.APPROVAL_UNDO_SECONDS = 10.0
    first, second, third = (ask(account) for _ in range(3))
    page = read(decide(approver, first, "approve", second, third))
    assert shown_in(page) == [first.pk, second.pk, third.pk]
    assert opened(page) == [second.pk]
    assert "Nothing starts before" in page.told
    assert f"Approved #{first.pk}." in page.text
    page = read(decide(approver, second, "reject", first, third, reason="No", ids=f"{first.pk},{second.pk},{third.pk}"))
    assert opened(page) == [third.pk]
    page = read(decide(approver, first, "withdraw-vote", second, third))
    assert opened(page) == [first.pk]
    assert "is taken back" in page.told
    assert f"Approved #{first.pk}." not in page.text
    states = CopyRequest.objects.filter(pk__in=(first.pk, second.pk)).order_by("pk").values_list("state", flat=True)
    assert list(states) == ["PENDING", "REJECTED"]


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_missing_reason_is_said_at_its_field(approver: Client, account: Account, script: bool) -> None:
    row = ask(account)
    if script:
        answer = decide(approver, row, "reject", reason=" ")
    else:
        answer = approver.post(f"/requests/{row.pk}/reject/", {"back": "approvals", "reason": " "})
        assert answer.status_code == 422
    page = read(answer)
    assert opened(page) == [row.pk]
    field = page.field("reason")
    assert field.attribute("aria-invalid") == "true"
    assert field.described == "Enter why the request is rejected."
    assert CopyRequest.objects.get(pk=row.pk).state == "PENDING"


def test_somebody_faster_is_said_and_the_typed_reason_stays(approver: Client, account: Account) -> None:
    row = ask(account)
    approve(make_person("approver-2", "approver"), row)
    page = read(decide(approver, row, "reject", reason="Ask the vendor first"))
    assert "approved already" in page.text
    assert page.field("reason").value.strip() == "Ask the vendor first"
    assert not page.buttons(f"Reject #{row.pk}")


def test_without_a_script_an_approval_is_taken_back_by_its_message(
    approver: Client, account: Account, settings: Settings
) -> None:
    settings.APPROVAL_UNDO_SECONDS = 10.0
    row = ask(account)
    data = {"content_hash": row.content_hash, "back": "approvals"}
    page = read(approver.post(f"/requests/{row.pk}/approve/", data, follow=True))
    assert "Nothing starts before" in page.told
    form = page.form(to=f"/requests/{row.pk}/withdraw-vote/")
    assert form.buttons("Undo")
    assert "is taken back" in read(approver.post(form.address, {"back": "approvals"}, follow=True)).told
    assert CopyRequest.objects.get(pk=row.pk).state == "PENDING"


def test_bulk_confirmation_shows_source_size_account_and_chips_of_each(approver: Client, account: Account) -> None:
    rows = [ask(account), ask(account, known=public())]
    page = read(approver.post("/approvals/decide/", {"bulk": "approve", "pick": [str(row.pk) for row in rows]}))
    first, second = (page.region(f"{row.Name} #{row.pk}") for row in rows)
    for part in (first, second):
        for words in (rows[0].SourceImageId, "Account sandbox", "40 GiB to copy"):
            assert words in part.text
    assert "Public AMI" in second.text
    assert "Public AMI" not in first.text


def test_the_requests_own_page_shows_what_sets_it_apart_to_who_decides(
    approver: Client, signed_in: SignedIn, account: Account
) -> None:
    row = ask(account, known=public())
    decision = read(approver.get(f"/requests/{row.pk}/")).region("Your decision")
    panel = read(approver.get(f"/approvals/?open={row.pk}")).text
    chips = [chip.text for chip in decision.marked("data-fact")]
    assert "Public AMI" in chips
    for words in chips:
        assert words in panel
    own = read(signed_in("requester").get(f"/requests/{row.pk}/"))
    assert "Public AMI" not in own.text


def test_the_dashboard_says_which_of_those_that_wait_to_look_at_closely(
    used: None, approver: Client, account: Account
) -> None:
    routine, risky = ask(account), ask(account, known=public())
    page = read(approver.get("/"))
    lines = {row.pk: page.marked("data-request", str(row.pk))[0].text for row in (routine, risky)}
    assert "Look closely" in lines[risky.pk]
    assert "Look closely" not in lines[routine.pk]


def test_every_warning_that_the_requester_saw_is_in_the_panel(approver: Client, account: Account) -> None:
    warnings = [{"code": "x", "message": f"Warning number {each}.", "stops": False} for each in range(3)]
    row = ask(account, known=lookups(warnings=warnings))
    page = read(approver.get(f"/approvals/?open={row.pk}"))
    for warning in warnings:
        assert str(warning["message"]) in page.text


def test_a_panel_closes_and_any_other_address_opens_the_first(approver: Client, account: Account) -> None:
    first, second = ask(account), ask(account)
    for query, expected in (
        ("", [first.pk]),
        (f"?open={second.pk}", [second.pk]),
        ("?open=0", []),
        ("?open=x", [first.pk]),
        ("?open=99999999999999999999", [first.pk]),
    ):
        assert opened(read(approver.get(f"/approvals/{query}"))) == expected, query
