"""The words of facts: of a chip, and of a rule that asks where a fact holds. Nothing reads them back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from amicopy.copies.core import cost_words
from amicopy.copies.voting.fact_inspection import SCAN_COUNTS
from amicopy.copies.voting.fact_table import Told

DAYS = "day" if SCAN_COUNTS == 1 else f"{SCAN_COUNTS} days"


@dataclass(frozen=True)
class Words:
    """`name` stands in rules, as in "where the key changes"; `chip` makes a few words of what was told."""

    name: str
    chip: Callable[[Any], str]


def chip_of(told: Told) -> str:
    """A fact of a request in a few words, with how many of its destinations it is about unless it is all of them."""
    words = WORDS[told.code].chip(told.value)
    return words if told.everywhere else f"{words} in {len(told.places)} of {told.of}"


def chips_of(told: Sequence[Told]) -> list[tuple[Told, str]]:
    """The facts of a request with their words, each thing once: a key that becomes the default one is one change."""
    places = {each.code: each.places for each in told}
    found = []
    for each in told:
        same = [code for code, into in ABSORBED.items() if code in places and places[code] == places.get(into)]
        if each.code in same:
            continue
        more = [MORE[code] for code in same if ABSORBED[code] == each.code]
        found.append((each, " ".join([chip_of(each), *more])))
    return found


def in_words(told: Sequence[Told]) -> str:
    """All of them for a line of a message."""
    return ", ".join(words for _, words in chips_of(told))


def name_of(code: str) -> str:
    """What a rule calls a fact."""
    return WORDS[code].name if code in WORDS else code


def size(gib: int) -> str:
    """GiB, or TiB with one digit behind the point."""
    return f"{gib} GiB" if gib < 1024 else f"{gib / 1024:.1f} TiB".replace(".0 ", " ")


def shared(accounts: int, organizations: int) -> str:
    """With how many something is shared; empty where with nobody."""
    said = [
        f"{count} {name}{'s' if count > 1 else ''}"
        for count, name in ((accounts, "account"), (organizations, "organization"))
        if count
    ]
    return " and ".join(said)


def _shared(said: str) -> str:
    accounts, organizations = map(int, said.split(" "))
    return f"Source shared with {shared(accounts, organizations)}"


def _age(days: int) -> str:
    return f"{days // 365} year{'s' if days >= 730 else ''} old" if days >= 365 else f"{days} days old"


def _start(moment: str) -> str:
    return f"Starts {datetime.fromisoformat(moment).astimezone(UTC):%-d %b, %H:%M} UTC"


def _costs(said: str) -> str:
    currency, once, month = said.split(" ")
    if "?" in (once, month):
        return "Cost not known"
    return f"{cost_words.money(once, currency)} once, {cost_words.money(month, currency)} a month"


def _overwritten(said: str) -> str:
    name, _, image = said.partition(" ")
    return f"Overwrites {name}, now {image}"


def _finding(said: str) -> str:
    severity, _, since = said.partition(" ")
    fix = f", fix since {date.fromisoformat(since):%-d %b %Y}" if since else ""
    return f"{severity.capitalize()} finding{fix}"


def days_ago(days: int) -> str:
    """When something was, to the day."""
    return "today" if days == 0 else f"{days} day{'s' if days > 1 else ''} ago"


def _clean(days: str) -> str:
    return f"No critical finding, scanned {days_ago(int(days))}"


def _scanned(days: int) -> str:
    return f"Scanned {days_ago(days)}"


def _said(words: str) -> Callable[[Any], str]:
    return lambda _value: words


# A fact that goes with another one where both hold for the same destinations, and what is said of it then.
ABSORBED: Mapping[str, str] = {"default-key": "key-changes"}
MORE: Mapping[str, str] = {"default-key": "to the default one"}
WORDS: Mapping[str, Words] = {
    "submitted-anyway": Words("it was submitted in spite of what is known", _said("Submitted anyway")),
    "no-copy": Words("nothing is copied, and steps are done to an AMI that exists", _said("An AMI that exists")),
    "source-unseen": Words("the source wasn’t looked at", _said("Source not looked at")),
    "public-source": Words("the source is public", _said("Public AMI")),
    "foreign-owner": Words("the source’s owner isn’t an account of amicopy’s", "Owner {}".format),
    "key-changes": Words("the KMS key changes", _said("Key changes")),
    "default-key": Words("the default EBS key encrypts the copy", _said("Default EBS key")),
    "unencrypted": Words("the copy isn’t encrypted", _said("Not encrypted")),
    "becomes-encrypted": Words("the copy is encrypted and the source isn’t", _said("Becomes encrypted")),
    "known-to-fail": Words("something is known that makes the copy fail", _said("Known to fail")),
    "launch-permissions": Words("the source is shared with others, which the copy isn’t", _shared),
    "critical-finding": Words("a scan found something critical in the source", _finding),
    "high-finding": Words("the worst that a scan found in the source is high", _finding),
    "scan-old": Words(f"the source’s last scan is older than {DAYS}", _scanned),
    "scanned-clean": Words(f"a scan of the last {DAYS} found nothing critical", _clean),
    "no-clean-scan": Words(f"no scan of the last {DAYS} without a critical finding is known", _said("No clean scan")),
    "watermark": Words("the source carries a trusted watermark", "Watermark {}".format),
    "no-watermark": Words("the source carries no trusted watermark", _said("No watermark")),
    "descends-from": Words("the source descends from a trusted AMI or owner", "Descends from {}".format),
    "other-descent": Words("the source descends from no trusted AMI or owner", _said("Other descent")),
    "not-launchable": Words("the Region offers no instance type for the copy", _said("No instance type there")),
    "not-allowed": Words("the source isn’t among the account’s allowed AMIs", _said("Not an allowed AMI")),
    "deprecated-source": Words("the source is deprecated", _said("Deprecated")),
    "sensitive-tags": Words("a tag is sensitive", "Tag {}".format),
    "large": Words("a copy has 1 TiB or more", size),
    "new-region": Words("nothing was copied to the Region before", _said("New Region")),
    "costs": Words("it makes something that costs money", _costs),
    "over-budget": Words("a team would be over its budget", _said("Over budget")),
    "old-source": Words("the source is older than a year", _age),
    "made-public": Words("the copy is made public", _said("Made public")),
    "shared-with-foreign": Words("the copy is shared with accounts that aren’t amicopy’s", "Shared with {}".format),
    "shared-with-organization": Words("the copy is shared with an organization or a unit", "Shared with {}".format),
    "alias-overwritten": Words("an alias that is there is overwritten", _overwritten),
    "starts-later": Words("a later start was asked for", _start),
}
