"""Which pending requests a person's vote would bring on, as a condition of a statement.

Of all that wait without a vote, those with the same plan and requester are the same to a person, so that each such kind
is looked at once, however many they are. Those with a vote that may count are few, and are looked at one by one.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

from django.contrib.auth.models import User
from django.db.models import Min, Q

from amicopy.copies.core.models import CopyRequest, CopyRequestQuerySet
from amicopy.copies.voting import power, voters, votes
from amicopy.copies.voting.voters import Decider
from amicopy.copies.voting.votes import Plan

NOBODY = Q(pk__in=())
# What `voters` looks at.
COLUMNS = ("requester_id", "plan", "votes_from_round", "content_hash", "round")


def key_of(plan: Plan) -> str:
    """What a request keeps as `unvoted_plan`: the same for the same plan."""
    return hashlib.blake2b(json.dumps(plan, sort_keys=True).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Wanted:
    """What of these pending requests waits for a person; nothing for whoever may not decide."""

    user: User
    pending: CopyRequestQuerySet
    _counted: dict[str, int] = field(default_factory=dict, compare=False)

    @cached_property
    def condition(self) -> Q:
        """All of it."""
        return self._unvoted | Q(pk__in=self._voted) if self._voted else self._unvoted

    def count(self, most: int) -> int:
        """How much of it there is; stops at `most`. Looks at votes only where those without one are fewer."""
        looked_for, found = self._counted.get("up to", 0), self._counted.get("found", 0)
        if found == looked_for < most:
            found = self.pending.filter(self._unvoted).order_by()[:most].count() if self._unvoted != NOBODY else 0
            found = found if found == most else min(most, found + len(self._voted))
            self._counted.update({"up to": most, "found": found})
        return min(most, found)

    @cached_property
    def _of_others(self) -> CopyRequestQuerySet:
        if not self.user.has_perm("copies.decide_request"):
            return self.pending.none()
        return self.pending.exclude(requester=self.user)

    @cached_property
    def _me(self) -> Decider:
        return voters.decider(self.user)

    @cached_property
    def _kinds(self) -> set[tuple[str, int, int]]:
        """The kinds of those without a vote: key, requester, and the number of one of them."""
        alike = self._of_others.exclude(unvoted_plan="").order_by()
        return set(alike.values_list("unvoted_plan", "requester").annotate(Min("pk")))

    @cached_property
    def _plans(self) -> dict[str, Plan]:
        """Their plans by key. A process of the version before may have written a plan and left the key, see
        `operations.rows_of_before`: such a key says nothing."""
        numbers = {key: number for key, _, number in self._kinds}
        rows = CopyRequest.objects.filter(pk__in=numbers.values()).values_list("unvoted_plan", "plan")
        return {key: plan for key, plan in rows if key == key_of(plan)}

    @cached_property
    def _voted(self) -> frozenset[int]:
        """The numbers of those with a vote, and of those that nothing is known of without looking."""
        unknown = {key for key, *_ in self._kinds} - self._plans.keys()
        rows = list(self._of_others.filter(unvoted_plan__in=["", *unknown]).only(*COLUMNS).order_by())
        return frozenset(voters.votes_of(self.user, rows, me=self._me) if rows else ())

    @cached_property
    def _unvoted(self) -> Q:
        """Those without a vote."""
        if not self._plans:
            return NOBODY
        return self._fitting(self._plans, {requester for _, requester, _ in self._kinds})

    def _fitting(self, plans: dict[str, Plan], requesters: Collection[int]) -> Q:
        me = self._me
        hands = power.hands_in({*requesters, *(each.pk for each in me.people)})
        found = NOBODY
        for person in me.people:
            keys = [key for key, plan in plans.items() if _helps(me, person, plan)]
            bound = [
                requester
                for requester in requesters
                if requester == person.pk
                or not (hands.apart(requester, person.pk) and hands.apart(requester, self.user.pk))
            ]
            if keys:
                way = Q(unvoted_plan__in=keys) & ~Q(requester__in={self.user.pk, *bound})
                found = way if found == NOBODY else found | way
        return found


def _helps(me: Decider, person: User, plan: Plan) -> bool:
    groups = me.able.get(person.pk)
    return groups is not None and votes.helps(plan, {}, person.pk, groups)
