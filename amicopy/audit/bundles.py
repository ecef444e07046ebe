"""The bundle of one copy: a zip with its record, its events, its calls and what verifies them without amicopy.

An event of its own holds the hash of each file, and is among the events in the bundle; the signed head comes after it.
So that whoever changes a file has to change an event, and whoever changes that has to sign a head.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from amicopy.audit import exports, lines
from amicopy.audit.log import Entry, record_all
from amicopy.audit.models import AuditEvent

ACTION = "audit.bundled"
HOW = """One copy of an AMI, as amicopy knows it, to be verified without amicopy.

1. Get the public key from whoever operates amicopy, not from here; and, better, verify_amicopy.py as well.
2. Run:  python3 verify_amicopy.py --key KEY THIS.zip
   or, where it was unpacked:  python3 verify_amicopy.py --key KEY FOLDER
3. It ends with 0 when all holds, 1 when something doesn't, 3 when something couldn't be looked at, and says what.

record.json is what the page shows: asked, approved, sent, got, now. calls.json has each call of CopyImage and what AWS
answered. events.jsonl has the copy's events with their hashes, and of those between them number, hash and a digest, so
that the chain can be followed through them. requests.jsonl is what is stored of the request, with its decisions.
heads/ has signed heads of the chain. The last event holds the SHA-256 of each other file.
"""


def bundle(events: QuerySet[AuditEvent], *, files: Mapping[str, str], about: Entry) -> Iterator[bytes]:
    """Records the bundle and returns the zip in pieces. `events` are the copy's, in any order; `files` is what else
    goes into it, by name; `about` says who takes it and of what, its data is filled in here."""
    contents = {
        **{name: content.encode() for name, content in files.items()},
        "README.txt": HOW.encode(),
        exports.VERIFIER.name: exports.VERIFIER.read_bytes(),
    }
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    with transaction.atomic():
        (event,) = record_all([replace(about, action=ACTION, data={"files": hashes})])
    rows = exports.Counted(lines.merged([events.order_by().filter(id__lte=event.pk)], oldest_first=True))
    first = events.order_by("id").values_list("id", flat=True).first() or event.pk
    pieces = exports.zipped(
        rows,
        signed=exports.signed_heads(since=first),
        contents=contents,
        newest=event.pk,
    )
    said: dict[str, Any] = {"format": "bundle", "request": about.request, "copy": about.copy, "newest": event.pk}
    return exports.told(pieces, rows, about=said, actor=about.actor)
