"""Nothing happens without an event: every function that writes rows, and every call that changes something at AWS.

Addresses are asked one by one in tests/web/test_roles.py: a POST that a person may make leaves an event, or stands in
its list of those that change nothing the history tells.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "amicopy"
FOLDERS = ("copies", "web", "notify", "api")
ALWAYS = {"save", "create", "delete", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
# Sets and dictionaries have these too; those that end like this are of rows.
OF_ROWS, MANY = {"update", "add", "set", "remove"}, ("groups", "owners", ".teams")
TELL = {
    "audit.log:record",
    "audit.log:record_all",
    "copies.lifecycle.transitions:move_request",
    "copies.lifecycle.transitions:move_copy",
    "copies.lifecycle.transitions:move_copies",
    "copies.lifecycle.transitions:note_copy",
}
# What the steps after a copy change is told by `engine.steps.work` and `undo`, which know their calls by a table only.
CHANGES_AT_AWS = {"copy_image", "deregister_image", "delete_snapshot", "unprotect"}
# What writes rows and tells nothing, a function or a module, each for a reason.
WITHOUT = {
    "api.idempotency": "answers are kept for a while; what was done is told by the verb",
    "copies.core.actual_cost": "its verb tells it; when an image is gone, AWS's event did",
    "copies.core.engine_models:mark": "that a part of amicopy lives",
    "copies.core.request_words:store": "its verb tells it",
    "copies.core.installation:installation_mark": "the installation's id, made once by itself",
    "copies.core.roles:make_roles": "what a migration puts in",
    "copies.engine.ami_events": "where a queue is read, and when to look next",
    "copies.engine.call_buckets": "how many calls are left",
    "copies.engine.call_outcomes:remember": "the id of an image, for the event of its cancelling",
    "copies.engine.call_outcomes:remember_none": "that a call made none, for the event of its cancelling",
    "copies.engine.drift": "where and when it is looked; what it finds is told by `note_drift`",
    "copies.engine.image_outcomes:_never_shown": "how often it was looked for; that it waits is told by `waits.wait`",
    "copies.engine.leases": "who works on it",
    "copies.engine.leftover_jobs:_look_in": "what AWS has that nobody wants; removing it is told",
    "copies.engine.leftover_jobs:ask": "a question",
    "copies.engine.leftover_jobs:look": "who works on it",
    "copies.engine.leftover_jobs:remove": "who works on it",
    "copies.engine.slots:freed": "that others may try again at once",
    "copies.engine.pace:watched": "when AWS is asked next",
    "copies.engine.slots:_park": "that a place is full, for the next claim",
    "copies.engine.slots:bring_back": "that a place has room again, for the next claim",
    "copies.engine.steps.work:do": "who works on it; every move of a step is told by `move_step`",
    "copies.lifecycle.step_moves:wait_step": "why a step waits and until when; its moves are told",
    "copies.operations.account_checks:_store": "an answer of AWS's",
    "copies.operations.account_checks:hand_back": "who works on it",
    "copies.operations.account_checks:want": "a question",
    "copies.operations.copy_looks": "a question, and what AWS shows of an image",
    "copies.operations.rows_of_before:mend": "what is found by, of what its verb has told",
    "copies.operations.permission_checks": "a question, and AWS's answer to a dry run, which makes nothing",
    "copies.engine.outside_memory:notice": "an event would take a number that was given away; `after_restore` tells it",
    "copies.operations.tokens:keep_use": "when a token was used last",
    "copies.requests.decide:_store": "its verb tells it",
    "web.sign_on_sessions:end_there": "that a logout token was here; each session that it ends is told",
    "copies.requests.look_again:look": "when to look next; what was found is told by `_store`",
    "copies.requests.request_sets:_store": "each request of a set is told, with the set's number",
    "copies.requests.frozen_calls:new_attempt": "its verb tells it",
    "copies.requests.frozen_calls:store_calls": "its verb tells it",
    "copies.voting.lone_changes:_keep": "its verb tells it",
    "copies.voting.lone_changes:changing_rules": "its verb tells it",
    "copies.voting.power:_store": "its verb tells it",
    "notify.models:save": "its verb tells it",
    "notify.mutes:keep": "what a person wants to be told",
    "notify.outbox": "messages follow events and have a list of their own",
    "web.sign_in_limits": "counts of tries; what they come to is told by sign_in_history",
    "web.table_sweeps": "what nobody needs any more",
    "web.unsent_posts": "what nobody has handed in",
    "web.views.saved_views": "a person's own list",
}
# `people.added` writes the user and tells all of it.
TOLD = {"copies.operations.services:add"}
# Another event follows in these, of `approve_if_satisfied`; tests/copies/test_verbs.py asks for their own. And an
# approval that is taken back is told in one way or the other; tests/copies/test_vote_withdrawal.py asks for both.
# A team that is deleted is told, and each who was in it; tests/copies/test_teams.py asks for both. Who signs on for
# the first time is added, and then linked: tests/web/test_sign_on.py asks for both.
# The last step of a copy ends its request, which is told as well; tests/copies/test_steps_engine.py asks for both.
SECOND_EVENT = {
    "copies.lifecycle.step_moves:move_step",
    "copies.operations.sign_on:_added",
    "copies.operations.teams:delete",
    "copies.requests.verbs:_new_round",
    "copies.requests.submission_storage:_tell_of",
    "copies.requests.submission_storage:store_request",
    "copies.requests.vote_withdrawal:withdraw_vote",
}


@dataclass(frozen=True)
class Function:
    """A function of amicopy: its code, the functions that it calls, as "module:name", and the modules it knows."""

    node: ast.FunctionDef
    calls: frozenset[str]
    modules: frozenset[str]


def functions() -> dict[str, Function]:
    return {
        f"{module}:{node.name}": function for module, tree in sources() for node, function in functions_of(module, tree)
    }


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield ".".join(path.relative_to(ROOT).with_suffix("").parts), ast.parse(path.read_text())


def functions_of(module: str, tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, Function]]:
    """The functions of a module. What they call is looked up by the module's imports: a method of an object, such as
    `row.delete()`, is no function of amicopy's, whatever its name."""
    imported = {
        alias.asname or alias.name: (node.module.removeprefix("amicopy").lstrip("."), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("amicopy")
        for alias in node.names
    }
    # `from amicopy.x import y` brings a module, or something in one.
    modules = {name for name, (of, own) in imported.items() if (ROOT / of.replace(".", "/") / f"{own}.py").exists()}
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef):
            continue
        calls = set()
        for call in (each.func for each in ast.walk(node) if isinstance(each, ast.Call)):
            if isinstance(call, ast.Name):
                calls.add(":".join(imported.get(call.id, (module, call.id))))
            elif isinstance(call, ast.Attribute) and isinstance(call.value, ast.Name):
                if call.value.id in modules:
                    calls.add(f"{'.'.join(imported[call.value.id])}:{call.attr}")
                elif call.value.id == "self":
                    calls.add(f"{module}:{call.attr}")
        yield node, Function(node, frozenset(calls), frozenset(modules))


def called(node: ast.AST) -> set[str]:
    """The names of what a function calls, methods included."""
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    return names | {call.attr for call in calls if isinstance(call, ast.Attribute)}


def names_in(node: ast.AST) -> set[str]:
    """The names that a function uses, what it passes on included."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def writes(function: Function) -> bool:
    """Whether the function itself writes rows."""
    for call in ast.walk(function.node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            on = ast.unparse(call.func.value)
            if call.func.attr in ALWAYS and on not in {"cache", *function.modules}:
                return True
            if call.func.attr in OF_ROWS and ("objects" in on or "filter(" in on or on.endswith(MANY)):
                return True
    return False


def telling(found: Mapping[str, Function], *, mute: str = "") -> set[str]:
    """The functions that write an event, themselves or through one that does nothing else: who writes rows tells of
    those rows, and not of its callers'. `mute`: one whose own events don't count."""
    tell: set[str] = set()
    while more := {
        name
        for name, function in found.items()
        if name not in tell
        and ((function.calls & TELL and name != mute) or any(not writes(found[by]) for by in function.calls & tell))
    }:
        tell |= more
    return tell


def silent(found: Mapping[str, Function], *, mute: str = "") -> set[str]:
    """The functions that write rows and tell nothing of them: neither themselves nor, where only functions of their
    module call them, each of those, or something else for them."""
    tell = telling(found, mute=mute)
    quiet = {name for name, function in found.items() if writes(function)} - tell
    return {name for name in quiet - TOLD if not _told_by_callers(name, found, tell)}


def _told_by_callers(name: str, found: Mapping[str, Function], tell: set[str]) -> bool:
    module, _, own = name.partition(":")
    callers = {caller for caller, function in found.items() if name in function.calls}
    return (
        own.startswith("_")
        and bool(callers)
        and all(caller in tell | TOLD and caller.startswith(f"{module}:") for caller in callers)
    )


def test_every_function_that_writes_tells_it_or_says_why_not() -> None:
    found = silent(functions())
    assert {name for name in found if name not in WITHOUT and name.partition(":")[0] not in WITHOUT} == set()
    assert {each for each in WITHOUT if not any(each in (name, name.partition(":")[0]) for name in found)} == set()


@pytest.mark.slow
def test_an_event_taken_out_of_any_function_that_writes_is_seen() -> None:
    """But of those that have a second one to tell, which the tests of those verbs ask for."""
    found = functions()
    verbs = {name for name, function in found.items() if writes(function) and function.calls & TELL}
    assert len(verbs) > 25
    unseen = {name for name in verbs if name not in silent(found, mute=name)}
    assert unseen == SECOND_EVENT


def test_every_call_that_changes_something_at_aws_is_told() -> None:
    found = functions()
    calling = {name for name, function in found.items() if called(function.node) & CHANGES_AT_AWS}
    # Made in a thread; whoever waits for the answers tells them.
    calling.remove("copies.engine.copy_call:_answer")
    calling |= {
        name
        for name, function in found.items()
        if name.startswith("copies.engine.copy_call:") and "_answer" in names_in(function.node)
    }
    assert {name for name in calling if not name.startswith("copies.engine.copy_call:")} == {
        "copies.engine.aws_removal:deregister",
        # Named like AWS's own.
        "copies.engine.aws_removal:delete_snapshot",
        "copies.engine.aws_removal:_deleted",
        "copies.engine.aws_removal:unprotect",
        "copies.engine.leftover_scan:remove",
        "copies.engine.steps.images:_unprotect",
    }
    calling.remove("copies.engine.steps.images:_unprotect")
    assert calling <= telling(found)


def test_a_function_that_writes_in_silence_is_seen() -> None:
    source = """
from amicopy.audit.log import record
def loud(x):
    x.save()
    record('a')
def through_another(x):
    x.save()
    _told(x)
def _told(x):
    record('b')
def silent(x):
    X.objects.filter(pk=1).update(a=1)
def delete(x):
    x.delete()
    record('c')
def by_a_name_that_tells(x):
    x.delete()
def with_somebody_elses_event(x):
    x.save()
    loud(x)
"""
    found = {f"m:{node.name}": function for node, function in functions_of("m", ast.parse(source))}
    assert silent(found) == {"m:silent", "m:by_a_name_that_tells", "m:with_somebody_elses_event"}
