"""The form for a new request: shown, changed row by row without a script, checked, submitted."""

import re
import uuid
from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from amicopy.aws import partitions
from amicopy.copies import permissions, preview, rules, workflow
from amicopy.copies.calls import InvalidRequest
from amicopy.copies.lookups import asking, kept, source
from amicopy.copies.models import Account, CopyRequest
from amicopy.copies.parameters import BY_NAME, DESTINATION_REGION
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.request_form import RequestForm, initial_of
from amicopy.web.forms.rows import MOST


@require_http_methods(["GET", "POST"])
def new_request(request: HttpRequest) -> HttpResponse:
    """GET shows the form, empty or as a clone; POST adds or removes a row, or submits."""
    user = signed_in(request)
    permissions.check_submit(user)
    accounts = list(Account.objects.open_to(user))
    if request.method != "POST":
        return _page(request, RequestForm.of(_initial(request), accounts))
    data = {name: value.replace("\0", "\ufffd") for name, value in request.POST.items() if isinstance(value, str)}
    changed = _changed_rows(data)
    form = RequestForm.of(changed if changed is not None else data, accounts)
    if changed is not None:
        return _page(request, form)
    account, until = form.account, asking.deadline()
    if account is not None:
        form.source_name = _source_name(form, account, until)
    calls = form.check()
    if not form.errors and account is not None:
        try:
            row = workflow.submit(
                actor_of(request),
                account=account,
                reason=form.text("reason"),
                calls=calls,
                submission=uuid.UUID(form.submission),
                lookups=kept.gather(account, calls, until=until),
            )
        except InvalidRequest as invalid:
            form.refuse(invalid.errors)
        else:
            words = "is being checked" if row.dry_run else "is waiting for approval"
            messages.success(request, f"Request #{row.pk} {words}.")
            return redirect("request", row.pk)
    return _page(request, form, status=422)


def _source_name(form: RequestForm, account: Account, until: float) -> str:
    """The source's name, when the name of a copy asks for it."""
    region, image_id = form.text("SourceRegion"), form.text("SourceImageId")
    if not form.wants_source_name or not source.askable(account.aws(), region=region, image_id=image_id):
        return ""
    seen = asking.start(source.question(account.aws(), region=region, image_id=image_id)).wait(until)
    return seen.image.Name if isinstance(seen, source.Source) else ""


def _initial(request: HttpRequest) -> dict[str, str]:
    number = request.GET.get("clone", "")
    if number.isdecimal() and len(number) < 18:
        visible = CopyRequest.objects.visible_to(signed_in(request)).select_related("account")
        row = visible.filter(pk=int(number)).first()
        if row is not None:
            return initial_of(row.calls(), account=row.account, reason=row.reason)
    return {"tags-0-image": "on", "tags-0-snapshot": "on"}


def _changed_rows(data: Mapping[str, str]) -> dict[str, str] | None:
    """The data with a row more or less, when one of those buttons was pressed; otherwise None."""
    form = RequestForm.of(data, [])
    rows = {"destinations": form.destinations, "tags": form.tags}
    if data.get("add") == "destination" and len(form.destinations) < MOST:
        rows["destinations"] = [*form.destinations, {"kind": "region"}]
    elif data.get("add") == "tag" and len(form.tags) < MOST:
        rows["tags"] = [*form.tags, {"image": "on", "snapshot": "on"}]
    elif "remove-destination" in data:
        rows["destinations"] = _without(form.destinations, data["remove-destination"])
    elif "remove-tag" in data:
        rows["tags"] = _without(form.tags, data["remove-tag"])
    elif "add" not in data:
        return None
    kept = {name: value for name, value in data.items() if not name.startswith(("destinations-", "tags-"))}
    for prefix, changed in rows.items():
        for index, row in enumerate(changed):
            kept |= {f"{prefix}-{index}-{name}": value for name, value in row.items()}
    return kept


def _without(rows: list[dict[str, str]], index: str) -> list[dict[str, str]]:
    if not index.isdecimal() or len(index) > 4:
        return rows
    return [row for number, row in enumerate(rows) if number != int(index)]


def _page(request: HttpRequest, form: RequestForm, *, status: int = 200) -> HttpResponse:
    account = form.account
    partition = account.partition if account else "aws"
    calls = RequestForm.of(form.data, form.accounts).calls()
    context: dict[str, Any] = {
        "form": form,
        "fields": BY_NAME,
        "destination_region": DESTINATION_REGION,
        "kinds": (("region", "Region"), ("outpost", "Outpost"), ("zone", "Local Zone")),
        "regions": partitions.titles(partition),
        "commands": [(call, preview.command(call)) for call in calls],
        "warnings": rules.warnings(calls, account_id=account.account_id if account else "", partition=partition),
        "summary": [(name, _place(name) + message) for name, found in form.errors.items() for message in found],
    }
    return render(request, "requests/new.html", context, status=status)


def _place(name: str) -> str:
    """Which destination an error belongs to, as its legend says it."""
    row = re.match(r"destinations-(\d+)-", name)
    return f"Destination {int(row[1]) + 1}: " if row else ""
