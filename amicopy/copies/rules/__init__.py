"""The rules of CopyImage, each a named function. They run in the form, at submission and again right before the call.

Where AWS's behaviour is not documented a rule warns (its name begins with `warn_`) instead of refusing. What look-ups
found in the way of a copy refuses a submission, unless its requester says to submit it anyway. What each says
first in its docstring, and the page of AWS it goes by, stand in docs/copyimage.md, with the test that proves it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.rules import (
    destinations,
    encryption,
    existing,
    fields,
    formats,
    known_problems,
    requests,
    source,
    tags,
    timing,
)
from amicopy.copies.rules.case import Case

Rule = Callable[[Case], list[FieldError]]

CALL_RULES: tuple[Rule, ...] = (
    fields.only_known_members,
    fields.required_members_are_filled,
    fields.values_are_of_their_type,
    fields.texts_are_of_their_length,
    fields.texts_have_no_control_characters,
    formats.name_has_only_allowed_characters,
    formats.source_image_id_is_an_ami_id,
    formats.regions_are_region_codes,
    formats.regions_are_of_a_known_partition,
    formats.outpost_arn_is_well_formed,
    formats.local_zone_name_is_well_formed,
    formats.local_zone_id_is_well_formed,
    formats.key_is_an_id_an_alias_or_an_arn,
    formats.client_token_is_ascii,
    destinations.at_most_one_place,
    destinations.all_is_in_the_accounts_partition,
    destinations.source_is_in_the_outposts_region,
    destinations.destination_is_the_outposts_region,
    destinations.outpost_arn_is_of_its_regions_partition,
    destinations.outpost_is_of_the_account,
    destinations.source_is_in_the_local_zones_region,
    destinations.destination_is_the_local_zones_region,
    encryption.key_needs_encryption,
    encryption.encrypted_is_never_false,
    encryption.outpost_copy_is_never_unencrypted,
    encryption.key_is_in_the_destinations_region,
    encryption.key_is_in_the_destinations_partition,
    source.instance_store_keeps_its_encryption,
    tags.tags_are_for_image_or_snapshots,
    tags.tags_of_a_kind_are_together,
    tags.tags_have_a_key_and_a_value,
    tags.mark_is_amicopys_own,
    tags.tags_are_at_most_50,
    tags.tag_keys_are_unique,
    tags.tag_keys_and_values_are_of_their_length,
    tags.tag_keys_dont_begin_with_aws,
    tags.tags_have_no_control_characters,
    tags.required_tags_are_there,
    tags.new_tags_agree_with_copied_ones,
    timing.duration_is_a_multiple_of_15,
    timing.duration_is_for_regions_only,
)
# Instead of those, where nothing is called for.
EXISTING_RULES: tuple[Rule, ...] = (
    existing.only_the_image_is_named,
    fields.values_are_of_their_type,
    fields.texts_are_of_their_length,
    fields.texts_have_no_control_characters,
    formats.source_image_id_is_an_ami_id,
    formats.regions_are_region_codes,
    formats.regions_are_of_a_known_partition,
    destinations.all_is_in_the_accounts_partition,
    known_problems.account_is_entered,
    existing.image_was_seen,
    existing.image_is_the_accounts_own,
    existing.image_is_available,
)
FOUND: tuple[Rule, ...] = (
    known_problems.account_is_entered,
    source.source_is_where_aws_shows_it,
    source.source_is_available,
    known_problems.place_is_open,
    known_problems.key_can_encrypt,
)
WARNINGS: tuple[Rule, ...] = (
    fields.warn_of_invisible_characters,
    formats.warn_of_characters_only_some_pages_allow,
    formats.warn_of_regions_newer_than_botocore,
    source.warn_of_a_source_still_being_made,
    source.warn_of_a_paravirtual_source,
    destinations.warn_that_only_some_zones_take_snapshots,
    destinations.warn_of_a_zone_id_of_another_region,
    encryption.warn_that_an_aws_managed_key_bars_sharing,
    encryption.warn_of_a_key_of_another_account,
    encryption.warn_of_the_default_key,
    encryption.warn_of_an_encrypted_source_without_key,
    tags.warn_of_a_tag_both_new_and_copied,
    tags.warn_of_more_than_50_with_copied_ones,
    tags.warn_of_tags_other_services_refuse,
    tags.warn_of_invisible_characters_in_tags,
    timing.warn_of_a_duration_that_is_too_short,
    timing.warn_of_a_duration_without_snapshots,
)
# What a request has once: said once, of no destination.
ONCE = requests.SHARED | {"account"}
REQUEST_RULES = (
    requests.has_destinations,
    requests.has_at_most_50_destinations,
    requests.one_source,
    requests.destinations_differ,
    requests.tokens_differ_in_a_region,
    requests.dry_run_for_all_or_none,
)


def check_call(
    call: Call, *, account_id: str, partition: str, lookups: Mapping[str, Any] | None = None, mark: str | None = None
) -> list[FieldError]:
    """What the rules say against one call, by field; empty when AWS can be asked.

    `account_id` has 12 digits; `lookups` are the request's, of what was seen at AWS; `mark` is as in a `Case`.
    """
    case = Case(call, account_id, partition, lookups or {}, mark)
    return [error for rule in _rules_of([call]) for error in rule(case)]


def check_request(
    calls: Sequence[Call], *, account_id: str, partition: str, lookups: Mapping[str, Any] | None = None
) -> list[FieldError]:
    """What the rules say against all calls of a request; each error names its destination, or none for them all."""
    of_request = (existing.one_image,) if any(call.existing for call in calls) else REQUEST_RULES
    errors = [error for rule in of_request for error in rule(calls)]
    cases = [Case(call, account_id, partition, lookups or {}) for call in calls]
    return errors + _said_once(_rules_of(calls), cases)


def found_in_the_way(
    calls: Sequence[Call], *, lookups: Mapping[str, Any], account_id: str = "", partition: str = ""
) -> list[FieldError]:
    """What look-ups found in the way of these calls, each with its code; of an AMI that exists that is refused
    anyway."""
    return _said_once(FOUND, [Case(call, account_id, partition, lookups) for call in calls if not call.existing])


def warnings(
    calls: Sequence[Call], *, account_id: str = "", partition: str = "", lookups: Mapping[str, Any] | None = None
) -> list[FieldError]:
    """What may surprise, without being refused; without an account only what doesn't depend on it."""
    cases = [Case(call, account_id, partition, lookups or {}) for call in calls if not call.existing]
    return _said_once(WARNINGS, cases)


def _rules_of(calls: Sequence[Call]) -> tuple[Rule, ...]:
    return EXISTING_RULES if any(call.existing for call in calls) else CALL_RULES


def _said_once(rules: Sequence[Rule], cases: Sequence[Case]) -> list[FieldError]:
    """What the rules say, each about its destination; what is the same in every call is said once."""
    found: dict[FieldError, None] = {}
    for index, case in enumerate(cases):
        for rule in rules:
            for error in rule(case):
                place = None if error.field in ONCE else index
                found[replace(error, destination=place)] = None
    return list(found)
