"""What look-ups and warnings have to say at the fields of the form: by the HTML name of the input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings

from amicopy.copies import rules
from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.models import Account
from amicopy.copies.lifecycle import name_holders
from amicopy.copies.lookups.snapshot_members import Kept, KeptPrediction
from amicopy.copies.rules import steps as step_rules
from amicopy.copies.rules.cautions import known_of
from amicopy.web.forms.request_form import RequestForm


@dataclass(frozen=True)
class Note:
    """`kind` is its colour: ok, warn, fail, or none."""

    kind: Literal["", "ok", "warn", "fail"]
    words: str


def notes_of(form: RequestForm, calls: Sequence[Call], found: Kept, account: Account | None) -> dict[str, list[Note]]:
    """The notes of a form with these calls, of which this was found out."""
    notes: dict[str, list[Note]] = {}

    def say(field: str, index: int | None, note: Note) -> None:
        at = notes.setdefault(form.input_of(FieldError(field, "", index)), [])
        if note not in at:
            at.append(note)

    taken = names_taken(form, calls, found, account)
    for index, call in enumerate(calls):
        known = known_of(calls, found, index)
        if call.parameters.get("KmsKeyId"):
            say("KmsKeyId", index, _key_note(known, call))
        for note in taken.get(index, ()):
            say("Name", index, note)
        if call.destination and (predictions := known.get("encryption")):
            result = f"Result: {prediction_words(predictions)}"
            notes.setdefault(f"destinations-{index}-Encrypted", []).append(Note("", result))
    for problem in rules.found_in_the_way(calls, lookups=found):
        say(problem.field, problem.destination, Note("fail", problem.message))
    if account is not None:
        for warning in rules.warnings(
            calls, account_id=account.account_id, partition=account.partition, lookups=dict(found)
        ):
            say(warning.field, warning.destination, Note("warn", warning.message))
        for warning in step_rules.warnings(
            calls,
            form.frozen_steps(calls),
            account_id=account.account_id,
            partition=account.partition,
            lookups=dict(found),
        ):
            say(warning.field, warning.destination, Note("warn", warning.message))
    return {name: [note for note in found_notes if note.words] for name, found_notes in notes.items()}


def names_taken(
    form: RequestForm, calls: Sequence[Call], found: Kept, account: Account | None
) -> dict[int, list[Note]]:
    """By destination what has a call's name already, an AMI or a copy of another request, unless nobody minds."""
    if account is None or settings.NAME_CLASH == "allow":
        return {}
    notes: dict[int, list[Note]] = {}
    held = name_holders.holders(account.pk, calls, found, besides=form.again)
    for index, (call, copies) in enumerate(zip(calls, held, strict=True)):
        if clashes := known_of(calls, found, index).get("clashes"):
            words = f"{call.DestinationRegion} has an AMI of this name already: {', '.join(clashes)}."
            notes.setdefault(index, []).append(Note("warn", words))
        if copies:
            notes.setdefault(index, []).append(Note("warn", f"{name_holders.words(call, copies)}."))
    return notes


def prediction_words(predictions: Sequence[KeptPrediction]) -> str:
    """What becomes of the snapshots, said once where it is the same for all."""
    words = {each["words"]: [other for other in predictions if other["words"] == each["words"]] for each in predictions}
    if len(words) == 1:
        return f"{next(iter(words))}."
    parts = [f"{', '.join(each['DeviceName'] for each in group)} {said}" for said, group in words.items()]
    return f"{'; '.join(parts)}."


def _key_note(known: Mapping[str, Any], call: Call) -> Note:
    """That a key is good, or couldn't be looked at; what is wrong with it is among what is in the way."""
    if key := known.get("key"):
        if key["problem"]:
            return Note("", "")
        return Note("ok", f"Key found in {call.DestinationRegion}: enabled and symmetric.")
    reason = (known.get("missing") or {}).get("key")
    return Note("", f"The key couldn't be checked. {reason}" if reason else "")
