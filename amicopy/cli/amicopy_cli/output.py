"""What a run says: JSON for programs, tables for people. A pipe gets neither colours nor lines."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from amicopy_cli import members
from amicopy_cli.client import readable

# Columns of a pipe: what reads it cuts lines itself.
WIDE = 10_000
# Where the form that was asked for is found while a command runs.
FORM = "amicopy.form"

# States of a step after a copy that is over well; one that was put back was done before.
DONE_STEPS = {"DONE", "UNDOING", "UNDONE"}
# What people decided, by the API's kinds.
DECIDED = {
    "approve": "Approved",
    "reject": "Rejected",
    "request-changes": "Sent back",
    "break-glass": "Approved in an emergency",
}


def _remember(ctx: click.Context, param: click.Parameter, value: str) -> str:
    ctx.meta[FORM] = value
    return value


option = click.option(
    "--output",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    envvar="AMICOPY_OUTPUT",
    show_envvar=True,
    callback=_remember,
    help="json: nothing but JSON on standard output, as the API says it.",
)


def as_json(value: Any) -> None:
    """A document of JSON on standard output; one behind the other where there are several."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on standard output."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*map(_cell, row))
    _print(made)


def facts(values: Mapping[str, Any]) -> None:
    """Names with their values, a line each; without what is empty."""
    made = Table(box=None, pad_edge=False, show_header=False)
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    for name, value in values.items():
        if value not in (None, "", [], {}):
            made.add_row(name, _cell(value))
    _print(made)


def request(row: Mapping[str, Any], form: str) -> None:
    """A request with its copies."""
    if form == "json":
        as_json(row)
        return
    needs = [f"{each['count']} of {each['group'] or 'anybody who may decide'}" for each in row["needs"]]
    facts(
        {
            "Request": f"#{row['number']} {row['state']}",
            "Page": row["url"],
            "Account": row["account"],
            "Asked by": _who(row),
            "Reason": row["reason"],
            "Correlation": row["correlation"],
            "Webhook": row["webhook"],
            "More of": f"#{row['continues']}" if row["continues"] else "",
            "Instead of": f"copy {row['mends']}" if row["mends"] else "",
            "Source": f"{row['SourceImageId']} in {row['SourceRegion']}",
            "Dry run": "yes" if row["dry_run"] else "",
            # A server of before knows of copies only.
            "Copies": "none, the AMI exists" if row.get("existing") else "",
            "Asked at": row["submitted_at"],
            "Not before": row["start_not_before"],
            "Needs": ", ".join(needs) or "nobody's approval",
            "Expires": row["expires_at"] if row["state"] == "PENDING" else "",
            "Decided by": row["decided_by"],
            "Finished": row["finished_at"],
            "Content hash": row["content_hash"],
        }
    )
    # A server of before has neither these nor steps.
    for each in row.get("decisions") or []:
        why = f": {each['reason']}" if each["reason"] else ""
        click.echo(readable(f"{DECIDED[each['kind']]} by {each['by']}{why}"))
    _anyway(row.get("submitted_anyway"))
    click.echo()
    columns = ("id", "destination", "state", "progress", "ImageId")
    table(("Copy", "Destination", "State", "%", "Image"), ([copy[name] for name in columns] for copy in row["copies"]))
    every = [_members(copy) for copy in row["copies"]]
    common = {name: value for name, value in every[0].items() if all(each.get(name) == value for each in every)}
    if len(every) > 1:
        click.echo("\nEvery copy")
        facts(common)
    for copy, own in zip(row["copies"], every, strict=True):
        click.echo(readable(f"\nCopy {copy['id']}, {copy['destination']}"))
        facts({name: value for name, value in own.items() if len(every) == 1 or name not in common})
        error, wait = copy["error"], copy["wait"]
        if error:
            click.echo(readable(f"{error['code']}: {error['message']}"))
        elif wait and wait["words"]:
            click.echo(readable(wait["words"]))
        _steps(copy.get("steps") or [])


def _who(row: Mapping[str, Any]) -> str:
    """Who asked, and whether with a token."""
    owners = f", service of {', '.join(row['owners'])}" if row["owners"] else ""
    return f"{row['requester']}{owners}{', with a token' if row['by_machine'] else ''}"


def _anyway(anyway: Mapping[str, Any] | None) -> None:
    """What was known to be in the way of a request that was submitted all the same; who decides reads it first."""
    if not anyway:
        return
    click.echo(readable(f"\nSubmitted anyway: {anyway['reason']}"))
    for each in anyway["problems"]:
        at = f" in {each['destination']}" if each["destination"] else ""
        click.echo(readable(f"  {each['field']}{at}: {each['message']}"))


def _members(copy: Mapping[str, Any]) -> dict[str, str]:
    """The arguments of a call as they are read: text as it is, all else as JSON, tags by what gets them."""
    found = {}
    for name, value in copy["parameters"].items():
        if name == "TagSpecifications":
            for each in value:
                tags = ", ".join(f"{tag['Key']}={tag['Value']}" for tag in each["Tags"])
                found[f"Tags, {each['ResourceType']}"] = tags
        else:
            found[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return found


def _steps(steps: Sequence[Mapping[str, Any]]) -> None:
    """What is done after a copy, as approved, how far each is, and what AWS said of those that failed."""
    if not steps:
        return
    done = sum(step["state"] in DONE_STEPS for step in steps)
    click.echo(f"{done} of {len(steps)} steps done")
    for step in steps:
        error, wanted = step["error"], json.dumps(step["members"], ensure_ascii=False)
        said = f": {error['code']}: {error['message']}" if error else ""
        click.echo(readable(f"  {step['code']} {wanted} {step['state']}{said}"))


def requests(rows: Sequence[Mapping[str, Any]], form: str) -> None:
    """A list of requests, a line each."""
    if form == "json":
        as_json(rows)
        return
    table(
        ("Number", "State", "Account", "Source", "Name", "Asked by", "Asked at"),
        (
            (
                row["number"],
                row["state"],
                row["account"],
                f"{row['SourceImageId']} {row['SourceRegion']}",
                row["Name"],
                row["requester"],
                row["submitted_at"],
            )
            for row in rows
        ),
    )


def checked(found: Mapping[str, Any], form: str) -> None:
    """What the rules say to a request that wasn't stored."""
    if form == "json":
        as_json(found)
        return
    click.echo("It would be taken." if found["valid"] else "It would be refused. Nothing is stored.")
    for title, name in (("Refused", "errors"), ("Mind", "warnings")):
        for each in found[name]:
            click.echo(readable(f"{title}: {members.where(each['pointer'])}{each['detail']}"))


def estimate(found: Mapping[str, Any], form: str) -> None:
    """What a request would copy, and how long that takes."""
    if form == "json":
        as_json(found)
        return
    size = f"{found['GiB']} GiB in {found['snapshots']} snapshots" if found["GiB"] else ""
    cost = found["cost"]
    currency = cost["currency"]
    facts(
        {
            "Each copy": size,
            "All there": _duration(found["seconds"]),
            "Transfer, once": _money(cost["transfer"], currency),
            "Surcharge, once": _money(cost["surcharge"], currency),
            "Storage, a month": _money(cost["month"], currency),
            "Prices": f"of {cost['prices_of']} or later, without discounts",
        }
    )
    table(
        ("Destination", "Name", "Takes", "Other key", "Once", "A month"),
        (
            (
                each["destination"],
                each["Name"],
                _duration(each["seconds"]) or "not known",
                _yes_no(each["new_key"]),
                _money(each["cost"]["once"], currency),
                _money(each["cost"]["storage"], currency),
            )
            for each in found["destinations"]
        ),
    )
    _missing(found["missing"])


def _money(amount: Mapping[str, str | None], currency: str) -> str:
    """An amount in words, rounded up to the cent."""
    low, high = amount["low"], amount["high"]
    if low is None or high is None:
        return "not known"
    most = Decimal(high).quantize(Decimal("0.01"), rounding=ROUND_CEILING)
    if not Decimal(high):
        return "nothing"
    return f"at most {most} {currency}" if Decimal(low) else f"0 to {most} {currency}"


def source(seen: Mapping[str, Any], form: str) -> None:
    """What AWS shows of a source."""
    if form == "json":
        as_json(seen)
        return
    image = seen["image"] or {}
    facts(
        {
            "Seen": seen["seen"],
            "Why": seen["detail"],
            "Elsewhere": ", ".join(seen["elsewhere"]),
            "Name": image.get("Name"),
            "Size": f"{seen['GiB']} GiB" if seen["GiB"] else "",
            "Tags": ", ".join(f"{key}={value}" for key, value in seen["tags_copied"].items()),
            "Left behind": ", ".join(seen["not_copied"]),
        }
    )
    for each in seen["warnings"]:
        click.echo(readable(f"{'Refused' if each['stops'] else 'Mind'}: {each['message']}"))


def deliveries(rows: Sequence[Mapping[str, Any]], form: str) -> None:
    """Messages to a request's webhook, a line each."""
    if form == "json":
        as_json(rows)
        return
    table(
        ("Delivery", "Type", "State", "Tries", "Sent at", "Last error"),
        ((row["id"], row["type"], row["state"], row["tries"], row["sent_at"], row["last_error"]) for row in rows),
    )


def status(row: Mapping[str, Any], form: str) -> None:
    """How far a request is."""
    if form == "json":
        as_json(row)
        return
    words = f"{row['state']}, {row['outcome']}" if row["final"] else f"{row['state']}, {row['progress']} %"
    click.echo(f"Request #{row['number']}: {words}")
    table(
        ("Account", "Destination", "State", "%", "Image"),
        (
            (each["account"], each["destination"], each["state"], each["progress"], each["ImageId"])
            for each in row["copies"]
        ),
    )


def _duration(seconds: Mapping[str, float] | None) -> str:
    """Between two numbers of seconds, in minutes."""
    if seconds is None:
        return ""
    low, high = (max(1, round(seconds[end] / 60)) for end in ("low", "high"))
    return f"about {low} min" if low == high else f"{low} to {high} min"


def _yes_no(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "not known"}[value]


def _missing(missing: Mapping[str, str]) -> None:
    for name, why in missing.items():
        click.echo(readable(f"Not known: {name}: {why}"))


def _print(made: Table) -> None:
    """A table in the width of the terminal; in a pipe a line for each row, without spaces at its end."""
    terminal = sys.stdout.isatty()
    console = Console(markup=False, highlight=False, emoji=False, width=None if terminal else WIDE)
    if terminal:
        console.print(made)
        return
    with console.capture() as captured:
        console.print(made)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def _cell(value: Any) -> Text:
    return Text("" if value is None else readable(str(value)))
