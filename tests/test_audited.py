"""Nothing happens without an event: every function that writes rows, and every call that changes something at AWS.

Addresses are asked one by one in tests/web/test_roles.py: a POST that a person may make leaves an event, or stands in
its list of those that change nothing the history tells.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "amicopy"
FOLDERS = ("copies", "web", "notify", "api")
ALWAYS = {"save", "create", "delete", "bulk_create", "bulk_update", "get_or_create", "update_or_create"}
# Sets and dictionaries have these too.
OF_ROWS = {"update", "add", "set", "remove"}
TELL = {"record", "move_request", "move_copy"}
CHANGES_AT_AWS = {"copy_image", "deregister_image", "delete_snapshot"}
# What writes rows and tells nothing, a function or a module, each for a reason.
WITHOUT = {
    "api.idempotency": "answers are kept for a while; what was done is told by the verb",
    "api.ec2.signers:_see": "that a signature came; what was asked with it is told by the verb",
    "copies.operations.account_checks:claim_next": "who works on it",
    "copies.operations.account_checks:hand_back": "who works on it",
    "copies.operations.permission_checks": "a question, and AWS's answer to a dry run, which makes nothing",
    "copies.engine.leftover_jobs:_put_off": "the call to AWS told it",
    "copies.requests.decide:_store": "its verb tells it",
    "copies.engine.leases": "who works on it",
    "copies.engine.ami_events:ended_unheard": "when to look next",
    "copies.engine.call_buckets": "how many calls are left",
    "copies.engine.call_outcomes:remember": "the id of an image, for the event of its cancelling",
    "copies.engine.cancellation:_keep": "what the call to AWS told",
    "copies.core.installation:installation_mark": "the installation's id, made once by itself",
    "copies.engine.outside_memory:notice": "an event would take a number that was given away; `after_restore` tells it",
    "copies.core.engine_models:mark": "that a part of amicopy lives",
    "copies.operations.password_links:end": "its verb tells it",
    "copies.operations.tokens:keep_use": "when a token was used last",
    "copies.voting.lone_changes:_keep": "its verb tells it",
    "copies.voting.lone_changes:changing_rules": "its verb tells it",
    "copies.voting.power:_store": "its verb tells it",
    "copies.operations.services:_own": "its verb tells it",
    "copies.requests.submission_checks:new_attempt": "its verb tells it",
    "copies.requests.submission_checks:store_calls": "its verb tells it",
    "notify.outbox": "messages follow events and have a list of their own",
    "web.table_sweeps": "what nobody needs any more",
    "web.unsent_posts": "what nobody has handed in",
    "web.forms.presets:save": "a person's own form",
    "web.views.saved_views:save_view": "a person's own list",
}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                for node in ast.walk(ast.parse(path.read_text())):
                    if isinstance(node, ast.FunctionDef):
                        yield f"{module}:{node.name}", node


def called(node: ast.AST) -> set[str]:
    """The names of what a function calls, methods included."""
    calls = [each.func for each in ast.walk(node) if isinstance(each, ast.Call)]
    names = {call.id for call in calls if isinstance(call, ast.Name)}
    return names | {call.attr for call in calls if isinstance(call, ast.Attribute)}


def writes(node: ast.FunctionDef) -> bool:
    """Whether the function itself writes rows."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            on = ast.unparse(call.func.value)
            if call.func.attr in ALWAYS and on != "cache":
                return True
            if call.func.attr in OF_ROWS and ("objects" in on or "filter(" in on or "groups" in on):
                return True
    return False


def telling(found: dict[str, ast.FunctionDef]) -> set[str]:
    """The functions that write an event, themselves or through others that do."""
    tell: set[str] = set()
    names = set(TELL)
    while more := {name for name, node in found.items() if name not in tell and called(node) & names}:
        tell |= more
        names |= {name.partition(":")[2] for name in more}
    return tell


def test_every_function_that_writes_tells_it_or_says_why_not() -> None:
    found = dict(functions())
    silent = {name for name, node in found.items() if writes(node)} - telling(found)
    assert {name for name in silent if name not in WITHOUT and name.partition(":")[0] not in WITHOUT} == set()


def test_every_call_that_changes_something_at_aws_is_told() -> None:
    found = dict(functions())
    calling = {name for name, node in found.items() if called(node) & CHANGES_AT_AWS}
    assert {name for name in calling if not name.startswith("copies.engine.copy_call:")} == {
        "copies.engine.aws_removal:deregister",
        # Named like AWS's own.
        "copies.engine.aws_removal:delete_snapshot",
        "copies.engine.aws_removal:_deleted",
    }
    assert calling <= telling(found)


def test_a_function_that_writes_in_silence_is_seen() -> None:
    source = "def loud(x):\n    x.save()\n    record('a')\ndef silent(x):\n    X.objects.filter(pk=1).update(a=1)\n"
    found = {node.name: node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
    assert {name for name, node in found.items() if writes(node)} - telling(found) == {"silent"}
