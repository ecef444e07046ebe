"""What the webhook that a request names was told, and having it told again."""

from datetime import datetime

from pydantic import BaseModel, Field

from amicopy.api.operations import operation
from amicopy.api.problems import not_found
from amicopy.api.request_queries import BIG, find
from amicopy.api.token_auth import TokenRequest, actor_of
from amicopy.copies.core.token_models import Scope
from amicopy.copies.requests import callbacks
from amicopy.notify.models import Endpoint, Message, State


class DeliveryOut(BaseModel):
    """One message to the webhook of a request."""

    id: int
    webhook_id: str = Field(description="What the header webhook-id says, at every try.")
    type: str = Field(description="The audit event's action, as in the body.")
    event: int = Field(description="The audit event's number.")
    state: State
    tries: int
    in_doubt: bool = Field(description="A try ended without an answer: it may have arrived.")
    created_at: datetime
    next_try_at: datetime | None
    sent_at: datetime | None
    last_error: str

    @classmethod
    def of(cls, row: Message) -> "DeliveryOut":
        return cls(
            id=row.pk,
            webhook_id=str(row.key),
            type=row.payload["type"],
            event=row.event,
            state=State(row.state),
            tries=row.tries,
            in_doubt=row.in_doubt,
            created_at=row.created_at,
            next_try_at=row.next_try_at,
            sent_at=row.sent_at,
            last_error=row.last_error,
        )


@operation("GET", "/webhooks", Scope.REQUEST, list[str])
def list_webhooks(request: TokenRequest) -> list[str]:
    """The names of the webhooks that a request may name."""
    return list(Endpoint.objects.nameable().values_list("name", flat=True))


@operation("GET", "/requests/{int:number}/deliveries", Scope.READ, list[DeliveryOut], refuses=(404,))
def list_deliveries(request: TokenRequest, number: int) -> list[DeliveryOut]:
    """What the webhook that a request names was and will be told of it, newest first; nothing without one."""
    return [DeliveryOut.of(row) for row in callbacks.deliveries(find(request, number))]


@operation(
    "POST",
    "/requests/{int:number}/deliveries/{int:delivery_id}/resend",
    Scope.REQUEST,
    DeliveryOut,
    refuses=(404, 409, 422),
)
def resend_delivery(request: TokenRequest, number: int, delivery_id: int) -> DeliveryOut:
    """Has one of them sent once more, with the webhook-id it had."""
    row = find(request, number)
    rows = callbacks.deliveries(row).filter(pk=delivery_id if delivery_id < BIG else 0)
    message = rows.first()
    if message is None:
        raise not_found(f"Request #{number} has no delivery {delivery_id}.")
    callbacks.send_again(actor_of(request), row, message)
    return DeliveryOut.of(rows.get())
