"""A member of a step, and reading it from plain data: forms, the API and presets all end here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

Kind = Literal["text", "texts", "flag", "number", "time"]
# Members as AWS spells them; JSON, a time as YYYY-MM-DDTHH:MM:00Z.
Members = Mapping[str, Any]


class Wrong(StrEnum):
    """What is wrong with a step, for programs; `FieldError.code`."""

    UNKNOWN_STEP = "step-unknown"
    UNKNOWN_MEMBER = "step-member-unknown"
    WRONG_TYPE = "step-member-type"
    MISSING = "step-member-missing"
    MALFORMED = "step-member-malformed"
    LENGTH = "step-member-length"
    TOO_MANY = "step-too-many"
    ONE_OF = "step-one-of"
    PAST = "step-in-the-past"
    TOO_LATE = "step-too-late"
    OTHER_PARTITION = "step-other-partition"
    OWN_ACCOUNT = "step-own-account"
    DEFAULT_KEY = "step-default-key"
    PUBLIC_ENCRYPTED = "step-public-encrypted"
    PUBLIC_WATERMARK = "step-public-watermark"
    PUBLIC_BLOCKED = "step-public-blocked"
    PUBLIC_NOT_ALLOWED = "step-public-not-allowed"
    ALIAS_TYPE = "step-alias-type"
    ALIAS_EXISTS = "step-alias-exists"
    ALIAS_TWICE = "step-alias-twice"
    TEMPLATE_TWICE = "step-template-twice"
    TEMPLATE_UNKNOWN = "step-template-unknown"
    DRY_RUN = "step-dry-run"
    NOT_HERE = "step-not-here"
    PROTECTED = "step-protected"
    KEY_POLICY = "step-key-policy"


@dataclass(frozen=True)
class Fault:
    """What is wrong with one member, or with a whole step where `member` is empty; `words` are fit to be shown."""

    member: str
    code: Wrong
    words: str


@dataclass(frozen=True)
class Member:
    """`minimum` and `maximum` are lengths of a text, or of each of several, and values of a number; `most` is how many
    texts there can be; `pattern` must match the whole text; `placeholders`: {date}, {source} and {region} in it are
    filled in when it is submitted."""

    name: str
    kind: Kind
    label: str
    help: str = ""
    required: bool = False
    minimum: int | None = None
    maximum: int | None = None
    most: int | None = None
    pattern: str = ""
    pattern_words: str = ""
    choices: tuple[str, ...] = ()
    placeholders: bool = False
    mono: bool = False

    def clean(self, value: Any) -> tuple[Any, list[Fault]]:
        """The value as it is kept, None where there is nothing, and what is wrong with it. Texts of a list come sorted
        and once."""
        if value is None or value == "" or value == []:
            return None, []
        if self.kind == "flag":
            return (True if value else None, []) if isinstance(value, bool) else (None, [self._type("true or false")])
        if self.kind == "number":
            return self._number(value)
        if self.kind == "texts":
            return self._texts(value)
        if not isinstance(value, str):
            return None, [self._type("a text")]
        return self._time(value.strip()) if self.kind == "time" else self._text(value.strip())

    def _texts(self, value: Any) -> tuple[Any, list[Fault]]:
        if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
            return None, [self._type("a list of texts")]
        texts = sorted({each.strip() for each in value} - {""})
        faults = [fault for each in texts for fault in self._text(each)[1]]
        if self.most is not None and len(texts) > self.most:
            faults.append(Fault(self.name, Wrong.TOO_MANY, f"At most {self.most:,}. These are {len(texts):,}."))
        return texts or None, faults

    def _text(self, text: str) -> tuple[Any, list[Fault]]:
        filled = re.sub(r"\{(?:date|source|region)\}", "x", text) if self.placeholders else text
        if self.choices and text not in self.choices:
            return text, [Fault(self.name, Wrong.MALFORMED, f"Choose {' or '.join(self.choices)}.")]
        if self.pattern and not re.fullmatch(self.pattern, filled):
            shown = text if len(text) <= 60 else f"{text[:59]}…"
            return text, [Fault(self.name, Wrong.MALFORMED, f"Enter {self.pattern_words}. “{shown}” isn't that.")]
        least, most = self.minimum or 0, self.maximum or len(text)
        if not least <= len(text) <= most:
            return text, [Fault(self.name, Wrong.LENGTH, f"Enter {least} to {most:,} characters.")]
        return text or None, []

    def _number(self, value: Any) -> tuple[Any, list[Fault]]:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            return None, [self._type("a whole number")]
        if not (self.minimum or 0) <= value <= (self.maximum or value):
            words = f"Enter a number from {self.minimum or 0} to {self.maximum:,}."
            return value, [Fault(self.name, Wrong.LENGTH, words)]
        return value, []

    def _time(self, text: str) -> tuple[Any, list[Fault]]:
        try:
            when = datetime.fromisoformat(text)
            when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        except (ValueError, OverflowError):
            return None, [self._type("a date and time such as 2027-01-31T00:00Z")]
        # Years before 1000 have four digits here alone: strftime's %Y doesn't fill them up.
        return when.replace(second=0, microsecond=0, tzinfo=None).isoformat() + "Z", []

    def _type(self, words: str) -> Fault:
        return Fault(self.name, Wrong.WRONG_TYPE, f"Enter {words}.")


def time_of(text: str) -> datetime:
    """A time as a step keeps it."""
    return datetime.fromisoformat(text)
