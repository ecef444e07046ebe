"""What each snapshot of a copy will be encrypted with, as far as AWS documents it.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/AMIEncryption.html and
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-copy-snapshot.html. Where these two disagree, or say nothing,
the answer is that AWS decides: nothing may rest on a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from amicopy.aws.ec2 import EbsEncryption
from amicopy.aws.shapes import Volume
from amicopy.copies.core import source_volumes
from amicopy.copies.core.calls import Call

ZONES = ("DestinationAvailabilityZone", "DestinationAvailabilityZoneId")


@dataclass(frozen=True)
class Prediction:
    """`Encrypted` is None and `KmsKeyId` empty where AWS decides or it isn't known; `words` say it for people."""

    DeviceName: str
    SnapshotId: str
    Encrypted: bool | None
    KmsKeyId: str
    words: str


def predict(call: Call, volumes: Sequence[Volume], *, own: bool, defaults: EbsEncryption | None) -> list[Prediction]:
    """One prediction for each copied volume of the source. `own`: the source belongs to the account that copies.

    `defaults` are those of the destination's Region, None where they aren't known.
    """
    return [
        Prediction(volume.DeviceName, volume.SnapshotId, *_outcome(call, volume, own=own, defaults=defaults))
        for volume in volumes
        if source_volumes.is_copied(vars(volume))
    ]


def as_it_is(volumes: Sequence[Volume]) -> list[Prediction]:
    """What an AMI that exists is encrypted with."""
    return [
        Prediction(
            volume.DeviceName,
            volume.SnapshotId,
            volume.Encrypted,
            volume.KmsKeyId or "",
            f"encrypted with {volume.KmsKeyId or 'a key that AWS doesn’t name'}" if volume.Encrypted else "unencrypted",
        )
        for volume in volumes
    ]


def _outcome(call: Call, volume: Volume, *, own: bool, defaults: EbsEncryption | None) -> tuple[bool | None, str, str]:
    asked, key = call.parameters.get("Encrypted"), str(call.parameters.get("KmsKeyId") or "")
    if key and (asked is True or call.parameters.get("DestinationOutpostArn")):
        return True, key, f"encrypted with {key}"
    if call.parameters.get("DestinationOutpostArn"):
        return _by_default(defaults, "encrypted, as every copy on an Outpost is")
    if asked is False:
        return _explicitly_not(volume, defaults)
    if volume.Encrypted and own and call.parameters.get("SourceRegion") == call.DestinationRegion:
        return True, "", "encrypted as the source is; AWS decides with which key"
    if volume.Encrypted:
        return _by_default(defaults, "encrypted, as the source is")
    if asked is True:
        return _by_default(defaults, "encrypted")
    if defaults is None:
        return None, "", "unencrypted, unless the Region encrypts by default; that isn't known"
    if defaults.by_default:
        return _by_default(defaults, "encrypted, since the account encrypts by default there")
    if any(call.parameters.get(name) for name in ZONES):
        return None, "", "unencrypted, unless the Local Zone encrypts always; AWS decides"
    return False, "", "unencrypted"


def _explicitly_not(volume: Volume, defaults: EbsEncryption | None) -> tuple[bool | None, str, str]:
    if volume.Encrypted:
        return None, "", "AWS will refuse it: an encrypted snapshot can't become unencrypted"
    if defaults is not None and not defaults.by_default:
        return False, "", "unencrypted"
    return None, "", "AWS decides"


def _by_default(defaults: EbsEncryption | None, words: str) -> tuple[bool, str, str]:
    if defaults is None:
        return True, "", f"{words}, with the Region's default EBS key"
    return True, defaults.KmsKeyId, f"{words}, with the default EBS key {defaults.KmsKeyId}"
