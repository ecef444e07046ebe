"""What the form's page and its fragments show: one context for all of them, so that they can't disagree."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from amicopy.aws import partitions
from amicopy.copies import rules
from amicopy.copies.core import cli_command, explanations
from amicopy.copies.core.calls import Call, FieldError
from amicopy.copies.core.models import Account, ApprovalRule, CopyRequest
from amicopy.copies.core.parameters import (
    DESTINATION_REGION,
    SECTIONS,
    DestinationKind,
    Section,
    of_destination,
    of_section,
)
from amicopy.copies.core.steps.table import SHOWN
from amicopy.copies.lookups import async_queries, places, snapshot, source
from amicopy.copies.lookups.async_queries import Missing, Question
from amicopy.copies.lookups.dry_run import Permission
from amicopy.copies.lookups.places import RegionPlace
from amicopy.copies.lookups.snapshot_members import Kept
from amicopy.copies.lookups.source import NotThere, Source
from amicopy.copies.requests import follow_ups, submission_reasons
from amicopy.copies.requests.submission import marked_calls
from amicopy.copies.rules.tags import required_in_words
from amicopy.copies.voting import facts, rulebook, votes
from amicopy.web import costs, step_words, steps_asked
from amicopy.web.forms import (
    closer_look,
    destination_lines,
    existing_form,
    in_the_way,
    row_problems,
    step_inputs,
    tag_lines,
)
from amicopy.web.forms.notes import Note, names_taken, notes_of, prediction_words
from amicopy.web.forms.region_ticks import chosen_regions, continents, short_title
from amicopy.web.forms.request_form import PASTED, RequestForm, place_of
from amicopy.web.forms.rows import Row
from amicopy.web.request_filters import row_number

KINDS: tuple[tuple[DestinationKind, str], ...] = (("region", "Region"), ("outpost", "Outpost"), ("zone", "Local Zone"))
# So many rows, of destinations or of tags, are a long table.
LONG = 6
# The request's own inputs, which are no members of CopyImage, before those of the section they stand in.
OWN_INPUTS: Mapping[Section, str] = {
    "Source": "account",
    "Destinations": "destinations",
    "Advanced": "start_not_before",
}


@dataclass(frozen=True)
class Looked:
    """What was found out for a page besides what a request keeps: the source or where else it is, and permissions."""

    seen: Source | NotThere | Missing | None = None
    elsewhere: Sequence[str] = ()
    permissions: Sequence[Permission | Missing] = ()
    # The question for them that is on its way, or was answered.
    asked: str = ""


@dataclass(frozen=True)
class Slot:
    """The place below an input: errors and notes; `below` are those that stand under the row, too."""

    name: str
    errors: Sequence[str] = field(default_factory=list)
    notes: Sequence[Any] = field(default_factory=list)
    below: Collection[str] = ()


def form_context(
    form: RequestForm, user: User, found: Kept | None = None, looked: Looked | None = None
) -> dict[str, Any]:
    """The context of page and fragments. `found` is what the look-ups know of the form's calls; else recalled."""
    account, looked = form.account, looked or Looked()
    seen = looked.seen if looked.seen is not None else known_source(form)
    first = form.each[0]
    first.source_name = first.source_name or (seen.image.Name if isinstance(seen, Source) else "")
    calls = first.read()
    if found is None:
        steps = first.frozen_steps(calls)
        found = snapshot.recall(account, calls, steps) if account is not None else Kept(destinations=[], missing={})
    notes = notes_of(first, calls, found, account)
    regions = regions_for(account)
    mended = follow_ups.failed_copy(user, row_number(form.text("mends")))
    explanation = explanations.explain(mended, mended.request.lookups) if mended else None
    if mended is not None and explanation is not None and explanation.field:
        at = form.input_of(FieldError(explanation.field, "", 0))
        notes.setdefault(at, []).insert(
            0, Note("warn", f"Request #{mended.request_id} failed here. {explanation.cause}")
        )
    pasted = tag_lines.read(form.text("paste"))
    notes.setdefault("paste", []).extend(Note("warn", problem) for problem in pasted.problems)
    listed = destination_lines.read(form.text(PASTED))
    notes.setdefault(PASTED, []).extend(Note("warn", problem) for problem in listed.problems)
    problems = in_the_way.problems_of(calls, found, {each.source[1]: known_source(each) for each in form.each[1:]})
    against = row_problems.by_row(first, calls, problems, names_taken(first, calls, found, account))
    below = slots(form, notes, {problem.words for row in against for problem in row})
    several = sources_of(form)
    return {
        "form": form,
        "look_page": "request-new-source",
        "mended": mended,
        "mended_why": explanation,
        "rows": [
            {**destination_row(form, index, regions), "problems": against[index]}
            for index in range(len(form.destinations))
        ],
        "picked": sum(is_picked(form, row) for row in form.destinations),
        "continents": continents(form.destinations, regions),
        "ticked": " ".join(chosen_regions(form.destinations)),
        "accounts": in_the_way.accounts_of(form.accounts, user),
        # A long table is what somebody works in; what is above and below it says less.
        "long": len(form.destinations) >= LONG,
        "many_tags": len(form.tags) >= LONG,
        "kinds": KINDS,
        "required_tags": required_in_words(),
        "regions": regions,
        "regions_known": account is None
        or async_queries.known(places.regions_question(account.read_only())) is not None,
        "slots": below,
        "summary": [
            (name, place_of(name) + message)
            for name in [*below, *(name for name in form.errors if name not in below)]
            for message in form.errors.get(name, ())
        ],
        **_source_context(form, seen, looked, account),
        **_steps_context(form, seen, account, found),
        **_aside_context(first, calls, found, user),
        "sources": several,
        **in_the_way.context_of(form, calls, found, problems),
        "pasted": pasted,
        "pasted_destinations": listed,
        "pasted_text": form.text(PASTED),
        "copies": len(calls) * len(form.each),
        "advanced_open": bool(form.text("start_not_before"))
        or any(form.text(parameter.name) or form.errors.get(parameter.name) for parameter in of_section("Advanced")),
        "checked": list(zip(calls, looked.permissions, strict=False)),
        "asked": looked.asked,
    }


def known_source(form: RequestForm) -> Source | NotThere | None:
    """The source if it was looked at lately."""
    question = source_question(form)
    return async_queries.known(question) if question else None


def source_question(form: RequestForm) -> Question[Source | NotThere] | None:
    """The question about the form's source, once it has the shape of one."""
    account, (region, image_id) = form.account, form.source
    if account is None or not source.askable(account.read_only(), region=region, image_id=image_id):
        return None
    return source.question(account.read_only(), region=region, image_id=image_id)


def regions_for(account: Account | None) -> list[RegionPlace]:
    """The Regions to choose from: as AWS listed them for the account, or else those botocore knows."""
    known = async_queries.known(places.regions_question(account.read_only())) if account else None
    if known is not None:
        return known
    partition = account.partition if account else "aws"
    return [RegionPlace(code, title, usable=True) for code, title in partitions.titles(partition).items()]


def slots(form: RequestForm, notes: Mapping[str, Sequence[Any]], below: Collection[str] = ()) -> dict[str, Slot]:
    """Every slot of the form by its input's name, from top to bottom; one that says nothing is empty. `below` is said
    under rows."""
    return {name: Slot(name, form.errors.get(name, []), notes.get(name, []), below) for name in inputs_of(form)}


def inputs_of(form: RequestForm) -> list[str]:
    """The names of the form's inputs from top to bottom, so that whoever corrects one after the other goes down the
    page."""
    names: list[str] = []
    for section in SECTIONS:
        names += [OWN_INPUTS[section]] if section in OWN_INPUTS else []
        if section == "Destinations":
            names += [
                f"destinations-{index}-{parameter.name}"
                for index, row in enumerate(form.destinations)
                for parameter in of_destination()
                if not parameter.own.folded or parameter.of_kind == row["kind"]
            ]
            for index in range(len(form.destinations)):
                names += step_inputs.names_drawn(own_steps(form, index))
            names.append(PASTED)
        if section == "Tags":
            names += ["steps", *step_inputs.names_drawn(step_inputs.drawn(form.data))]
        for parameter in of_section(section):
            names.append(parameter.name)
            if parameter.kind == "tags":
                names += [*(f"tags-{index}-Key" for index in range(len(form.tags))), "paste"]
    return [*names, "reason", "submit_anyway_reason"]


def own_steps(form: RequestForm, index: int) -> list[step_inputs.StepInputs]:
    """The inputs of a destination's own steps; none while it has no own and nobody unfolded them."""
    row = form.destinations[index]
    shown = row.get(step_inputs.UNFOLDED) or any(row.get(name) for name in step_inputs.NAMES)
    return step_inputs.drawn(row, index) if shown else []


def destination_row(form: RequestForm, index: int, regions: Sequence[RegionPlace]) -> dict[str, Any]:
    """What a destination's row draws: its kind, the members in its line, and those that unfold below it. A Region of
    the list stands there as it is, unless the row was opened to make another kind of it."""
    row = form.destinations[index]
    name = row.get(DESTINATION_REGION.name, "")
    # One that AWS doesn't list for the account is still the Region that was asked for.
    title = partitions.region_title(name) if partitions.partition_of(name) else ""
    known = next((each for each in regions if each.name == name), RegionPlace(name, title, usable=True))
    region = known if known.title and known.title != name else None
    fixed = region is not None and row["kind"] == "region" and not row.get("open")
    members = [parameter for parameter in of_destination("region" if fixed else "") if parameter != DESTINATION_REGION]
    return {
        "kind": row["kind"],
        "open": bool(row.get("open")),
        "region": region if fixed else None,
        "title": short_title(region) if region else "",
        "where": DESTINATION_REGION,
        "members": [parameter for parameter in members if not parameter.own.folded],
        "folded": [parameter for parameter in members if parameter.own.folded],
        "picked": is_picked(form, row),
        "steps": own_steps(form, index),
    }


def is_picked(form: RequestForm, row: Row) -> bool:
    """Whether what is filled in for all goes into a row; into every one while none is ticked."""
    return bool(row.get("picked")) or not any(each.get("picked") for each in form.destinations)


def sources_of(form: RequestForm) -> list[dict[str, Any]]:
    """What is known of each source image, where there are several."""
    if len(form.each) == 1:
        return []
    seen = [(each.source[1], known_source(each)) for each in form.each]
    return [{"ImageId": image_id, "found": found if isinstance(found, Source) else None} for image_id, found in seen]


def _source_context(
    form: RequestForm, seen: Source | NotThere | Missing | None, looked: Looked, account: Account | None
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "source_missing": seen if isinstance(seen, Missing) else None,
        "source_not_there": seen if isinstance(seen, NotThere) else None,
        "elsewhere": [(code, partitions.region_title(code)) for code in looked.elsewhere],
        "look_at_once": seen is None and source_question(form) is not None,
    }
    if isinstance(seen, Source) and account is not None:
        taken, left = source.tags_carried(seen.image, account_id=account.account_id)
        context |= {
            "source": seen,
            "inspected": closer_look.recalled(form, seen, account),
            "asks": True,
            "source_warnings": source.warnings(seen, account_id=account.account_id, now=timezone.now()),
            "own_source": seen.image.OwnerId == account.account_id,
            "steps_only": existing_form.query_of(account, form.source[0], seen.image.ImageId),
            "not_copied": source.not_copied(seen),
            "tags_taken": taken,
            "tags_left": left,
        }
    return context


def _steps_context(form: RequestForm, seen: Any, account: Account | None, found: Kept) -> dict[str, Any]:
    """What is to follow the copies, and what the source has of it."""
    public = ApprovalRule.objects.filter(enabled=True, allows_public=True).exists()
    steps = step_inputs.drawn(form.data, public=public)
    theirs = (
        step_inputs.of_source(seen, account_id=account.account_id, now=timezone.now())
        if isinstance(seen, Source) and account is not None
        else {}
    )
    own = [index for index in range(len(form.destinations)) if index in form.steps.own]
    return {
        "steps": steps,
        "steps_set": step_inputs.set_words(steps),
        "steps_of_source": [
            (each, step_words.told(each.code, theirs[each.code])) for each in SHOWN if each.code in theirs
        ],
        "steps_elsewhere": len(own),
        "key_statement": steps_asked.key_statement(found, account.partition) if account else "",
        "steps_open": bool(step_inputs.set_words(steps))
        or any(form.errors.get(name) for name in ("steps", *step_inputs.NAMES)),
    }


def _as_sent(form: RequestForm, calls: Sequence[Call], found: Kept) -> Sequence[Call]:
    """The calls with the mark that submitting them adds."""
    again = CopyRequest.objects.filter(pk=form.again).first() if form.again else None
    submission = again.submission if again else form.submission
    return marked_calls(form.account, calls, submission, found) if form.account and _calls_hold(form) else calls


def _calls_hold(form: RequestForm) -> bool:
    """Whether nothing is wrong with the calls themselves: a reason that is missing changes neither them nor who has to
    approve them."""
    return not set(form.errors) - {"reason", "start_not_before"}


def _aside_context(form: RequestForm, calls: Sequence[Call], found: Kept, user: User) -> dict[str, Any]:
    account = form.account
    size = (found.get("size") or {}).get("GiB")
    rows = found.get("destinations") or []
    usual = [row["usual_seconds"] for row in rows if "usual_seconds" in row]
    plan, cost = None, None
    if account is not None and _calls_hold(form):
        steps = form.frozen_steps(calls)
        known = facts.facts_for(
            account,
            user,
            found,
            calls=calls,
            start_not_before=form.start_not_before,
            steps=steps,
            anyway=submission_reasons.kept(rules.found_in_the_way(calls, lookups=found), calls, form.anyway),
        )
        plan = votes.words(rulebook.plan_for(calls, known).plan)
        # An empty form has no cost, known or not.
        if known.evidence and any(form.source) and all(call.destination for call in calls):
            cost = costs.shown(known.evidence.estimate, steps, at=timezone.now())
    named = {call.name for call in calls}
    return {
        "plan": plan,
        "cost": cost,
        "calls": calls,
        "source_region": form.source[0],
        "tags_wanted": any(call.copies_tags for call in calls),
        "starts": "1 copy starts" if len(calls) == 1 else f"{len(calls)} copies start, one for each destination",
        "dry_run": any(call.dry_run for call in calls),
        "commands": [
            (call, cli_command.command(call), cli_command.text(call)) for call in _as_sent(form, calls, found)
        ],
        "size": size,
        "total": size * len(calls) if size else None,
        "usual": (min(usual), max(usual)) if usual else None,
        "results": [
            (row["destination"], prediction_words(row["encryption"]))
            for row in rows
            if row["destination"] and row.get("encryption")
        ],
        "own_names": [(call.destination, call.name) for call in calls]
        if len(named) > 1 or any("{" in name for name in form.names.values())
        else [],
        "found": found,
    }
