"""What is looked at once more right before a call: the rules, the source, the key behind an alias, and the name."""

from collections.abc import Sequence

from amicopy.aws import errors
from amicopy.copies import rules
from amicopy.copies.core.models import ImageCopy
from amicopy.copies.engine.threads import in_threads
from amicopy.copies.lifecycle import name_holders, source_binding


def refusals(copies: Sequence[ImageCopy], *, in_doubt: frozenset[int]) -> dict[int, errors.AwsError]:
    """Which of these copies may not be called now, by primary key, and why. Of those `in_doubt`, whose call may have
    been made already, only the rules are asked. Each source is looked at once for all copies of a request."""
    found: dict[int, errors.AwsError] = {}
    new = [copy for copy in copies if copy.pk not in in_doubt]
    bound = {_source(copy): copy for copy in new if copy.request.source_seen}
    shown = dict(zip(bound, in_threads(source_binding.look, bound.values()), strict=True))
    aliases = [copy for copy in new if copy.key_seen]
    keys = dict(zip((copy.pk for copy in aliases), in_threads(_key_error, aliases), strict=True))
    for copy in copies:
        try:
            refuse_broken(copy)
            if copy.pk in in_doubt:
                continue
            if copy.request.source_seen:
                source_binding.check_source(copy, shown[_source(copy)])
            if (error := keys.get(copy.pk)) is not None:
                raise error
            name_holders.check_call(copy)
        except errors.AwsError as error:
            found[copy.pk] = error
    return found


def refuse_broken(copy: ImageCopy) -> None:
    """Raises Rejected when the rules of this moment refuse the call."""
    account = copy.account
    broken = rules.check_call(
        copy.call(),
        account_id=account.account_id,
        partition=account.partition,
        lookups=copy.request.lookups,
        mark=copy.mark,
    )
    if broken:
        message = " ".join(f"{error.field}: {error.message}" for error in broken)
        raise errors.Rejected("RefusedByRules", message)


def _source(copy: ImageCopy) -> tuple[int, str, str]:
    return copy.request_id, copy.parameters["SourceRegion"], copy.parameters["SourceImageId"]


def _key_error(copy: ImageCopy) -> errors.AwsError | None:
    """Why the key behind a copy's alias can't be used; asks nothing of the database."""
    try:
        source_binding.check_key(copy)
    except errors.AwsError as error:
        return error
    return None
