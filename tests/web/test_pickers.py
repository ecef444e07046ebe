"""The lists of the form's fields: what fits, what can't be used and why, and what they say when AWS says nothing."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone

from amicopy.copies.core.models import Account, AccountCheck
from amicopy.copies.lookups import images
from amicopy.web.forms import pickers
from amicopy.web.views.lookups import TURNS
from tests.conftest import Control
from tests.web.conftest import SignedIn, typed
from tests.web.page import Page, read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
OUTPOST = "arn:aws:outposts:us-east-1:111122223333:outpost/op-0a1b2c3d4e5f67890"
KEY = "destinations-0-KmsKeyId"
List = Callable[..., Page]


@pytest.fixture
def listed(signed_in: SignedIn) -> List:
    """The list of a field, asked for again until AWS has answered."""
    client = signed_in("requester")

    def ask(field: str, typed: str = "", **inputs: str) -> Page:
        end, turn = time.monotonic() + 30, ""
        while True:
            asked = {"field": field, field: typed, "account": "sandbox", "turn": turn, **inputs}
            answer = client.get("/requests/new/options/", asked)
            assert answer.status_code == 200
            page = read(answer)
            if not [each for each in page.marks("hx-trigger") if each.startswith("load")]:
                return page
            assert time.monotonic() < end, page.text
            turn = "1"

    return ask


def sources(listed: List, typed: str = "", region: str = "us-east-1") -> Page:
    return listed("SourceImageId", typed, SourceRegion=region)


def keys(listed: List, typed: str = "", **regions: str) -> Page:
    return listed(KEY, typed, **(regions or {"destinations-0-DestinationRegion": "eu-west-1"}))


def test_own_and_shared_images_are_offered_the_newest_first(sandbox: Control, listed: List) -> None:
    ids = sources(listed).marks("data-value")
    assert ids[:3] == ["ami-0b81d5e6f0a297c34", "ami-0a7f3c92d41be6058", "ami-027e9a5d1f3b8c460"]
    assert ids[-1] == "ami-0f15c8e2a9b7364d0"
    assert "ami-038fb6c2e4d1a5790" not in ids, "everybody's images aren't the account's"


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("golden arm64", ["ami-0b81d5e6f0a297c34"]),
        ("GOLDEN-al2-", ["ami-0f15c8e2a9b7364d0"]),
        ("team=pay", ["ami-0e93a1c7d64f5b082"]),
        ("ami-0c4a", ["ami-0c4a9e17b3d8250f6"]),
        ("777788889999 community", ["ami-038fb6c2e4d1a5790"]),
        ("nothing-like-it", []),
    ],
)
def test_what_is_typed_narrows(sandbox: Control, listed: List, typed: str, found: list[str]) -> None:
    assert sources(listed, typed).marks("data-value") == found


def test_ids_that_are_there_already_are_marked_and_narrow_nothing(sandbox: Control, listed: List) -> None:
    page = sources(listed, "ami-0a7f3c92d41be6058 ")
    assert len(page.marks("data-value")) == 8
    assert page.marks("aria-selected").count("true") == 1


def test_what_cannot_be_copied_stays_with_the_reason(sandbox: Control, listed: List) -> None:
    page = sources(listed, "777788889999 vendor")
    assert page.marks("aria-disabled") == ["true"]
    assert "may not read snap-" in page.text
    sealed = sources(listed, "sealed", region="us-west-2")
    assert sealed.marks("aria-disabled") == ["true"]


def test_keys_are_offered_with_state_and_description(sandbox: Control, listed: List) -> None:
    page = keys(listed)
    assert set(page.marks("data-value")) == {"alias/aws/ebs", "alias/golden-images", "alias/retired"}
    assert page.marks("aria-disabled") == ["true"]
    for words in ("Golden images", "Enabled", "This key is disabled.", "3 of 3 keys in eu-west-1 fit."):
        assert words in page.text
    assert keys(listed, "no longer").marks("data-value") == ["alias/retired"]


def test_keys_of_all_destinations_say_in_how_many_they_are(sandbox: Control, listed: List) -> None:
    two = {f"destinations-{n}-DestinationRegion": region for n, region in enumerate(("eu-west-1", "us-west-2"))}
    page = listed("KmsKeyId", "", **two)
    assert "Exists in 2 of 2, usable in 2" in page.text
    assert page.marks("aria-disabled") == ["true"]


@pytest.mark.parametrize(
    ("field", "region", "value", "words"),
    [
        (
            "DestinationOutpostArn",
            "us-east-1",
            "arn:aws:outposts:us-east-1:111122223333:outpost/op-0a1b2c3d4e5f67890",
            "plant",
        ),
        ("DestinationAvailabilityZone", "us-west-2", "us-west-2-lax-1a", "usw2-lax1-az1"),
        ("DestinationAvailabilityZoneId", "ap-southeast-2", "apse2-per1-az1", "not opted in by this account"),
    ],
)
def test_outposts_and_zones_are_offered(
    sandbox: Control, listed: List, field: str, region: str, value: str, words: str
) -> None:
    page = listed(f"destinations-3-{field}", "", **{"destinations-3-DestinationRegion": region})
    assert page.marks("data-value") == [value]
    assert words in page.text
    assert bool(page.marks("aria-disabled")) == ("not opted in" in words)


def test_no_more_than_fifty_and_then_type_more(sandbox: Control, listed: List, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickers, "MOST", 3)
    page = sources(listed)
    assert len(page.marks("data-value")) == 3
    assert "8 of 8 AMIs in us-east-1 fit. Type more to narrow: the first 3 are here." in page.text


def test_only_so_many_are_kept(sandbox: Control, listed: List, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "KEPT", 2)
    assert sources(listed).marks("data-value") == ["ami-0b81d5e6f0a297c34", "ami-0a7f3c92d41be6058"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "error", "code": "UnauthorizedOperation", "status": 403}, "AWS doesn't let amicopy look there"),
        ({"kind": "drop"}, "AWS didn't answer."),
        ({"kind": "throttle"}, "asked too often"),
    ],
)
def test_aws_silent_or_closed_is_said_in_the_list(
    sandbox: Control, listed: List, fault: dict[str, object], words: str
) -> None:
    sandbox("faults", **fault, action="DescribeImages", count=None)
    page = sources(listed)
    assert words in page.text
    assert "What you type works all the same." in page.text
    assert not page.marks("data-value")


def test_a_key_that_kms_does_not_describe_is_offered_by_its_name(sandbox: Control, listed: List) -> None:
    sandbox("faults", kind="error", code="AccessDeniedException", status=400, action="DescribeKey", count=None)
    page = keys(listed)
    assert len(page.marks("data-value")) == 3
    assert "State not known" in page.text


def test_an_aws_that_hangs_is_not_waited_for(sandbox: Control, signed_in: SignedIn) -> None:
    sandbox("faults", kind="hang", count=None)
    client, began = signed_in("requester"), time.monotonic()
    asked = {"field": "SourceImageId", "account": "sandbox", "SourceRegion": "us-east-1"}
    assert "AWS is being asked." in read(client.get("/requests/new/options/", asked)).text
    last = read(client.get("/requests/new/options/", {**asked, "turn": str(TURNS)})).text
    assert "AWS didn't answer in time." in last
    assert time.monotonic() - began < 3


def test_a_list_needs_an_account_and_a_region(sandbox: Control, listed: List, account: Account) -> None:
    assert "Choose a Region first" in sources(listed, region="").text
    Account.objects.create(name="second", account_id="444455556666")
    assert "Choose the AWS account first." in listed("SourceImageId", account="third", SourceRegion="us-east-1").text


def test_lists_are_for_who_may_ask_in_the_account(
    sandbox: Control, listed: List, signed_in: SignedIn, account: Account
) -> None:
    account.requester_groups.add(Group.objects.create(name="others"))
    assert "Choose the AWS account first." in sources(listed).text
    auditor = signed_in("auditor")
    asked = {"field": "SourceImageId", "account": "sandbox", "SourceRegion": "us-east-1"}
    assert auditor.get("/requests/new/options/", asked).status_code == 403
    assert Client().get("/requests/new/options/", asked).status_code == 302


@pytest.mark.parametrize("field", ["", "Name", "DestinationRegion", "destinations-0-Name", "x' onload='", "KmsKeyId-"])
def test_a_field_without_a_list_has_none(signed_in: SignedIn, field: str) -> None:
    page = read(signed_in("requester").get("/requests/new/options/", {"field": field}))
    assert "This field has no list." in page.text
    assert "onload" not in page.source


def chosen(client: Client) -> tuple[str, str]:
    """The account that an empty form has, and what the list of accounts says."""
    field = read(client.get("/requests/new/")).field("account")
    return field.value, " ".join(field.text.split())


def test_the_account_used_last_is_the_one_to_begin_with(signed_in: SignedIn, account: Account) -> None:
    Account.objects.create(name="another", account_id="444455556666")
    client = signed_in("requester")
    assert chosen(client)[0] == "another"
    assert client.post("/requests/new/", typed()).status_code == 302
    assert chosen(client) == ("sandbox", "another (444455556666) sandbox (111122223333), used last")
    assert chosen(signed_in("requester", name="somebody-else"))[0] == "another"


def test_an_account_that_cannot_be_entered_says_so_in_the_list(signed_in: SignedIn, account: Account) -> None:
    other = Account.objects.create(name="another", account_id="444455556666")
    found = {"error": "The role can't be assumed.", "said": "AccessDenied: no", "checked_at": timezone.now()}
    AccountCheck.objects.create(account=other, **found)
    assert chosen(signed_in("requester"))[0] == "sandbox"
    assert "another (444455556666), can’t be entered" in chosen(signed_in("requester"))[1]
    AccountCheck.objects.update(checked_at=timezone.now() - timedelta(days=2))
    assert chosen(signed_in("requester"))[0] == "another"
