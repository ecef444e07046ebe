"""One try at one leased message, and what became of it."""

import logging
import traceback

from amicopy.notify import mail, outbox, webhooks
from amicopy.notify.models import Message
from amicopy.notify.outbox import NotNeeded, Unsent

logger = logging.getLogger(__name__)


def deliver(message: Message) -> None:
    """Sends a leased message and stores the outcome. Raises nothing: one bad message must not stop the others."""
    if not outbox.held(message):
        logger.warning("Message %s (%s) was taken over by another worker meanwhile.", message.pk, message.kind)
        return
    try:
        if message.person is not None:
            mail.send(message, message.person)
        elif message.endpoint is not None:
            webhooks.send(message, message.endpoint)
    except NotNeeded as reason:
        stored = outbox.drop(message, str(reason))
    except Unsent as failure:
        stored = outbox.put_off(message, failure)
        logger.warning("Message %s (%s) wasn't delivered: %s", message.pk, message.kind, failure)
    except Exception as error:  # a mistake of ours, or the end of the task's time: the message stays due
        unknown = Unsent(f"amicopy failed while sending ({type(error).__name__}).", in_doubt=True)
        stored = outbox.put_off(message, unknown)
        # Where, and not its words: they may hold an address with a token in it.
        place = traceback.extract_tb(error.__traceback__)[-1]
        logger.error("Message %s: %s at %s:%s", message.pk, type(error).__name__, place.filename, place.lineno)
    else:
        stored = outbox.sent(message)
    if not stored:
        logger.warning("Message %s (%s) was taken over by another worker meanwhile.", message.pk, message.kind)
