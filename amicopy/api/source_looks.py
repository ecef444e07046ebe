"""What AWS says of what a program asks for, by the form's look-ups: within seconds, and never failing for them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from amicopy.api.members import filled_in, placeholder_words, wants_source_name
from amicopy.api.problems import Problem, Wrong
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.models import Account
from amicopy.copies.core.steps.wanted import NOTHING, WantedSteps, frozen
from amicopy.copies.core.token_models import ApiToken
from amicopy.copies.lookups import async_queries, snapshot, source
from amicopy.copies.lookups.snapshot_members import Kept


@dataclass(frozen=True)
class Looked:
    """Calls as the verbs take them, names filled in, with what was found out at AWS meanwhile; `unfilled` says by
    member why a placeholder is still there."""

    account: Account
    calls: Sequence[Call]
    lookups: Kept
    unfilled: Mapping[str, str] = field(default_factory=dict)
    steps: WantedSteps = NOTHING


def reached_account(token: ApiToken, account_id: str) -> Account:
    """The account, if the token's person may ask for copies in it and the token holds for it. Raises Problem, and
    NotAllowed for who may not ask at all."""
    account = find_account(token, account_id)
    if account is None:
        raise refusal([FieldError("account", "Choose the AWS account to copy into.")])
    return account


def find_account(token: ApiToken, account_id: str) -> Account | None:
    """The same, or None. Raises NotAllowed for who may not ask at all."""
    permissions.check_submit(token.person)
    held = not token.accounts or account_id in token.accounts
    return Account.objects.open_to(token.person).filter(account_id=account_id).first() if held else None


def look(
    token: ApiToken, account: Account, calls: Sequence[Call], *, fill: bool = True, steps: WantedSteps = NOTHING
) -> Looked:
    """Waits for AWS as long as a page that is submitted does, and unless `fill` is False fills the names in."""
    looks = async_queries.Looks(token.person.pk, last=True)
    unfilled: Mapping[str, str] = {}
    with async_queries.waiting() as until:
        name = ""
        if fill:
            name = _source_name(account, calls[0], looks, until) if wants_source_name(calls) else ""
            unfilled = placeholder_words(calls, source_name=name)
            calls = filled_in(calls, source_name=name)
        after = frozen(steps, calls, now=datetime.now(UTC), source=name)
        found = snapshot.gather(account, calls, until=until, ask=looks.begin, steps=after)
    return Looked(account, calls, found, unfilled, steps)


def refusal(
    errors: Sequence[FieldError],
    looked: Looked | None = None,
    pointer: Callable[[FieldError], str] = lambda error: f"#/{error.field}",
) -> Problem:
    """The problem that says what is wrong, each at its pointer."""
    wrong = [Wrong(pointer(error), error.message, error.code) for error in worded(errors, looked)]
    return Problem(422, "invalid-request", "The request was refused. Nothing was stored.", wrong)


def worded(errors: Sequence[FieldError], looked: Looked | None) -> list[FieldError]:
    """The errors; of a member whose placeholder can't be filled in, that alone, once."""
    unfilled = looked.unfilled if looked else {}
    said = [replace(each, message=unfilled.get(each.field, each.message)) for each in errors]
    return list(dict.fromkeys(said))


def _source_name(account: Account, call: Call, looks: async_queries.Looks, until: float) -> str:
    """The source's name, empty while AWS doesn't show it."""
    region, image_id = (str(call.parameters.get(name, "")) for name in ("SourceRegion", "SourceImageId"))
    if not source.askable(account.aws(), region=region, image_id=image_id):
        return ""
    seen = looks.begin(source.question(account.aws(), region=region, image_id=image_id))(until)
    return seen.image.Name if isinstance(seen, source.Source) else ""
