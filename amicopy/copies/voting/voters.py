"""People and their votes: who may decide, whose approvals of a request count now, and what it still waits for.

A vote counts while its giver is active, may decide and is in the group it fills: taken out of the group, they no longer
count; put back, they do. And it counts only if giver and requester are two people, see `power`: neither the one who
approves nor the one whose vote it is may have been in one hand with the requester by then.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from amicopy.copies.core.models import CopyRequest, Decision
from amicopy.copies.core.permissions import NotAllowed, holders
from amicopy.copies.core.policy_models import Delegation
from amicopy.copies.voting import power, votes
from amicopy.copies.voting.power import Hands
from amicopy.copies.voting.votes import Plan, Voters


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
class Decider:
    """A person with all whose votes they can give now, their own first, and the groups of those who may decide."""

    user: User
    people: list[User]
    able: Mapping[int, Collection[str]]


def deciders() -> QuerySet[User]:
    """Everybody active who may decide on requests of others."""
    return holders("copies.decide_request")


def groups_of(people: QuerySet[User]) -> dict[int, set[str]]:
    """Each person's groups by name, in one statement."""
    found: dict[int, set[str]] = {}
    for person, group in people.order_by().values_list("pk", "groups__name"):
        found.setdefault(person, set()).update({group} if group else ())
    return found


def impossible(plan: Plan, *, requester: User | None, bound: bool = False) -> Plan:
    """What of a plan nobody could ever give, were everybody to approve whose vote counts for the requester; empty when
    all can be had. Without a requester nobody is left out; with `bound` those are asked, too, who count as one with
    them until somebody confirms it."""
    if not plan:
        return []
    able = groups_of(deciders().exclude(pk=requester.pk) if requester else deciders())
    if requester and not bound:
        able = _free(able, requester.pk, power.hands_in({requester.pk, *able}))
    return votes.missing(plan, able)


def left_out(requester: User) -> list[tuple[User, str]]:
    """Who may decide, but counts as one with this requester; with why, and what changes that."""
    people = list(deciders().exclude(pk=requester.pk).order_by("username"))
    hands = power.hands_in([requester.pk, *(user.pk for user in people)])
    found = [user for user in people if not hands.apart(requester.pk, user.pk)]
    return [(user, power.why_not(requester, user, hands)) for user in found]


def counted(requests: Iterable[CopyRequest]) -> dict[int, dict[int, set[str]]]:
    """For each request, by number, whose approvals count now, with their groups; three statements in all, as a rule.

    Given for another person, an approval counts as that person's. Of each person the last decision counts.
    """
    by_number = {request.pk: request for request in requests}
    standing: dict[int, dict[int, Decision]] = {number: {} for number in by_number}
    decisions = Decision.objects.filter(request__in=by_number).order_by("decided_at", "id")
    for decision in decisions:
        if decision.round >= by_number[decision.request_id].votes_from_round:
            standing[decision.request_id][decision.on_behalf_of_id or decision.decided_by_id] = decision
    people = {person for given in standing.values() for person in given}
    now = groups_of(deciders().filter(pk__in=people)) if people else {}
    hands = hands_of([decision for given in standing.values() for decision in given.values()])
    return {
        number: {
            person: now[person]
            for person, decision in given.items()
            if person in now
            and decision.kind == Decision.Kind.APPROVE
            and decision.content_hash == by_number[number].content_hash
            and independent(decision, hands)
        }
        for number, given in standing.items()
    }


def hands_of(decisions: Iterable[Decision]) -> Hands:
    """The hands in everybody whom these decisions concern."""
    ids = [(each.requester_id, each.decided_by_id, each.on_behalf_of_id) for each in decisions]
    return power.hands_in({person for each in ids for person in each if person is not None})


def independent(decision: Decision, hands: Hands) -> bool:
    """Whether a decision was made by others than the requester, with nobody's hand in between at the time."""
    by = {decision.decided_by_id, decision.on_behalf_of_id or decision.decided_by_id}
    return all(hands.apart(decision.requester_id, person, at=decision.decided_at) for person in by)


def still_needed(request: CopyRequest) -> Plan:
    """What a pending request waits for; empty when it has all approvals."""
    return votes.missing(request.plan, counted([request])[request.pk])


def principals(user: User) -> list[User]:
    """The people whose vote this person can give now: their own first, then those handed to them."""
    now = timezone.now()
    handed = Delegation.objects.filter(receiver=user, created_at__lte=now, until__gt=now).values("giver")
    return [user, *deciders().filter(pk__in=handed).order_by("pk")]


def waiting_for(user: User, requests: Iterable[CopyRequest]) -> set[int]:
    """The numbers of those pending requests that this person's vote would bring on, a handed vote included."""
    return set(votes_of(user, requests))


def decider(user: User) -> Decider:
    """The person as one who decides; looked at once, it holds for many requests."""
    people = principals(user)
    return Decider(user, people, groups_of(deciders().filter(pk__in=[person.pk for person in people])))


def votes_of(user: User, requests: Iterable[CopyRequest]) -> dict[int, Vote]:
    """For those pending requests that this person can bring on, by number: their own vote if that helps, else the
    first handed one that does."""
    pending = [request for request in requests if request.requester_id != user.pk]
    if not pending or not user.has_perm("copies.decide_request"):
        return {}
    me, given = decider(user), counted(pending)
    hands = power.hands_in({request.requester_id for request in pending} | {person.pk for person in me.people})
    found = {request.pk: _helping(me, request, given[request.pk], hands) for request in pending}
    return {number: vote for number, vote in found.items() if vote is not None}


def vote_in(me: Decider, request: CopyRequest, given: Voters) -> Vote | None:
    """The vote somebody gives when they approve, beside those given: their own if it brings the request on, else the
    first handed one that does. None when no vote of theirs is needed. Raises NotAllowed when none of theirs counts for
    this requester."""
    hands = power.hands_in([request.requester_id, *(person.pk for person in me.people)])
    check_independent(me.user, request, hands)
    if votes.satisfied(request.plan, given):
        return Vote(me.user, frozenset(me.able.get(me.user.pk, ())))
    return _helping(me, request, given, hands)


def check_independent(user: User, request: CopyRequest, hands: Hands | None = None) -> None:
    """Raises NotAllowed, with what would change it, when this person's approval wouldn't count for this request because
    they and its requester count as one."""
    hands = power.hands_in([user.pk, request.requester_id]) if hands is None else hands
    if not hands.apart(request.requester_id, user.pk):
        said = power.why_not(request.requester, user, hands)
        raise NotAllowed(f"Your approval doesn't count for request #{request.pk}. {said}")


def not_counted(user: User, requests: Iterable[CopyRequest]) -> dict[int, str]:
    """For those requests for which this person's approval wouldn't count because they and the requester count as one,
    by number: why, and what changes that."""
    others = [request for request in requests if request.requester_id != user.pk]
    hands = power.hands_in({user.pk, *(request.requester_id for request in others)}) if others else Hands()
    bound = [request for request in others if not hands.apart(request.requester_id, user.pk)]
    return {request.pk: power.why_not(request.requester, user, hands) for request in bound}


def _helping(me: Decider, request: CopyRequest, given: Voters, hands: Hands) -> Vote | None:
    if not hands.apart(request.requester_id, me.user.pk):
        return None
    for person in me.people:
        groups = me.able.get(person.pk)
        if groups is None or person.pk in {*given, request.requester_id}:
            continue
        if not hands.apart(request.requester_id, person.pk):
            continue
        if votes.helps(request.plan, given, person.pk, groups):
            return Vote(person, frozenset(groups))
    return None


def who_can_help(request: CopyRequest) -> list[User]:
    """Everybody whose vote would bring a pending request on, those included to whom such a vote was handed."""
    given = counted([request])[request.pk]
    able = groups_of(deciders().exclude(pk=request.requester_id))
    able = _free(able, request.requester_id, power.hands_in({request.requester_id, *able}))
    helpful = {
        person
        for person, groups in able.items()
        if person not in given and votes.helps(request.plan, given, person, groups)
    }
    now = timezone.now()
    handed = Delegation.objects.filter(giver__in=helpful, created_at__lte=now, until__gt=now)
    helpful |= set(handed.values_list("receiver", flat=True)) & set(able)
    return list(User.objects.filter(pk__in=helpful).order_by("pk"))


def _free(people: Mapping[int, set[str]], requester: int, hands: Hands) -> dict[int, set[str]]:
    """Those of the people who count as somebody else than the requester."""
    return {person: groups for person, groups in people.items() if hands.apart(requester, person)}


def rules_in_words(rules: Iterable[Mapping[str, Any]], missing: Plan) -> str:
    """The names, quoted, of those rules that ask for something of what is missing."""
    lacking = {requirement.get("group") for requirement in missing}
    names = [
        rule["name"] for rule in rules if lacking & {requirement.get("group") for requirement in rule["requirements"]}
    ]
    return " and ".join(f"“{name}”" for name in names)
