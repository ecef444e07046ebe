"""Tokens of the API: made and revoked by the person whose they are, or by an owner of the service whose they are, and
looked at each time one is used.

A token acts as its person, never with more than they may do at that moment: nobody decides on what was asked with a
token of their own, nor on what a service of theirs asked.
"""

from collections.abc import Collection
from datetime import timedelta
from ipaddress import ip_network

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from amicopy.audit.actor import Actor, UsedToken
from amicopy.audit.log import lock_chain, record
from amicopy.client_address import Network, is_in, parsed
from amicopy.copies.core import permissions
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.models import Account
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.core.token_models import (
    ApiToken,
    Scope,
    digest_of,
    new_access_key_id,
    new_text,
    public_id_of,
    well_formed,
)
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.notify import sealing

# How many working ones a person has at most, and how many addresses one holds for.
MOST = 50
MOST_ADDRESSES = 20
# The last use is kept to the minute: a poller shouldn't write with each call.
USE_KEPT_FOR = timedelta(minutes=1)
# What is read of a token that is used, and of whose it is: that is done with each call, and each column costs.
USED = ApiToken.objects.select_related("person", "person__service", "made_by").only(
    *("name", "public_id", "access_key_id", "scopes", "accounts", "addresses"),
    *("expires_at", "revoked_at", "last_used_at", "last_used_from"),
    *("person__username", "person__is_active", "person__is_superuser", "person__service__user"),
    *("made_by__username", "made_by__is_active"),
)


class Refused(Exception):
    """The token doesn't work; the words say why and are fit to be shown to whoever sent it."""


def scopes_for(user: User) -> list[Scope]:
    """What the tokens of a person or a service can be for: what they may do themselves. A service decides nothing."""
    decides = user.has_perm("copies.decide_request") and permissions.service_of(user) is None
    may = {
        Scope.READ: True,
        Scope.REQUEST: user.has_perm("copies.submit_request") or decides,
        Scope.AUDIT: True,
        Scope.DECIDE: decides,
    }
    return [scope for scope in Scope if may[scope]]


def accounts_for(user: User) -> QuerySet[Account]:
    """The accounts a token of this person's can be limited to: those whose requests they see or ask for."""
    if user.has_perm("copies.view_all_requests"):
        return Account.objects.filter(enabled=True)
    return Account.objects.open_to(user)


def visible_to(user: User) -> QuerySet[ApiToken]:
    """A person's own tokens and those of their services, and everybody's for those who manage people."""
    if user.has_perm("copies.manage_people"):
        return ApiToken.objects.all()
    return ApiToken.objects.filter(person__in=[user.pk, *user.services.values_list("user", flat=True)])


def working() -> QuerySet[ApiToken]:
    """The tokens that are neither revoked nor expired."""
    return ApiToken.objects.filter(revoked_at=None, expires_at__gt=timezone.now())


def usable_by(user: User) -> list[User]:
    """For whom somebody can make tokens: for themselves, and for their services that are switched on."""
    return [user, *User.objects.filter(service__owners=user, is_active=True).order_by("username")]


def make(
    actor: Actor,
    *,
    name: str,
    scopes: Collection[str],
    days: int,
    addresses: Collection[str] = (),
    accounts: Collection[str] = (),
    access_key: bool = False,
    service: int | None = None,
) -> tuple[ApiToken, str]:
    """Makes a token for the acting person, or for a service of theirs by its number, and returns it with its text,
    which can't be had again.

    `addresses` are addresses and networks, `accounts` those of AWS by their digits; empty: any. With `access_key` it is
    one, see `access_keys.make`. Raises InvalidRequest by field, and NotAllowed for a token that would make another and
    for a service that isn't theirs.
    """
    if actor.token is not None:
        raise NotAllowed("A token can't make tokens. Sign in for that.")
    me = person(actor)
    user = me if service is None else _own_service(me, service)
    networks, errors = _networks(addresses)
    errors += _refusals(user, name=name, scopes=scopes, days=days, accounts=accounts)
    if errors:
        raise InvalidRequest(errors)
    text, now = new_text(), timezone.now()
    with transaction.atomic():
        row = ApiToken.objects.create(
            person=user,
            made_by=None if user == me else me,
            name=name.strip(),
            public_id=public_id_of(text),
            digest=digest_of(text),
            scopes=[scope.value for scope in Scope if scope in scopes],
            addresses=networks,
            accounts=sorted(set(accounts)),
            created_at=now,
            expires_at=now + timedelta(days=days),
            access_key_id=new_access_key_id() if access_key else None,
            sealed_secret=sealing.seal(text) if access_key else "",
        )
        limits = {"scopes": row.scopes, "addresses": row.addresses, "accounts": row.accounts}
        record(f"{_kind(row)}.made", actor=actor, data={**about(row), **limits, "expires_at": row.expires_at})
    return row, text


def revoke(actor: Actor, pk: int) -> ApiToken:
    """Ends a token at once: one of the person's own, or anybody's for those who manage people. Raises NotAllowed,
    ApiToken.DoesNotExist, and InvalidTransition when it doesn't work any more."""
    if actor.token is not None:
        raise NotAllowed("A token can't revoke tokens. Sign in for that.")
    with transaction.atomic():
        lock_chain()
        row = visible_to(person(actor)).select_for_update().get(pk=pk)
        if not row.works():
            raise InvalidTransition(f"The token “{row.name}” doesn't work any more.")
        _revoke(row, actor=actor)
    return row


def end_all(rows: QuerySet[ApiToken], *, actor: Actor) -> None:
    """Ends tokens at once, each with its event, in the transaction of what ended their right to be."""
    for row in rows.select_for_update(of=("self",)).select_related("person", "made_by"):
        _revoke(row, actor=actor)


def used(text: str, *, address: str) -> ApiToken:
    """The token of this text, used from an address now. Raises Refused with the reason."""
    if not well_formed(text):
        raise Refused("This is no token of amicopy, or not the whole of one.")
    # The text of an access key is no token.
    try:
        row = USED.get(access_key_id=None, digest=digest_of(text))
    except ApiToken.DoesNotExist:
        raise Refused("There is no such token.") from None
    check_use(row, address=address)
    if use_is_news(row, address):
        keep_use(row, address)
    return row


def check_use(row: ApiToken, *, address: str) -> None:
    """Raises Refused for a token, or an access key, that doesn't work, or not from this address."""
    what = "access key" if row.access_key_id else "token"
    if row.revoked_at is not None:
        raise Refused(f"This {what} was revoked.")
    if row.expires_at <= timezone.now():
        raise Refused(f"This {what} expired on {row.expires_at:%Y-%m-%d}.")
    if why := stopped(row):
        raise Refused(why)
    if row.addresses and not _within(address, row.addresses):
        raise Refused(f"This {what} doesn't hold for the address it was sent from.")


def use_is_news(row: ApiToken, address: str) -> bool:
    """Whether this use is written down: another address than before, or a minute later."""
    last = row.last_used_at
    return last is None or last <= timezone.now() - USE_KEPT_FOR or row.last_used_from != address


def actor_with(token: ApiToken, *, address: str) -> Actor:
    """The token's person, acting with it."""
    who = token.person
    used_token = UsedToken(id=token.shown_id, name=token.name, owner=(token.made_by or who).username)
    return Actor(name=who.username, source="api", id=who.pk, address=address, token=used_token)


def stopped(row: ApiToken) -> str:
    """Why a token that is neither revoked nor expired doesn't work, in words; empty when it does."""
    if row.made_by is None:
        what = "access key" if row.access_key_id else "token"
        return "" if row.person.is_active else f"The person whose {what} this is has been switched off."
    if not row.person.is_active:
        return "The service account whose token this is has been switched off."
    return "" if row.made_by.is_active else "The owner who made this token has been switched off."


def keep_use(row: ApiToken, address: str) -> None:
    """Writes down that it was used now, from this address."""
    ApiToken.objects.filter(pk=row.pk).update(last_used_at=timezone.now(), last_used_from=address)


def _refusals(
    user: User, *, name: str, scopes: Collection[str], days: int, accounts: Collection[str]
) -> list[FieldError]:
    errors = []
    if not name.strip() or len(name.strip()) > 60 or "\0" in name:
        errors.append(FieldError("name", "Enter a name of up to 60 characters that says what the token is for."))
    if not scopes:
        errors.append(FieldError("scopes", "Choose what the token is for."))
    elif not set(scopes) <= set(scopes_for(user)):
        errors.append(FieldError("scopes", "Choose only what you may do yourself."))
    if not 1 <= days <= settings.API_TOKEN_DAYS:
        errors.append(FieldError("days", f"Enter 1 to {settings.API_TOKEN_DAYS} days."))
    if not set(accounts) <= set(accounts_for(user).values_list("account_id", flat=True)):
        errors.append(FieldError("accounts", "Choose accounts whose requests you may see."))
    if working().filter(person=user).count() >= MOST:
        errors.append(FieldError("name", f"Revoke a token first: {user.username} has {MOST} that work."))
    return errors


def _networks(addresses: Collection[str]) -> tuple[list[str], list[FieldError]]:
    """The addresses as networks, and what is wrong with them."""
    found: list[str] = []
    for typed in addresses:
        try:
            network: Network = ip_network(typed.strip(), strict=False)
        except ValueError:
            words = f"Enter addresses or networks such as 10.0.0.0/8. “{typed.strip()[:40]}” isn't one."
            return [], [FieldError("addresses", words)]
        found.append(str(network))
    if len(found) > MOST_ADDRESSES:
        return [], [FieldError("addresses", f"Enter at most {MOST_ADDRESSES} addresses.")]
    return found, []


def _within(address: str, networks: Collection[str]) -> bool:
    where = parsed(address)
    return where is not None and is_in(where, [ip_network(network) for network in networks])


def _own_service(me: User, number: int) -> User:
    found = next((user for user in usable_by(me) if user.pk == number and user != me), None)
    if found is None:
        raise NotAllowed("You can make tokens for yourself and for service accounts that you own.")
    return found


def _revoke(row: ApiToken, *, actor: Actor) -> None:
    row.revoked_at, row.sealed_secret = timezone.now(), ""
    row.save(update_fields=["revoked_at", "sealed_secret"])
    record(f"{_kind(row)}.revoked", actor=actor, data=about(row))


def _kind(row: ApiToken) -> str:
    """What the history calls it."""
    return "access_key" if row.access_key_id else "token"


def about(row: ApiToken) -> dict[str, str | int]:
    """What the history says of a token, or of an access key."""
    owner = {"service": row.person.username, "owner": row.made_by.username} if row.made_by else {}
    return {"api_token": row.name, "api_token_id": row.shown_id, "owner": row.person.username, **owner}
