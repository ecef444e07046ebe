"""Names that look alike, by Unicode's table of confusable characters."""

from collections.abc import Iterable
from unicodedata import normalize

from confusable_homoglyphs.confusables import confusables_data, is_dangerous


def mixed(name: str) -> bool:
    """Whether a name mixes alphabets so that one letter stands where another is read."""
    return bool(is_dangerous(name))


def like(name: str, others: Iterable[str]) -> str | None:
    """The first of the other names that people could take for this one, however the two are written."""
    mine = _looks(name)
    return next((other for other in others if _looks(other) & mine), None)


def _looks(name: str) -> set[str]:
    """What a name looks like, in the letters that all that look the same are written with here; small and as it is."""
    plain = normalize("NFKC", name)
    return {_drawn(plain).casefold(), _drawn(plain.casefold())}


def _drawn(text: str) -> str:
    return "".join(_prototype(character) for character in text)


def _prototype(character: str) -> str:
    """The character, or characters, that Unicode's table draws this one as. In the table each names what it is drawn
    as, and that names all that are drawn like it."""
    alike = [str(each["c"]) for each in confusables_data.get(character, ())]
    if len(alike) != 1:
        return character
    back = confusables_data.get(alike[0], ())
    return alike[0] if len(alike[0]) > 1 or len(back) > 1 else min(character, alike[0])
