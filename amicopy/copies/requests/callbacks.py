"""The webhook that a request names: told of this request's decisions and end, whatever else it gets."""

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet

from amicopy.audit.actor import Actor
from amicopy.audit.log import lock_chain, record
from amicopy.copies.core.calls import FieldError, InvalidRequest
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.permissions import NotAllowed, person
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.notify import endpoints, outbox
from amicopy.notify.models import Endpoint, Message

UNKNOWN = "Name a webhook that administrators opened for requests, or leave it out. Its name is on their Webhooks page."


def find(name: str) -> Endpoint:
    """The webhook of this name that a request may name. Raises InvalidRequest."""
    endpoint = Endpoint.objects.nameable().filter(name=name).first()
    if endpoint is None:
        raise InvalidRequest([FieldError("webhook", UNKNOWN)])
    return endpoint


def deliveries(request: CopyRequest) -> QuerySet[Message]:
    """What the webhook it names was, and will be, told of a request; newest first."""
    if request.webhook_id is None:
        return Message.objects.none()
    return (
        Message.objects.filter(request=request.pk, endpoint=request.webhook_id)
        .select_related("endpoint")
        .order_by("-pk")
    )


def send_again(actor: Actor, request: CopyRequest, message: Message) -> None:
    """Has one of these sent once more, with the id it had; for its requester and administrators of webhooks.

    Raises NotAllowed, and InvalidTransition while it is being sent or when it isn't needed any more.
    """
    user = person(actor)
    if user.pk != request.requester_id:
        try:
            endpoints.check_manage(user)
        except PermissionDenied as refused:
            raise NotAllowed("Only who asked for it, or an administrator, can have it sent again.") from refused
    with transaction.atomic():
        lock_chain()
        if not outbox.send_again(message):
            raise InvalidTransition("It is being sent, or isn't needed any more. Look at it again in a minute.")
        data = {"messages": 1, "message": message.pk, "to": message.recipient, "request": request.pk}
        record("message.retried", actor=actor, request=request.pk, requester=request.requester_id, data=data)
