"""What a request keeps of its look-ups, in `CopyRequest.lookups`: JSON, written at submission, never asked for again.

The approver's page is drawn from it, approval rules read it (`voting.facts`), and the fingerprint that an approval
binds to is made from it (`source_binding`). A part that AWS didn't answer in time is absent, and `missing` says why, by
the part's name; a page must hold without any part. An older request may have an empty mapping or only `source`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from django.utils import timezone

from amicopy.aws.account import AwsAccount
from amicopy.aws.ec2 import EbsEncryption
from amicopy.copies.core import copy_speed
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account
from amicopy.copies.core.steps.members import Members
from amicopy.copies.lifecycle import source_binding
from amicopy.copies.lookups import (
    async_queries,
    closer_looks,
    dry_run,
    encryption,
    entry,
    inspection,
    keys,
    names,
    places,
    source,
)
from amicopy.copies.lookups import steps as step_lookups
from amicopy.copies.lookups.async_queries import UNASKED, Begin, Missing, Question, begin
from amicopy.copies.lookups.snapshot_members import (
    Kept,
    KeptAbsence,
    KeptDestination,
    KeptKey,
    KeptPermission,
    KeptPrediction,
    KeptRefusal,
    KeptSharing,
    KeptWarning,
)

# The steps after each call, as `core.steps.wanted.frozen` gives them; or nothing at all.
Steps = Sequence[Mapping[str, Members]]


def gather(
    account: Account,
    calls: Sequence[Call],
    *,
    until: float,
    ask: Begin = begin,
    as_worker: bool = False,
    closely: bool = True,
    steps: Steps = (),
) -> Kept:
    """Everything that could be found out about these calls until a deadline, side by side. Asks only what has a shape
    AWS can be asked for; never raises for what AWS does. With the `begin` of `async_queries.Looks` nothing is said of
    what is on its way. A worker enters the account by the role it copies with. `closely`: with what `inspection` asks,
    which nothing depends on; with `steps`, those after each call, also what they would meet."""
    aws = account.aws() if as_worker else account.read_only()
    entering = ask(entry.question(aws)) if entry.asked_of_aws(account, as_worker=as_worker) else None
    return _kept(account, aws, calls, ask, until, entering, closely=closely, steps=steps)


def gather_many(
    account: Account,
    many: Sequence[Sequence[Call]],
    *,
    until: float,
    ask: Begin = begin,
    steps: Sequence[Steps] = (),
) -> list[Kept]:
    """The same for the calls of several requests: all questions are on their way before any answer is waited for, and
    who has the new names is asked once a Region."""
    aws = account.read_only()
    wanted: dict[str, list[str]] = {}
    for call in (call for calls in many for call in calls if call.name):
        if places.is_region(aws, call.DestinationRegion):
            wanted.setdefault(call.DestinationRegion, []).append(call.name)
    together = [ask(question) for region, new in wanted.items() for question in names.together(aws, region, new)]
    others = [
        ask(question)
        for calls in many
        for call in calls
        for name, question in _questions(aws, call).items()
        if name != "clashes"
    ]
    after = list(steps) or [() for _ in many]
    of_steps = [
        ask(question)
        for calls, each in zip(many, after, strict=True)
        for call, own in zip(calls, each, strict=bool(each))
        if places.is_region(aws, call.DestinationRegion)
        for question in step_lookups.questions(aws, call, own).values()
    ]
    for wait in (*together, *others, *of_steps):
        wait(until)
    return [gather(account, calls, until=until, ask=ask, steps=each) for calls, each in zip(many, after, strict=True)]


def recall(account: Account, calls: Sequence[Call], steps: Steps = ()) -> Kept:
    """The same from what was found out lately; asks nothing and waits for nothing."""

    def remembered(question: Question[Any]) -> Callable[[float], Any]:
        answer = async_queries.known(question)
        return lambda _until: UNASKED if answer is None else answer

    aws = account.read_only()
    entering = remembered(entry.question(aws)) if entry.asked_of_aws(account, as_worker=False) else None
    return _kept(account, aws, calls, remembered, 0.0, entering, steps=steps)


def missing_parts(kept: Mapping[str, Any]) -> set[str]:
    """What wasn't found out, by name: the source, and parts of destinations as "eu-west-1: key". Look-ups that were
    never made lack the source at least."""
    lacking = {
        f"{row['destination']}: {name}" for row in kept.get("destinations") or () for name in row.get("missing") or ()
    }
    return lacking | (set() if kept.get("source") else {"source"})


def incomplete(kept: Mapping[str, Any]) -> bool:
    """Whether AWS may know more than a request keeps."""
    return bool(missing_parts(kept))


def completed(kept: Mapping[str, Any], later: Kept) -> Kept:
    """What a request keeps, with what a later look found of what was missing; what was known stays as it was."""
    merged = cast("Kept", dict(kept))
    if not kept.get("source"):
        about_tags = ("tags_copied", "tags_left")
        about_source = ("source", "warnings", "not_copied", "shared_with", "inspection")
        parts = (*about_source, *about_tags, "size", "snapshots", "missing")
        merged.update(cast("Kept", {name: later[name] for name in parts if name in later}))  # type: ignore[literal-required]
    was = {row["destination"]: row for row in kept.get("destinations") or ()}
    merged["destinations"] = [_completed(was.get(row["destination"]), row) for row in later["destinations"]]
    merged["looked_again_at"] = later["asked_at"]
    return merged


def _completed(was: KeptDestination | None, later: KeptDestination) -> KeptDestination:
    """One destination: what was known of it counts, and what is missing is what neither look found."""
    if was is None:
        return later
    before = was.get("missing") or {}
    lacking = {name: reason for name, reason in later["missing"].items() if name in before}
    # What becomes of the snapshots was foretold without knowing the Region's defaults.
    stale = {"encryption"} if "encryption" in before else set()
    known = {name: value for name, value in was.items() if name not in stale}
    return cast("KeptDestination", {**later, **known, "missing": lacking})


def _kept(
    account: Account,
    aws: AwsAccount,
    calls: Sequence[Call],
    ask: Begin,
    until: float,
    entering: Callable[[float], entry.Entry | Missing] | None,
    *,
    closely: bool = True,
    steps: Steps = (),
) -> Kept:
    """`entering` waits for the answer to who knocks at the account; without it a worker's look counts."""
    first = calls[0].parameters if calls else {}
    region, image_id = str(first.get("SourceRegion", "")), str(first.get("SourceImageId", ""))
    kept: Kept = {"asked_at": timezone.now().isoformat(), "missing": {}, "destinations": []}
    looking = (
        ask(source.question(aws, region=region, image_id=image_id))
        if source.askable(aws, region=region, image_id=image_id)
        else None
    )
    waits = [{name: ask(question) for name, question in _questions(aws, call).items()} for call in calls]
    own_steps = list(steps) or [{} for _ in calls]
    step_waits = [
        {name: ask(question) for name, question in step_lookups.questions(aws, call, own).items()}
        if own and places.is_region(aws, call.DestinationRegion)
        else {}
        for call, own in zip(calls, own_steps, strict=True)
    ]
    # After what is needed, which has the better claim to what a person may ask.
    about = inspection.questions(aws, region=region, image_id=image_id) if looking and closely else {}
    closer = {name: ask(question) for name, question in about.items()}
    late: list[str] = []
    _keep_entry(kept, entering(until) if entering else entry.found_by_worker(account))
    seen = looking(until) if looking else Missing("The source's Region or ID isn't one.")
    found = seen if isinstance(seen, source.Source) else None
    if found is not None:
        _keep_source(kept, found, account_id=account.account_id, calls=calls)
        for call, each, of_steps, own in zip(calls, waits, step_waits, own_steps, strict=True):
            if call.existing and (key := _key_of(found)):
                each["key"] = ask(keys.key_question(aws, region=call.DestinationRegion, key_id=key))
                if policy := step_lookups.policy_question(aws, call, own, key):
                    of_steps["key_policy"] = ask(policy)
        if closely:
            about_it = {name: wait(until) for name, wait in closer.items()}
            kept["inspection"] = inspection.kept(about_it)
            late += [name for name, answer in about_it.items() if _may_come(answer)]
            for call, each in zip(calls, waits, strict=True):
                if offered := _offered_question(aws, call, found):
                    each["offered"] = ask(offered)
    elif isinstance(seen, source.NotThere):
        elsewhere = source.elsewhere(aws, image_id=image_id, besides=region, until=until, ask=ask)
        kept["source_not_there"] = KeptAbsence(ImageId=image_id, Region=region, elsewhere=elsewhere)
        where = f" It is in {' and '.join(elsewhere)}." if elsewhere else ""
        kept["missing"]["source"] = f"{image_id} isn't in {region}.{where}"
    elif isinstance(seen, Missing) and seen is not UNASKED:
        kept["missing"]["source"] = seen.reason
    places_known = zip(calls, waits, step_waits, own_steps, dry_run.known(account.pk, calls), strict=True)
    for call, each, of_steps, own, permission in places_known:
        answers = {name: wait(until) for name, wait in each.items()}
        late += [f"{call.destination}: offered" for name in answers if name == "offered" and _may_come(answers[name])]
        row = _destination(account, call, found, answers)
        if permission is not None:
            row["dry_run"] = cast("KeptPermission", asdict(permission))
        if own:
            row["steps"] = step_lookups.kept({name: wait(until) for name, wait in of_steps.items()}, own)
        kept["destinations"].append(row)
    if late and "inspection" in kept:
        kept["inspection"]["again"] = sorted(late)
    return kept


def _may_come(answer: Any) -> bool:
    """Whether a part of a closer look that isn't here may be found by another."""
    return isinstance(answer, Missing) and closer_looks.passes(answer)


def _key_of(found: source.Source) -> str:
    """The key of an image's snapshots, the first where there are several; empty where there is none."""
    return next((volume.KmsKeyId for volume in found.image.volumes if volume.Encrypted and volume.KmsKeyId), "")


def _offered_question(account: AwsAccount, call: Call, found: source.Source) -> Question[list[str]] | None:
    """Which instance types a destination's Region offers; an Outpost and a Local Zone have few of them, and say
    which only to their owners."""
    region = call.DestinationRegion
    if call.destination != region or not places.is_region(account, region):
        return None
    return inspection.offered_question(account, region=region, image=found.image)


def _keep_entry(kept: Kept, found: entry.Entry | Missing) -> None:
    if isinstance(found, entry.Entry):
        if found.problem:
            kept["account_refused"] = KeptRefusal(code=found.code, message=found.problem)
    elif found is not UNASKED:
        kept["missing"]["account"] = found.reason


def _questions(account: AwsAccount, call: Call) -> dict[str, Question[Any]]:
    """The questions about one destination, by the name of the part they answer."""
    region = call.DestinationRegion
    if not places.is_region(account, region):
        return {}
    asked: dict[str, Question[Any]] = {
        "regions": places.regions_question(account),
        "encryption": keys.defaults_question(account, region=region),
    }
    if name := str(call.parameters.get("Name") or ""):
        asked["clashes"] = names.clash_question(account, region=region, name=name)
    if key_id := str(call.parameters.get("KmsKeyId") or ""):
        asked["key"] = keys.key_question(account, region=region, key_id=key_id)
    if call.parameters.get("DestinationOutpostArn"):
        asked["outposts"] = places.outposts_question(account, region=region)
    elif call.destination != region:
        asked["zones"] = places.zones_question(account, region=region)
    return asked


def _keep_source(kept: Kept, found: source.Source, *, account_id: str, calls: Sequence[Call]) -> None:
    kept["source"] = source_binding.lookup_of(found.image)
    kept["warnings"] = [
        KeptWarning(code=each.code, message=each.message, stops=each.stops)
        for each in source.warnings(found, account_id=account_id, now=timezone.now())
    ]
    kept["not_copied"] = source.not_copied(found)
    if found.shared is not None:
        kept["shared_with"] = KeptSharing(accounts=found.shared[0], organizations=found.shared[1])
    if any(call.parameters.get("CopyImageTags") for call in calls):
        kept["tags_copied"], kept["tags_left"] = source.tags_carried(found.image, account_id=account_id)
    kept["snapshots"] = {
        snapshot_id: {"FullSnapshotSizeInBytes": snapshot.FullSnapshotSizeInBytes}
        for snapshot_id, snapshot in found.snapshots.items()
        if snapshot.FullSnapshotSizeInBytes
    }
    kept["size"] = {"GiB": found.size, "bytes": source.total_bytes(list(found.snapshots.values()))}


def _destination(account: Account, call: Call, found: source.Source | None, answers: dict[str, Any]) -> KeptDestination:
    row = KeptDestination(
        destination=call.destination,
        DestinationRegion=call.DestinationRegion,
        missing={
            name: answer.reason
            for name, answer in answers.items()
            # Of what nothing depends on `closer_looks` knows when it is looked for again.
            if isinstance(answer, Missing) and answer is not UNASKED and name != "offered"
        },
    )
    if problem := places.problem(call, answers):
        row["place_code"], row["place"] = problem
    defaults = answers.get("encryption")
    if isinstance(defaults, EbsEncryption):
        row["encrypts_by_default"], row["default_key"] = defaults.by_default, defaults.KmsKeyId
    if found is not None:
        predictions = (
            encryption.as_it_is(found.image.volumes)
            if call.existing
            else encryption.predict(
                call,
                found.image.volumes,
                own=found.image.OwnerId == account.account_id,
                defaults=defaults if isinstance(defaults, EbsEncryption) else None,
            )
        )
        row["encryption"] = [cast("KeptPrediction", asdict(each)) for each in predictions]
        pace = None if call.existing else copy_speed.pace_of(account.pk, call.DestinationRegion)
        if pace is not None:
            row["usual_seconds"] = pace.middle * found.size
    if isinstance(checked := answers.get("key"), keys.KeyCheck):
        row["key"] = cast("KeptKey", asdict(checked))
    if isinstance(offered := answers.get("offered"), list):
        row["offered"] = offered
    if isinstance(clashes := answers.get("clashes"), list):
        row["clashes"] = clashes
    return row
