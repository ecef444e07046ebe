"""The words for why a copy waits, for pages and messages. Nothing reads them back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amicopy.copies.core.reasons import Code, Reason, Who


@dataclass(frozen=True)
class Words:
    """`title` fits a status, `detail` is its second line, `next_step` what a person has to do, empty where nobody
    has to."""

    title: str
    detail: str
    next_step: str = ""

    @property
    def sentence(self) -> str:
        """Both in one, for a line of its own."""
        return f"{self.title}: {self.detail}" if self.detail else f"{self.title}."


Data = Mapping[str, Any]
_AGAIN = "It goes on by itself once that is done; the approval still counts."


def words_of(reason: Reason) -> Words:
    """The words for a reason."""
    return _WORDS[reason.code](reason.data)


def who_in_words(who: Who) -> str:
    """Who has to do something, as the subject of a sentence; empty for nobody."""
    return {
        Who.REQUESTER: "The requester",
        Who.ADMINISTRATOR: "An administrator of amicopy",
        Who.AWS_ADMINISTRATOR: "Whoever administers the AWS account",
    }.get(who, "")


def _no_slot(data: Data) -> Words:
    if "place" in data:
        return Words("Waiting for a slot", f"{ordinal(data['place'])} of {data['of']} into {data['Region']}")
    return Words("Waiting for a slot", "AWS has as many copies in progress as it allows.")


def _undo(data: Data) -> Words:
    return Words("Starts in a moment", f"the approval can be taken back until {_second(data['until'])}.")


def _start_time(data: Data) -> Words:
    return Words("Held", f"starts at {_time(data['until'])}, as the requester asked.")


def _frozen(data: Data) -> Words:
    return Words("Held", f"frozen until {_time(data['until'])} ({data['window']}).")


def _account_off(data: Data) -> Words:
    return Words("Held", f"account {data['account']} is switched off.", f"Switch the account on again. {_AGAIN}")


def _removing(data: Data) -> Words:
    number = len(data.get("snapshots", ()))
    return Words("Removing", f"{number} snapshots of the copy are still there." if number else "AWS is asked again.")


def _quota(data: Data) -> Words:
    return Words(
        "A quota of the account is used up",
        "AWS makes no more of these in this Region until somebody makes room or raises the quota.",
        f"Remove what isn't needed in this Region, or ask AWS for a higher quota. {_AGAIN}",
    )


def _permission(data: Data) -> Words:
    action = data.get("Action") or "the call"
    return Words(
        "A permission is missing",
        f"AWS doesn't let amicopy do {action}{'' if data.get('existing') else '; the copy itself may go on at AWS'}.",
        f"Allow {action} for the role amicopy acts with. {_AGAIN}",
    )


def _key(data: Data) -> Words:
    key = data.get("KmsKeyId") or "the KMS key"
    return Words("The KMS key can't be used", f"{key} is disabled or not accessible.", f"Enable the key. {_AGAIN}")


def _credentials(data: Data) -> Words:
    return Words(
        "amicopy's AWS credentials can't be renewed",
        "AWS says again and again that they have expired.",
        f"Check amicopy's own credentials and the account's role, and the clock of the workers. {_AGAIN}",
    )


def _never_shown(data: Data) -> Words:
    return Words(
        "AWS doesn't show the new image",
        f"AWS gave the ID {data.get('ImageId', '')} and hasn't listed it for {_minutes(data)}.",
        "Look for the image in the AWS console. If it isn't there, cancel this copy and ask again.",
    )


def _missing(data: Data) -> Words:
    return Words("AWS doesn't list the image right now", "amicopy looks again before it believes that it is gone.")


def _removal_refused(data: Data) -> Words:
    return Words(
        "AWS refuses to remove the image",
        f"AWS answered {data.get('AwsCode') or 'no'} to {data.get('Action') or 'the removal'}.",
        "Lift what protects the image, or allow the removal for amicopy's role. amicopy tries again by itself.",
    )


def _failed_image_kept(data: Data) -> Words:
    return Words(
        "A failed image has to go first",
        f"AWS could still finish it, as a second one, and answered {data.get('AwsCode') or 'no'} to DeregisterImage.",
        f"Allow ec2:DeregisterImage for amicopy's role, or deregister the earlier attempt's image. {_AGAIN}",
    )


def _unclear_image(data: Data) -> Words:
    return Words(
        "amicopy can't tell whether an AMI is this copy",
        f"It has this source and name, but no mark of amicopy's: {', '.join(data.get('images', ()))}.",
        "Deregister it at AWS if it is this copy. amicopy removes nothing that it can't know as its own.",
    )


_WORDS: Mapping[str, Callable[[Data], Words]] = {
    Code.NO_SLOT: _no_slot,
    Code.THROTTLED: lambda _: Words("Waiting", "AWS asks to slow down."),
    Code.AWS_UNREACHABLE: lambda _: Words("Waiting", "AWS can't be reached right now."),
    Code.CREDENTIALS_RENEWED: lambda _: Words("Waiting for new AWS credentials", ""),
    Code.SOURCE_PENDING: lambda _: Words("Waiting for the source AMI", "it is still being made."),
    Code.SOURCE_UNSEEN: lambda _: Words("Waiting for the source AMI", "AWS doesn't list it right now."),
    Code.KEY_UNSEEN: lambda _: Words("Waiting for the KMS key", "KMS doesn't show its alias right now."),
    Code.UNDO: _undo,
    Code.START_TIME: _start_time,
    Code.FROZEN: _frozen,
    Code.NOT_SHOWN_YET: lambda _: Words("Waiting", "AWS doesn't show the new image yet."),
    Code.MISSING: _missing,
    Code.SNAPSHOTS_UNSEEN: lambda _: Words("The new AMI is available", "AWS doesn't list all of its snapshots yet."),
    Code.LOOKING_FOR_IMAGE: lambda _: Words("Looking for an image", "AWS may have made it before its answer was lost."),
    Code.REMOVING: _removing,
    Code.STEP_UNSEEN: lambda _: Words("Waiting", "AWS doesn't show the change yet."),
    Code.ALIAS_CHECKED: lambda _: Words("AWS checks the AMI", "the alias shows it once that is done."),
    Code.STEP_WORKING: lambda _: Words("Waiting for a step to end", "what it did is undone before the AMI is removed."),
    Code.PROTECTED: lambda _: Words("Waiting", "AWS protects the AMI for 24 hours after its protection has ended."),
    Code.ACCOUNT_OFF: _account_off,
    Code.QUOTA: _quota,
    Code.CREDENTIALS: _credentials,
    Code.PERMISSION: _permission,
    Code.KEY: _key,
    Code.NEVER_SHOWN: _never_shown,
    Code.REMOVAL_REFUSED: _removal_refused,
    Code.FAILED_IMAGE_KEPT: _failed_image_kept,
    Code.UNCLEAR_IMAGE: _unclear_image,
    Code.EARLIER: lambda data: Words("Waiting", str(data.get("words", ""))),
}


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, … 11th, … 21st."""
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"


def _time(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%d %b %Y, %H:%M} UTC"


def _second(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%H:%M:%S} UTC"


def _minutes(data: Data) -> str:
    return f"{int(data.get('seconds', 0)) // 60} minutes"
