"""AWS accounts and their Regions, for administrators. Pages show what the last look found; none waits for AWS."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.aws.partitions import region_title
from amicopy.copies.core import permissions
from amicopy.copies.core.models import Account, AccountCheck, ImageCopy
from amicopy.copies.core.states import COPY_AT_AWS
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import accounts
from amicopy.web import conditional_polls
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.account_form import AccountForm
from amicopy.web.request_filters import BIG


@require_GET
def account_list(request: HttpRequest) -> HttpResponse:
    permissions.check_manage_accounts(signed_in(request))
    rows = Account.objects.select_related("check_result").prefetch_related("requester_groups")
    rows = rows.annotate(
        enabled_regions=Count("region_checks", filter=Q(region_checks__enabled=True), distinct=True),
        unreachable=Count("region_checks", filter=Q(region_checks__reachable=False), distinct=True),
    )
    return render(request, "accounts/list.html", {"rows": rows, "in_flight": _in_flight()})


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
    in_flight = _in_flight().get(account.pk, {})
    checked = list(account.region_checks.all())
    context: dict[str, Any] = {
        "row": account,
        "look": look,
        "looking": look is not None and (look.requested_at is not None or look.lease_until is not None),
        "regions": [
            {"check": each, "title": region_title(each.Region), "in_flight": in_flight.get(each.Region, 0)}
            for each in checked
        ],
        "at_once": settings.COPIES_AT_ONCE,
    }
    if getattr(request, "htmx", False):
        return render(request, "accounts/_regions.html", context)
    own_arn = look.own_arn if look else ""
    context |= {
        "trust_policy": accounts.trust_policy(account, own_arn=own_arn) if account.role_arn else "",
        "own_arn": own_arn,
        "groups": list(account.requester_groups.values_list("name", flat=True)),
    }
    return render(request, "accounts/detail.html", context)


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


def _in_flight() -> dict[int, dict[str, int]]:
    """How many copies are under way at AWS, by account and Region."""
    counts: dict[int, dict[str, int]] = {}
    copies = ImageCopy.objects.filter(state__in=COPY_AT_AWS).order_by()
    for account, region, count in copies.values_list("account", "DestinationRegion").annotate(Count("pk")):
        counts.setdefault(account, {})[region] = count
    return counts


def _edit(request: HttpRequest, account: Account) -> HttpResponse:
    permissions.check_manage_accounts(signed_in(request))
    new = account.pk is None
    seen = request.POST.get("seen", "") if request.method == "POST" or new else accounts.seen_of(account)
    form = AccountForm(request.POST if request.method == "POST" else None, account=account)
    if form.is_valid():
        try:
            groups = form.cleaned_data["requester_groups"]
            saved = accounts.save(actor_of(request), form.changed_account(), groups=groups, seen=seen)
        except ValidationError as refused:
            form.refuse(refused)
        except InvalidTransition as refused:
            messages.error(request, str(refused))
            return redirect("accounts")
        else:
            words = "is added" if new else "is saved"
            messages.success(request, f"Account “{saved.name}” {words}. A worker looks whether amicopy gets in.")
            return redirect("account", saved.pk)
    context: dict[str, Any] = {"form": form, "row": account, "new": new, "seen": seen}
    return render(request, "accounts/edit.html", context, status=422 if form.errors else 200)
