"""AWS accounts and their Regions, for administrators. Pages show what the last look found; none waits for AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.aws.partitions import region_title
from amicopy.aws.sts import Identity
from amicopy.copies.core import permissions
from amicopy.copies.core.models import Account, AccountCheck, ImageCopy, RegionCheck
from amicopy.copies.core.states import COPY_AT_AWS
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.lookups.async_queries import UNASKED, Missing
from amicopy.copies.operations import accounts, proposal_queries, proposals
from amicopy.web import changes, conditional_polls, numbered_pages
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.account_form import AccountForm
from amicopy.web.request_filters import BIG
from amicopy.web.status import Status
from amicopy.web.views.lookups import looks_of, turn_after


@dataclass(frozen=True)
class AccountRow:
    """An account in the list, whether amicopy gets in, and the groups whose members may ask for copies there."""

    account: Account
    status: Status
    groups: list[str]


@dataclass(frozen=True)
class RegionRow:
    """A Region as the last look found it. `encryption` is On or Off, empty where that isn't known."""

    check: RegionCheck
    title: str
    status: Status
    encryption: str
    in_flight: int


@require_GET
def account_list(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    permissions.check_manage_accounts(user)
    rows = Account.objects.select_related("check_result").prefetch_related("requester_groups").order_by("name")
    rows = rows.annotate(
        enabled_regions=Count("region_checks", filter=Q(region_checks__enabled=True), distinct=True),
        unreachable=Count("region_checks", filter=Q(region_checks__reachable=False), distinct=True),
    )
    text = numbered_pages.asked(request)
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(account_id__startswith=text))
    page = numbered_pages.page_of(rows, request)
    context = {
        "rows": [_row(account) for account in page.rows],
        "page": page,
        "how": changes.how(user, "copies.manage_accounts"),
    }
    return render(request, "accounts/list.html", context)


def _stamps(request: HttpRequest, pk: int) -> conditional_polls.Stamps:
    looks = AccountCheck.objects.filter(account=pk if pk < BIG else 0)
    return {"account": pk, "account_look": looks.values_list("requested_at", "lease_until", "checked_at").first()}


@require_GET
@conditional_polls.polled(_stamps)
def account_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One account; asked for by htmx, only what the look found."""
    permissions.check_manage_accounts(signed_in(request))
    account = _find(pk)
    look = AccountCheck.objects.filter(account=account).first()
    in_flight = _in_flight(account)
    context: dict[str, Any] = {
        "row": account,
        "look": look,
        "looking": look is not None and _under_way(look),
        "status": look_status(look),
        "regions": [_region(check, in_flight) for check in account.region_checks.all()],
        "at_once": settings.COPIES_AT_ONCE,
    }
    if getattr(request, "htmx", False):
        return render(request, "accounts/_regions.html", context)
    own_arn = look.own_arn if look else ""
    worker_policy, web_policy = accounts.permission_policies(account)
    context |= {
        "worker_policy": worker_policy,
        "web_policy": web_policy,
        "mark_key": settings.MARK_TAG_KEY,
        "trust_policy": accounts.trust_policy(account, own_arn=own_arn) if account.role_arn else "",
        # Whether the web server gets in, and who it is, a fragment finds out.
        "read_only_trust_policy": accounts.trust_policy(account, own_arn=""),
        "own_arn": own_arn,
        "waits": proposal_queries.waiting_on("account", [pk]).get(pk),
        "groups": list(account.requester_groups.values_list("name", flat=True)),
    }
    return render(request, "accounts/detail.html", context)


@require_GET
def read_only_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Whether the web server itself gets in by an account's read-only role, and the role's trust policy; asked for
    again while AWS is."""
    permissions.check_manage_accounts(signed_in(request))
    account, looks = _find(pk), looks_of(request)
    own, found = (wait(0.0) for wait in accounts.begin_to_look(account, looks.begin))
    own_arn = own.Arn if isinstance(own, Identity) else ""
    problem = found.reason if isinstance(found, Missing) and found is not UNASKED else ""
    if isinstance(found, Identity) and found.Account != account.account_id:
        problem = f"The credentials are of account {found.Account}, not of this one."
    context = {
        "row": account,
        "trust_policy": accounts.trust_policy(account, own_arn=own_arn),
        "own_arn": own_arn,
        "arn": found.Arn if isinstance(found, Identity) else "",
        "problem": problem,
    }
    return render(request, "accounts/_read_only.html", context | turn_after(request, looks))


@require_http_methods(["GET", "POST"])
def new_account(request: HttpRequest) -> HttpResponse:
    return _edit(request, Account())


@require_http_methods(["GET", "POST"])
def edit_account(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_accounts(signed_in(request))
    return _edit(request, _find(pk))


@require_POST
def check_account(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks for a look; the page it leads to shows what comes of it."""
    permissions.check_manage_accounts(signed_in(request))
    accounts.check_now(actor_of(request), _find(pk))
    return redirect("account", pk)


def _find(pk: int) -> Account:
    account = Account.objects.filter(pk=pk).first() if pk < BIG else None
    if account is None:
        raise Http404(f"There is no account {pk}.")
    return account


def _row(account: Account) -> AccountRow:
    """`account` is annotated with `unreachable`, how many of its enabled Regions can't be reached."""
    unreachable: int = account.unreachable  # type: ignore[attr-defined]  # annotated
    status = look_status(getattr(account, "check_result", None), unreachable=unreachable)
    groups = [group.name for group in account.requester_groups.all()]
    return AccountRow(account, status if account.enabled else Status("idle", "stop", "Switched off"), groups)


def _under_way(look: AccountCheck) -> bool:
    return look.requested_at is not None or look.lease_until is not None


def look_status(look: AccountCheck | None, *, unreachable: int = 0) -> Status:
    """What the last look at an account found; `unreachable` is the number of Regions that can't be reached."""
    if look is not None and _under_way(look):
        return Status("run", "run", "Checking")
    if look is None or look.checked_at is None:
        return Status("idle", "clock", "Not checked yet")
    if look.error:
        return Status("fail", "fail", "amicopy doesn’t get in")
    if unreachable:
        return Status("warn", "warn", f"{unreachable} Region{'' if unreachable == 1 else 's'} can’t be reached")
    return Status("ok", "ok", "amicopy gets in")


def _region(check: RegionCheck, in_flight: Mapping[str, int]) -> RegionRow:
    """`in_flight` is how many copies are under way, by Region."""
    status = Status("fail", "fail", "Not reachable", check.error)
    if not check.enabled:
        status = Status("idle", "stop", "Not enabled", "The account hasn’t opted in to this Region.")
    elif check.reachable:
        status = Status("ok", "ok", "Reachable", check.error)
    encryption = {True: "On", False: "Off", None: ""}[check.encryption_by_default]
    return RegionRow(check, region_title(check.Region), status, encryption, in_flight.get(check.Region, 0))


def _in_flight(account: Account) -> dict[str, int]:
    """How many copies of an account are under way at AWS, by Region. What is unfinished has a next step, by which its
    index is found."""
    copies = ImageCopy.objects.filter(account=account, state__in=COPY_AT_AWS, next_step_at__isnull=False).order_by()
    return dict(copies.values_list("DestinationRegion").annotate(Count("pk")))


def _edit(request: HttpRequest, account: Account) -> HttpResponse:
    permissions.check_manage_accounts(signed_in(request))
    new = account.pk is None
    seen = request.POST.get("seen", "") if request.method == "POST" or new else accounts.seen_of(account)
    form = AccountForm(request.POST if request.method == "POST" else None, account=account)
    if form.is_valid():
        try:
            groups = form.cleaned_data["requester_groups"]
            outcome = proposals.save_account(actor_of(request), form.changed_account(), groups=groups, seen=seen)
        except ValidationError as refused:
            form.refuse(refused)
        except InvalidTransition as refused:
            messages.error(request, str(refused))
            return redirect("accounts")
        else:
            words = "is added" if new else "is saved"
            words = f"Account “{account.name}” {words}. A worker looks whether amicopy gets in."
            changes.say(request, outcome, words)
            return redirect("account", outcome.target) if outcome.target else redirect("accounts")
    waits = proposal_queries.waiting_on("account", [account.pk]).get(account.pk) if account.pk else None
    context: dict[str, Any] = {"form": form, "row": account, "new": new, "seen": seen, "waits": waits}
    return render(request, "accounts/edit.html", context, status=422 if form.errors else 200)
