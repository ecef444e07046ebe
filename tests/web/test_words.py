"""What pages say, where somebody once hesitated: the next step first, one word for one thing, no codes for people."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core import name_templates
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.requests import policy_actions
from amicopy.web import charts
from amicopy.web.models import Session
from tests.audit.writing import write
from tests.copies.conftest import acting, make_person
from tests.web.conftest import SignedIn, typed
from tests.web.page import read
from tests.web.test_approvals import lookups

pytestmark = pytest.mark.django_db


def submitted(client: Client, **changes: str) -> CopyRequest:
    assert client.post("/requests/new/", typed(**changes)).status_code == 302
    return CopyRequest.objects.latest("pk")


def said(client: Client, path: str) -> str:
    """The words of a page, as they are read."""
    return read(client.get(path)).text


def test_a_requester_is_told_first_what_came_back_to_them(signed_in: SignedIn) -> None:
    requester, approver = signed_in("requester"), signed_in("approver")
    for name in ("first-image", "second-image", "third-image"):
        submitted(requester, Name=name)
    assert "3 of your requests wait for approval, none are in progress" in said(requester, "/")
    assert "sent back" not in said(requester, "/")
    row = CopyRequest.objects.get(Name="first-image")
    sent = {"content_hash": row.content_hash, "reason": "Encrypt it."}
    approver.post(f"/requests/{row.pk}/request-changes/", sent)
    assert "1 of your requests was sent back for changes, 2 wait for approval" in said(requester, "/")
    assert re.search(r"Waiting for approval 2 oldest just now", said(requester, "/"))


def test_the_summary_of_errors_goes_down_the_page(signed_in: SignedIn) -> None:
    sent = {"account": "sandbox", "Description": "x" * 300, "destinations-1-DestinationRegion": ""}
    page = read(signed_in("requester").post("/requests/new/", sent))
    links = [link.address.removeprefix("#") for link in page.alert().links()]
    places = page.marks("id")
    assert len(links) > 4
    assert links == sorted(links, key=places.index)


def test_an_empty_form_offers_the_persons_last_request_to_start_from(signed_in: SignedIn) -> None:
    requester = signed_in("requester")
    assert "your last one" not in said(requester, "/requests/new/")
    submitted(requester, Name="older-image")
    row = submitted(requester, Name="weekly-image")
    submitted(signed_in("requester", name="somebody-else"), Name="not-mine")
    page = read(requester.get("/requests/new/"))
    assert page.link(f"Start from #{row.pk}, weekly-image").address == f"?clone={row.pk}"
    assert "your last one" not in said(requester, f"/requests/new/?clone={row.pk}")


def test_a_plan_for_one_copy_speaks_of_one(signed_in: SignedIn) -> None:
    page = said(signed_in("requester"), "/requests/new/")
    assert "1 copy starts." in page
    assert "one for each destination" not in page


def test_who_decides_has_why_and_what_changes_in_sight(signed_in: SignedIn) -> None:
    requester, approver = signed_in("requester"), signed_in("approver")
    row = submitted(requester)
    CopyRequest.objects.filter(pk=row.pk).update(lookups=lookups())
    page = read(approver.get(f"/requests/{row.pk}/"))
    assert page.text.index(row.reason) < page.text.index("Your decision")
    assert page.by_id("changes").has("open")
    own = read(requester.get(f"/requests/{row.pk}/"))
    assert own.text.index(row.reason) > own.text.index("Destinations"), "only where the parameters are"
    assert not own.by_id("changes").has("open")


def test_a_long_route_names_its_first_region(signed_in: SignedIn) -> None:
    more = {f"destinations-{n}-DestinationRegion": region for n, region in enumerate(("us-west-2", "eu-west-2"), 1)}
    requester = signed_in("requester")
    submitted(requester, **more)
    assert "eu-west-1 and 2 more" in said(requester, "/requests/")


def test_a_view_of_ones_own_requests_is_for_who_makes_some(signed_in: SignedIn) -> None:
    def views(client: Client) -> list[str]:
        return [link.name.partition(" ")[0] for link in read(client.get("/requests/")).navigation("Views").links()]

    assert "Mine" not in views(signed_in("approver"))
    assert "Mine" in views(signed_in("requester", "auditor", name="both"))


def test_the_history_says_states_in_words(signed_in: SignedIn) -> None:
    event = write("copy.failed", request=12, copy=34, old="STARTING", new="FAILED")
    write("copy.waiting", request=12, copy=34, old="STARTING", new="STARTING")
    auditor = signed_in("auditor")
    for path in ("/audit/", f"/audit/{event.pk}/"):
        assert "Starting → Failed" in said(auditor, path)
    assert "Starting → Starting" not in said(auditor, "/audit/")
    assert "STARTING" not in said(auditor, "/audit/")
    assert AuditEvent.objects.get(pk=event.pk).new == "FAILED"


def test_evidence_calls_a_state_as_every_other_page_does_and_offers_to_print(signed_in: SignedIn) -> None:
    row = submitted(signed_in("requester"))
    CopyRequest.objects.update(state="COMPLETED")
    ImageCopy.objects.update(state="AVAILABLE", ImageId="ami-0123456789abcdef0")
    auditor = signed_in("auditor")
    assert "State Done Requested by" in said(auditor, f"/requests/{row.pk}/evidence/")
    assert read(auditor.get(f"/requests/{row.pk}/evidence/")).button("Print").has("data-print")


def test_cancelling_says_once_what_becomes_of_what_was_made(signed_in: SignedIn) -> None:
    requester = signed_in("requester")
    row = submitted(requester, **{"destinations-1-DestinationRegion": "us-west-2"})
    CopyRequest.objects.update(state="APPROVED")
    ImageCopy.objects.update(state="COPYING", ImageId="ami-0123456789abcdef0", progress=40)
    page = said(requester, f"/requests/{row.pk}/cancel/")
    assert "eu-west-1 is at 40% us-west-2 is at 40%" in page
    assert page.count("deregistered") == 1


def test_a_list_without_rules_says_what_holds_and_what_to_do(signed_in: SignedIn) -> None:
    admin = signed_in("administrator")
    assert "No rules yet" in said(admin, "/rules/")
    policy_actions.save_rule(acting(make_person("admin-2", "administrator")), ApprovalRule(name="Large"))
    assert "No rules yet" not in said(admin, "/rules/")


def test_an_approvers_delegations_are_no_administration(signed_in: SignedIn) -> None:
    menu = read(signed_in("approver").get("/delegations/")).navigation("Main")
    assert [link.name for link in menu.links()][2:5] == ["Approvals", "Delegations", "Audit history"]
    assert menu.region("Administration").links() == []


def test_a_chart_uses_its_whole_width_and_groups_digits() -> None:
    values = [charts.Bar(1500, "1500 GiB"), charts.Bar(10, "10 GiB")]
    chart = charts.bars(values)
    assert chart.right > charts.bars(values, with_median=True).right
    assert [tick[0] for tick in chart.ticks] == ["0", "1,000", "2,000"]
    assert max(each.x + each.width for each in chart.drawn) <= chart.right


def test_who_gets_a_request_back_is_spoken_to_and_not_of(signed_in: SignedIn) -> None:
    requester, approver = signed_in("requester"), signed_in("approver")
    row = submitted(requester)
    sent = {"content_hash": row.content_hash, "reason": "Encrypt it."}
    approver.post(f"/requests/{row.pk}/request-changes/", sent)
    own, others = (said(client, f"/requests/{row.pk}/") for client in (requester, approver))
    assert "It was sent back to you. Change it and submit it again." in own
    assert "Your new submission" in own
    assert "he requester changes it" not in own
    assert "The requester changes it and submits it again." in others
    assert "A new submission by the requester" in others


def test_a_request_to_several_regions_is_not_named_after_the_first(signed_in: SignedIn) -> None:
    row = submitted(signed_in("requester"), Name="golden-{region}", **{"destinations-1-DestinationRegion": "us-west-2"})
    assert row.Name == "golden-{region}"
    assert list(row.copies.values_list("Name", flat=True)) == ["golden-eu-west-1", "golden-us-west-2"]


@pytest.mark.parametrize(
    ("names", "called"),
    [
        ([("eu-west-1", "golden")], "golden"),
        ([("eu-west-1", "golden"), ("us-west-2", "golden")], "golden"),
        ([("eu-west-1", "eu-west-1-x"), ("us-west-2", "us-west-2-x")], "{region}-x"),
        ([("eu-west-1", "golden-2026-blue"), ("us-west-2", "golden-2026-green")], "golden-2026…"),
        ([("eu-west-1", "blue"), ("us-west-2", "green")], "blue and others"),
    ],
)
def test_several_names_are_called_by_what_they_share(names: list[tuple[str, str]], called: str) -> None:
    assert name_templates.of_all(names) == called


def test_what_will_happen_stays_when_only_the_reason_is_missing(signed_in: SignedIn) -> None:
    page = read(signed_in("requester").post("/requests/new/", typed(reason="")))
    aside = page.region("What will happen").text
    assert "It needs 1 approval" in aside
    assert "--tag-specifications" in page.text


def test_an_ended_session_says_why(signed_in: SignedIn, settings: Settings) -> None:
    settings.SESSION_IDLE_MINUTES, settings.SESSION_HOURS = 30, 12
    for began, words in ((1, "Nobody had clicked anything for 30 minutes."), (13, "A session lasts 12 hours at most.")):
        client = signed_in("requester")
        client.get("/requests/")
        now = timezone.now()
        Session.objects.update(began_at=now - timedelta(hours=began), expire_date=now - timedelta(minutes=1))
        answer = client.get("/requests/")
        assert answer["Location"].startswith("/sign-in/?next=/requests/")
        assert words in read(client.get(answer["Location"])).told
    client = signed_in("requester")
    client.get("/requests/")
    Session.objects.all().delete()
    poll = client.get("/requests/", headers={"HX-Request": "true"})
    assert "ended elsewhere" in read(client.get(poll["HX-Redirect"])).told
    assert "ended" not in Client().get("/requests/")["Location"]
    assert read(Client().get("/sign-in/?ended=nonsense")).told == ""


def test_every_policy_can_be_copied(signed_in: SignedIn) -> None:
    folder = Path(django_settings.BASE_DIR) / "templates"
    lacking = [
        path.name
        for path in folder.rglob("*.html")
        for tag in re.findall(r"<c-raw [^>]*>", path.read_text())
        if "olicy" in tag or "tatement" in tag
        if not re.search(r"\bcopies\b", tag)
    ]
    assert lacking == []
    account = Account.objects.get_or_create(name="sandbox", account_id="111122223333")[0]
    assert read(signed_in("administrator").get(f"/accounts/{account.pk}/")).buttons("Copy: IAM policy for workers")
