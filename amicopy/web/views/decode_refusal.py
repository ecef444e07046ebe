"""What is behind AWS's refusal of a copy, for administrators: shown on this one answer and kept nowhere.

A page of its own: a part of the request's page would be gone with its next poll.
"""

import json
import time

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from amicopy.audit.log import record
from amicopy.aws import errors, sts
from amicopy.copies.core import explanations, permissions
from amicopy.copies.lookups import async_queries
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.request_filters import row_number
from amicopy.web.views.request_detail import find


@never_cache
@require_POST
def decode(request: HttpRequest, number: int) -> HttpResponse:
    """Asks AWS, for a few seconds at most. That somebody looked is in the history; what they saw is not."""
    row = find(request, number)
    permissions.check_manage_accounts(signed_in(request))
    copy_id = row_number(request.POST.get("copy"))
    copy = row.copies.filter(pk=copy_id).first() if copy_id is not None else None
    encoded = explanations.encoded(copy) if copy is not None else ""
    context = {"row": row, "copy": copy, "decoded": "", "problem": ""}
    if copy is None or not encoded:
        context["problem"] = "Choose a copy that AWS refused with an encoded message. This one has none."
    else:
        # Committed before AWS is asked: nobody sees the answer without it, and no transaction waits for AWS.
        with transaction.atomic():
            record(
                "copy.refusal_decoded",
                actor=actor_of(request),
                request=row.pk,
                copy=copy.pk,
                requester=row.requester_id,
                account=row.account.account_id,
                region=copy.DestinationRegion,
            )
        try:
            with async_queries.waiting() as until:
                if until > time.monotonic():
                    said = sts.decode_authorization_message(row.account.read_only(), message=encoded)
                    context["decoded"] = _readable(said)
                else:
                    context["problem"] = "AWS is being asked for others. Try again in a few seconds."
        except errors.AwsError as error:
            context["problem"] = f"AWS didn't decode it ({error.code}). It needs sts:DecodeAuthorizationMessage."
    return render(request, "requests/decoded.html", context)


def _readable(text: str) -> str:
    """The JSON in lines of its own, or AWS's answer as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text
