"""The table of named facts: what may set a request apart from the ordinary, a row a fact.

Chips on pages and in messages are drawn from it, and approval rules can ask for more where a fact holds. A new fact is
a row here, its words in `fact_words`, and its icon in `amicopy.web.chips`. Order is that of the chips.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from django.conf import settings

from amicopy.copies.core import source_volumes
from amicopy.copies.core.calls import Call
from amicopy.copies.core.cost import Estimate
from amicopy.copies.core.steps.table import ALIAS, LAUNCH, SNAPSHOTS
from amicopy.copies.voting import budgets, fact_inspection
from amicopy.copies.voting.fact_evidence import Evidence

# GiB of one copy from which it is large, and days after which a source is old.
LARGE = 1024
OLD = 365
AWS_EBS_KEY = "alias/aws/ebs"

Value = bool | int | str


class Level(StrEnum):
    """How much a fact asks to be looked at: `LESS` speaks for a request, `NONE` neither for nor against it."""

    NONE = ""
    LESS = "less"
    SOME = "some"
    HIGH = "high"


class Kind(StrEnum):
    """What a fact is told as: whether it is so, a number that holds from a threshold on, or a text."""

    BOOLEAN = "boolean"
    NUMBER = "number"
    TEXT = "text"


@dataclass(frozen=True)
class Fact:
    """`tell` says it of one call: a value of its kind, or None where nobody knows. A number holds from `least` on, a
    text unless it is empty. `level` is that of a fact that holds; `always` shows a number that doesn't, too. `total`:
    the number of a request is that of all its copies together. One that isn't `shown` is for rules alone: it says that
    something which speaks for a request isn't there."""

    code: str
    kind: Kind
    level: Level
    tell: Callable[[Call, Evidence], Value | None]
    least: int = 1
    always: bool = False
    total: bool = False
    shown: bool = True

    def holds(self, call: Call, evidence: Evidence) -> bool | None:
        """Whether it is so for a call; None when it can't be told."""
        return self.held_by(self.tell(call, evidence))

    def held_by(self, value: Value | None) -> bool | None:
        """Whether a value that was told makes the fact hold."""
        if value is None:
            return None
        return int(value) >= self.least if self.kind == Kind.NUMBER else bool(value)


@dataclass(frozen=True)
class Told:
    """A fact of a request. `places` are the destinations it is so for, out of `of`; `value` is the number, or the
    texts with commas between them."""

    code: str
    level: Level
    value: Value
    places: tuple[str, ...]
    of: int

    @property
    def everywhere(self) -> bool:
        return len(self.places) == self.of


def tell(calls: Sequence[Call], evidence: Evidence) -> list[Told]:
    """The facts of a request that are worth showing, in the table's order. What nobody knows isn't told."""
    return [told for fact in FACTS if fact.shown and (told := _told(fact, calls, evidence)) is not None]


def risky(told: Sequence[Told]) -> bool:
    """Whether a request with these facts has to be looked at closely."""
    return any(each.level in (Level.SOME, Level.HIGH) for each in told)


def _told(fact: Fact, calls: Sequence[Call], evidence: Evidence) -> Told | None:
    values = [(call, value) for call in calls if (value := fact.tell(call, evidence)) is not None]
    held = [(call, value) for call, value in values if fact.held_by(value)]
    shown = values if fact.always and not held else held
    if not shown:
        return None
    level = fact.level if held else Level.NONE
    return Told(
        fact.code, level, _together(fact, values, held), tuple(call.destination for call, _ in shown), len(calls)
    )


def _together(fact: Fact, values: Sequence[tuple[Call, Value]], held: Sequence[tuple[Call, Value]]) -> Value:
    if fact.kind == Kind.NUMBER:
        numbers = [int(value) for _, value in values]
        return sum(numbers) if fact.total else max(numbers)
    if fact.kind == Kind.TEXT:
        return ", ".join(dict.fromkeys(str(value) for _, value in held))
    return True


def _submitted_anyway(call: Call, evidence: Evidence) -> bool:
    return bool(evidence.anyway)


def _no_copy(call: Call, evidence: Evidence) -> bool:
    """Whether nothing is copied, and only steps are done to an AMI that exists."""
    return call.existing


def _source_unseen(call: Call, evidence: Evidence) -> bool:
    return not evidence.source


def _public_source(call: Call, evidence: Evidence) -> bool | None:
    return bool(evidence.source.get("Public")) if evidence.source else None


def _foreign_owner(call: Call, evidence: Evidence) -> str | None:
    """The owner's account, where amicopy doesn't work in it."""
    owner = str(evidence.source.get("OwnerId") or "")
    if not owner:
        return None
    return "" if owner in evidence.history.own_accounts else owner


def _key_changes(call: Call, evidence: Evidence) -> bool | None:
    """Whether a volume that is encrypted gets another key. Keys belong to a Region, but for multi-Region ones."""
    if call.existing:
        return False
    if not evidence.source:
        return None
    return _any([_other_key(call, evidence, volume) for volume in _copied(evidence) if volume["Encrypted"]])


def _copied(evidence: Evidence) -> list[Mapping[str, Any]]:
    return source_volumes.copied(evidence.source.get("volumes") or ())


def _other_key(call: Call, evidence: Evidence, volume: Any) -> bool | None:
    known = evidence.known_of(call)
    was, will_be = str(volume.get("KmsKeyId") or ""), str(call.parameters.get("KmsKeyId") or "")
    if will_be:
        key = known.get("key") or {}
        will_be = str(key.get("Arn") or will_be)
    else:
        predicted = {each["DeviceName"]: each for each in known.get("encryption") or ()}
        will_be = str((predicted.get(volume["DeviceName"]) or {}).get("KmsKeyId") or "")
    if was and will_be and (was == will_be or _multi_region_key(was) == _multi_region_key(will_be) != ""):
        return False
    if was and will_be.startswith("arn:"):
        return True
    # An alias, or the default key, of another Region is another key there.
    return True if call.DestinationRegion != call.parameters.get("SourceRegion") else None


def _multi_region_key(arn: str) -> str:
    """The id that a multi-Region key has in each of its Regions; empty for another key."""
    key_id = arn.rpartition("/")[2]
    return key_id if key_id.startswith("mrk-") else ""


def _default_key(call: Call, evidence: Evidence) -> bool | None:
    """Whether the Region's default EBS key encrypts the copy, because no other was chosen."""
    if call.existing:
        return False
    if chosen := str(call.parameters.get("KmsKeyId") or ""):
        key = evidence.known_of(call).get("key") or {}
        return AWS_EBS_KEY in chosen or key.get("KeyManager") == "AWS"
    if predicted := evidence.known_of(call).get("encryption"):
        elsewhere = call.DestinationRegion != call.parameters.get("SourceRegion")
        return _any([each["Encrypted"] and (True if each["KmsKeyId"] or elsewhere else None) for each in predicted])
    if call.parameters.get("Encrypted") is True or call.parameters.get("DestinationOutpostArn"):
        return True
    return None


def _unencrypted(call: Call, evidence: Evidence) -> bool | None:
    if call.parameters.get("Encrypted") is True or call.parameters.get("DestinationOutpostArn"):
        return False
    if predicted := evidence.known_of(call).get("encryption"):
        return _any([None if each["Encrypted"] is None else not each["Encrypted"] for each in predicted])
    volumes = _copied(evidence)
    return False if volumes and all(volume["Encrypted"] for volume in volumes) else None


def _becomes_encrypted(call: Call, evidence: Evidence) -> bool | None:
    if not evidence.source:
        return None
    was = {volume["DeviceName"]: volume["Encrypted"] for volume in _copied(evidence)}
    if all(was.values()):
        return False
    predicted = evidence.known_of(call).get("encryption") or ()
    return any(each["Encrypted"] is True and not was.get(each["DeviceName"], True) for each in predicted)


def _known_to_fail(call: Call, evidence: Evidence) -> bool:
    """Whether something was found when it was submitted that AWS would refuse, or fail at."""
    known = evidence.known_of(call)
    return bool(
        known.get("place")
        or (known.get("key") or {}).get("problem")
        or not (known.get("dry_run") or {"allowed": True})["allowed"]
        or any(warning.get("stops") for warning in evidence.lookups.get("warnings") or ())
    )


def _sensitive_tags(call: Call, evidence: Evidence) -> str:
    """The tags, of the source and of the copy, that the setting SENSITIVE_TAGS names, as key=value."""
    tags = dict(evidence.source.get("tags") or {})
    for specification in call.parameters.get("TagSpecifications") or ():
        tags |= {tag["Key"]: tag.get("Value", "") for tag in specification.get("Tags") or ()}
    patterns = [pattern.casefold() for pattern in settings.SENSITIVE_TAGS]
    pairs = [f"{key}={value}" for key, value in tags.items()]
    return ", ".join(pair for pair in pairs if any(fnmatchcase(pair.casefold(), pattern) for pattern in patterns))


def _size(call: Call, evidence: Evidence) -> int | None:
    """GiB of one copy's volumes."""
    return source_volumes.gib(evidence.source.get("volumes") or ()) or None


def _new_region(call: Call, evidence: Evidence) -> bool:
    """Whether nothing was ever copied to the Region in this account."""
    copied = not call.dry_run and not call.existing
    return copied and (evidence.account.pk, call.DestinationRegion) not in evidence.history.used


def _costs(call: Call, evidence: Evidence) -> str:
    """What all copies together cost at most: the currency, then once and a month, each a question mark where it isn't
    known; empty where nobody has estimated it, or nothing is made."""
    found = Estimate.of(evidence.estimate)
    if found is None or call.dry_run or call.existing:
        return ""
    amounts = ("?" if each.high is None else str(each.high) for each in (found.once, found.month))
    return " ".join((found.currency, *amounts))


def _over_budget(call: Call, evidence: Evidence) -> bool | None:
    return budgets.over(evidence.estimate.get("budgets") or ())


def _age(call: Call, evidence: Evidence) -> int | None:
    """Whole days that the source was old when the request was submitted."""
    made = str(evidence.source.get("CreationDate") or "")
    if not made:
        return None
    return max(0, math.floor((evidence.at - datetime.fromisoformat(made)) / timedelta(days=1)))


def _launch_permissions(call: Call, evidence: Evidence) -> str | None:
    """With how many accounts, and organizations or their units, the source is shared, which no copy is; empty where
    it is with nobody."""
    shared = evidence.lookups.get("shared_with")
    if shared is None:
        return None
    numbers = (int(shared["accounts"]), int(shared["organizations"]))
    return "{} {}".format(*numbers) if any(numbers) else ""


def _shared_out(call: Call, evidence: Evidence) -> str:
    """The accounts that get the copy, or its snapshots, and that amicopy doesn't work in."""
    ids = {each for code in (LAUNCH, SNAPSHOTS) for each in (evidence.step_of(call, code) or {}).get("UserIds", ())}
    return ", ".join(sorted(ids - evidence.history.own_accounts))


def _shared_with_organization(call: Call, evidence: Evidence) -> str:
    """The organizations, and their units, whose accounts get the copy, by the last part of their ARNs."""
    launch = evidence.step_of(call, LAUNCH) or {}
    arns = [*launch.get("OrganizationArns", ()), *launch.get("OrganizationalUnitArns", ())]
    return ", ".join(arn.rpartition("/")[2] for arn in arns)


def _made_public(call: Call, evidence: Evidence) -> bool:
    return "all" in (evidence.step_of(call, LAUNCH) or {}).get("UserGroups", ())


def _alias_overwritten(call: Call, evidence: Evidence) -> str | None:
    """The alias that shows another AMI now, and which; empty where it isn't there. Nobody knows where nobody looked."""
    alias = evidence.step_of(call, ALIAS)
    if alias is None or not alias.get("Overwrite"):
        return ""
    looked = (evidence.known_of(call).get("steps") or {}).get("alias")
    if looked is None:
        return None
    return f"{alias['Name']} {looked['Value']}" if looked.get("Value") else ""


def _starts_later(call: Call, evidence: Evidence) -> str:
    wish = evidence.start_not_before
    return wish.isoformat() if wish is not None and wish > evidence.at else ""


def _any(answers: Sequence[bool | None]) -> bool | None:
    """Yes when one is, otherwise None when one can't be told."""
    if any(answers):
        return True
    return None if None in answers else False


FACTS: tuple[Fact, ...] = (
    Fact("submitted-anyway", Kind.BOOLEAN, Level.HIGH, _submitted_anyway),
    Fact("no-copy", Kind.BOOLEAN, Level.SOME, _no_copy),
    Fact("source-unseen", Kind.BOOLEAN, Level.SOME, _source_unseen),
    Fact("public-source", Kind.BOOLEAN, Level.HIGH, _public_source),
    Fact("foreign-owner", Kind.TEXT, Level.HIGH, _foreign_owner),
    Fact("key-changes", Kind.BOOLEAN, Level.SOME, _key_changes),
    Fact("default-key", Kind.BOOLEAN, Level.SOME, _default_key),
    Fact("unencrypted", Kind.BOOLEAN, Level.SOME, _unencrypted),
    Fact("becomes-encrypted", Kind.BOOLEAN, Level.LESS, _becomes_encrypted),
    Fact("known-to-fail", Kind.BOOLEAN, Level.HIGH, _known_to_fail),
    Fact("launch-permissions", Kind.TEXT, Level.NONE, _launch_permissions),
    Fact("critical-finding", Kind.TEXT, Level.HIGH, fact_inspection.critical),
    Fact("high-finding", Kind.TEXT, Level.SOME, fact_inspection.high),
    Fact("scan-old", Kind.NUMBER, Level.SOME, fact_inspection.scan_age, least=fact_inspection.SCAN_COUNTS + 1),
    Fact("scanned-clean", Kind.TEXT, Level.LESS, fact_inspection.scanned_clean, shown=False),
    Fact("no-clean-scan", Kind.BOOLEAN, Level.SOME, fact_inspection.no_clean_scan, shown=False),
    Fact("watermark", Kind.TEXT, Level.LESS, fact_inspection.watermarks),
    Fact("no-watermark", Kind.BOOLEAN, Level.SOME, fact_inspection.no_watermark, shown=False),
    Fact("descends-from", Kind.TEXT, Level.LESS, fact_inspection.descends_from, shown=False),
    Fact("other-descent", Kind.BOOLEAN, Level.SOME, fact_inspection.other_descent, shown=False),
    Fact("not-launchable", Kind.BOOLEAN, Level.SOME, fact_inspection.not_launchable),
    Fact("not-allowed", Kind.BOOLEAN, Level.HIGH, fact_inspection.not_allowed),
    Fact("deprecated-source", Kind.BOOLEAN, Level.SOME, fact_inspection.deprecated),
    Fact("sensitive-tags", Kind.TEXT, Level.SOME, _sensitive_tags),
    Fact("large", Kind.NUMBER, Level.SOME, _size, least=LARGE, always=True, total=True),
    Fact("new-region", Kind.BOOLEAN, Level.SOME, _new_region),
    Fact("costs", Kind.TEXT, Level.NONE, _costs),
    Fact("over-budget", Kind.BOOLEAN, Level.SOME, _over_budget),
    Fact("old-source", Kind.NUMBER, Level.SOME, _age, least=OLD),
    Fact("made-public", Kind.BOOLEAN, Level.HIGH, _made_public),
    Fact("shared-with-foreign", Kind.TEXT, Level.HIGH, _shared_out),
    Fact("shared-with-organization", Kind.TEXT, Level.SOME, _shared_with_organization),
    Fact("alias-overwritten", Kind.TEXT, Level.SOME, _alias_overwritten),
    Fact("starts-later", Kind.TEXT, Level.NONE, _starts_later),
)
BY_CODE: dict[str, Fact] = {fact.code: fact for fact in FACTS}
