"""The verbs of administrators: webhooks, their keys, trying a channel, and trying messages again. Each is an event;
none shows an address."""

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.notify import outbox, signatures, static_headers
from amicopy.notify.addresses import AddressRefused, target_of
from amicopy.notify.models import DELETED, FOR_WEBHOOKS, Endpoint, Kind, Message
from amicopy.notify.outbox import Notice
from amicopy.notify.sealing import Unreadable

TAKEN = "Choose another name. There is a webhook of that name."
NO_SIGNATURE = "Enter the name of a header that neither amicopy nor another line sets, or leave it empty."


def check_manage(user: User) -> None:
    """Raises PermissionDenied unless the person may set up webhooks and see what was sent."""
    if not user.is_active or not user.has_perm("notify.manage_endpoints"):
        raise PermissionDenied("You can't see messages and webhooks. Ask an administrator for the administrator role.")


def save(actor: Actor, endpoint: Endpoint) -> Endpoint:
    """Adds or changes a webhook and records the difference; nothing when there is none.

    Raises PermissionDenied, ValidationError by field, and DoesNotExist for one that was deleted.
    """
    _check(actor)
    _check_endpoint(endpoint)
    with transaction.atomic():
        lock_chain()  # see _locked: adding a name can wait for another transaction too
        before = _locked(endpoint.pk) if endpoint.pk else None
        try:
            with transaction.atomic():
                endpoint.save()
        except IntegrityError:
            raise ValidationError({"name": [TAKEN]}) from None
        now = endpoint.as_dict()
        if before is None:
            record("webhook.created", actor=actor, data={"id": endpoint.pk, "webhook": now})
            return endpoint
        was = before.as_dict()
        changes = {name: [was[name], value] for name, value in now.items() if was[name] != value}
        if endpoint.sealed_url != before.sealed_url and _url_of(before) != endpoint.url:
            # Both may hold a token: that it changed is what can be said.
            changes["url"] = [was["url"], f"{now['url']} (changed)"]
        if endpoint.sealed_headers != before.sealed_headers and "headers" not in changes:
            changes["headers"] = [was["headers"], [f"{name} (changed)" for name in now["headers"]]]
        if changes:
            record("webhook.changed", actor=actor, data=_named(endpoint, changes=changes))
    return endpoint


def delete(actor: Actor, endpoint_id: int) -> int:
    """Deletes a webhook, its address and its key, and drops what it wasn't sent, with the reason; returns how many
    messages those are. What it got stays readable. Raises PermissionDenied and DoesNotExist."""
    _check(actor)
    with transaction.atomic():
        endpoint = _locked(endpoint_id)
        was = endpoint.as_dict()
        dropped = outbox.call_off(Message.objects.filter(endpoint=endpoint), DELETED)
        endpoint.deleted_at, endpoint.enabled, endpoint.team = timezone.now(), False, None
        endpoint.url = endpoint.key = endpoint.sealed_headers = ""
        endpoint.save()
        record("webhook.deleted", actor=actor, data={"id": endpoint.pk, "webhook": was, "messages_dropped": dropped})
    return dropped


def show_key(actor: Actor, endpoint: Endpoint) -> str:
    """The webhook's signing key, for whoever sets up its receiver. Raises Unreadable."""
    _check(actor)
    with transaction.atomic():
        key = endpoint.key
        record("webhook.key_shown", actor=actor, data=_named(endpoint))
    return key


def new_key(actor: Actor, endpoint: Endpoint) -> str:
    """Gives the webhook a new key, with which everything is signed from now on, and returns it. Raises DoesNotExist
    for one that was deleted."""
    _check(actor)
    with transaction.atomic():
        endpoint = _locked(endpoint.pk)
        key = endpoint.key = signatures.new_key()
        endpoint.save(update_fields=["sealed_key"])
        record("webhook.key_changed", actor=actor, data=_named(endpoint))
    return key


def seal_again(actor: Actor) -> tuple[int, list[str]]:
    """Encrypts addresses, keys and headers anew where the first of ENCRYPTION_KEYS didn't; returns how many webhooks
    those are, and the names of those that none of the keys decrypts, which stay as they are."""
    count, unreadable = 0, []
    with transaction.atomic():
        lock_chain()
        for endpoint in Endpoint.objects.existing().select_for_update():
            if endpoint.sealed_now:
                continue
            try:
                endpoint.url, endpoint.key, endpoint.headers = endpoint.url, endpoint.key, endpoint.headers
            except Unreadable:
                unreadable.append(endpoint.name)
                continue
            endpoint.save(update_fields=["sealed_url", "sealed_key", "sealed_headers"])
            count += 1
        if count:
            record("webhook.sealed_again", actor=actor, data={"webhooks": count})
    return count, unreadable


def try_endpoint(actor: Actor, endpoint: Endpoint) -> Message:
    """Sends the webhook a message that only says that it works; also while it is switched off. Raises DoesNotExist for
    one that was deleted."""
    _check(actor)
    with transaction.atomic():
        endpoint = _locked(endpoint.pk)
        event = record("message.tested", actor=actor, data=_named(endpoint))
        payload = {"type": "message.tested", "event": event.pk, "at": event.at.isoformat(), "actor": actor.name}
        notice = _trial(event.pk, actor, path="/webhooks/", payload=payload)
        return outbox.put_test(notice, endpoint=endpoint)


def try_email(actor: Actor) -> Message:
    """Sends the acting person an e-mail that only says that it works."""
    person = _check(actor)
    with transaction.atomic():
        event = record("message.tested", actor=actor, data={"to": person.get_username()})
        return outbox.put_test(_trial(event.pk, actor, path="/messages/"), person=person.pk)


def try_again(actor: Actor, message: int | None = None) -> int:
    """Has this message, or all that wait or were given up, tried at once; returns how many, and records it unless there
    are none. One to a webhook is sent again also when it was sent. Raises PermissionDenied and Message.DoesNotExist."""
    _check(actor)
    with transaction.atomic():
        # Before the rows of messages: an approval that drops some holds the chain already.
        lock_chain()
        if message is None:
            which, count = {}, outbox.try_now(Message.objects.all())
        else:
            row = Message.objects.select_related("person", "endpoint").get(pk=message)
            which = {"message": row.pk, "to": row.recipient, "request": row.request}
            count = int(outbox.send_again(row) if row.endpoint else outbox.try_now(Message.objects.filter(pk=row.pk)))
        if count:
            record("message.retried", actor=actor, data={"messages": count, **which})
    return count


def _check(actor: Actor) -> User:
    if actor.id is None:
        raise PermissionDenied("Only a person can do this.")
    person = User.objects.get(pk=actor.id)
    check_manage(person)
    return person


def _locked(endpoint_id: int) -> Endpoint:
    """The webhook, unless it was deleted. One change at a time. The chain is locked first: whoever writes a message has
    it already and needs the webhook's row then."""
    lock_chain()
    return Endpoint.objects.existing().select_for_update().get(pk=endpoint_id)


def _url_of(endpoint: Endpoint) -> str | None:
    try:
        return endpoint.url
    except Unreadable:
        return None


def _check_endpoint(endpoint: Endpoint) -> None:
    errors: dict[str, Any] = {}
    try:
        endpoint.full_clean(exclude=["sealed_url"], validate_constraints=False)
    except ValidationError as refused:
        errors = refused.error_dict
    if Endpoint.objects.existing().filter(name=endpoint.name).exclude(pk=endpoint.pk).exists():
        errors["name"] = [TAKEN]
    if not set(endpoint.kinds) <= set(FOR_WEBHOOKS) or not (endpoint.kinds or endpoint.for_requests):
        errors["kinds"] = ["Choose at least one kind, or let requests name it."]
    if endpoint.body_signature and not _may_sign_in(endpoint.body_signature, endpoint):
        errors["body_signature"] = [NO_SIGNATURE]
    try:
        target_of(endpoint.url)
    except (AddressRefused, Unreadable) as refused:
        errors["url"] = [str(refused)]
    if errors:
        raise ValidationError(errors)


def _may_sign_in(header: str, endpoint: Endpoint) -> bool:
    own = static_headers.is_own(header) or header.lower() == "user-agent"
    taken = {name.lower() for name in endpoint.header_names}
    return bool(static_headers.NAME.match(header)) and not own and header.lower() not in taken


def _trial(event: int, actor: Actor, *, path: str, payload: dict[str, Any] | None = None) -> Notice:
    return Notice(
        event=event,
        kind=Kind.TEST,
        request=0,
        round=0,
        subject="[amicopy] A trial message",
        text=f"{actor.name} tries whether messages of amicopy arrive here. They do.",
        path=path,
        payload=payload or {},
    )


def _named(endpoint: Endpoint, **more: Any) -> dict[str, Any]:
    return {"id": endpoint.pk, "name": endpoint.name, **more}
