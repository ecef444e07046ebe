"""The rules of CopyImage, each a named function. They run in the form, at submission and again right before the call.

Where AWS's behaviour is not documented a rule warns (`warnings`) instead of refusing.
"""

from collections.abc import Callable, Sequence

from amicopy.copies.calls import Call, FieldError
from amicopy.copies.rules import destinations, encryption, fields, requests, tags, timing
from amicopy.copies.rules.case import Case

Rule = Callable[[Case], list[FieldError]]

CALL_RULES: tuple[Rule, ...] = (
    fields.only_known_members,
    fields.required_members_are_filled,
    fields.types_lengths_and_characters,
    fields.region_is_of_a_known_partition,
    destinations.at_most_one_place,
    destinations.partitions_are_not_crossed,
    destinations.account_is_of_the_source_partition,
    destinations.outpost_is_in_the_source_region,
    destinations.local_zone_is_in_the_source_region,
    encryption.key_needs_encryption,
    encryption.explicitly_unencrypted_is_not_sent,
    encryption.key_arn_is_of_the_destination,
    tags.specifications_are_well_formed,
    tags.tags_fit_the_limits,
    timing.duration_is_for_regions_only,
)
REQUEST_RULES = (
    requests.has_destinations,
    requests.one_source_and_name,
    requests.destinations_differ,
    requests.tokens_differ_in_a_region,
    requests.dry_run_for_all_or_none,
)


def check_call(call: Call, *, account_id: str, partition: str) -> list[FieldError]:
    """What the rules say against one call, by field; empty when AWS can be asked. `account_id` has 12 digits."""
    case = Case(call, account_id, partition)
    return [error for rule in CALL_RULES for error in rule(case)]


def check_request(calls: Sequence[Call], *, account_id: str, partition: str) -> list[FieldError]:
    """What the rules say against all calls of a request; each error names its destination, or none for them all."""
    errors = [error for rule in REQUEST_RULES for error in rule(calls)]
    seen: set[tuple[str, str]] = set()
    for index, call in enumerate(calls):
        for error in check_call(call, account_id=account_id, partition=partition):
            if error.field in requests.SHARED:
                # The same in every call: said once.
                if (error.field, error.message) not in seen:
                    seen.add((error.field, error.message))
                    errors.append(FieldError(error.field, error.message))
            else:
                errors.append(FieldError(error.field, error.message, index))
    return errors


def warnings(calls: Sequence[Call]) -> list[FieldError]:
    """What may surprise, without being refused."""
    return [
        FieldError(warning.field, warning.message, index)
        for index, call in enumerate(calls)
        for warning in encryption.warnings(call) + destinations.warnings(call)
    ]
