"""AWS accounts on their pages: added and changed with their difference, looked at by a worker, shown from what it
stored."""

import json
import re
import time
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.aws import policies, sessions
from amicopy.copies import tasks
from amicopy.copies.core.installation import mark_prefix
from amicopy.copies.core.models import Account, AccountCheck, CopyRequest, ImageCopy, RegionCheck
from amicopy.copies.operations import account_checks
from tests.conftest import Control
from tests.web.conftest import SignedIn, typed
from tests.web.page import Page, read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("patient")]
ROLE = "arn:aws:iam::444455556666:role/amicopy"
READ_ONLY = f"{ROLE}-read-only"


@pytest.fixture
def admin(signed_in: SignedIn) -> Client:
    return signed_in("administrator")


def account_typed(**changes: object) -> dict[str, object]:
    return {
        "name": "shared",
        "account_id": "444455556666",
        "partition": "aws",
        "role_arn": ROLE,
        "enabled": "on",
        **changes,
    }


def changed(client: Client, account: Account, **changes: object) -> Page:
    """Edits an account as its form showed it; returns the page after."""
    seen = read(client.get(f"/accounts/{account.pk}/edit/")).field("seen").value
    data = account_typed(seen=seen, name=account.name, account_id=account.account_id, role_arn=account.role_arn)
    return read(client.post(f"/accounts/{account.pk}/edit/", {**data, **changes}, follow=True))


def events() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action__startswith="account.").order_by("pk"))


def test_an_account_is_added_with_an_external_id_nobody_chose(admin: Client) -> None:
    page = read(admin.post("/accounts/new/", account_typed(external_id="chosen-by-me"), follow=True))
    account = Account.objects.get(name="shared")
    assert re.fullmatch(r"amicopy-[0-9a-f]{32}", account.external_id)
    assert page.facts()["ExternalId"] == account.external_id
    assert "sts:AssumeRole" in page.region("Trust policy of the role").text
    (event,) = events()
    assert (event.action, event.account, event.data["account"]["role_arn"]) == ("account.created", "444455556666", ROLE)


def test_a_change_is_an_event_with_its_difference_and_keeps_the_external_id(admin: Client) -> None:
    admin.post("/accounts/new/", account_typed())
    account = Account.objects.get(name="shared")
    group = Group.objects.get(name="requester")
    changed(admin, account, name="shared-2", requester_groups=[group.pk])
    changed(admin, Account.objects.get(pk=account.pk), requester_groups=[group.pk])
    after = Account.objects.get(pk=account.pk)
    assert after.external_id == account.external_id
    assert [event.action for event in events()] == ["account.created", "account.changed"]
    assert events()[1].data["changes"] == {"name": ["shared", "shared-2"], "requester_groups": [[], ["requester"]]}


def test_an_edit_of_what_somebody_changed_meanwhile_is_refused(admin: Client) -> None:
    admin.post("/accounts/new/", account_typed())
    account = Account.objects.get(name="shared")
    page = read(admin.post(f"/accounts/{account.pk}/edit/", account_typed(seen="old", enabled=""), follow=True))
    assert "was changed meanwhile" in page.told
    assert Account.objects.get(pk=account.pk).enabled


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": ""}, "Enter a name."),
        ({"name": "sandbox"}, "Choose another name."),
        ({"account_id": "12345"}, "Enter the 12 digits of the account."),
        ({"account_id": "٤٤٤٤٥٥٥٥٦٦٦٦"}, "Enter the 12 digits of the account."),
        ({"account_id": "111122223333", "role_arn": ""}, "It has this number."),
        ({"partition": "aws-moon"}, "aws-moon"),
        ({"partition": "aws-cn"}, "Enter a role in this account."),
        ({"role_arn": "arn:aws:iam::444455556666:user/amicopy"}, "Enter a role's ARN"),
        ({"role_arn": "arn:aws:iam::999999999999:role/amicopy"}, "Enter a role in this account."),
        ({"role_arn": f"{ROLE} and more"}, "Enter a role's ARN"),
        ({"read_only_role_arn": "arn:aws:iam::999999999999:role/looks"}, "Enter a role in this account."),
        ({"read_only_role_arn": "arn:aws-cn:iam::444455556666:role/looks"}, "Enter a role in this account."),
        ({"read_only_role_arn": "amicopy-read-only"}, "Enter a role's ARN"),
        ({"read_only_role_arn": ROLE}, "Enter another role than the one to assume"),
        ({"requester_groups": ["99999"]}, "99999"),
        ({"requester_groups": ["x"]}, "x"),
    ],
)
def test_what_is_wrong_with_an_account_is_said_at_its_field(
    admin: Client, changes: dict[str, object], words: str
) -> None:
    answer = admin.post("/accounts/new/", account_typed(**changes))
    assert answer.status_code == 422
    assert read(answer).corrections(words)
    assert not Account.objects.filter(name="shared").exists()
    assert events() == []


# Each policy of an account with both roles, by the part of its page.
POLICIES = {
    "Trust policy of the role": "Trust policy",
    "Trust policy of the read-only role": "What its trust policy is",
    "What workers need": "IAM policy for workers",
    "What the web server needs": "IAM policy for the web server",
}


def test_a_read_only_role_is_for_the_web_server_and_its_trust_is_shown(admin: Client, sandbox: Control) -> None:
    page = read(admin.post("/accounts/new/", account_typed(read_only_role_arn=READ_ONLY), follow=True))
    account = Account.objects.get(name="shared")
    assert page.facts()["Read-only role"] == READ_ONLY
    assert events()[0].data["account"]["read_only_role_arn"] == READ_ONLY
    assert (account.aws().role_arn, account.read_only().role_arn) == (ROLE, READ_ONLY)
    assert account.read_only().external_id == account.aws().external_id == account.external_id
    for name in ("Trust policy of the role", "Trust policy of the read-only role"):
        assert account.external_id in page.region(name).text
    for name, label in POLICIES.items():
        policy = page.region(name).marked("aria-label", label)[0].text
        copied = page.region(name).button(f"Copy: {label}").attribute("data-clip")
        assert json.loads(copied) == json.loads(policy), name
    assert "Give it to the read-only role" in page.region("What the web server needs").text
    changed(admin, account, read_only_role_arn="")
    assert events()[-1].data["changes"] == {"read_only_role_arn": [READ_ONLY, ""]}
    assert Account.objects.get(pk=account.pk).read_only() == Account.objects.get(pk=account.pk).aws()


def trust_of_read_only_role(admin: Client, account: Account) -> Page:
    """The fragment once AWS answered, asked for again as a page does."""
    end = time.monotonic() + 30
    while True:
        page = read(admin.get(f"/accounts/{account.pk}/read-only-role/?turn=1"))
        if not page.marks("hx-get"):
            return page
        assert time.monotonic() < end


def test_the_web_server_itself_tries_the_read_only_role(admin: Client, sandbox: Control) -> None:
    account = Account.objects.create(
        name="shared",
        account_id="444455556666",
        role_arn=ROLE,
        read_only_role_arn=READ_ONLY,
        external_id="amicopy-sandbox",
    )
    assert read(admin.get(f"/accounts/{account.pk}/")).marks("hx-get")
    trust = trust_of_read_only_role(admin, account).region("Trust policy of the read-only role")
    assert "The web server gets in" in trust.text
    assert trust.facts()["It acts as"] == "arn:aws:sts::444455556666:assumed-role/amicopy-read-only/amicopy"
    assert '"AWS": "arn:aws:iam::111122223333:user/amicopy"' in trust.text
    account.external_id = "wrong"
    account.save()
    assert "The web server doesn’t get in" in trust_of_read_only_role(admin, account).text


def test_digits_in_groups_and_spaces_around_are_understood(admin: Client) -> None:
    data = account_typed(account_id="4444-5555-6666", role_arn=f" {ROLE}\n")
    assert admin.post("/accounts/new/", data).status_code == 302
    account = Account.objects.get(name="shared")
    assert (account.account_id, account.role_arn) == ("444455556666", ROLE)


def test_an_account_in_which_requests_were_made_stays_the_account_it_is(
    admin: Client, signed_in: SignedIn, account: Account
) -> None:
    signed_in("requester").post("/requests/new/", typed())
    page = changed(admin, account, account_id="999999999999")
    assert "Requests were made in this one" in page.field("account_id").said
    request = CopyRequest.objects.get()
    assert request.hash_of_content() == request.content_hash


def look(admin: Client, account: Account) -> None:
    admin.post(f"/accounts/{account.pk}/check/")
    tasks.check_accounts()


def test_check_now_asks_and_a_worker_stores_what_it_found(admin: Client, account: Account, sandbox: Control) -> None:
    page = read(admin.post(f"/accounts/{account.pk}/check/", follow=True))
    assert page.marks("data-looking") == ["yes"]
    assert page.polled
    assert sandbox("calls?action=DescribeRegions") == [], "the page doesn't wait for AWS"
    tasks.check_accounts()
    page = read(admin.get(f"/accounts/{account.pk}/"))
    assert page.marks("data-looking") == ["no"]
    assert page.polled is None
    assert page.facts()["amicopy acts as"] == "arn:aws:iam::111122223333:user/amicopy"
    rows = {row.Region: row for row in RegionCheck.objects.all()}
    assert rows["eu-central-1"].encryption_by_default is True
    assert rows["eu-west-1"].encryption_by_default is False
    assert rows["eu-west-1"].reachable
    assert rows["eu-west-1"].KmsKeyId.startswith("arn:aws:kms:eu-west-1:")
    assert (rows["af-south-1"].enabled, rows["af-south-1"].reachable) == (False, None)
    (off,) = page.marked("data-region", "af-south-1")
    assert off.attribute("class") == "off"
    assert "hasn’t opted in" in off.text


def test_the_fragment_of_an_unchanged_look_is_a_304(admin: Client, account: Account) -> None:
    admin.post(f"/accounts/{account.pk}/check/")
    first = admin.get(f"/accounts/{account.pk}/", headers={"HX-Request": "true"})
    assert not read(first).is_whole
    known = {"HX-Request": "true", "If-None-Match": first["ETag"]}
    assert admin.get(f"/accounts/{account.pk}/", headers=known).status_code == 304
    AccountCheck.objects.update(checked_at=timezone.now())
    assert admin.get(f"/accounts/{account.pk}/", headers=known).status_code == 200


def test_a_role_that_does_not_trust_amicopy_is_said_with_the_way_out(admin: Client, sandbox: Control) -> None:
    admin.post("/accounts/new/", account_typed())
    account = Account.objects.get(name="shared")
    tasks.check_accounts()
    page = read(admin.get(f"/accounts/{account.pk}/"))
    said = page.region("Does amicopy get in?").text
    assert re.search(r"The role can't be assumed\..*AWS said: AccessDenied", said)
    assert "Compare the role’s trust policy" in said
    trusted = page.region("Trust policy of the role").text
    assert "arn:aws:iam::111122223333:user/amicopy" in trusted, "whom the role has to trust"
    assert "doesn’t get in" in read(admin.get("/accounts/")).region("Accounts").text
    Account.objects.update(external_id="amicopy-sandbox")
    look(admin, account)
    assert "amicopy gets in" in read(admin.get(f"/accounts/{account.pk}/")).region("Does amicopy get in?").text
    assert RegionCheck.objects.filter(account=account, reachable=True).count() == 10


def test_its_page_has_the_policies_to_paste_for_workers_and_for_the_web_server(
    admin: Client, account: Account, settings: Settings
) -> None:
    page = read(admin.get(f"/accounts/{account.pk}/"))
    worker = json.loads(page.region("What workers need").marked("aria-label", "IAM policy for workers")[0].text)
    assert worker == policies.worker(mark_key="amicopy:copy", mark_values=f"{mark_prefix()}*")
    web = page.region("What the web server needs").marked("aria-label", "IAM policy for the web server")[0]
    assert json.loads(web.text) == policies.web()
    assert page.region("What workers need").button("Copy: IAM policy for workers")
    settings.MARK_TAG_KEY = ""
    page = read(admin.get(f"/accounts/{account.pk}/"))
    assert "Marks are off" in page.region("What workers need").text


def test_credentials_of_another_account_are_noticed(admin: Client, account: Account, sandbox: Control) -> None:
    Account.objects.filter(pk=account.pk).update(account_id="999999999999")
    look(admin, account)
    assert "of account 111122223333, not of this one" in AccountCheck.objects.get().error


def test_a_region_that_cannot_be_reached_keeps_the_others(admin: Client, account: Account, sandbox: Control) -> None:
    sandbox("faults", kind="error", code="Unavailable", status=503, region="eu-west-1", count=None)
    look(admin, account)
    row = RegionCheck.objects.get(Region="eu-west-1")
    assert (row.reachable, "Unavailable" in row.error) == (False, True)
    assert RegionCheck.objects.filter(reachable=True).count() == 9
    assert "1 Region can’t be reached" in read(admin.get("/accounts/")).region("Accounts").text


def test_what_a_role_may_not_ask_is_said_and_the_region_counts_as_reachable(
    admin: Client, account: Account, sandbox: Control
) -> None:
    denied = {"code": "UnauthorizedOperation", "status": 403, "action": "GetEbsDefaultKmsKeyId"}
    sandbox("faults", kind="error", count=None, **denied)
    look(admin, account)
    row = RegionCheck.objects.get(Region="eu-west-1")
    assert (row.reachable, row.encryption_by_default) == (True, None)
    assert row.error.startswith("Encryption by default isn't known. AWS said UnauthorizedOperation")


def test_when_aws_is_away_the_last_look_stays(
    admin: Client, account: Account, sandbox: Control, settings: Settings
) -> None:
    look(admin, account)
    settings.AWS_ENDPOINT = "http://127.0.0.1:9"
    sessions.forget_all()
    look(admin, account)
    assert RegionCheck.objects.count() == 11
    assert "The credentials don't work" in AccountCheck.objects.get().error


def test_a_worker_that_died_leaves_the_look_to_another_and_can_store_nothing_more(
    admin: Client, account: Account, sandbox: Control
) -> None:
    admin.post(f"/accounts/{account.pk}/check/")
    dead = account_checks.claim_next()
    assert dead is not None
    assert account_checks.claim_next() is None
    AccountCheck.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    tasks.check_accounts()
    RegionCheck.objects.all().delete()
    account_checks.check(dead)
    assert RegionCheck.objects.count() == 0


def test_copies_in_flight_are_counted_by_region(
    admin: Client, signed_in: SignedIn, account: Account, sandbox: Control
) -> None:
    look(admin, account)
    signed_in("requester").post("/requests/new/", typed())
    ImageCopy.objects.update(state="STARTING", next_step_at=timezone.now())
    (row,) = [cells for cells in read(admin.get(f"/accounts/{account.pk}/")).table().rows if "eu-west-1" in cells[0]]
    assert row[3].startswith("1 of ")


@pytest.mark.parametrize("role", ["requester", "approver", "auditor"])
def test_accounts_are_for_administrators(signed_in: SignedIn, account: Account, role: str) -> None:
    client = signed_in(role)
    for path in ("/accounts/", "/accounts/new/", f"/accounts/{account.pk}/", f"/accounts/{account.pk}/edit/"):
        assert client.get(path).status_code == 403, path
    for path in ("/accounts/new/", f"/accounts/{account.pk}/edit/", f"/accounts/{account.pk}/check/"):
        assert client.post(path, account_typed()).status_code == 403, path
    assert "/accounts/" not in read(client.get("/")).source
    assert events() == []
    assert not AccountCheck.objects.exists()


def test_an_account_that_does_not_exist_is_not_found(admin: Client) -> None:
    for path in ("/accounts/99/", "/accounts/99/edit/", f"/accounts/{10**30}/"):
        assert admin.get(path).status_code == 404
