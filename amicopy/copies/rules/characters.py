"""Characters that can't be sent, can't be seen, or look like another: which ones, and what a message calls them."""

import re
import unicodedata

# EC2 answers in XML, which has no place for these; a carriage return alone comes back as another character.
NOT_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

# Characters of no width, and those that turn the direction of what follows; joiners are part of letters and pictures.
HIDDEN = re.compile(
    "[\u00ad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0001\U000e0020-\U000e007f]"
)
# Letters and signs by their category, and blank all the same.
BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufe0e\ufe0f")
# Unicode gives control characters no name of their own; these are what keyboards and files have.
CONTROLS = {"\0": "NUL", "\t": "tab", "\n": "line feed", "\r": "carriage return", "\x1b": "escape", "\x7f": "delete"}
# So much of the text before it tells where a character is.
CONTEXT = 12


def hidden_in(text: str) -> str:
    """The first character that can't be seen but changes how a text reads, or empty."""
    found = HIDDEN.search(text)
    return found[0] if found else ""


def invisible(character: str) -> bool:
    """Whether nothing, or only a gap, shows where it stands; a plain space is what it looks like."""
    return character in BLANK or not character.isprintable()


def name_of(character: str) -> str:
    """A character by its Unicode name and number, such as "no-break space (U+00A0)"."""
    name = CONTROLS.get(character) or unicodedata.name(character, "").lower() or "character"
    return f"{name} (U+{ord(character):04X})"


def place_of(character: str, text: str) -> str:
    """What a message calls the first such character of a text, and where it is: "the tab (U+0009) after “web”"."""
    before = "".join(each for each in text[: text.index(character)] if not invisible(each))
    if not before.strip():
        return f"the {name_of(character)} at the beginning"
    start = "…" if len(before) > CONTEXT else ""
    return f"the {name_of(character)} after “{start}{before[-CONTEXT:]}”"


def to_remove(text: str, wrong: str) -> str:
    """Which of the `wrong` characters of a text to remove, as a sentence; empty without one. What can't be seen is
    named, and so is what may look like a letter of ours."""
    unseen = [character for character in dict.fromkeys(text) if character in wrong and invisible(character)]
    seen = sorted({character for character in text if character in wrong and not invisible(character)})
    words = [" ".join(map(_shown, seen[:5])) + (" and others" if len(seen) > 5 else "")] if seen else []
    words += [place_of(character, text) for character in unseen[:3]]
    return f"Remove {', and '.join(words)}." if words else ""


def _shown(character: str) -> str:
    name = unicodedata.name(character, "")
    return (
        character if character.isascii() or name.startswith("LATIN ") or not name else f"{character} ({name.lower()})"
    )
