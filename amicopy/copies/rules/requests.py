"""Rules between the calls of one request."""

from collections.abc import Sequence

from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.parameters import PARAMETERS

MOST_DESTINATIONS = 50
# The same in every call of a request, so an error in one is said once.
SHARED = frozenset(parameter.name for parameter in PARAMETERS if parameter.scope == "request")


def has_destinations(calls: Sequence[Call]) -> list[FieldError]:
    """A request has a destination."""
    return [] if calls else [FieldError("destinations", "Add a destination.")]


def has_at_most_50_destinations(calls: Sequence[Call]) -> list[FieldError]:
    """A request stays small enough to be read by whoever decides."""
    if len(calls) <= MOST_DESTINATIONS:
        return []
    words = f"Split the request: it can have {MOST_DESTINATIONS} destinations. This has {len(calls)}."
    return [FieldError("destinations", words)]


def one_source(calls: Sequence[Call]) -> list[FieldError]:
    """A request is one image for one reason; only what belongs to a destination differs."""
    errors = []
    for name in sorted(SHARED - {"ClientToken"}):
        if any(call.parameters.get(name) != calls[0].parameters.get(name) for call in calls):
            errors.append(FieldError(name, "Must be the same for every destination of a request."))
    return errors


def destinations_differ(calls: Sequence[Call]) -> list[FieldError]:
    """A request copies to a place once."""
    errors = []
    first: dict[tuple[str, str], int] = {}
    for index, call in enumerate(calls):
        place = (call.DestinationRegion, call.destination)
        if place in first:
            words = f"Choose another destination, or remove this one: it is the same as destination {first[place] + 1}."
            errors.append(FieldError("DestinationRegion", words, index))
        else:
            first[place] = index
    return errors


def tokens_differ_in_a_region(calls: Sequence[Call]) -> list[FieldError]:
    """AWS scopes a token to account and Region: the second call there would get the first one's image, or an error.

    https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
    """
    seen: set[tuple[str, str]] = set()
    for call in calls:
        key = (call.DestinationRegion, call.ClientToken)
        if call.ClientToken and key in seen:
            words = f"Clear it: two destinations are in {call.DestinationRegion}, and a token works once in a Region."
            return [FieldError("ClientToken", words)]
        seen.add(key)
    return []


def dry_run_for_all_or_none(calls: Sequence[Call]) -> list[FieldError]:
    """A request either checks permissions or copies."""
    if len({call.dry_run for call in calls}) > 1:
        return [FieldError("DryRun", "Check permissions for all destinations of a request, or for none.")]
    return []
