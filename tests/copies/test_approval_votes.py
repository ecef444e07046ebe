"""One approval a person: whether votes fulfil a plan, against a slow and obvious answer."""

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from amicopy.copies.voting.voters import Vote, rules_in_words
from amicopy.copies.voting.votes import Plan, helps, merged, missing, open_count, satisfied, words

ANYBODY: Plan = [{"permission": "copies.decide_request", "count": 1}]


def plan(**counts: int) -> Plan:
    return [{"group": group, "count": count} for group, count in counts.items()]


def test_nobody_asked_is_fulfilled_by_nobody() -> None:
    assert satisfied([], {})


def test_anybody_who_may_decide_is_enough_for_the_default() -> None:
    assert not satisfied(ANYBODY, {})
    assert satisfied(ANYBODY, {1: set()})


def test_a_person_in_two_groups_counts_for_one_of_them() -> None:
    both = {1: {"security", "platform"}}
    assert missing(plan(security=1, platform=1), both) == plan(platform=1)
    assert satisfied(plan(security=1, platform=1), {**both, 2: {"platform"}})


def test_a_person_in_two_groups_moves_to_the_group_where_nobody_else_can_help() -> None:
    assert satisfied(plan(security=1, platform=1), {1: {"security", "platform"}, 2: {"security"}})
    assert satisfied(plan(security=1, platform=1), {2: {"security"}, 1: {"security", "platform"}})


def test_a_quorum_counts_people_of_that_group_only() -> None:
    assert missing(plan(security=2), {1: {"security"}, 2: {"platform"}}) == plan(security=1)


def test_a_vote_helps_when_it_leaves_less_open() -> None:
    given_votes = {1: {"security"}}
    assert helps(plan(security=1, platform=1), given_votes, 2, {"platform"})
    assert not helps(plan(security=1, platform=1), given_votes, 2, {"security"})
    assert helps(plan(security=1, platform=1), {1: {"security", "platform"}}, 2, {"security"})


groups = st.sampled_from("abc")
plans = st.dictionaries(groups, st.integers(1, 3), max_size=3).map(lambda counts: plan(**counts))
people = st.dictionaries(st.integers(1, 5), st.frozensets(groups), max_size=5)


def most_filled(slots: list[str], voters: dict[int, frozenset[str]]) -> int:
    """The largest number of approvals these people can fill, by trying everything."""
    if not slots:
        return 0
    best = most_filled(slots[1:], voters)
    for person, theirs in voters.items():
        if slots[0] in theirs:
            others = {other: groups for other, groups in voters.items() if other != person}
            best = max(best, 1 + most_filled(slots[1:], others))
    return best


@given(plans, people)
def test_as_much_is_filled_as_can_be(wanted: Plan, voters: dict[int, frozenset[str]]) -> None:
    slots = [requirement["group"] for requirement in wanted for _ in range(requirement["count"])]
    assert open_count(wanted) - open_count(missing(wanted, voters)) == most_filled(slots, voters)


@given(st.lists(plans, max_size=3), people)
def test_fulfilling_the_merged_plan_fulfils_each(several: list[Plan], voters: dict[int, frozenset[str]]) -> None:
    if satisfied(merged(several), voters):
        assert all(satisfied(each, voters) for each in several)


def test_merging_takes_the_largest_count_and_lets_named_approvals_count_for_anybody() -> None:
    assert merged([plan(security=1), plan(security=2, platform=1)]) == plan(security=2, platform=1)
    assert merged([ANYBODY, plan(security=1)]) == plan(security=1)
    assert merged([ANYBODY, []]) == ANYBODY
    assert merged([[], []]) == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ([], "nobody"),
        (ANYBODY, "1 approval from anybody who may decide"),
        (plan(security=2), "2 approvals from security"),
        (plan(security=2, platform=1), "2 approvals from security and 1 from platform"),
        (plan(a=1, b=1, c=1), "1 approval from a, 1 from b and 1 from c"),
    ],
)
def test_a_plan_in_words(wanted: Plan, said: str) -> None:
    assert words(wanted) == said


RULES = [
    {"name": "Security", "requirements": plan(security=1)},
    {"name": "Both", "requirements": plan(security=1, platform=2)},
    {"name": "No rule fits: one approval", "requirements": ANYBODY},
]


@pytest.mark.parametrize(
    ("groups_of_theirs", "asking"),
    [
        ({"security"}, ["Security", "Both", "No rule fits: one approval"]),
        ({"platform"}, ["Both", "No rule fits: one approval"]),
        (set(), ["No rule fits: one approval"]),
    ],
)
def test_a_vote_is_asked_for_by_the_rules_that_name_its_groups_or_none(
    groups_of_theirs: set[str], asking: list[str]
) -> None:
    assert Vote(User(), frozenset(groups_of_theirs)).asked_by(RULES) == asking


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        (plan(platform=1), "“Both”"),
        (plan(security=1), "“Security” and “Both”"),
        (ANYBODY, "“No rule fits: one approval”"),
        ([], ""),
    ],
)
def test_the_rules_behind_what_is_missing_are_named(lacking: Plan, said: str) -> None:
    assert rules_in_words(RULES, lacking) == said
