#!/usr/bin/env python3
"""Verifies an export of amicopy's audit history, without amicopy: Python 3.11 and this one file.

    python3 verify_amicopy.py --key MCowBQYDK2VwAyEA... [--head FILE ...] EXPORT ...

EXPORT is what the audit page hands out "with proof" (a zip), or files of events in their order: archives
(amicopy-audit-*.jsonl.gz) first, then the export. --key is the public key, or a file with it; get it from whoever
operates amicopy and not from the export. --head is a signed head that was kept elsewhere: the more of them, the better.

It looks whether each event is as it was written, whether none was taken out, put in or moved, whether the heads were
signed with the key and the events lead to them, so that the end wasn't cut off, and whether parameters and decisions of
each request in the export are those that the events tell of. A bundle of one copy (a zip, or the folder it was unpacked
to) is an export too: each of its files has to be the one whose hash its own event holds.

Signatures (Ed25519) are checked by the package `cryptography` or by OpenSSL's command `openssl`, whichever is there.
Ends with 0 when all holds, 1 when something doesn't, 2 when it was called in a wrong way, and 3 when nothing is wrong
but not everything could be looked at.
"""

import argparse
import base64
import binascii
import gzip
import hashlib
import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None  # type: ignore[assignment, misc]  # openssl is asked then

Event = dict[str, Any]
GENESIS = "0" * 64
# What stands in the DER of every Ed25519 public key before its 32 bytes (RFC 8410).
DER = bytes.fromhex("302a300506032b6570032100")
SUBMITTED = ("request.submitted", "request.resubmitted", "request.renewed")
BUNDLED, OF_BUNDLES = "audit.bundled", {"record.json", "calls.json"}
APPROVED = ("request.approved", "request.break_glass")
# The event of each kind of decision.
DECIDED = {
    "approve": ("request.vote", "request.approved"),
    "break-glass": ("request.break_glass",),
    "reject": ("request.rejected",),
    "request-changes": ("request.changes_requested",),
}
# What takes the last approval of its actor back, as if it had never been given.
WITHDRAWN = "request.vote_withdrawn"
# States that a request reaches through an approval only.
AFTER_APPROVAL = {"APPROVED", "COMPLETED", "PARTIAL", "FAILED", "CANCELLED"}
OF_REQUESTS = {WITHDRAWN, *SUBMITTED, *APPROVED, *(action for actions in DECIDED.values() for action in actions)}
# What is needed of the data of these.
KEPT = ("content_hash", "reason", "votes", "automatic")
MOST_SAID = 20


class Report:
    """What was found; each is said at once."""

    def __init__(self) -> None:
        self.wrong = self.unchecked = 0

    def ok(self, words: str) -> None:
        self._say("ok", words)

    def bad(self, words: str) -> None:
        self.wrong += 1
        if self.wrong <= MOST_SAID:
            self._say("WRONG", words)

    def skip(self, words: str) -> None:
        self.unchecked += 1
        self._say("not checked", words)

    @staticmethod
    def _say(mark: str, words: str) -> None:
        # What an export says may hold anything; a terminal gets letters only.
        sys.stdout.write(f"{mark:12}{words}\n".encode("ascii", "backslashreplace").decode())


def canonical(value: Any) -> bytes:
    """JSON as amicopy hashes and signs it: keys sorted, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def fits(event: Event) -> bool:
    """Whether an event has the hash it must have: of the hash before it and of the digest of its columns, empty ones
    left out; or of the columns themselves, as older ones have it."""
    content = {
        name: value
        for name, value in event.items()
        if name not in ("id", "hash", "prev_hash") and value is not None and value != "" and value != {}
    }
    text, before = canonical(content), event["prev_hash"].encode()
    return event["hash"] in (sha256(before + sha256(text).encode()), sha256(before + text))


# --- the chain ---


class Chain:
    """Follows events, oldest or newest first, and keeps what is needed of them."""

    def __init__(self, report: Report, wanted: set[int], *, part: bool, bundle: bool = False) -> None:
        self.report, self.wanted, self.part, self.bundle = report, wanted, part, bundle
        # The newest event that tells of a bundle.
        self.bundled: Event | None = None
        self.count = self.gaps = 0
        # Events that aren't shown, and those among them whose hash can't be computed from what stands for them.
        self.left_out = self.unproven = 0
        self.first: Event | None = None
        self.last: Event | None = None
        # Of the events that heads name: hash, and how many were read up to it.
        self.named: dict[int, tuple[str, int]] = {}
        # Of each request, the events that say what was asked for and decided.
        self.requests: dict[int, list[Event]] = {}
        self.newest_first: bool | None = None

    def skip(self, event: Event) -> None:
        """Follows the chain through an event that was left out: its number, hash, and the digest of its content."""
        self.count += 1
        self.left_out += 1
        if self.last is None or self.newest_first or event["id"] <= self.last["id"]:
            self.report.bad(f"Event {event['id']} is left out where none can be.")
            return
        if "content" not in event:
            self.unproven += 1
        elif sha256((self.last["hash"] + event["content"]).encode()) != event["hash"]:
            self.report.bad(
                f"The link between events {self.last['id']} and {event['id']}, which is left out, is broken."
            )
        self.last = {"prev_hash": self.last["hash"], **event}
        if event["id"] in self.wanted:
            self.named[event["id"]] = (event["hash"], self.count)

    def add(self, event: Event) -> None:
        if "action" not in event:
            self.skip(event)
            return
        self.count += 1
        if not fits(event):
            self.report.bad(f"Event {event['id']} isn't as it was written: its content doesn't fit its hash.")
        if self.last is not None:
            if self.newest_first is None:
                self.newest_first = event["id"] < self.last["id"]
            older, newer = (event, self.last) if self.newest_first else (self.last, event)
            if newer["prev_hash"] != older["hash"] or newer["id"] <= older["id"]:
                self.gaps += 1
                if not self.part:
                    self.report.bad(
                        f"The link between events {older['id']} and {newer['id']} is broken: events were changed, "
                        "taken out, put in or moved."
                    )
        self.first = self.first or event
        self.last = event
        if event["id"] in self.wanted:
            self.named[event["id"]] = (event["hash"], self.count)
        if event["action"] == BUNDLED and (self.bundled is None or event["id"] > self.bundled["id"]):
            self.bundled = event
        if event["action"] in OF_REQUESTS:
            self.requests.setdefault(event["request"], []).append(_slim(event))

    @property
    def ends(self) -> tuple[Event, Event] | None:
        """The oldest and the newest event; None without any."""
        if self.first is None or self.last is None:
            return None
        return (self.last, self.first) if self.newest_first else (self.first, self.last)

    def finish(self) -> None:
        if self.ends is None:
            self.report.bad("There is no event in it.")
            return
        oldest, newest = self.ends
        if self.newest_first:
            self.named = {number: (hash_, self.count - place + 1) for number, (hash_, place) in self.named.items()}
            for events in self.requests.values():
                events.reverse()
        if self.gaps and self.part:
            self.report.skip(f"The links at {self.gaps} gaps, since this is a part of the history only.")
        if self.left_out:
            self.report.ok(f"{self.left_out} events of these were left out, and the chain goes on through them.")
        if self.unproven:
            self.report.skip(f"The links at {self.unproven} events that were left out: they were written before that.")
        if self.whole:
            self.report.ok(f"{self.count} events, each as it was written, from the first one to {newest['id']}.")
        else:
            self.report.ok(f"{self.count} events were looked at, {oldest['id']} to {newest['id']}.")
        if oldest["prev_hash"] != GENESIS and self.bundle:
            self.report.ok(
                f"What came before event {oldest['id']} is no part of a bundle; the chain goes on from there."
            )
        elif oldest["prev_hash"] != GENESIS:
            self.report.skip(
                f"What came before event {oldest['id']}, whose hash is {oldest['prev_hash']}: it isn't in the files."
            )

    @property
    def whole(self) -> bool:
        """Whether the events begin with the first one ever and all are shown."""
        return (
            bool(self.ends and self.ends[0]["prev_hash"] == GENESIS and not self.gaps and not self.left_out)
            and not self.report.wrong
        )


def _slim(event: Event) -> Event:
    """What is needed of an event about a request; of the calls, which are long, their hash."""
    data = {name: value for name, value in event["data"].items() if name in KEPT}
    if "calls" in event["data"]:
        data["calls"] = hashlib.sha256(canonical(event["data"]["calls"])).hexdigest()
    return {**{name: event[name] for name in ("id", "action", "actor_id", "requester")}, "data": data}


# --- heads ---


class Keys:
    """The public keys that were given, by the name a head calls them."""

    def __init__(self, given: list[str]) -> None:
        self.raw = {hashlib.sha256(DER + raw).hexdigest()[:16]: raw for raw in map(self._read, given)}

    @staticmethod
    def _read(text: str) -> bytes:
        """The 32 bytes of a key, given as Base64 or as a file with that or with PEM. Ends the program otherwise."""
        try:
            path = Path(text)
            content = path.read_text(encoding="ascii") if len(text) < 1000 and path.is_file() else text
            lines = [line for line in content.split("\n") if not line.startswith("-----")]
            der = base64.b64decode("".join("".join(lines).split()), validate=True)
        except (OSError, ValueError, binascii.Error):
            der = b""
        if len(der) != len(DER) + 32 or not der.startswith(DER):
            sys.stderr.write("--key must be an Ed25519 public key in Base64, or a file with one.\n")
            raise SystemExit(2)
        return der[len(DER) :]

    def fits(self, key: str, signed: bytes, signature: bytes) -> bool | None:
        """Whether the key with this name made the signature; None where nothing is there to check it with."""
        raw = self.raw[key]
        if Ed25519PublicKey is not None:
            try:
                Ed25519PublicKey.from_public_bytes(raw).verify(signature, signed)
            except InvalidSignature:
                return False
            return True
        with tempfile.TemporaryDirectory() as folder:
            names = [Path(folder, name) for name in ("key", "signed", "signature")]
            for path, content in zip(names, (DER + raw, signed, signature), strict=True):
                path.write_bytes(content)
            command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-rawin"]
            command += ["-inkey", str(names[0]), "-in", str(names[1]), "-sigfile", str(names[2])]
            try:
                done = subprocess.run(command, capture_output=True, check=False)  # noqa: S603, its arguments are ours
            except OSError:
                return None
        said = done.stdout + done.stderr
        if done.returncode == 0 and b"Verified Successfully" in said:
            return True
        # An openssl that knows no Ed25519, or not these options, says something else.
        return False if b"Verification Failure" in said or b"Verification failed" in said.lower() else None


def check_head(name: str, text: str, chain: Chain, keys: Keys, report: Report) -> int:
    """Looks at one head; returns the event up to which it vouches for the history, 0 for none."""
    try:
        head = json.loads(text)
        signature = base64.b64decode(head.pop("signature"), validate=True)
        number, hash_, events = int(head["id"]), str(head["hash"]), int(head["events"])
        if head["kind"] != "head":
            raise ValueError(name)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error, RecursionError):
        report.bad(f"{name} isn't a head that amicopy wrote.")
        return 0
    if head.get("algorithm") != "ed25519":
        report.skip(f"{name} was signed with a secret, which only amicopy can check.")
        return 0
    if keys.raw:
        key = str(head.get("key"))[:40]
        if key not in keys.raw:
            report.bad(f"{name} was signed with the key {key}, which isn't among those that were given.")
            return 0
        fits = keys.fits(key, canonical(head), signature)
        if fits is False:
            report.bad(f"{name}'s signature doesn't fit: it was changed, or signed by somebody else.")
            return 0
        if fits is None:
            report.skip(f"{name}'s signature: neither the package cryptography nor a fitting openssl is there.")
    else:
        fits = None
        report.skip(f"{name}'s signature: no --key was given.")
    if not _leads_to(name, number, hash_, events, chain, report):
        return 0
    if fits:
        report.ok(f"{name} is signed, and the events lead to it: event {number}, signed at {head['at']}.")
    return number if fits else 0


def _leads_to(name: str, number: int, hash_: str, events: int, chain: Chain, report: Report) -> bool:
    """Whether the history leads to a head's event."""
    if chain.ends is None:
        return False
    oldest, newest = chain.ends
    if number < oldest["id"]:
        report.skip(f"{name} names event {number}, which comes before the ones in the files.")
        return False
    if number not in chain.named:
        if number > newest["id"] and not chain.part:
            words = "the end was cut off, or the export is older than the head"
            report.bad(f"{name} names event {number}, but the events end with {newest['id']}: {words}.")
        elif chain.part:
            report.skip(f"{name} names event {number}, which isn't in this part of the history.")
        else:
            report.bad(f"{name} names event {number}, which isn't in the history any more.")
        return False
    found, place = chain.named[number]
    if found != hash_:
        report.bad(f"Event {number} isn't the one in {name}: the history was written again.")
        return False
    if oldest["prev_hash"] == GENESIS and not chain.gaps and place != events:
        report.bad(f"{name} counts {events} events up to event {number}, and there are {place}.")
        return False
    return True


# --- requests ---


def check_requests(records: Iterator[Any], chain: Chain, report: Report) -> None:
    """Looks whether parameters and decisions of the requests in the export are those the events tell of."""
    count = later = 0
    newest = chain.ends[1]["id"] if chain.ends else 0
    for record in records:
        try:
            if record["event"] > newest:
                later += 1
                continue
            count += 1
            for words in _differences(record, chain.requests.get(record["request"], []), whole=chain.whole):
                report.bad(f"Request {record['request']}: {words}")
        except (KeyError, TypeError, AttributeError, IndexError):
            report.bad("A line of requests.jsonl isn't a request as amicopy writes it.")
    if later:
        report.skip(f"{later} requests that went on while the export was made.")
    if count:
        report.ok(f"{count} requests were compared with their events.")


def _differences(record: Any, events: list[Event], *, whole: bool) -> Iterator[str]:
    content, hash_ = record["content"], record["content_hash"]
    events = _standing(events)
    if hashlib.sha256(canonical(content)).hexdigest() != hash_:
        yield "what is stored doesn't fit its content hash."
    calls = _calls(content["calls"])
    if _calls(record["copies"]) != calls:
        yield "its copies aren't the ones its content says."
    asked = [event for event in events if event["action"] in SUBMITTED]
    if asked and asked[-1]["data"].get("calls") != hashlib.sha256(canonical(calls)).hexdigest():
        yield f"its parameters aren't the ones of event {asked[-1]['id']}, which submitted it."
    if asked and asked[-1]["data"].get("reason") != record["reason"]:
        yield f"its reason isn't the one of event {asked[-1]['id']}, which submitted it."
    if not asked and whole:
        yield "no event submitted it."
    approvals = [event for event in events if event["action"] in APPROVED]
    if record["state"] in AFTER_APPROVAL:
        if approvals and approvals[-1]["data"].get("content_hash") != hash_:
            yield f"event {approvals[-1]['id']} approved something else."
        if not approvals and whole:
            yield "no event approved it."
    yield from _wrong_decisions(record["decisions"], events, whole=whole)
    if approvals:
        by = {row["on_behalf_of"] or row["decided_by"] for row in record["decisions"] if row["kind"] == "approve"}
        for person in approvals[-1]["data"].get("votes", {}):
            if int(person) not in by:
                yield f"the vote of person {person} in event {approvals[-1]['id']} isn't among its decisions."


def _standing(events: list[Event]) -> list[Event]:
    """The events without approvals that were taken back, and without what took them back."""
    found: list[Event] = []
    for event in events:
        if event["action"] != WITHDRAWN:
            found.append(event)
            continue
        for index in reversed(range(len(found))):
            if found[index]["action"] in DECIDED["approve"] and found[index]["actor_id"] == event["actor_id"]:
                del found[index]
                break
    return found


def _calls(rows: list[Any]) -> list[Any]:
    return [{"DestinationRegion": row["DestinationRegion"], "parameters": row["parameters"]} for row in rows]


def _wrong_decisions(decisions: list[Any], events: list[Event], *, whole: bool) -> Iterator[str]:
    """Each decision must have its event, where all events are there, and each event that decided its decision."""
    told = [(event, event["actor_id"]) for event in events if event["actor_id"] is not None]
    for row in decisions:
        fitting = [
            event
            for event, person in told
            if event["action"] in DECIDED[row["kind"]]
            and person == row["decided_by"]
            and event["data"].get("content_hash", row["content_hash"]) == row["content_hash"]
            and event["data"].get("reason", row["reason"]) == row["reason"]
        ]
        if not fitting and whole:
            yield f"no event tells of the decision ({row['kind']}) of person {row['decided_by']}."
    for event, person in told:
        kinds = [kind for kind, actions in DECIDED.items() if event["action"] in actions]
        if not kinds or event["data"].get("automatic"):
            continue
        if not any(row["kind"] in kinds and row["decided_by"] == person for row in decisions):
            # An approval is told as well where a request goes on with votes of before.
            if event["action"] == "request.approved" and event["actor_id"] == event["requester"]:
                continue
            yield f"the decision of event {event['id']} isn't among its decisions."


# --- the bundle of a copy ---


def is_bundle(path: Path) -> bool:
    return not OF_BUNDLES.isdisjoint(members(path, ""))


def check_bundle(path: Path, chain: Chain, report: Report) -> None:
    """Looks whether each file of a bundle is the one that the event about the bundle names."""
    event = chain.bundled
    if event is None:
        report.bad("No event tells of this bundle.")
        return
    named = event["data"]["files"]
    there = {name for name in members(path, "") if name != "events.jsonl" and not name.startswith("heads/")}
    for name in sorted(there - set(named)):
        report.bad(f"{name} isn't a file of the bundle that event {event['id']} tells of.")
    for name in sorted(set(named) - there):
        report.bad(f"{name} is missing, which event {event['id']} tells of.")
    for name in sorted(there & set(named)):
        if sha256_of(path, name) != named[name]:
            report.bad(f"{name} isn't as it was: event {event['id']} holds another hash of it.")
    if not report.wrong:
        report.ok(f"The bundle's {len(named)} files are those that event {event['id']} tells of.")


# --- files ---


@contextmanager
def opened(path: Path, name: str) -> Iterator[IO[str]]:
    """The lines of a member of a zip, or of a file in a folder."""
    if path.is_dir():
        with (path / name).open(encoding="utf-8") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, archive.open(name) as member:
        yield io.TextIOWrapper(member, encoding="utf-8")


def sha256_of(path: Path, name: str) -> str:
    """The hash of a member of a zip, or of a file in a folder."""
    if path.is_dir():
        return sha256((path / name).read_bytes())
    with zipfile.ZipFile(path) as archive:
        return sha256(archive.read(name))


def events_of(path: Path) -> Iterator[Any]:
    """What each line of a file says."""
    if path.is_dir() or zipfile.is_zipfile(path):
        with opened(path, "events.jsonl") as file:
            yield from map(json.loads, file)
        return
    open_ = gzip.open if path.name.endswith(".gz") else open
    with open_(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def members(path: Path, beginning: str) -> list[str]:
    """The members of a zip, or the files of a folder, whose names begin like this."""
    if path.is_dir():
        names = [each.relative_to(path).as_posix() for each in sorted(path.rglob("*")) if each.is_file()]
        return [name for name in names if name.startswith(beginning)]
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if name.startswith(beginning)]


def heads_of(paths: list[Path], given: list[Path]) -> Iterator[tuple[str, str]]:
    """Name and content of each head, of those in the exports and those that were given."""
    for path in paths:
        for name in members(path, "heads/"):
            with opened(path, name) as file:
                yield name, file.read(10_000)
    for head in given:
        yield str(head), head.read_text(encoding="utf-8")[:10_000]


def _number(text: str) -> int:
    try:
        return int(json.loads(text)["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0


def main(arguments: list[str]) -> int:
    """Does what the head of this file says; returns the exit code."""
    parser = argparse.ArgumentParser(description="Verifies an export of amicopy's audit history.")
    parser.add_argument("--key", action="append", default=[], help="public key, or a file with it; more than once")
    parser.add_argument("--head", action="append", default=[], type=Path, help="a head kept elsewhere; more than once")
    parser.add_argument(
        "--part",
        action="store_true",
        help="the export has gaps: filters narrowed it, before left-out events were noted",
    )
    parser.add_argument("export", nargs="+", type=Path)
    asked = parser.parse_args(arguments)
    report, keys = Report(), Keys(asked.key)
    try:
        heads = list(heads_of(asked.export, asked.head))
        bundles = [path for path in asked.export if is_bundle(path)]
        chain = Chain(report, {_number(text) for _, text in heads}, part=asked.part, bundle=bool(bundles))
        for path in asked.export:
            for event in events_of(path):
                chain.add(event)
        chain.finish()
        vouched = max((check_head(name, text, chain, keys, report) for name, text in heads), default=0)
        if not heads:
            report.skip("Whether the end was cut off: there is no signed head.")
        elif vouched and chain.ends and vouched < chain.ends[1]["id"]:
            report.ok(f"Events after {vouched} came after the newest head; a later one vouches for them.")
        for path in asked.export:
            for name in members(path, "requests.jsonl"):
                with opened(path, name) as file:
                    check_requests(map(json.loads, file), chain, report)
        for path in bundles:
            check_bundle(path, chain, report)
    except (OSError, EOFError, UnicodeDecodeError, zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        report.bad(f"The files can't be read as an export of amicopy: {type(error).__name__}: {error}")
    if report.wrong > MOST_SAID:
        sys.stdout.write(f"... and {report.wrong - MOST_SAID} more that are wrong\n")
    if report.wrong:
        sys.stdout.write("This history doesn't hold.\n")
        return 1
    words = "Nothing is wrong; not everything was checked." if report.unchecked else "All of it holds."
    sys.stdout.write(f"{words}\n")
    return 3 if report.unchecked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
