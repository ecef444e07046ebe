"""What rules want whoever approves to have shown of who they are: a recent sign-in, or a second factor at the decision.

It is looked at once, when a vote is given, and stands in the vote's event. A program shows nothing, so what it approves
with a token doesn't count for such a request. Rejecting and sending back need nothing: they let nothing run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.core.policy_models import ApprovalRule


class NotShown(NotAllowed):
    """A rule wants more of who approves than they have shown; they can show it and approve then. `second_factor` says
    whether nothing less will do."""

    def __init__(self, words: str, *, second_factor: bool) -> None:
        self.second_factor = second_factor
        super().__init__(words)


@dataclass(frozen=True)
class Demand:
    """What the rules of a request want together: the strictest of each. Without `minutes` a sign-in may be of any age;
    a second factor is always of the last minutes."""

    rules: tuple[str, ...] = ()
    minutes: int | None = None
    second_factor: bool = False

    @property
    def words(self) -> str:
        """As a sentence; empty where nothing is wanted."""
        if not self.rules:
            return ""
        names = " and ".join(f"“{name}”" for name in self.rules)
        wants = "a second factor" if self.second_factor else "a sign-in, or your password once more,"
        minutes = self.minutes or settings.PASSWORD_AGAIN_MINUTES
        span = "minute" if minutes == 1 else f"{minutes} minutes"
        verb = "asks" if len(self.rules) == 1 else "ask"
        return f"{names} {verb} whoever approves for {wants} in the last {span}."


def of_rule(rule: ApprovalRule) -> dict[str, Any]:
    """What a rule wants, for the record of a request; empty for nothing."""
    wants: dict[str, Any] = {}
    if rule.sign_in_minutes:
        wants["sign_in_minutes"] = rule.sign_in_minutes
    if rule.second_factor:
        wants["second_factor"] = True
    return wants


def of(rules: Iterable[Mapping[str, Any]]) -> Demand:
    """What a request's rules, as it was submitted with them, want together."""
    wanting = [(rule["name"], rule["at_decision"]) for rule in rules if rule.get("at_decision")]
    minutes = [wants["sign_in_minutes"] for _, wants in wanting if "sign_in_minutes" in wants]
    return Demand(
        rules=tuple(name for name, _ in wanting),
        minutes=min(minutes, default=None),
        second_factor=any(wants.get("second_factor") for _, wants in wanting),
    )


def check(request: CopyRequest, actor: Actor) -> dict[str, str]:
    """What whoever approves has shown, for the event of their vote; empty where no rule wants anything. Raises
    NotShown."""
    demand = of(request.rules)
    if not demand.rules:
        return {}
    if actor.token is not None:
        words = f"Request #{request.pk} can't be approved with a token. {demand.words} Approve it on its page."
        raise NotShown(words, second_factor=demand.second_factor)
    shown = actor.factor_at if demand.second_factor else actor.shown_at
    if shown is None or timezone.now() - shown > _age(demand):
        raise NotShown(demand.words, second_factor=demand.second_factor)
    return {"second_factor_at" if demand.second_factor else "signed_in_at": _stamp(shown)}


def _age(demand: Demand) -> timedelta:
    return timedelta(minutes=demand.minutes or settings.PASSWORD_AGAIN_MINUTES)


def _stamp(when: datetime) -> str:
    return when.isoformat(timespec="seconds")
