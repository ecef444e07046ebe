"""Whole submissions of the request form for property-based tests: good ones, nearly good ones, and hostile ones.

A submission begins as something a person would send, and is changed up to four times. Values are bytes at the end, so
that invalid UTF-8 and broken bodies can be sent as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from hypothesis import strategies as st

from amicopy.copies.core.parameters import PARAMETERS
from tests.copies.rules.cases import KEY, LOCAL_ZONE, LOCAL_ZONE_ID, MULTI_REGION_KEY, OUTPOST, key_arn
from tests.web.conftest import typed

BOUNDARY = "fuzz-boundary"
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", f"multipart/form-data; boundary={BOUNDARY}"
MEGABYTE = "A" * 2**20
# What must never be found in a page as it was sent; each would make an element or an attribute of its own.
MARKUP = (
    "<fuzz>",
    '"><fuzz x="',
    "'><fuzz x='",
    '" onfuzz="x',
    "' onfuzz='x",
    "</textarea><fuzz>",
    "</title><fuzz>",
    "--><fuzz>",
    "&lt;fuzz&gt;<fuzz",
)
UNESCAPED = r"<fuzz|[\"'] ?onfuzz="
HOSTILE = (
    *MARKUP,
    "{{ request.user.password }}{% debug %}",
    "$(touch /tmp/fuzz)`id`; rm -rf /",
    "'; DROP TABLE copies_copyrequest; --",
    "=cmd|'/c calc'!A1",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1+1",
    "\0",
    "a\0b",
    "\ud800",
    "a\udfffb",
    "\ufffe\uffff",
    "\u202egpj.exe",
    "\r\n\r\nSet-Cookie: fuzz=1",
    "a\rb",
    "\x1b[31m",
    "٣٤",
    "ａｍｉ",
    "👩‍🚀" * 30,
    "Z̸̧a̷l̶g̵o",
    "../../../etc/passwd",
    "%s%n%00",
    "${jndi:ldap://x}",
    "9" * 40,
    "-1",
    "1e9",
    "NaN",
    "null",
    "[]",
    "on",
    " ",
    "",
)
INVALID_UTF8 = (b"\xff\xfe", b"\xc3\x28", b"ok\xed\xa0\x80", b"\x80" * 10)
REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "ca-central-1")
# For each field: what a person may well mean, and what is just past what AWS takes.
GOOD: dict[str, tuple[str, ...]] = {
    "SourceRegion": ("us-east-1", "us-east-1", "us-west-2"),
    "SourceImageId": ("ami-0a7f3c92d41be6058", "ami-0b81d5e6f0a297c34", "ami-0d2f6b80c5e1794a3", "ami-0a1b2c3d"),
    "Name": ("golden-1", "a b(c)[d]./-'@_1", "abc", "n" * 128),
    "Description": ("", "it's new", "d" * 255, "two\r\nlines", "größer 👩‍🚀"),
    "DestinationRegion": REGIONS,
    "DestinationOutpostArn": (OUTPOST,),
    "DestinationAvailabilityZone": (LOCAL_ZONE, "us-west-2-lax-1a"),
    "DestinationAvailabilityZoneId": (LOCAL_ZONE_ID,),
    "Encrypted": ("true", ""),
    "KmsKeyId": ("alias/golden-images", KEY, MULTI_REGION_KEY, key_arn(), key_arn(key="alias/golden-images")),
    "CopyImageTags": ("on", ""),
    "SnapshotCopyCompletionDurationMinutes": ("15", "60", "2880", ""),
    "ClientToken": ("week-47", "t" * 64, ""),
    "DryRun": ("on", ""),
    "submission": ("",),
    "Key": ("team", "cost-center", "größe", "k" * 127),
    "Value": ("web", "", "v" * 256, "a=b"),
    "image": ("on", ""),
    "snapshot": ("on", ""),
    "kind": ("region", "outpost", "zone"),
    "account": ("sandbox", "111122223333"),
    "reason": ("PLAT-1", "r" * 4000),
}
NEARLY: dict[str, tuple[str, ...]] = {
    "SourceRegion": ("us-east-1a", "Ireland", "US-EAST-1", "cn-north-1", "us-gov-west-1", "xx-nowhere-9", "us-east-1٣"),
    "SourceImageId": (
        "AMI-0A7F3C92D41BE6058",
        "ami-xyz",
        "ami-0a7f3c92d41be605",
        " ami-0a7f3c92d41be6058 ",
        "i-0a1b2c3d",
    ),
    "Name": ("ab", "n" * 129, "über", "what*ever", " padded ", "   ", "two\nlines"),
    "Description": ("d" * 256, "a\x07b"),
    "DestinationRegion": ("eu-west-1a", "cn-north-1", "eu-west-9", "af-south-1", "us-east-1-bos-1a", "Frankfurt"),
    "DestinationOutpostArn": ("op-0a1b2c3d4e5f67890", OUTPOST.upper(), OUTPOST.replace("1111", "4444"), OUTPOST + "0"),
    "DestinationAvailabilityZone": ("us-east-1a", "us-east-1-wl1-bos-wlz-1", LOCAL_ZONE_ID, "us-east-1-abc-1a"),
    "DestinationAvailabilityZoneId": ("use1-az1", LOCAL_ZONE, "use1-abc1-az1"),
    "Encrypted": ("false", "maybe", "True"),
    "KmsKeyId": (
        "golden",
        KEY.upper(),
        key_arn("us-east-1"),
        key_arn(partition="aws-cn"),
        "alias/" + "a" * 251,
        "mrk-1",
    ),
    "SnapshotCopyCompletionDurationMinutes": ("7", "14", "2895", "0", "-15", "15.0", "soon", "٣٠", "1_5", "+15"),
    "ClientToken": ("t" * 65, "wöche", "two words"),
    "Key": ("aws:x", "AWS:x", "k" * 128, "", " team "),
    "Value": ("v" * 257, "a\x00b", "line\nfeed"),
    "kind": ("moon", "Region"),
    "account": ("nobody", "0"),
    "reason": ("", " ", "r" * 4001),
    "submission": ("not-a-uuid", "6d3a3c8e-6d8f-4d55-9d5c-0b7a0f5f4f11"),
}
PLACE = [p.name for p in PARAMETERS if p.scope != "request" and p.kind != "tags"] + ["DestinationRegion", "kind"]
SHARED = [p.name for p in PARAMETERS if p.scope != "destination" and p.kind != "tags"] + [
    "account",
    "reason",
    "submission",
]
TAG = ["Key", "Value", "image", "snapshot"]
# Twice what most forms have; rows that aren't there yet less often.
FIELDS = [
    *SHARED,
    *SHARED,
    *(f"destinations-{n}-{name}" for n in (0, 0, 1) for name in PLACE),
    "destinations-7-DestinationRegion",
    *(f"tags-{n}-{name}" for n in (0, 1) for name in TAG),
]
BASES: tuple[dict[str, str], ...] = (
    typed(),
    typed(**{"destinations-1-DestinationRegion": "us-west-2", "destinations-4-DestinationRegion": "us-east-1"}),
    typed(**{"destinations-0-Encrypted": "true", "destinations-0-KmsKeyId": "alias/golden-images"}),
    typed(Encrypted="true", KmsKeyId="alias/golden-images", SnapshotCopyCompletionDurationMinutes="60"),
    typed(**{"destinations-0-DestinationRegion": "us-east-1", "destinations-0-DestinationOutpostArn": OUTPOST}),
    typed(
        **{
            "destinations-0-DestinationRegion": "us-east-1",
            "destinations-0-kind": "zone",
            "destinations-0-DestinationAvailabilityZone": LOCAL_ZONE,
        }
    ),
    typed(**{"tags-0-Key": "team", "tags-0-Value": "web", "tags-0-image": "on", "tags-0-snapshot": "on"}),
    typed(CopyImageTags="on", DryRun="on", Description="it's new"),
    {},
)
Pair = tuple[str | bytes, str | bytes]


@dataclass(frozen=True)
class Submission:
    """Names and values in the order they are sent, and how: `broken` bodies can't be read whole."""

    pairs: tuple[Pair, ...]
    content_type: str = URLENCODED
    broken: bool = False

    @property
    def body(self) -> bytes:
        pairs = [(as_bytes(name), as_bytes(value)) for name, value in self.pairs]
        if self.content_type != MULTIPART:
            return b"&".join(f"{quote_from_bytes(name)}={quote_from_bytes(value)}".encode() for name, value in pairs)
        parts = [
            b'--%s\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (BOUNDARY.encode(), name, value)
            for name, value in pairs
            if not set(name) & set(b'"\r\n\0')
        ]
        end = b"" if self.broken else f"--{BOUNDARY}--\r\n".encode()
        return b"".join(parts) + end

    @property
    def typed(self) -> dict[str, str]:
        """What a page must keep of it: the last value of each name, as text."""
        return {
            as_bytes(name).decode(errors="replace"): as_bytes(value).decode(errors="replace").replace("\0", "\ufffd")
            for name, value in self.pairs
        }

    @property
    def too_much(self) -> bool:
        """More than the server reads: Django's limits on fields and bytes."""
        return len(self.pairs) > 2000 or len(self.body) > 2_621_440


def as_bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")


def _last(field: str) -> str:
    return field.rpartition("-")[2] if field[0].islower() and "-" in field else field


def _values(field: str, table: dict[str, tuple[str, ...]]) -> st.SearchStrategy[Pair]:
    return st.tuples(st.just(field), st.sampled_from(table.get(_last(field), HOSTILE)))


anything: st.SearchStrategy[str | bytes] = st.one_of(
    st.sampled_from(HOSTILE), st.sampled_from(HOSTILE), st.text(max_size=30), st.sampled_from(INVALID_UTF8)
)
fields = st.sampled_from(FIELDS)
names: st.SearchStrategy[str | bytes] = st.one_of(
    fields,
    st.sampled_from(
        (
            "destinations-999999-DestinationRegion",
            "destinations-1000000-DestinationRegion",
            "destinations--1-DestinationRegion",
            "destinations-٣-DestinationRegion",
            "destinations-0-Colour",
            "destinations-0-",
            "tags-0-Key-Key",
            "csrfmiddlewaretoken",
            "add",
            "remove-destination",
            "remove-tag",
            "",
        )
    ),
    anything,
)
# The first rows most often: a field of a row that isn't there yet makes one, which then lacks its Region.
likely_fields = st.sampled_from([name for name in FIELDS if not name.startswith(("destinations-1", "destinations-7"))])


@st.composite
def groups(draw: st.DrawFn) -> list[Pair]:
    """A field as a person may well fill it, with what belongs to it: a key needs encryption, a tag a place."""
    field = draw(likely_fields)
    value = draw(st.sampled_from(GOOD[_last(field)]))
    if field == "ClientToken" and value:
        value = f"week-{draw(st.integers(0, 10**9))}"
    elif field == "Name" or field.endswith("-Name"):
        value = draw(st.one_of(st.just(value), st.from_regex(r"[A-Za-z0-9()\[\] ./'@_-]{3,20}", fullmatch=True)))
    pairs: list[Pair] = [(field, value)]
    if field.endswith("KmsKeyId"):
        pairs.append((field.replace("KmsKeyId", "Encrypted"), "true"))
    if field.startswith("tags-"):
        pairs += [(f"{field[:6]}-Key", f"team{field[5]}"), (f"{field[:6]}-image", "on"), (field, value)]
    return pairs


set_well = groups()
set_nearly = fields.flatmap(lambda field: _values(field, NEARLY))
set_hostile: st.SearchStrategy[Pair] = st.tuples(fields, anything)
set_odd: st.SearchStrategy[Pair] = st.tuples(names, anything)
buttons: st.SearchStrategy[Pair] = st.tuples(
    st.sampled_from(("add", "remove-destination", "remove-tag")),
    st.sampled_from(("destination", "tag", "0", "1", "99", "-1", "x", "9" * 50, "<fuzz>", "٣")),
)
huge: st.SearchStrategy[Pair] = st.tuples(fields, st.sampled_from((MEGABYTE, "<fuzz>" * 20_000, MEGABYTE * 3)))


def _many(prefix: str, count: int) -> Iterator[Pair]:
    last = "DestinationRegion" if prefix == "destinations" else "Key"
    return ((f"{prefix}-{n}-{last}", REGIONS[n % len(REGIONS)]) for n in range(count))


@st.composite
def submissions(draw: st.DrawFn) -> Submission:
    """One sending of the form."""
    pairs: list[Pair] = list(draw(st.sampled_from(BASES)).items())
    for group in draw(st.lists(set_well, max_size=5)):
        pairs += group
    # Half of them are changed no further.
    kinds = draw(st.lists(st.sampled_from("nnnnhhhodb"), min_size=1, max_size=4)) if draw(st.booleans()) else []
    for kind in kinds:
        if kind == "d" and pairs:
            del pairs[draw(st.integers(0, len(pairs) - 1))]
        else:
            pairs.append(draw({"n": set_nearly, "h": set_hostile, "b": buttons}.get(kind, set_odd)))
    # Now and then one hostile value everywhere.
    if kinds and draw(st.sampled_from(range(8))) == 5:
        value = draw(st.one_of(st.sampled_from(MARKUP), anything))
        pairs += [(field, value) for field in dict.fromkeys(FIELDS)]
    # Rarely: what costs much to answer.
    rare = draw(st.sampled_from(range(400)))
    if rare == 137:
        pairs.append(draw(huge))
    elif rare == 237:
        pairs += _many(draw(st.sampled_from(("destinations", "tags"))), draw(st.sampled_from((60, 110, 2500))))
    shape = draw(st.sampled_from("u" * 18 + "mmm" + "x" + "j"))
    if shape == "m":
        return Submission(tuple(pairs), MULTIPART)
    if shape == "x":
        return Submission(tuple(pairs), MULTIPART, broken=True)
    if shape == "j":
        kind = draw(st.sampled_from(("application/json", "text/plain", "", "multipart/form-data", "a/b; charset=nope")))
        return Submission(tuple(pairs), kind, broken=True)
    return Submission(tuple(pairs))
