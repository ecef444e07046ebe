"""What the form says of what is known to be in the way: of its calls, and of the accounts to choose from."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User

from amicopy.copies import rules
from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.lookups import entry
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.lookups.source import NotThere, Source
from amicopy.copies.rules import known_problems
from amicopy.copies.rules.cautions import known_of
from amicopy.web.forms.member_forms import TRUE
from amicopy.web.forms.request_form import RequestForm, place_of


def context_of(
    form: RequestForm,
    calls: Sequence[Call],
    found: Kept,
    problems: Sequence[FieldError],
) -> dict[str, Any]:
    """What page and fragments show of these problems: `calls` are the first source's, of which this was `found`."""
    first = form.each[0]
    keys = [index for index, call in enumerate(calls) if call.parameters.get("KmsKeyId")]
    return {
        "in_the_way": [(first.input_of(each), place_of(first.input_of(each)) + each.message) for each in problems],
        "known_problems": " ".join(dict.fromkeys(known_problems.key_of(each, calls) for each in problems)),
        "keys_asked": bool(keys),
        "keys_unknown": any("key" not in known_of(calls, found, index) for index in keys),
        "anyway": form.text("submit_anyway").lower() in TRUE,
    }


def accounts_of(accounts: Sequence[Account], user: User) -> list[tuple[Account, str]]:
    """The accounts to choose from, each with what is said of it: that it can't be entered, or was used last."""
    closed, used = entry.problems(accounts), _used_last(user)
    return [
        (each, "can’t be entered" if each.pk in closed else "used last" if each.pk == used else "") for each in accounts
    ]


def usual_account(accounts: Sequence[Account], user: User) -> Account:
    """The account that the person asked in last, as far as amicopy gets into it; else the first it gets into."""
    closed, used = entry.problems(accounts), _used_last(user)
    ways = [account for account in accounts if account.pk not in closed] or list(accounts)
    return next((account for account in ways if account.pk == used), ways[0])


def _used_last(user: User) -> int | None:
    """The account of the person's last request, by its primary key."""
    return CopyRequest.objects.filter(requester=user).order_by("-pk").values_list("account_id", flat=True).first()


def problems_of(calls: Sequence[Call], found: Kept, others: Mapping[str, Source | NotThere | None]) -> list[FieldError]:
    """What look-ups found in the way of the first source's calls, and what of the other sources is: `others` is what is
    known of them, by ID."""
    problems = rules.found_in_the_way(calls, lookups=found)
    for image_id, seen in others.items():
        these = [Call(call.DestinationRegion, {**call.parameters, "SourceImageId": image_id}) for call in calls]
        if isinstance(seen, Source):
            problems += rules.found_in_the_way(these, lookups={"source": source_binding.lookup_of(seen.image)})
        elif isinstance(seen, NotThere):
            missing = {"ImageId": seen.ImageId, "Region": seen.Region}
            problems += rules.found_in_the_way(these, lookups={"source_not_there": missing})
    return list(dict.fromkeys(problems))
