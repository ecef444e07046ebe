"""The approver's page: what waits for whom, what AWS showed at submission, and who decided meanwhile."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from amicopy.copies.core.models import Account, CopyRequest, Decision, ImageCopy
from amicopy.copies.core.policy_models import Delegation
from amicopy.copies.requests import verbs
from amicopy.copies.voting.pending_votes import key_of
from amicopy.copies.voting.votes import Plan
from tests.copies.conftest import acting, approve, make_call, make_person, make_rule
from tests.web.conftest import SignedIn, settled
from tests.web.page import Page, read

pytestmark = pytest.mark.django_db

VOLUME = {"DeviceName": "/dev/xvda", "SnapshotId": "snap-1", "VolumeSize": 40, "Encrypted": False, "KmsKeyId": ""}
SOURCE = {
    "ImageId": "ami-0a7f3c92d41be6058",
    "OwnerId": "111122223333",
    "Name": "golden-al2023",
    "Architecture": "x86_64",
    "PlatformDetails": "Linux/UNIX",
    "volumes": [VOLUME],
    "tags": {"os": "al2023"},
}
PREDICTED = {"DeviceName": "/dev/xvda", "SnapshotId": "snap-1", "Encrypted": True, "KmsKeyId": "alias/golden"}


def destination(**changes: Any) -> dict[str, Any]:
    return {
        "destination": "eu-west-1",
        "DestinationRegion": "eu-west-1",
        "encryption": [{**PREDICTED, "words": "encrypted with alias/golden"}],
        "key": {"asked": "alias/golden", "Arn": "a", "KeyState": "Enabled", "KeyManager": "CUSTOMER", "problem": ""},
        "clashes": [],
        "usual_seconds": 540.0,
        "dry_run": {"asked_at": "", "allowed": True, "code": "", "message": "", "action": "", "statement": ""},
        "missing": {},
        **changes,
    }


def lookups(**changes: Any) -> dict[str, Any]:
    return {
        "source": SOURCE,
        "warnings": [],
        "not_copied": ["launch permissions"],
        "tags_copied": {"os": "al2023"},
        "destinations": [destination()],
        "missing": {},
        **changes,
    }


def ask(account: Account, *, by: str = "requester", known: dict[str, Any] | None = None, **members: Any) -> CopyRequest:
    call = make_call(Encrypted=True, KmsKeyId="alias/golden", CopyImageTags=True, **members)
    person = make_person(by, "requester")
    return verbs.submit(
        acting(person),
        account=account,
        reason="PLAT-1",
        calls=[call],
        lookups=lookups() if known is None else known,
        anyway=verbs.Anyway("It will be put right."),
    )


@pytest.fixture
def approver(signed_in: SignedIn) -> Client:
    return signed_in("approver")


def test_an_approver_sees_what_aws_showed_and_what_changes(approver: Client, account: Account) -> None:
    row = ask(account)
    for address in ("/approvals/", f"/requests/{row.pk}/"):
        page = read(approver.get(address))
        for words in ("Permissions checked", "KMS key usable", "Name free"):
            assert words in page.text, address
        rows = page.table("What the copies will have, compared with the source AMI").rows
        assert ["→ changed", "Encryption (Encrypted)", "Not encrypted", "Encrypted with alias/golden"] in rows
        assert ["→ changed", "Name (Name)", "golden-al2023", "golden-al2023-2026.11.24"] in rows
        assert ["! not copied", "Launch permissions"] in [row[:2] for row in rows]
        assert ["= same", "Architecture and volumes", "x86_64, Linux/UNIX; 40 GiB"] in [row[:3] for row in rows]
    queue = read(approver.get("/approvals/")).text
    assert "40 GiB to copy" in queue
    assert "Usually 9 min" in queue


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "The source wasn’t looked at"),
        ({"missing": {"source": "AWS didn't answer in 3 s."}}, "wasn’t looked at. AWS didn't answer in 3 s."),
        (lookups(warnings=[{"code": "x", "message": "A snapshot is archived.", "stops": True}]), "is archived."),
        (lookups(destinations=[destination(clashes=["ami-1"])]), "eu-west-1 has an AMI of this name: ami-1"),
        (
            lookups(destinations=[destination(key={"problem": "The key is disabled."})]),
            "eu-west-1: The key is disabled.",
        ),
        (
            lookups(destinations=[destination(dry_run={"allowed": False, "message": "Not authorized."})]),
            "eu-west-1: AWS would refuse it. Not authorized.",
        ),
        (lookups(destinations=[]), "Permissions not checked"),
        (lookups(destinations=[{"destination": "us-west-2"}]), "KMS key not checked"),
    ],
)
def test_what_speaks_against_a_copy_is_said_and_what_is_not_known_too(
    approver: Client, account: Account, known: dict[str, Any], words: str
) -> None:
    row = ask(account, known=known)
    for address in ("/approvals/", f"/requests/{row.pk}/"):
        assert words in read(approver.get(address)).text, address


def test_whoever_decides_reads_that_another_request_has_the_name(approver: Client, account: Account) -> None:
    first, second = ask(account, known=lookups()), ask(account, known=lookups())
    for address in (f"/approvals/?open={second.pk}", f"/requests/{second.pk}/"):
        page = read(approver.get(address)).text
        assert f"eu-west-1 gets an AMI of this name by request #{first.pk}" in page
    assert "Name free" not in read(approver.get(f"/requests/{second.pk}/")).text


def test_the_queue_is_filtered_and_the_oldest_comes_first(approver: Client, account: Account) -> None:
    other = Account.objects.create(name="shared", account_id="444455556666")
    first, second, third = (
        ask(account, Name="golden-first"),
        ask(other, by="requester-2", Name="golden-second"),
        ask(account, Name="golden-third"),
    )

    def shown(query: str) -> list[int]:
        return shown_in(read(approver.get(f"/approvals/?{query}")))

    assert shown("") == [first.pk, second.pk, third.pk]
    assert shown("account=444455556666") == [second.pk]
    assert shown("by=requester-2") == [second.pk]
    assert shown("region=eu-west-1&q=third") == [third.pk]
    assert shown("region=us-west-2") == []
    assert shown("queue=others") == []
    assert shown("account=%00&by=nobody") == []


def test_the_rule_that_asks_for_me_and_the_votes_of_others_are_shown(signed_in: SignedIn, account: Account) -> None:
    Group.objects.get_or_create(name="security")
    member = make_person("member", "approver", "security")
    make_rule("Large", order=1, larger_than=10, requirements=[{"group": "security", "count": 1}])
    make_rule("Anything", order=2, requirements=[{"group": "approver", "count": 1}])
    row = ask(account, known={})
    assert {rule["name"] for rule in row.rules} == {"Large", "Anything"}
    text = read(signed_in("approver").get("/approvals/")).text
    assert "Asks for your vote: Anything" in text
    approve(make_person("approver", "approver"), row)
    client = Client()
    client.force_login(member)
    text = read(client.get("/approvals/")).text
    assert "Asks for your vote: Large, Anything" in text
    assert "Approved by approver" in text


def test_a_handed_vote_is_shown_as_whose_it_is(signed_in: SignedIn, account: Account) -> None:
    Group.objects.get_or_create(name="security")
    owner = make_person("owner", "approver", "security")
    make_rule("Security", requirements=[{"group": "security", "count": 1}])
    approver = make_person("approver", "approver")
    now = timezone.now()
    Delegation.objects.create(giver=owner, receiver=approver, created_at=now, until=now + timedelta(days=1))
    row = ask(account)
    client = signed_in("approver")
    for address in ("/approvals/", f"/requests/{row.pk}/"):
        assert "You give it for owner" in read(client.get(address)).text, address
    client.post(f"/requests/{row.pk}/approve/", {"content_hash": row.content_hash})
    assert "for owner" in read(client.get("/approvals/?queue=decided")).text


@pytest.mark.parametrize("verb", ["approve", "reject", "request-changes"])
def test_a_decision_somebody_else_took_meanwhile_is_news_and_no_error(
    approver: Client, account: Account, verb: str
) -> None:
    row = ask(account)
    approve(make_person("approver-2", "approver"), row)
    data = {"content_hash": row.content_hash, "reason": "No", "back": "approvals"}
    page = read(approver.post(f"/requests/{row.pk}/{verb}/", data, follow=True))
    (news,) = [each for each in page.statuses() if "is approved already, decided by approver-2." in each.text]
    assert news.attribute("data-kind") == "info"
    assert "fail" not in page.marks("data-kind")


def many(row: CopyRequest, count: int, **fields: Any) -> list[int]:
    """The numbers of so many requests like this one, each a second younger than the one before, with these fields."""
    copy = row.copies.get()
    rows = [CopyRequest.objects.get(pk=row.pk) for _ in range(count)]
    for seconds, each in enumerate(rows, start=1):
        each.pk, each.submission = None, uuid.uuid4()
        each.submitted_at = row.submitted_at + timedelta(seconds=seconds)
        for name, value in fields.items():
            setattr(each, name, value)
    made = CopyRequest.objects.bulk_create(rows)
    copies = [ImageCopy.objects.get(pk=copy.pk) for _ in made]
    for each_copy, each in zip(copies, made, strict=True):
        each_copy.pk, each_copy.request = None, each
    ImageCopy.objects.bulk_create(copies)
    return [each.pk for each in made]


def shown_in(page: Page) -> list[int]:
    return [int(number) for number in page.marks("data-request")]


def counts_in(page: Page) -> list[str]:
    """How many there are in each view."""
    return [link.name.rpartition(" ")[2] for link in page.navigation("Approval views").links()]


def following(page: Page, rel: str = "next") -> str:
    """The address of the neighbouring page; empty when there is none."""
    address = page.following(rel)
    return f"/approvals/{address}" if address else ""


@pytest.fixture
def crowded(approver: Client, account: Account) -> tuple[list[int], list[int]]:
    """400 requests: the oldest 340 wait for the group security, the 60 after them for an approver."""
    row = ask(account)
    of_security: Plan = [{"group": "security", "count": 1}]
    of_approvers: Plan = [{"permission": "copies.decide_request", "count": 1}]
    security = many(row, 339, plan=of_security, unvoted_plan=key_of(of_security))
    row.plan, row.unvoted_plan = of_security, key_of(of_security)
    row.save()
    last = CopyRequest.objects.get(pk=security[-1])
    mine = many(last, 60, plan=of_approvers, unvoted_plan=key_of(of_approvers))
    return [row.pk, *security], mine


@pytest.mark.slow
def test_what_waits_for_me_is_found_behind_hundreds_that_wait_for_others(
    approver: Client, crowded: tuple[list[int], list[int]]
) -> None:
    others, mine = crowded
    page = read(approver.get("/approvals/"))
    assert shown_in(page) == mine[:50]
    assert counts_in(page) == ["60", "340", "0"]
    assert page.title.startswith("60 waiting – Approvals")
    assert page.navigation("Main").links("Approvals, 60 waiting for you")
    second = read(approver.get(following(page)))
    assert shown_in(second) == mine[50:]
    assert following(second) == ""
    assert shown_in(read(approver.get(following(second, "prev")))) == mine[:50]
    assert shown_in(read(approver.get(f"/approvals/?q=%23{mine[-1]}"))) == [mine[-1]]
    assert "Nothing waits for you" not in read(approver.get("/")).text
    walked, address = [], "/approvals/?queue=others"
    while address:
        page = read(approver.get(address))
        walked += shown_in(page)
        address = following(page)
    assert walked == others


def test_pages_of_decisions_begin_with_the_latest_and_miss_none(approver: Client, account: Account) -> None:
    row = ask(account)
    numbers = [row.pk, *many(row, 59)]
    person = make_person("approver", "approver")
    # All at one moment: the number breaks the tie.
    Decision.objects.bulk_create(
        Decision(
            request_id=number,
            round=1,
            requester=row.requester,
            decided_by=person,
            decided_at=timezone.now().replace(microsecond=number % 3),
            kind="approve",
            content_hash=row.content_hash,
        )
        for number in numbers
    )
    first = read(approver.get("/approvals/?queue=decided"))
    second = read(approver.get(following(first)))
    assert shown_in(first) + shown_in(second) == sorted(numbers, key=lambda number: (number % 3, number), reverse=True)
    assert shown_in(read(approver.get(following(second, "prev")))) == shown_in(first)


def test_more_that_wait_are_news_on_the_last_page_only(approver: Client, account: Account) -> None:
    row = ask(account)
    row.submitted_at -= timedelta(hours=1)
    row.save()
    many(row, 59)

    def polled(page: Page) -> str:
        """What the page's next poll says."""
        assert page.polled
        return read(approver.get(page.polled.address)).told

    first = read(approver.get("/approvals/"))
    second = read(approver.get(following(first)))
    for page in (first, second):
        assert "more request" not in polled(page)
    ask(account)
    assert "more request" not in polled(first), "there is a next page anyway"
    assert "1 more request waits for you" in polled(second)
    shown = read(approver.get(following(first)))
    assert len(shown_in(shown)) == 11
    assert "more request" not in polled(shown)


def test_what_has_to_be_looked_at_closely_comes_first_of_all_pages(approver: Client, account: Account) -> None:
    row = ask(account)
    row.risky = False
    row.save()
    later = many(row, 57)
    CopyRequest.objects.filter(pk__in=later[-3:]).update(risky=True)
    first = read(approver.get("/approvals/"))
    assert shown_in(first) == [*later[-3:], row.pk, *later[:46]]
    second = read(approver.get(following(first)))
    assert shown_in(second) == later[46:-3]
    assert shown_in(read(approver.get(following(second, "prev")))) == shown_in(first)
    # A page may begin among the first of them, too.
    beyond = read(approver.get(f"/approvals/?after={later[-2]}"))
    assert shown_in(beyond) == [later[-1], row.pk, *later[:48]]
    assert shown_in(read(approver.get(f"/approvals/?before={row.pk}"))) == later[-3:]


def test_a_page_on_which_nothing_is_left_shows_the_first_one(approver: Client, account: Account) -> None:
    row = ask(account)
    later = many(row, 50)
    last = following(read(approver.get("/approvals/")))
    assert shown_in(read(approver.get(last))) == [later[-1]]
    CopyRequest.objects.filter(pk=later[-1]).update(state="WITHDRAWN")
    assert shown_in(read(approver.get(last, follow=True))) == [row.pk, *later[:-1]]
    for nonsense in ("x", "0", str(10**30), "%00"):
        assert shown_in(read(approver.get(f"/approvals/?after={nonsense}"))) == [row.pk, *later[:-1]]


@pytest.mark.slow
def test_a_thousand_that_wait_cost_no_more_statements_than_a_few(approver: Client, account: Account) -> None:
    def statements(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert approver.get(address).status_code == 200
        return len(captured)

    settled(approver)
    row = ask(account)
    many(row, 60)
    addresses = ("/approvals/", "/approvals/?queue=others", "/")
    few = [statements(address) for address in addresses]
    many(row, 939)
    assert [statements(address) for address in addresses] == few
    assert counts_in(read(approver.get("/approvals/"))) == ["1000", "0", "0"]
    many(row, 1)
    assert counts_in(read(approver.get("/approvals/"))) == ["1000+", "0", "0"]


def test_a_page_of_fifty_costs_no_statement_for_each(approver: Client, account: Account) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert approver.get("/approvals/").status_code == 200
        return len(captured)

    settled(approver)
    for _ in range(2):
        ask(account)
    few = statements()
    for _ in range(8):
        ask(account)
    assert statements() == few
