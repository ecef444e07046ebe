"""What look-ups find in the way of a copy, by code."""

import pytest

from amicopy.copies import rules
from amicopy.copies.core.calls import FieldError
from amicopy.copies.rules import known_problems
from amicopy.copies.rules.known_problems import Known
from tests.copies.conftest import make_call
from tests.copies.rules.cases import ACCOUNT, OUTPOST, said, seen

REFUSED = {"account_refused": {"code": "account-not-entered", "message": "AWS doesn't let it in (AccessDenied)."}}


def about(destination: str = "eu-west-1", region: str = "eu-west-1", **found: object) -> dict[str, object]:
    """Look-ups that found this about one destination."""
    return {"destinations": [{"destination": destination, "DestinationRegion": region, "missing": {}, **found}]}


def key(problem: str = "This key is disabled.", code: str = Known.KEY_DISABLED) -> dict[str, str]:
    return {"asked": "alias/retired", "Arn": "", "KeyState": "", "KeyManager": "", "problem": problem, "code": code}


def test_account_is_entered() -> None:
    rule = known_problems.account_is_entered
    assert said(rule, lookups=REFUSED) == "account: AWS doesn't let it in (AccessDenied). No copy would start."
    assert said(rule, lookups={"missing": {"account": "AWS didn't answer."}}) == ""
    two = rules.found_in_the_way([make_call(), make_call("us-west-2")], lookups=REFUSED)
    assert [(each.code, each.destination) for each in two] == [("account-not-entered", None)]


def test_place_is_open() -> None:
    rule = known_problems.place_is_open
    closed = about(place="eu-west-1 is not enabled for this account.", place_code=Known.REGION_NOT_ENABLED)
    assert said(rule, lookups=closed) == "DestinationRegion: eu-west-1 is not enabled for this account."
    on_outpost = make_call("us-east-1", DestinationOutpostArn=OUTPOST)
    lookups = about(OUTPOST, "us-east-1", place="The account has no such Outpost.", place_code=Known.OUTPOST_UNKNOWN)
    assert said(rule, on_outpost, lookups=lookups).startswith("DestinationOutpostArn: ")
    assert said(rule, make_call("us-west-2"), lookups=closed) == ""
    assert said(rule, lookups=about(missing={"regions": "AWS didn't answer."})) == ""


def test_key_can_encrypt() -> None:
    rule = known_problems.key_can_encrypt
    call = make_call(Encrypted=True, KmsKeyId="alias/retired")
    assert said(rule, call, lookups=about(key=key())) == (
        "KmsKeyId: This key is disabled. AWS would take the request and fail the copy later."
    )
    assert said(rule, call, lookups=about(key=key(problem="", code=""))) == ""
    assert said(rule, call, lookups=about(missing={"key": "AWS didn't answer."})) == ""
    assert said(rule, make_call(), lookups=about(key=key())) == ""
    # A request of before has no code with its key.
    older = about(key={name: value for name, value in key().items() if name != "code"})
    assert [each.code for each in rules.found_in_the_way([call], lookups=older)] == ["key-unfit"]


def test_every_code_has_its_words_or_its_rule() -> None:
    assert set(Known) - set(known_problems.WORDS) == {Known.SOURCE_NOT_THERE, Known.SOURCE_UNAVAILABLE}
    facts = dict.fromkeys(("code", "other", "region", "place", "state", "spec", "usage"), "x")
    assert all(known_problems.words(code, **facts).endswith(".") for code in known_problems.WORDS)


@pytest.mark.parametrize(
    ("problem", "lookups", "answered"),
    [
        (("account-not-entered", ""), {"missing": {}}, True),
        (("account-not-entered", ""), {"missing": {"account": "AWS didn't answer."}}, False),
        (("source-not-there", ""), seen(), True),
        (("source-not-there", ""), {"missing": {"source": "AWS didn't answer."}}, False),
        (("key-disabled", "eu-west-1"), about(), True),
        (("key-disabled", "eu-west-1"), about(missing={"key": "AWS didn't answer."}), False),
        (("key-disabled", "us-west-2"), about(), False),
        (("region-not-enabled", "eu-west-1"), about(missing={"regions": "AWS didn't answer."}), False),
    ],
)
def test_a_later_look_speaks_only_of_what_it_was_answered(
    problem: tuple[str, str], lookups: dict[str, object], answered: bool
) -> None:
    kept = known_problems.kept(FieldError("x", "x", None, problem[0]), []) | {"destination": problem[1]}
    assert known_problems.looked_at(kept, lookups) is answered


def test_a_problem_is_told_apart_by_code_and_destination() -> None:
    calls = [make_call(), make_call("us-west-2")]
    error = FieldError("KmsKeyId", "x", 1, Known.KEY_DISABLED)
    kept = known_problems.kept(error, calls)
    assert known_problems.key_of(error, calls) == known_problems.key_of_kept(kept) == "key-disabled:us-west-2"
    assert ACCOUNT not in kept.values()
