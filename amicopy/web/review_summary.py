"""What was found out at AWS when a request was submitted, for whoever decides on it; see `copies.lookups.snapshot`.

A request holds without any part of it: what wasn't found out is said, or left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from django.conf import settings

from amicopy.copies import rules
from amicopy.copies.core import source_volumes
from amicopy.copies.core.call_changes import changes, step_changes
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.states import RequestState
from amicopy.copies.lifecycle import name_holders
from amicopy.copies.lookups.snapshot_members import Kept, KeptDestination, KeptPrediction, KeptWarning
from amicopy.copies.rules import known_problems
from amicopy.copies.rules import steps as step_rules
from amicopy.copies.rules.cautions import grouped
from amicopy.copies.voting import fact_table
from amicopy.copies.voting.fact_evidence import Evidence, source_in
from amicopy.web import costs, steps_asked, submitted_anyway
from amicopy.web.forms.notes import prediction_words
from amicopy.web.inspection import Inspected, inspected
from amicopy.web.steps_asked import AskedStep
from amicopy.web.submitted_anyway import SubmittedAnyway

key_changes, default_key = fact_table.BY_CODE["key-changes"], fact_table.BY_CODE["default-key"]


@dataclass(frozen=True)
class Check:
    """One answer, with its colour and icon."""

    colour: str
    icon: str
    words: str


@dataclass(frozen=True)
class Change:
    """One property of the source beside what the copies will have. `kind` is new, chg, weak, lost or same."""

    kind: str
    name: str
    api: str
    source: Any
    copies: Any

    @property
    def sign(self) -> tuple[str, str]:
        """The sign of the row, and what it means."""
        return {
            "new": ("+", "added"),
            "chg": ("→", "changed"),
            "weak": ("→", "changed, weaker"),
            "lost": ("!", "not copied"),
        }.get(self.kind, ("=", "same"))


@dataclass(frozen=True)
class Found:
    """`total` is GiB of all copies together, `usual` the shortest and longest time in seconds."""

    checks: list[Check]
    warnings: Sequence[KeptWarning]
    changes: list[Change] = field(default_factory=list)
    total: int = 0
    cost: costs.Shown | None = None
    usual: tuple[float, float] | None = None
    anyway: SubmittedAnyway | None = None
    after: Sequence[AskedStep] = ()
    key_statement: str = ""
    inspected: Inspected | None = None


def names_of(rows: Iterable[tuple[CopyRequest, Sequence[ImageCopy]]]) -> list[ImageCopy]:
    """The copies with the names of those of these requests that wait; one statement, none where nobody minds."""
    if settings.NAME_CLASH == "allow":
        return []
    waiting = [(row, copies) for row, copies in rows if row.state == RequestState.PENDING]
    return name_holders.candidates((row.account_id, copy.call()) for row, copies in waiting for copy in copies)


def found_of(row: CopyRequest, copies: Sequence[ImageCopy], names: Sequence[ImageCopy]) -> Found:
    """What is known of a request with these copies; `names` are those of `names_of`."""
    kept = cast("Kept", row.lookups or {})
    source = source_in(row.lookups)
    places = _places(kept, copies)
    calls = [copy.call() for copy in copies]
    usual = [place["usual_seconds"] for place in places if "usual_seconds" in place]
    keys = any("KmsKeyId" in copy.parameters for copy in copies)
    return Found(
        checks=[
            *(Check("fail", "fail", words) for words in _in_the_way(row, calls)),
            *(
                _checks_of_image(row, source)
                if row.existing
                else _checks(kept, source, places, _held(row, copies, names), keys=keys)
            ),
        ],
        warnings=[*(kept.get("warnings") or ()), *_cautions(row, calls, copies)],
        changes=_changes(row, kept, source, places, copies) if source and not row.existing else [],
        total=0 if row.existing else source_volumes.gib(source.get("volumes") or ()) * len(copies),
        cost=costs.shown(row.estimate or {}, [copy.approved_steps for copy in copies], at=row.submitted_at),
        usual=(min(usual), max(usual)) if usual else None,
        anyway=submitted_anyway.of_request(row),
        after=steps_asked.asked_of(row, copies),
        key_statement=steps_asked.key_statement(row.lookups or {}, row.account.partition),
        inspected=_inspected(row, kept, source, places),
    )


def _inspected(
    row: CopyRequest, kept: Kept, source: Mapping[str, Any], places: Sequence[KeptDestination]
) -> Inspected | None:
    """A closer look at the source, where it was taken."""
    if "inspection" not in kept or not source:
        return None
    offered = {place["destination"]: place["offered"] for place in places if "offered" in place}
    again = kept["inspection"].get("looked_again_at")
    at = datetime.fromisoformat(again) if again else row.submitted_at
    return inspected(source, kept["inspection"], offered, at=at)


def _cautions(row: CopyRequest, calls: Sequence[Call], copies: Sequence[ImageCopy]) -> list[KeptWarning]:
    """What the requester was warned of at the form; what is in the way is among the checks."""
    account = row.account
    warned = rules.warnings(calls, account_id=account.account_id, partition=account.partition, lookups=row.lookups)
    steps = [copy.approved_steps for copy in copies]
    warned += step_rules.warnings(
        calls, steps, account_id=account.account_id, partition=account.partition, lookups=row.lookups
    )
    said = grouped(calls, warned)
    return [KeptWarning(code="form", message=caution.sentence, stops=False) for caution in said]


def _in_the_way(row: CopyRequest, calls: Sequence[Call]) -> list[str]:
    """What look-ups found in the way, in words; not what the request was submitted in spite of, which is said first."""
    knew = {known_problems.key_of_kept(each) for each in row.anyway.get("problems", ())}
    found = rules.found_in_the_way(calls, lookups=row.lookups)
    new = [each for each in found if known_problems.key_of(each, calls) not in knew]
    return [
        each.message if each.destination is None else f"{calls[each.destination].destination}: {each.message}"
        for each in new
    ]


def edits_of(row: CopyRequest, copies: Sequence[ImageCopy]) -> list[dict[str, Any]]:
    """What the requester changed since the round before, for who decides on the new one with these copies."""
    if row.round == 1:
        return []
    before = [copy for copy in row.copies.all() if copy.round == row.round - 1]
    steps_before = {copy.destination: copy.approved_steps for copy in before}
    return [
        *changes([copy.call() for copy in before], [copy.call() for copy in copies]),
        *step_changes(steps_before, {copy.destination: copy.approved_steps for copy in copies}),
    ]


def _places(kept: Kept, copies: Sequence[ImageCopy]) -> list[KeptDestination]:
    """What is known of each copy's destination, empty where it was about another."""
    rows = {each.get("destination"): each for each in kept.get("destinations") or []}
    return [rows.get(copy.destination) or KeptDestination(destination=copy.destination) for copy in copies]


def _held(row: CopyRequest, copies: Sequence[ImageCopy], names: Sequence[ImageCopy]) -> list[str]:
    """In words, which names of a request others have, or will have."""
    calls = [copy.call() for copy in copies]
    taken = name_holders.holders(row.account_id, calls, row.lookups, besides=row.pk, among=names)
    return [name_holders.words(call, others) for call, others in zip(calls, taken, strict=True) if others]


def _checks(
    kept: Kept, source: Mapping[str, Any], places: Sequence[KeptDestination], held: Sequence[str], *, keys: bool
) -> list[Check]:
    checks = [] if source else [Check("warn", "warn", _unseen(kept))]
    refused = [
        f"{place['destination']}: AWS would refuse it. {place['dry_run']['message']}"
        for place in places
        if "dry_run" in place and not place["dry_run"]["allowed"]
    ]
    checks += [Check("fail", "fail", words) for words in refused]
    if all("dry_run" in place for place in places) and not refused:
        checks.append(Check("ok", "ok", "Permissions checked"))
    elif not refused:
        checks.append(Check("idle", "info", "Permissions not checked"))
    if keys and not any("key" in place and place["key"]["problem"] for place in places):
        known = all("key" in place for place in places)
        checks.append(Check("ok", "ok", "KMS key usable") if known else Check("idle", "info", "KMS key not checked"))
    taken = [p for p in places if p.get("clashes")]
    checks += [
        Check("warn", "warn", f"{place['destination']} has an AMI of this name: {', '.join(place['clashes'])}")
        for place in taken
    ]
    checks += [Check("warn", "warn", words) for words in held]
    if not taken and not held and all("clashes" in place for place in places):
        checks.append(Check("ok", "ok", "Name free" if len(places) == 1 else "Name free in each Region"))
    return checks


def _checks_of_image(row: CopyRequest, source: Mapping[str, Any]) -> list[Check]:
    """What was looked at of an AMI that exists; without these nobody can ask for anything to be done to it."""
    owner, state = str(source.get("OwnerId") or ""), str(source.get("State") or "")
    own = Check("ok", "ok", f"Owned by {row.account.name}") if owner == row.account.account_id else None
    return [
        own or Check("fail", "fail", f"Owned by {owner}"),
        Check("ok", "ok", "Available") if state == "available" else Check("fail", "fail", state.capitalize()),
        Check("ok", "ok", "Nothing is copied or removed"),
    ]


def _unseen(kept: Kept) -> str:
    reason = (kept.get("missing") or {}).get("source")
    return f"The source wasn’t looked at. {reason}" if reason else "The source wasn’t looked at"


def _changes(
    row: CopyRequest,
    kept: Kept,
    source: Mapping[str, Any],
    places: Sequence[KeptDestination],
    copies: Sequence[ImageCopy],
) -> list[Change]:
    volumes = source_volumes.copied(source.get("volumes") or ())
    owner, mine = str(source.get("OwnerId") or ""), row.account.account_id
    rows = [
        *_key(row, volumes, copies),
        *([Change("same" if owner == mine else "chg", "Owner", "", owner, mine)] if owner else []),
        Change("chg", "Region", "", row.SourceRegion, ", ".join(copy.destination for copy in copies)),
        _name(source, copies),
    ]
    predicted = [place for place in places if place.get("encryption")]
    for words, where in _grouped([(prediction_words(place["encryption"]), place) for place in predicted]):
        said = words[:1].upper() + words[1:].removesuffix(".")
        same = all(_same_encryption(volumes, place["encryption"]) for place in where)
        at = "" if len(where) == len(places) else f" ({', '.join(place['destination'] for place in where)})"
        rows.append(
            Change("same" if same else "chg", "Encryption", "Encrypted", _encryption_of(volumes), f"{said}{at}")
        )
    first = copies[0].parameters if copies else {}
    if first.get("TagSpecifications"):
        rows.append(Change("new", "New tags", "TagSpecifications", "", first["TagSpecifications"]))
    if first.get("CopyImageTags"):
        taken, left = kept.get("tags_copied") or {}, kept.get("tags_left") or {}
        if taken:
            rows.append(Change("same", "Source tags", "CopyImageTags", taken, "Same"))
        if left:
            rows.append(Change("lost", "Other tags", "CopyImageTags", left, "Not copied"))
    elif source.get("tags"):
        rows.append(Change("lost", "Source tags", "CopyImageTags", dict(source["tags"]), "Not copied"))
    rows += [
        Change("lost", words[:1].upper() + words[1:], "", "", "Not copied") for words in kept.get("not_copied") or []
    ]
    built = f"{source.get('Architecture', '')}, {source.get('PlatformDetails', '')}"
    sizes = " + ".join(str(volume["VolumeSize"]) for volume in volumes)
    return [*rows, Change("same", "Architecture and volumes", "", f"{built}; {sizes} GiB", "Same")]


def _key(row: CopyRequest, volumes: Sequence[Mapping[str, Any]], copies: Sequence[ImageCopy]) -> list[Change]:
    """What becomes of the source's key; nothing where the source has none. What AWS decides counts as a change."""
    keys = [str(volume["KmsKeyId"]) for volume in volumes if volume["Encrypted"] and volume.get("KmsKeyId")]
    if not keys:
        return []
    evidence, calls = Evidence(account=row.account, lookups=row.lookups or {}), [copy.call() for copy in copies]
    told = [(key_changes.holds(call, evidence), default_key.holds(call, evidence), call) for call in calls]
    changed = [(weak, call) for differs, weak, call in told if differs is not False]
    if not changed:
        return [Change("same", "KMS key", "KmsKeyId", ", ".join(dict.fromkeys(keys)), "Same")]
    said = [
        str(call.parameters.get("KmsKeyId") or ("The default EBS key" if weak else "As AWS decides"))
        for weak, call in changed
    ]
    kind = "weak" if any(weak for weak, _ in changed) else "chg"
    return [Change(kind, "KMS key", "KmsKeyId", ", ".join(dict.fromkeys(keys)), ", ".join(dict.fromkeys(said)))]


def _encryption_of(volumes: Sequence[Mapping[str, Any]]) -> str:
    """How the source is encrypted, and with which keys."""
    encrypted = [volume for volume in volumes if volume["Encrypted"]]
    if not encrypted:
        return "Not encrypted"
    keys = ", ".join(dict.fromkeys(volume["KmsKeyId"] for volume in encrypted if volume.get("KmsKeyId")))
    words = "Encrypted" if len(encrypted) == len(volumes) else "Partly encrypted"
    return f"{words} with {keys}" if keys else words


def _same_encryption(volumes: Sequence[Mapping[str, Any]], predicted: Sequence[KeptPrediction]) -> bool:
    """Whether every snapshot will be encrypted as it is, with the same key; not where AWS decides about either."""
    was = {volume["DeviceName"]: volume for volume in volumes}

    def same(each: KeptPrediction) -> bool:
        volume = was.get(each["DeviceName"])
        if volume is None or each["Encrypted"] is None or each["Encrypted"] != volume["Encrypted"]:
            return False
        return not each["Encrypted"] or bool(each["KmsKeyId"] and each["KmsKeyId"] == volume.get("KmsKeyId"))

    return all(map(same, predicted))


def _name(source: Mapping[str, Any], copies: Sequence[ImageCopy]) -> Change:
    was = str(source.get("Name") or "")
    names = list(dict.fromkeys(str(copy.parameters.get("Name", "")) for copy in copies))
    return Change("same" if names == [was] else "chg", "Name", "Name", was, ", ".join(names))


def _grouped(said: Sequence[tuple[str, KeptDestination]]) -> list[tuple[str, list[KeptDestination]]]:
    """Each sentence once, with the destinations it is about."""
    groups: dict[str, list[KeptDestination]] = {}
    for words, place in said:
        groups.setdefault(words, []).append(place)
    return list(groups.items())
