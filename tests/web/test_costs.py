"""What copies cost, on pages: the form, a request, the queue, the dashboard, budgets, and the page of costs."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from amicopy.copies.core import prices
from amicopy.copies.core.cost import Estimate
from amicopy.copies.core.cost_words import money
from amicopy.copies.core.models import Account, Budget, CopyCost, CopyRequest, ImageCopy, PriceList
from amicopy.copies.core.steps.wanted import parse
from amicopy.copies.operations.health.price_age import prices_in_use
from amicopy.copies.operations.health.words import words_of
from amicopy.copies.requests import verbs
from amicopy.web import costs
from tests.conftest import Control
from tests.copies.conftest import acting, approve, make_person
from tests.copies.test_cost_rules import arrived, ask, team
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


@pytest.fixture
def approver(db: None) -> User:
    return make_person("approver-1", "approver")


@pytest.fixture
def asks(approver: User) -> User:
    return make_person("asks", "requester")


@pytest.fixture
def account(db: None) -> Account:
    account, _ = Account.objects.get_or_create(name="sandbox", account_id="111122223333")
    return account


def test_the_form_says_what_it_costs_by_what_is_known_and_waits_for_nothing(
    signed_in: SignedIn, sandbox: Control, patient: None
) -> None:
    client = signed_in("requester")
    aside = read(client.post("/requests/new/aside/", typed(), headers={"hx-request": "true"})).text
    assert "Cost, once Not known AWS didn’t say how much data it is" in " ".join(aside.split())
    assert not [call for call in sandbox("calls") if call["action"] == "DescribeImages"]
    page = " ".join(read(client.post("/requests/new/", {**typed(), "look": "1"})).text.split())
    assert "Cost, once At most US$ " in page
    assert "transfer of " in page
    assert "Prices of 13 May 2021 and later, without discounts" in page


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ({"DaysAfterCopy": 61}, "US$ 2.01"),
        ({"DeprecateAt": "{in 61 days}"}, "US$ 2.01"),
        (None, ""),
    ],
)
def test_storage_is_summed_until_deprecation(
    signed_in: SignedIn, sandbox: Control, patient: None, account: Account, asks: User, end: Any, said: str
) -> None:
    if end and "DeprecateAt" in end:
        end = {"DeprecateAt": f"{timezone.now() + timedelta(days=61, minutes=1):%Y-%m-%dT%H:%MZ}"}
    wanted, _ = parse({"ImageDeprecation": end} if end else {}, now=timezone.now())
    request = ask(account, asks)
    # A copy of 20 GiB, at 0.05 a month.
    ImageCopy.objects.update(approved_steps=wanted.of(0))
    kept = request.estimate["copies"][0]
    kept["storage"] = {"low": "1", "high": "1", "why": None}
    CopyRequest.objects.update(estimate=request.estimate)
    page = " ".join(read(signed_in("approver").get(f"/requests/{request.pk}/")).text.split())
    line = f"At most {said} until deprecation, more as long as it is kept"
    assert (line in page) is bool(said), page
    assert said or "until deprecation" not in page


def test_what_was_handed_in_together_has_one_sum(sandbox: Control, patient: None, account: Account, asks: User) -> None:
    rows = [ask(account, asks), ask(account, asks, "eu-west-1", "sa-east-1")]
    known = [Estimate.of(row.estimate) for row in rows]
    once, month = (sum((getattr(each, name).high for each in known if each), Decimal(0)) for name in ("once", "month"))
    assert once > 1
    assert (
        costs.together(rows) == f"Together once: at most {money(once, 'USD')}. A month: at most {money(month, 'USD')}."
    )
    assert costs.together([*rows, ask(account, asks, seen=False)]) == "Together once: not known. A month: not known."
    assert costs.together([ask(account, asks, DryRun=True)]) == ""
    rows[0].estimate = {}
    assert costs.together(rows) == ""


def test_an_empty_form_has_no_cost(signed_in: SignedIn) -> None:
    assert "Cost, once" not in read(signed_in("requester").get("/requests/new/")).text


def test_a_request_and_the_queue_say_what_it_costs_and_then_did(
    signed_in: SignedIn, sandbox: Control, patient: None, account: Account, asks: User, approver: User
) -> None:
    request = ask(account, asks)
    client = signed_in("approver")
    queue = " ".join(read(client.get("/approvals/")).text.split())
    assert "Once at most US$ " in queue
    page = " ".join(read(client.get(f"/requests/{request.pk}/")).text.split())
    assert "Cost a month At most US$ " in page
    assert "Did cost" not in page
    verbs.approve(acting(approver), request.pk, seen_hash=request.content_hash)
    arrived(request)
    page = " ".join(read(client.get(f"/requests/{request.pk}/")).text.split())
    assert "Did cost, once At most US$ 0.40 20 GiB copied" in page
    assert "Kept less than a month, at most" in page


def test_each_destination_says_what_it_would_cost_and_then_did(
    signed_in: SignedIn, sandbox: Control, patient: None, account: Account, asks: User, approver: User
) -> None:
    client, request = signed_in("approver"), ask(account, asks)
    waiting = approve(approver, request)

    def cost(tag: str = "") -> tuple[int, str, str]:
        headers = {"HX-Request": "true", "If-None-Match": f'"{tag}"'}
        answer = client.get(f"/requests/{request.pk}/", headers=headers)
        said = ""
        if answer.status_code == 200:
            table = read(answer).table(f"Destinations of #{request.pk} and how far they are")
            said = table.rows[0][[head.text for head in table.heads].index("Cost")]
        return answer.status_code, said, answer.headers["ETag"].strip('"')

    _, said, tag = cost()
    assert said.startswith("Up to US$ ")
    assert "once US$ " in said
    assert said.endswith("a month")
    assert cost(tag)[0] == 304
    arrived(waiting)
    CopyRequest.objects.filter(pk=request.pk).update(version=F("version") + 1)
    status, said, _ = cost(tag)
    assert status == 200
    assert re.fullmatch(r"US\$ 0\.40 of US\$ \S+ once US\$ 1\.00 of US\$ \S+ a month", said), said
    CopyCost.objects.update(once=None, month=None)
    CopyRequest.objects.filter(pk=request.pk).update(version=F("version") + 1)
    assert cost()[1] == "Cost not known"


def test_a_team_over_its_budget_is_said(
    signed_in: SignedIn, sandbox: Control, patient: None, account: Account, asks: User
) -> None:
    Budget.objects.create(team=team("platform", asks), amount=1, set_at=timezone.now())
    request = ask(account, asks, "eu-west-1", "sa-east-1")
    page = " ".join(read(signed_in("approver").get(f"/requests/{request.pk}/")).text.split())
    assert "Budget of platform Over budget US$ " in page
    assert "of US$ 1.00 this month with this request" in page


def spent(account: Account, asks: User, approver: User) -> CopyRequest:
    request = ask(account, asks)
    verbs.approve(acting(approver), request.pk, seen_hash=request.content_hash)
    arrived(request, size=100 * 2**30)
    return request


def test_the_dashboard_sums_by_team_and_region_and_links_to_the_list(
    signed_in: SignedIn, sandbox: Control, patient: None, account: Account, asks: User, approver: User
) -> None:
    client = signed_in("auditor")
    assert "Costs this month" not in read(client.get("/")).text
    team("platform", asks)
    request = spent(account, asks, approver)
    page = read(client.get("/"))
    # 100 GiB at 0.02 once and 0.05 a month.
    assert "At most US$ 7.00 US$ 2.00 once, US$ 5.00 for storage" in " ".join(page.text.split())
    assert 'href="/costs/?team=platform"' in client.get("/").text
    listed = " ".join(read(client.get("/costs/?team=platform&region=eu-west-1")).text.split())
    assert f"#{request.pk} to eu-west-1" in listed
    assert "platform US$ 2.00 US$ 5.00 US$ 7.00" in listed
    assert "eu-west-1 US$ 2.00 US$ 5.00 US$ 7.00" in listed
    assert f"{timezone.localtime():%B %Y} US$ 2.00 US$ 5.00 US$ 7.00" in listed
    assert "No copy was approved" in read(client.get("/costs/?team=web")).text


def test_months_are_told_apart(
    signed_in: SignedIn, sandbox: Control, patient: None, account: Account, asks: User, approver: User
) -> None:
    spent(account, asks, approver)
    before = timezone.localtime().replace(day=1) - timedelta(days=3)
    CopyCost.objects.update(approved_at=before, kept_from=before)
    page = " ".join(read(signed_in("auditor").get("/costs/")).text.split())
    assert "at most US$ 5.00, of it US$ 0.00 once" in page
    assert f"{before:%B %Y} US$ 2.00 US$ 5.00 US$ 7.00" in page


@pytest.mark.parametrize("query", ["month=2026-99", "month=\0", "team=" + "x" * 400, "region=%00&team=%E2%80%A6"])
def test_an_address_that_names_nothing_shows_this_month(signed_in: SignedIn, query: str) -> None:
    assert signed_in("auditor").get(f"/costs/?{query}").status_code == 200


def test_a_requester_sees_what_their_own_copies_cost(
    signed_in: SignedIn, sandbox: Control, patient: None, account: Account, asks: User, approver: User
) -> None:
    spent(account, asks, approver)
    page = read(signed_in("requester").get("/costs/")).text
    assert "No copy was approved" in page


@pytest.fixture
def admin(signed_in: SignedIn) -> Client:
    return signed_in("administrator")


def test_a_budget_is_set_changed_and_deleted(admin: Client) -> None:
    group = Group.objects.create(name="platform")
    assert "stops nothing" in read(admin.post("/budgets/", budget_typed(group.pk), follow=True)).told
    assert "US$ 0.00 of US$ 50 this month" in " ".join(read(admin.get("/budgets/")).text.split())
    admin.post("/budgets/", budget_typed(group.pk, amount="60"))
    assert Budget.objects.get().amount == 60
    told = read(admin.post(f"/budgets/{Budget.objects.get().pk}/delete/", follow=True)).told
    assert "has no budget any more" in told
    assert not Budget.objects.exists()


def budget_typed(team: int, **changes: str) -> dict[str, str]:
    return {"team": str(team), "amount": "50", **changes}


@pytest.mark.parametrize("amount", ["", "0", "-3", "1.5", "many", "99999999999"])
def test_a_budget_that_is_none_is_refused_by_its_field(admin: Client, amount: str) -> None:
    group = Group.objects.create(name="platform")
    answer = admin.post("/budgets/", budget_typed(group.pk, amount=amount))
    assert answer.status_code == 422
    assert read(answer).field("amount").value == amount
    assert not Budget.objects.exists()


def test_a_role_is_no_team(admin: Client) -> None:
    role = Group.objects.get(name="requester")
    assert admin.post("/budgets/", budget_typed(role.pk)).status_code == 422


def test_the_age_of_the_list_is_looked_at(settings: Settings, db: None) -> None:
    settings.AWS_ENDPOINT = None
    (shipped,) = prices_in_use()
    assert (shipped.code, shipped.state) == ("prices-shipped", "look")
    assert "manage.py prices" in str(words_of(shipped))
    data = {
        "currency": "USD",
        "sources": [{"id": "s", "name": "s", "address": "https://example.com", "published": "2026-11-20"}],
        "storage": {"s": {"eu-west-1": "0.07"}},
    }
    PriceList.objects.create(data=data, fetched_at=timezone.now())
    prices.forget()
    (known,) = prices_in_use()
    assert (known.code, known.state) == ("prices-known", "well")
    assert prices.current().storage("eu-west-1") == Decimal("0.07")
    PriceList.objects.update(fetched_at=timezone.now() - timedelta(days=121))
    (old,) = prices_in_use()
    assert (old.code, old.state) == ("prices-old", "look")
