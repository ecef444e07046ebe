"""What a snapshot is made of: the JSON in `CopyRequest.lookups`."""

from typing import Any, TypedDict

from amicopy.copies.lookups import inspection
from amicopy.copies.lookups import steps as step_lookups


class KeptWarning(TypedDict):
    """`stops`: AWS would refuse the copy as things were."""

    code: str
    message: str
    stops: bool


class KeptPrediction(TypedDict):
    """One snapshot of a copy; `Encrypted` is None and `KmsKeyId` empty where AWS decides. `words` say it."""

    DeviceName: str
    SnapshotId: str
    Encrypted: bool | None
    KmsKeyId: str
    words: str


class KeptKey(TypedDict):
    """The chosen key as KMS knows it; `problem` and its `code` are empty when it can encrypt the copy. An older
    request has no code."""

    asked: str
    Arn: str
    KeyState: str
    KeyManager: str
    problem: str
    code: str


class KeptPermission(TypedDict):
    """The answer to a dry run; `action` and `statement` are what a policy lacks, empty when it isn't that."""

    asked_at: str
    allowed: bool
    code: str
    message: str
    action: str
    statement: str


class KeptDestination(TypedDict, total=False):
    """One destination, in the order of the request's copies.

    `place` says why the account can't copy there and `place_code` which problem it is, absent when nothing speaks
    against it. `encrypts_by_default` and
    `default_key` are the Region's settings; `clashes` the ids of images there that have the new name already;
    `usual_seconds` how long as much data took lately; `offered` the first instance types there that could run the copy,
    absent where it isn't known; `dry_run` is there when permissions were checked with exactly
    these parameters shortly before.
    """

    destination: str
    DestinationRegion: str
    place: str
    place_code: str
    encrypts_by_default: bool
    default_key: str
    encryption: list[KeptPrediction]
    key: KeptKey
    clashes: list[str]
    usual_seconds: float
    offered: list[str]
    dry_run: KeptPermission
    steps: step_lookups.KeptSteps
    missing: dict[str, str]


class KeptAbsence(TypedDict):
    """A source that AWS doesn't show in its Region, and the Regions where it does."""

    ImageId: str
    Region: str
    elsewhere: list[str]


class KeptSharing(TypedDict):
    """With how many a source is shared; absent where AWS doesn't say it. `organizations` are these and their units."""

    accounts: int
    organizations: int


class KeptRefusal(TypedDict):
    """Why amicopy doesn't get into the account."""

    code: str
    message: str


class Kept(TypedDict, total=False):
    """`source` is the image as `source_binding.lookup_of` gives it. Sizes are of one copy: `GiB` of its volumes,
    `bytes` of their data where AWS says it; `snapshots` has each one's FullSnapshotSizeInBytes by its id.
    `tags_copied` and `tags_left` are the source's tags when CopyImageTags is on."""

    asked_at: str
    looked_again_at: str
    account_refused: KeptRefusal
    source: dict[str, Any]
    source_not_there: KeptAbsence
    warnings: list[KeptWarning]
    not_copied: list[str]
    shared_with: KeptSharing
    tags_copied: dict[str, str]
    tags_left: dict[str, str]
    size: dict[str, int | None]
    snapshots: dict[str, dict[str, int]]
    inspection: inspection.KeptInspection
    destinations: list[KeptDestination]
    missing: dict[str, str]
