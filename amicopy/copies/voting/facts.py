"""What rules look at: the account, the requester and the source as it was seen, each unknown where nobody knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.contrib.auth.models import User

from amicopy.copies.core import source_volumes
from amicopy.copies.core.calls import Call
from amicopy.copies.core.cost import Estimate
from amicopy.copies.core.models import Account, CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.voting import estimates, fact_table, lone_changes, second_person
from amicopy.copies.voting.fact_evidence import Evidence, History, source_in, steps_by_destination


@dataclass(frozen=True)
class Facts:
    """`size` is the GiB of one copy. None: not known."""

    account: Account
    requester_groups: frozenset[str]
    SourceAccount: str | None = None
    size: int | None = None
    source_encrypted: bool | None = None
    requester: User | None = None
    # Asked by a program, with a token.
    by_machine: bool = False
    # What the named facts are told from; without it, those that are `assumed` hold and no others.
    evidence: Evidence | None = None
    assumed: frozenset[str] = frozenset()
    # What all copies together cost at most, a month and once. None: not known, which counts as over any limit.
    month: Decimal | None = None
    once: Decimal | None = None

    def holds(self, code: str, call: Call) -> bool | None:
        """Whether a fact of the table is so for a call; None when it can't be told, or the table has it no more."""
        if self.evidence is None:
            return code in self.assumed
        fact = fact_table.BY_CODE.get(code)
        return fact.holds(call, self.evidence) if fact else None

    @cached_property
    def own_rules(self) -> bool:
        """Whether the requester changed the rules without anybody else, or could have: then none of them lets a copy of
        theirs run without anybody's approval."""
        if self.requester is None:
            return False
        if lone_changes.wrote_rules(self.requester):
            return True
        return not second_person.automatic_approval_applies(self.requester)

    @cached_property
    def rulebooks_before(self) -> list[tuple[str, list[ApprovalRule]]]:
        """The rules as they stood before the requester changed them without anybody else, with who did."""
        return lone_changes.rulebooks_before(self.requester) if self.requester else []


def facts_for(
    account: Account,
    requester: User,
    lookups: Mapping[str, Any],
    *,
    calls: Sequence[Call],
    start_not_before: datetime | None = None,
    by_machine: bool = False,
    estimate: Mapping[str, Any] | None = None,
    anyway: Mapping[str, Any] | None = None,
    steps: Sequence[Mapping[str, Any]] = (),
) -> Facts:
    """The facts of a request with these calls that this person, or a program of theirs, makes in this account now;
    `lookups` is what was found out at AWS, `estimate` what it costs, where that was kept already;
    `anyway` what the request is submitted in spite of, as it keeps it; `steps` what follows each copy, as it is
    approved."""
    if estimate is None:
        estimate = estimates.estimate_for(account, requester, calls, lookups)
    costs = Estimate.of(estimate)
    source = source_in(lookups)
    volumes = source_volumes.copied(source.get("volumes") or ())
    return Facts(
        account=account,
        requester_groups=frozenset(requester.groups.values_list("name", flat=True)),
        SourceAccount=source.get("OwnerId") or None,
        size=source_volumes.gib(volumes) or None,
        source_encrypted=all(volume["Encrypted"] for volume in volumes) if volumes else None,
        requester=requester,
        by_machine=by_machine,
        evidence=Evidence(
            account=account,
            lookups=lookups,
            history=History((account.pk, call.DestinationRegion) for call in calls),
            start_not_before=start_not_before,
            estimate=estimate,
            anyway=anyway or {},
            steps=steps_by_destination(calls, steps),
        ),
        month=costs.month.high if costs else None,
        once=costs.once.high if costs else None,
    )


def facts_of(request: CopyRequest) -> Facts:
    """The facts of a request that was made already, with the groups its requester has now."""
    copies = list(request.copies_of_round())
    return facts_for(
        request.account,
        request.requester,
        request.lookups,
        calls=[copy.call() for copy in copies],
        start_not_before=request.start_not_before,
        by_machine=request.by_machine,
        estimate=request.estimate,
        anyway=request.anyway,
        steps=[copy.approved_steps for copy in copies],
    )


def encrypted(call: Call, facts: Facts) -> bool | None:
    """Whether the copy will be encrypted: as asked, as every copy on an Outpost is, or as the source is."""
    if call.parameters.get("Encrypted") is True or call.parameters.get("DestinationOutpostArn"):
        return True
    return facts.source_encrypted
