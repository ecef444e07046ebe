"""The list of checks. A new one is a line here, its words in `words`, and a test."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.conf import settings

from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.operations.health import channels, history, machinery, places, price_age, queue_ages
from amicopy.copies.operations.health.finding import Finding, Part, look
from amicopy.copies.voting import rule_faults

# A check takes a moment; one that takes this long hangs.
SECONDS = 6.0


@dataclass(frozen=True)
class Check:
    """Something to look at, and how many seconds that may take. `asks_database`: it can't be done without."""

    part: Part
    look: Callable[[], Iterator[Finding]]
    seconds: float = SECONDS
    asks_database: bool = True


def two_people() -> Iterator[Finding]:
    """Whether it takes two administrators to give power."""
    if not settings.TWO_PERSON_CHANGES:
        yield look(Part.CHANGES, "changes-by-one")


def rules() -> Iterator[Finding]:
    """Whether the roles and teams that rules name are there, with people in them who count."""
    on = list(ApprovalRule.objects.filter(enabled=True).select_related("requester_group"))
    for faults in rule_faults.of_rules(on):
        for fault in faults:
            yield look(Part.RULES, f"rule-group-{fault.code}", rule=fault.rule, group=fault.group)


# What every face shows: nothing here calls AWS or writes.
CHECKS = (
    Check(Part.DATABASE, machinery.database),
    Check(Part.RESTORE, machinery.restored),
    Check(Part.BROKER, machinery.broker, asks_database=False),
    Check(Part.WORKERS, machinery.processes),
    Check(Part.WORK, queue_ages.overdue),
    Check(Part.EMAIL, channels.email),
    Check(Part.WEBHOOKS, channels.webhooks),
    Check(Part.ACCESS_KEYS, channels.sealed_keys),
    Check(Part.SECOND_FACTORS, channels.sealed_apps),
    Check(Part.HISTORY, history.chain),
    Check(Part.HISTORY, history.append_only),
    Check(Part.HEADS, history.heads),
    Check(Part.ACCOUNT, places.last_seen),
    Check(Part.EVENTS, places.listeners),
    Check(Part.PRICES, price_age.prices_in_use),
    Check(Part.DISK, machinery.disk, asks_database=False),
    Check(Part.SESSIONS, machinery.sessions),
    Check(Part.TOKENS, places.tokens, asks_database=False),
    Check(Part.RULES, rules),
    Check(Part.CHANGES, two_people, asks_database=False),
)
# What doctor does besides, at the same time: it sends a message.
DOCTORS = (Check(Part.WORKERS, machinery.messages_taken, machinery.PING_SECONDS + 2 * machinery.BROKER_SECONDS),)
