"""docs/copyimage.md, made from the tables of parameters and rules: `make docs` writes it, a test compares it.

A rule's test is the one with its name in tests/copies/rules, so a rule without a test has no row and no document.
"""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

from amicopy.aws.partitions import partitions, titles
from amicopy.copies.core.parameters import DESTINATION_REGION, PARAMETERS, Parameter
from amicopy.copies.rules import CALL_RULES, FOUND, REQUEST_RULES, WARNINGS

HERE = Path(__file__).parent
DOCUMENT = HERE.parents[2] / "docs" / "copyimage.md"
API = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html"
SCOPES = {"request": "the request", "destination": "each destination", "both": "all destinations, or each"}


def document() -> str:
    """The whole page. Raises LookupError for a rule that has no test or names no page of AWS."""
    known = ", ".join(f"{name} ({len(titles(name))})" for name in partitions())
    return f"""# CopyImage in amicopy

Made by `make docs` from `amicopy/copies/core/parameters.py` and `amicopy/copies/rules`; a test fails when this page
isn't what they say, or when a rule has no test. The call itself: <{API}>.

## Members

All {len(PARAMETERS)} members of botocore's model, and the Region the call goes to, which is none. “Set for” says if
a member is the same in every copy of a request. Tests are in `tests/copies/test_parameters.py`.

| member | form | set for | required | limits | test |
| --- | --- | --- | --- | --- | --- |
{_lines(_member(parameter) for parameter in (*PARAMETERS, DESTINATION_REGION))}

## Rules that refuse

They run when the form is checked, when a request is submitted by whomever, and again right before the call
(`tests/copies/rules/test_when_rules_run.py`). Tests are in `tests/copies/rules`. Formats hold for every Region botocore
knows: {known}.

| rule | what must be true | AWS's page | test |
| --- | --- | --- | --- |
{_lines(_rule(rule) for rule in CALL_RULES)}

## What look-ups find in the way

With a code each, see `amicopy/copies/rules/known_problems.py`. They run at submission, on what was looked up for it;
what wasn't found out is never in the way. The requester may submit anyway with a reason, which who decides reads first.

| rule | what must be true | AWS's page | test |
| --- | --- | --- | --- |
{_lines(_rule(rule) for rule in FOUND)}

## Rules between the copies of a request

| rule | what must be true | AWS's page | test |
| --- | --- | --- | --- |
{_lines(_rule(rule) for rule in REQUEST_RULES)}

## What is only warned of

Where AWS documents no behaviour, or two, amicopy doesn't refuse: form and approver see a warning.

| rule | what is warned of | AWS's page | test |
| --- | --- | --- | --- |
{_lines(_rule(rule) for rule in WARNINGS)}
"""


def write() -> None:
    DOCUMENT.write_text(document())


def _lines(rows: Any) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def _member(parameter: Parameter) -> tuple[str, ...]:
    required = "yes" if parameter.required else "no"
    cells = (parameter.section, f"“{parameter.label}”")
    test = (
        "test_the_destinations_region_is_no_member"
        if parameter is DESTINATION_REGION
        else f"test_a_row_agrees_with_the_model[{parameter.name}]"
    )
    return (
        f"`{parameter.name}`",
        ": ".join(cells),
        SCOPES[parameter.scope],
        required,
        _limits(parameter),
        f"`{test}`",
    )


def _limits(parameter: Parameter) -> str:
    limits = []
    if parameter.kind == "number":
        limits.append(f"{parameter.minimum} to {parameter.maximum:,} in steps of {parameter.step}")
    elif parameter.maximum is not None:
        limits.append(f"{parameter.minimum or 0} to {parameter.maximum:,} characters")
    if parameter.pattern_words:
        limits.append(parameter.pattern_words)
    if parameter.kind in {"flag", "three-way"}:
        limits.append("true or left out")
    if parameter.kind == "tags":
        limits.append(parameter.help)
    return _cell("; ".join(limits))


def _rule(rule: Any) -> tuple[str, ...]:
    words, pages = _said(inspect.getdoc(rule) or "")
    if not pages:
        _, pages = _said(inspect.getdoc(inspect.getmodule(rule)) or "")
    links = ", ".join(f"[{page.rsplit('/', 1)[1].split('.html')[0]}]({page})" for page in pages)
    ours = rule in REQUEST_RULES
    if not words or not (pages or ours):
        raise LookupError(f"{rule.__name__} must say what it demands and by which page of AWS.")
    return f"`{rule.__name__}`", _cell(words), links or "amicopy's own", f"`{_test_of(rule.__name__)}`"


def _said(docstring: str) -> tuple[str, list[str]]:
    """What a docstring says, in one line, and the pages it names."""
    pages = re.findall(r"https://\S+", docstring)
    return " ".join(re.sub(r"https://\S+", "", docstring).split()), pages


def _test_of(rule: str) -> str:
    """The address of a rule's test. Raises LookupError when there is none."""
    for path in sorted(HERE.glob("test_*.py")):
        names = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}
        if f"test_{rule}" in names:
            return f"{path.name}::test_{rule}"
    raise LookupError(f"The rule {rule} has no test of its own.")


def rule_names() -> set[str]:
    """The functions of the rules' modules that take a case, or the calls of a request."""
    names = set()
    for module in {inspect.getmodule(rule) for rule in (*CALL_RULES, *FOUND, *REQUEST_RULES, *WARNINGS)}:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            takes = list(inspect.signature(function).parameters)
            returns = str(inspect.signature(function).return_annotation)
            if function.__module__ == getattr(module, "__name__", "") and takes in (["case"], ["calls"]):
                names |= {name} if "FieldError" in returns else set()
    return names


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    write()
