"""Rules between the calls of one request, and where the answers of all rules are put."""

from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.rules import check_request, requests, warnings
from tests.copies.conftest import make_call
from tests.copies.rules.cases import ACCOUNT, LOCAL_ZONE


def with_token(call: Call, token: str) -> Call:
    return Call(call.DestinationRegion, call.parameters, token)


def test_has_destinations() -> None:
    assert requests.has_destinations([]) == [FieldError("destinations", "Add a destination.")]
    assert requests.has_destinations([make_call()]) == []


def test_has_at_most_50_destinations() -> None:
    assert requests.has_at_most_50_destinations([make_call()] * 50) == []
    assert "This has 51." in requests.has_at_most_50_destinations([make_call()] * 51)[0].message


def test_one_source() -> None:
    calls = [make_call(), make_call("us-west-2", Description="another")]
    assert [error.field for error in requests.one_source(calls)] == ["Description"]
    calls = [make_call(Encrypted=True), make_call("us-west-2", KmsKeyId="alias/x", Name="other-name")]
    assert requests.one_source(calls) == []


def test_destinations_differ() -> None:
    (error,) = requests.destinations_differ([make_call(), make_call("us-west-2"), make_call()])
    assert (error.field, error.destination) == ("DestinationRegion", 2)
    assert "the same as destination 1" in error.message
    places = [make_call("us-east-1"), make_call("us-east-1", DestinationAvailabilityZone=LOCAL_ZONE)]
    assert requests.destinations_differ(places) == []


def test_tokens_differ_in_a_region() -> None:
    here, zone = make_call("us-east-1"), make_call("us-east-1", DestinationAvailabilityZone=LOCAL_ZONE)
    (error,) = requests.tokens_differ_in_a_region([with_token(here, "one"), with_token(zone, "one")])
    assert "a token works once in a Region" in error.message
    assert requests.tokens_differ_in_a_region([here, zone]) == []
    elsewhere = with_token(make_call("us-west-2"), "one")
    assert requests.tokens_differ_in_a_region([with_token(here, "one"), elsewhere]) == []


def test_dry_run_for_all_or_none() -> None:
    assert requests.dry_run_for_all_or_none([make_call(), make_call("us-west-2", DryRun=True)])
    assert requests.dry_run_for_all_or_none([make_call(DryRun=True), make_call("us-west-2", DryRun=True)]) == []


def test_what_is_the_same_in_every_call_is_said_once_and_the_rest_at_its_destination() -> None:
    long = "d" * 256
    calls = [make_call(Description=long), make_call("us-west-2", Description=long, Encrypted=False)]
    found = check_request(calls, account_id=ACCOUNT, partition="aws")
    assert [(error.field, error.destination) for error in found] == [("Description", None), ("Encrypted", 1)]
    calls = [make_call(Encrypted=True), make_call("us-west-2", Name="a name")]
    assert [(error.field, error.destination) for error in warnings(calls)] == [("KmsKeyId", 0), ("Name", 1)]
