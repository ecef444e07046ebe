"""Guessing passwords is slow, from one address and from a thousand, and keeps nobody out where they signed in before.

A try is counted before the password is looked at, so that many at once are no more than one after the other; a right
password takes its own count back. During a rest a password isn't looked at and nothing is counted: trying doesn't make
it longer. What is counted stands under keyed digests, in rows of which there are never more than MOST_ROWS.
"""

import ipaddress
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from amicopy.client_address import address_of
from amicopy.copies.core.permissions import service_of
from amicopy.copies.operations.sign_on import password_opens
from amicopy.web.models import KnownPlace, SignInTries

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """So many tries, then a rest. Fewer are forgotten after as long."""

    tries: int
    rest: timedelta


LIMITS = {
    # A name from an address.
    "place": Limit(5, timedelta(minutes=15)),
    # An address, whatever the names.
    "address": Limit(20, timedelta(minutes=15)),
    # A name, wherever from.
    "name": Limit(30, timedelta(minutes=15)),
    # A name from an address or a browser it signed in from before: nothing else counts there, and a rest is short.
    "known": Limit(10, timedelta(minutes=1)),
    # A person's second factor, wherever from: whoever tries one knows the password, so a right one takes nothing back.
    "code": Limit(5, timedelta(minutes=30)),
}
MOST_ROWS = 20_000
# The cookie that knows a browser again.
BROWSER, BROWSER_DAYS, BROWSER_BYTES = "known-browser", 180, 32
# A person's places; the one used longest ago goes first.
MOST_PLACES = 40


class Resting(Exception):
    """No password is looked at until then."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"resting until {until:%H:%M:%S}")
        self.until = until


@dataclass(frozen=True)
class Place:
    """Where a try comes from. `browser` is what its cookie says, or something new."""

    address: str
    browser: str

    @classmethod
    def of(cls, request: HttpRequest) -> "Place":
        said = request.COOKIES.get(BROWSER, "")
        new = not 40 <= len(said) <= 50
        return cls(address_of(request), secrets.token_urlsafe(BROWSER_BYTES) if new else said)

    @property
    def network(self) -> str:
        """The address; of IPv6 the network of 64 bits, of which a client has all addresses."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return ""
        return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


@dataclass(frozen=True)
class Outcome:
    """`user` is whose password it was, None for nobody's. `reached` are the limits that this try came up to, with the
    end of their rests; `tries_left` is how many there are before the first of them is."""

    user: User | None
    tries_left: int
    reached: dict[str, datetime]


def try_password(request: HttpRequest, name: str, password: str, place: Place) -> Outcome:
    """Looks at a password. Raises Resting, without a look at it, for a name or an address that has to wait."""
    keys = _keys(name, place)
    rows = _count(keys)
    user = authenticate(request, username=name, password=password)
    reached = {kind: row.ends_at for kind, row in rows.items() if row.tries >= LIMITS[kind].tries}
    left = min(max(0, LIMITS[kind].tries - row.tries) for kind, row in rows.items())
    # Nobody signs in as a service, not even with a password that was given to it behind amicopy.
    if not isinstance(user, User) or service_of(user) or not password_opens(name):
        for kind in reached:
            logger.warning("Signing in rests for a while: %s, address %s", kind, place.address or "unknown")
        return Outcome(None, left, reached)
    with transaction.atomic():
        _take_back(keys)
        _remember(user, place)
    return Outcome(user, left, {})


def try_code(name: str, check: Callable[[], str]) -> tuple[str, bool]:
    """What a check of somebody's second factor says, empty for a wrong one, and whether a rest began with it. Raises
    Resting, without the check, while one lasts."""
    keys = {"code": f"code:{digest(name)}"}
    rows = _count(keys)
    found = check()
    if found:
        with transaction.atomic():
            _take_back(keys)
    return found, not found and rows["code"].tries >= LIMITS["code"].tries


def digest(text: str) -> str:
    """A keyed digest: nobody without SECRET_KEY can try what it is of."""
    return salted_hmac("amicopy.web.sign_in_limits", text, algorithm="sha256").hexdigest()


def forget() -> None:
    """Removes what no longer counts."""
    now = timezone.now()
    _remove(_tries().filter(ends_at__lte=now))
    KnownPlace.objects.filter(last_at__lt=now - timedelta(days=BROWSER_DAYS)).delete()


def _keys(name: str, place: Place) -> dict[str, str]:
    """What is counted for a try, by kind."""
    for where in _places(place):
        if KnownPlace.objects.filter(person__username=name, place=where).exists():
            return {"known": f"known:{digest(f'{where} {name}')}"}
    return {
        "address": f"address:{digest(place.network)}",
        "name": f"name:{digest(name)}",
        "place": f"place:{digest(f'{place.network} {name}')}",
    }


def _places(place: Place) -> tuple[str, str]:
    """The browser first: it is one person's, and an address may be a whole office's."""
    return digest(f"browser {place.browser}"), digest(f"address {place.network}")


def _count(keys: dict[str, str]) -> dict[str, SignInTries]:
    """Counts a try under each key. Raises Resting, and counts nothing, when one of them rests."""
    wanted = SignInTries.objects.filter(pk__in=keys.values())
    # Without a lock or a write: what rests costs next to nothing, however often it is tried.
    _refuse_resting(wanted)
    _make_room()
    while True:
        with transaction.atomic():
            ends_at = timezone.now() + LIMITS["place"].rest
            new = [SignInTries(key=key, ends_at=ends_at) for key in sorted(keys.values())]
            SignInTries.objects.bulk_create(new, ignore_conflicts=True)
            # Always locked in this order, so that no two tries wait for each other.
            rows = {_kind(row): row for row in wanted.select_for_update().order_by("key")}
            _refuse_resting(rows.values())
            if len(rows) == len(keys):
                for kind, row in rows.items():
                    _add(row, LIMITS[kind])
                return rows
        # One was forgotten between the two statements: it is made anew.


def _add(row: SignInTries, limit: Limit) -> None:
    now = timezone.now()
    row.tries = row.tries + 1 if row.ends_at > now else 1
    if row.tries in {1, limit.tries}:
        row.ends_at = now + limit.rest
    row.save(update_fields=["tries", "ends_at"])


def _refuse_resting(rows: Iterable[SignInTries]) -> None:
    now = timezone.now()
    ends = [row.ends_at for row in rows if row.ends_at > now and row.tries >= LIMITS[_kind(row)].tries]
    if ends:
        raise Resting(max(ends))


def _kind(row: SignInTries) -> str:
    return row.key.partition(":")[0]


def _take_back(keys: dict[str, str]) -> None:
    """The password was right: what is counted for this name from this place is forgotten. The tries of others, from
    other addresses or for other names, stay counted: else whoever has an account could guess for ever, with their own
    in between."""
    for row in SignInTries.objects.select_for_update().filter(pk__in=keys.values()).order_by("key"):
        row.tries = 0 if _kind(row) in {"place", "known", "code"} else max(0, row.tries - 1)
        row.save(update_fields=["tries"])


def _remember(user: User, place: Place) -> None:
    for where in _places(place):
        KnownPlace.objects.update_or_create(person=user, place=where, defaults={"last_at": timezone.now()})
    kept = KnownPlace.objects.filter(person=user).order_by("-last_at", "-pk").values_list("pk", flat=True)[:MOST_PLACES]
    KnownPlace.objects.filter(person=user).exclude(pk__in=list(kept)).delete()


def _make_room() -> None:
    """Keeps the table small, whoever floods it: what has the fewest tries goes first, a rest last."""
    if SignInTries.objects.count() < MOST_ROWS:
        return
    forget()
    many = SignInTries.objects.count() - int(MOST_ROWS * 0.9)
    if many > 0:
        _remove(_tries().order_by("tries", "ends_at"), many)


def _tries() -> QuerySet[SignInTries]:
    """The rows that are counts of tries, without those of `sign_in_history`."""
    return SignInTries.objects.filter(key__regex=f"^({'|'.join(LIMITS)}):")


def _remove(rows: QuerySet[SignInTries], many: int | None = None) -> None:
    """Removes rows that nobody is using, so many at most."""
    with transaction.atomic():
        gone = list(rows.select_for_update(skip_locked=True)[:many].values_list("pk", flat=True))
        SignInTries.objects.filter(pk__in=gone).delete()
