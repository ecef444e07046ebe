"""The secret part of a link with which a person sets a password: made when it is shown or sent, stored nowhere."""

from django.contrib.auth.models import User
from django.utils.crypto import salted_hmac

SALT = "amicopy.password-link"


def token(person: User, link: int) -> str:
    """What follows the person in the path of link number `link`. It holds while their password is the same."""
    said = f"{link} {person.pk} {person.password}"
    return f"{link}-{salted_hmac(SALT, said, algorithm='sha256').hexdigest()}"


def link_of(token: str) -> int | None:
    """The number of the link that a token claims to be of."""
    number = token.partition("-")[0]
    return int(number) if number.isascii() and number.isdigit() and len(number) < 19 else None


def completed(path: str, person: User) -> str:
    """The path of a message, which ends with the number of a link, with its token instead."""
    head, number = path.rstrip("/").rsplit("/", 1)
    return f"{head}/{token(person, int(number))}/"
