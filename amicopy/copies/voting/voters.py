"""People and their votes: who may decide, whose approvals of a request count now, and what it still waits for.

A vote counts while its giver is active, may decide and is in the group it fills: taken out of the group, they no longer
count; put back, they do. And it counts only if giver and requester are two people, see `power`: neither the one who
approves nor the one whose vote it is may have been in one hand with the requester by then. Nor may they with those of
another vote: two votes that one person could have given are one, the first.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet
from django.utils import timezone

from amicopy.copies.core.models import CopyRequest, Decision
from amicopy.copies.core.permissions import NotAllowed, holders
from amicopy.copies.core.policy_models import Delegation
from amicopy.copies.voting import power, votes
from amicopy.copies.voting.power import Hands
from amicopy.copies.voting.votes import Plan


@dataclass(frozen=True)
class Vote:
    """A vote somebody can give: whose it is, and the groups it counts for."""

    owner: User
    groups: frozenset[str]

    def asked_by(self, rules: Iterable[Mapping[str, Any]]) -> list[str]:
        """The names of those of a request's rules that ask for it."""
        fitting = {"", *self.groups}
        return [
            rule["name"]
            for rule in rules
            if any(requirement.get("group", "") in fitting for requirement in rule["requirements"])
        ]


@dataclass(frozen=True)
class Given:
    """The approvals of a request that count: whose votes they are, with their groups, and who gave each."""

    groups: dict[int, set[str]]
    by: Mapping[int, int]

    def double(self, by: int, owner: int, hands: Hands) -> int | None:
        """Whose vote, of these, counts as one with another that somebody would give; None when it is one more."""
        for mine, theirs in self.by.items():
            if not (hands.apart(owner, mine) and hands.apart(by, theirs)):
                return mine
        return None


@dataclass(frozen=True)
class Decider:
    """A person with all whose votes they can give now, their own first, and the groups of those who may decide."""

    user: User
    people: list[User]
    able: Mapping[int, Collection[str]]


def deciders() -> QuerySet[User]:
    """Everybody active who may decide on requests of others."""
    return holders("copies.decide_request")


def deciders_in(group: Group) -> QuerySet[User]:
    """Those of the deciders who are in a team, or have a role."""
    return deciders().filter(groups=group)


def groups_of(people: QuerySet[User]) -> dict[int, set[str]]:
    """Each person's groups by name, in one statement."""
    found: dict[int, set[str]] = {}
    for person, group in people.order_by().values_list("pk", "groups__name"):
        found.setdefault(person, set()).update({group} if group else ())
    return found


def impossible(plan: Plan, *, requester: User | None, bound: bool = False) -> Plan:
    """What of a plan nobody could ever give, were everybody to approve whose vote counts for the requester; empty when
    all can be had. Without a requester nobody is left out; with `bound` those are asked, too, who count as one with
    them, or with each other, until somebody confirms it."""
    if not plan:
        return []
    able = groups_of(deciders().exclude(pk=requester.pk) if requester else deciders())
    if requester and not bound:
        hands = power.hands_in({requester.pk, *able})
        able = _as_one(free(able, requester.pk, hands), hands)
    return votes.missing(plan, able)


def _as_one(people: Mapping[int, set[str]], hands: Hands) -> dict[int, set[str]]:
    """Those who count as one with each other as one person, the last of them, who is in all their groups."""
    of_hand: dict[int, int] = {}
    members: dict[int, set[int]] = {}
    found: dict[int, set[str]] = {}
    for person, groups in people.items():
        behind = hands.behind(person)
        same = {of_hand[hand] for hand in behind if hand in of_hand}
        members[person] = behind.union(*(members.pop(each) for each in same))
        found[person] = groups.union(*(found.pop(each) for each in same))
        of_hand |= dict.fromkeys(members[person], person)
    return found


def counted(requests: Iterable[CopyRequest]) -> dict[int, Given]:
    """For each request, by number, the approvals that count now; three statements in all, as a rule.

    Given for another person, an approval counts as that person's. Of each person the last decision counts.
    """
    by_number = {request.pk: request for request in requests}
    standing: dict[int, dict[int, Decision]] = {number: {} for number in by_number}
    decisions = Decision.objects.filter(request__in=by_number).order_by("decided_at", "id")
    for decision in decisions:
        if decision.round >= by_number[decision.request_id].votes_from_round:
            standing[decision.request_id][whose(decision)] = decision
    people = {person for given in standing.values() for person in given}
    now = groups_of(deciders().filter(pk__in=people)) if people else {}
    hands = hands_of([decision for given in standing.values() for decision in given.values()])
    found = {}
    for number, given in standing.items():
        counting = [
            decision
            for person, decision in given.items()
            if person in now
            and decision.kind == Decision.Kind.APPROVE
            and decision.content_hash == by_number[number].content_hash
        ]
        by = {whose(decision): decision.decided_by_id for decision in independent(counting, hands)}
        found[number] = Given({person: now[person] for person in by}, by)
    return found


def whose(decision: Decision) -> int:
    """Whose vote a decision is."""
    return decision.on_behalf_of_id or decision.decided_by_id


def hands_of(decisions: Iterable[Decision]) -> Hands:
    """The hands in everybody whom these decisions concern."""
    ids = [(each.requester_id, each.decided_by_id, each.on_behalf_of_id) for each in decisions]
    return power.hands_in({person for each in ids for person in each if person is not None})


def independent(decisions: Iterable[Decision], hands: Hands) -> list[Decision]:
    """Those of the decisions on one request that were made by others than the requester, and each by somebody else than
    the ones before it, with nobody's hand in between at the time; the first one first."""
    found: list[Decision] = []
    for decision in sorted(decisions, key=lambda each: (each.decided_at, each.pk)):
        at, by, owner = decision.decided_at, decision.decided_by_id, whose(decision)
        if all(hands.apart(decision.requester_id, person, at=at) for person in (by, owner)) and all(
            hands.apart(owner, whose(each), at=at) and hands.apart(by, each.decided_by_id, at=at) for each in found
        ):
            found.append(decision)
    return found


def still_needed(request: CopyRequest) -> Plan:
    """What a pending request waits for; empty when it has all approvals."""
    return votes.missing(request.plan, counted([request])[request.pk].groups)


def principals(user: User) -> list[User]:
    """The people whose vote this person can give now: their own first, then those handed to them, or to a team they are
    in or a role they have."""
    handed = running().filter(Q(receiver=user) | Q(group__in=user.groups.all())).values("giver")
    return [user, *deciders().filter(pk__in=handed).exclude(pk=user.pk).order_by("pk")]


def running() -> QuerySet[Delegation]:
    """The delegations that count now."""
    now = timezone.now()
    return Delegation.objects.filter(created_at__lte=now, until__gt=now)


def waiting_for(user: User, requests: Iterable[CopyRequest]) -> set[int]:
    """The numbers of those pending requests that this person's vote would bring on, a handed vote included."""
    return set(votes_of(user, requests))


def decider(user: User) -> Decider:
    """The person as one who decides; looked at once, it holds for many requests."""
    people = principals(user)
    return Decider(user, people, groups_of(deciders().filter(pk__in=[person.pk for person in people])))


def votes_of(user: User, requests: Iterable[CopyRequest], *, me: Decider | None = None) -> dict[int, Vote]:
    """For those pending requests that this person can bring on, by number: their own vote if that helps, else the
    first handed one that does. `me` is the person as `decider` knows them, where that is at hand."""
    pending = [request for request in requests if request.requester_id != user.pk]
    if not pending or not user.has_perm("copies.decide_request"):
        return {}
    me, given = me or decider(user), counted(pending)
    hands = hands_about(me, pending, given.values())
    found = {request.pk: _helping(me, request, given[request.pk], hands) for request in pending}
    return {number: vote for number, vote in found.items() if vote is not None}


def vote_in(me: Decider, request: CopyRequest, given: Given) -> Vote | None:
    """The vote somebody gives when they approve, beside those given: their own if it brings the request on, else the
    first handed one that does. None when no vote of theirs is needed. Raises NotAllowed when none of theirs counts for
    this requester, or beside a vote that was given."""
    hands = hands_about(me, [request], [given])
    check_independent(me.user, request, hands)
    if votes.satisfied(request.plan, given.groups):
        return Vote(me.user, frozenset(me.able.get(me.user.pk, ())))
    vote = _helping(me, request, given, hands)
    if vote is None and (said := beside(me, request, given, hands)):
        raise NotAllowed(f"Your approval doesn't count for request #{request.pk}. {said}")
    return vote


def check_independent(user: User, request: CopyRequest, hands: Hands | None = None) -> None:
    """Raises NotAllowed, with what would change it, when this person's approval wouldn't count for this request because
    they and its requester count as one."""
    hands = power.hands_in([user.pk, request.requester_id]) if hands is None else hands
    if not hands.apart(request.requester_id, user.pk):
        said = power.why_not(request.requester, user, hands)
        raise NotAllowed(f"Your approval doesn't count for request #{request.pk}. {said}")


def hands_about(me: Decider, requests: Iterable[CopyRequest], given: Iterable[Given]) -> Hands:
    """The hands in all whom a vote of this person's on the requests concerns, beside the votes given."""
    voted = {person for votes_given in given for person in (*votes_given.by, *votes_given.by.values())}
    return power.hands_in({*(request.requester_id for request in requests), *(each.pk for each in me.people), *voted})


def _helping(me: Decider, request: CopyRequest, given: Given, hands: Hands) -> Vote | None:
    """The first vote of theirs that brings the request on."""
    able = _wanted(me, request, given, hands)
    return next((vote for vote in able if given.double(me.user.pk, vote.owner.pk, hands) is None), None)


def beside(me: Decider, request: CopyRequest, given: Given, hands: Hands) -> str:
    """Why none of this person's votes counts beside those given, and what changes that; empty where one does, or none
    would help."""
    for vote in _wanted(me, request, given, hands):
        owner = given.double(me.user.pk, vote.owner.pk, hands)
        if owner is None:
            return ""
        mine, theirs = vote.owner, User.objects.get(pk=owner)
        if hands.apart(mine.pk, theirs.pk):
            mine, theirs = me.user, User.objects.get(pk=given.by[owner])
        if mine == theirs:
            return f"You gave the vote of {User.objects.get(pk=owner).username} already."
        return has_approved(theirs, mine, hands)
    return ""


def has_approved(theirs: User, mine: User, hands: Hands) -> str:
    return f"{theirs.username} has approved it. {power.why_not(theirs, mine, hands)}"


def _wanted(me: Decider, request: CopyRequest, given: Given, hands: Hands) -> list[Vote]:
    """The votes of theirs that the plan has room for, whatever hands they and those given are in."""
    if not hands.apart(request.requester_id, me.user.pk):
        return []
    return [
        Vote(person, frozenset(groups))
        for person in me.people
        if (groups := me.able.get(person.pk)) is not None
        and person.pk not in {*given.groups, request.requester_id}
        and hands.apart(request.requester_id, person.pk)
        and votes.helps(request.plan, given.groups, person.pk, groups)
    ]


def who_can_help(request: CopyRequest, given: Given | None = None) -> list[User]:
    """Everybody whose vote would bring a pending request on, those included to whom such a vote was handed; `given` are
    the approvals that count, where they are at hand."""
    given = given or counted([request])[request.pk]
    able = groups_of(deciders().exclude(pk=request.requester_id))
    hands = power.hands_in({request.requester_id, *able, *given.by, *given.by.values()})
    able = free(able, request.requester_id, hands)
    helpful = {
        person
        for person, groups in able.items()
        if person not in given.groups and votes.helps(request.plan, given.groups, person, groups)
    }
    handed = running().filter(giver__in=helpful).values_list("receiver", "group__user", "giver")
    ways = {(person, person) for person in helpful} | {(to or member, giver) for to, member, giver in handed}
    found = {by for by, owner in ways if by in able and given.double(by, owner, hands) is None}
    return list(User.objects.filter(pk__in=found).order_by("pk"))


def free(people: Mapping[int, set[str]], requester: int, hands: Hands) -> dict[int, set[str]]:
    """Those of the people who count as somebody else than the requester."""
    return {person: groups for person, groups in people.items() if hands.apart(requester, person)}


def rules_in_words(rules: Iterable[Mapping[str, Any]], missing: Plan) -> str:
    """The names, quoted, of those rules that ask for something of what is missing."""
    lacking = {requirement.get("group") for requirement in missing}
    names = [
        rule["name"] for rule in rules if lacking & {requirement.get("group") for requirement in rule["requirements"]}
    ]
    return " and ".join(f"“{name}”" for name in names)
