"""Whose approval doesn't count though they may decide, with why, and what changes that: who counts as one with the
requester, or with somebody whose vote was given."""

from collections.abc import Iterable, Mapping

from django.contrib.auth.models import User

from amicopy.copies.core.models import CopyRequest
from amicopy.copies.voting import power, voters, votes
from amicopy.copies.voting.power import Hands
from amicopy.copies.voting.voters import Given


def left_out(requester: User) -> list[tuple[User, str]]:
    """Who may decide, but counts as one with this requester; with why, and what changes that."""
    people = list(voters.deciders().exclude(pk=requester.pk).order_by("username"))
    hands = power.hands_in([requester.pk, *(user.pk for user in people)])
    found = [user for user in people if not hands.apart(requester.pk, user.pk)]
    return [(user, power.why_not(requester, user, hands)) for user in found]


def one_with_another(requester: User) -> list[tuple[User, str]]:
    """Who may decide on this person's requests, but counts as one with somebody else who may; with why, and what
    changes that."""
    people = list(voters.deciders().exclude(pk=requester.pk).order_by("username"))
    hands = power.hands_in([requester.pk, *(user.pk for user in people)])
    free = [user for user in people if hands.apart(requester.pk, user.pk)]
    found = []
    for place, user in enumerate(free):
        other = next((each for each in free[:place] if not hands.apart(each.pk, user.pk)), None)
        if other is not None:
            found.append((user, power.why_not(other, user, hands)))
    return found


def left_out_beside(request: CopyRequest, given: Given) -> list[tuple[User, str]]:
    """Who would bring a pending request on with their own vote, did they not count as one with somebody whose vote was
    given; with why, and what changes that."""
    if not given.by:
        return []
    people = voters.deciders().exclude(pk__in={request.requester_id, *given.groups}).order_by("username")
    able = voters.groups_of(people)
    hands = power.hands_in({request.requester_id, *able, *given.by, *given.by.values()})
    bound = {
        person: owner
        for person, groups in voters.free(able, request.requester_id, hands).items()
        if (owner := given.double(person, person, hands)) and votes.helps(request.plan, given.groups, person, groups)
    }
    names = User.objects.in_bulk({*bound, *bound.values(), *given.by.values()})
    found = []
    for person, owner in bound.items():
        theirs = owner if not hands.apart(person, owner) else given.by[owner]
        found.append((names[person], voters.has_approved(names[theirs], names[person], hands)))
    return sorted(found, key=lambda each: each[0].username)


def not_counted(user: User, requests: Iterable[CopyRequest]) -> dict[int, str]:
    """For those requests for which this person's approval wouldn't count because they and the requester count as one,
    by number: why, and what changes that."""
    others = [request for request in requests if request.requester_id != user.pk]
    hands = power.hands_in({user.pk, *(request.requester_id for request in others)}) if others else Hands()
    bound = [request for request in others if not hands.apart(request.requester_id, user.pk)]
    return {request.pk: power.why_not(request.requester, user, hands) for request in bound}


def not_counted_beside(user: User, requests: Iterable[CopyRequest], given: Mapping[int, Given]) -> dict[int, str]:
    """For those requests that this person's approval would bring on, did they not count as one with somebody whose vote
    was given, by number: why, and what changes that."""
    voted_on = [request for request in requests if request.requester_id != user.pk and given[request.pk].by]
    if not voted_on or not user.has_perm("copies.decide_request"):
        return {}
    me = voters.decider(user)
    hands = voters.hands_about(me, voted_on, given.values())
    said = {request.pk: voters.beside(me, request, given[request.pk], hands) for request in voted_on}
    return {number: words for number, words in said.items() if words}
