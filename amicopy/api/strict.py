"""What every body is made of: texts that databases and AWS take, and members that are known."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StrictStr


def _text(value: str) -> str:
    """What databases and AWS take for text: no NUL, and no half of a character as JSON can write it."""
    if "\0" in value:
        raise ValueError("Remove the NUL character: it isn't text.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("Remove the lone surrogate: it isn't text.")
    return value


Text = Annotated[StrictStr, AfterValidator(_text)]

NUMBER = re.compile(r"[0-9]+(\.0+)?")


def _digits(value: Any) -> Any:
    """An address has text only, of which a number is its digits, or 3.0 as in JSON; pydantic takes "+1" and "1_0" for
    numbers, too."""
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        raise ValueError("Enter a number, in digits.")
    return value


# Of a number in an address's query.
DIGITS = BeforeValidator(_digits)


def no_longer_than(most: int, words: str) -> AfterValidator:
    """For a text of a body that isn't CopyImage's; `words` say what to do about a longer one."""

    def check(value: str) -> str:
        if len(value) > most:
            raise ValueError(f"{words} This has {len(value):,}.")
        return value

    return AfterValidator(check)


class Strict(BaseModel):
    """A body, or a part of one: members that aren't known are refused."""

    model_config = ConfigDict(extra="forbid")
