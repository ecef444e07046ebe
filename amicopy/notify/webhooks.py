"""One message as a POST to an endpoint: signed JSON, or Slack's format.

Redirects aren't followed, the connection goes to the address that was checked, and of the answer only the status is
read: nothing another server writes gets onto a page of ours.
"""

import http.client
import json
import socket
import ssl
import threading
import time

from django.conf import settings

from amicopy.notify import signatures
from amicopy.notify.addresses import AddressRefused, Target, resolve, target_of
from amicopy.notify.models import DELETED, Endpoint, Message
from amicopy.notify.outbox import NotNeeded, Unsent
from amicopy.notify.sealing import Unreadable

# For each step on the wire, and for the whole of it, however slowly the other side trickles.
STEP_SECONDS, WHOLE_SECONDS = 10.0, 20.0
GONE = 410
# The endpoint as a whole is in trouble, not this one message.
TROUBLE = {408, 425, 429, *range(500, 600)}


def send(message: Message, endpoint: Endpoint) -> None:
    """Posts the message. Raises Unsent and NotNeeded."""
    if endpoint.deleted_at is not None:
        raise NotNeeded(DELETED)
    if not endpoint.enabled and message.request:
        raise NotNeeded("The webhook is switched off.")
    body = slack_body(message) if endpoint.format == Endpoint.Format.SLACK else signed_body(message)
    try:
        target = target_of(endpoint.url)
        status, wait = _post(target, resolve(target), body, headers(message, endpoint, body))
    except (AddressRefused, Unreadable) as error:
        raise Unsent(str(error), all_down=True) from error
    except ConnectionRefusedError as error:
        raise Unsent("The endpoint doesn't take connections.", all_down=True) from error
    except socket.gaierror as error:
        raise Unsent("The endpoint's name isn't known.", all_down=True) from error
    except ssl.SSLCertVerificationError as error:
        raise Unsent("The endpoint's certificate can't be trusted.", all_down=True) from error
    except (OSError, http.client.HTTPException) as error:
        words = f"The endpoint didn't answer ({type(error).__name__})."
        raise Unsent(words, in_doubt=True, all_down=True) from error
    if 200 <= status < 300:
        return
    redirected = " Redirects aren't followed: enter the address it leads to." if 300 <= status < 400 else ""
    raise Unsent(
        f"The endpoint answered {status}.{redirected}", lasting=status == GONE, all_down=status in TROUBLE, wait=wait
    )


def headers(message: Message, endpoint: Endpoint, body: bytes) -> dict[str, str]:
    """The headers of a try: `webhook-id` is the same at every one, so that the receiver can leave out what it has.
    Raises Unreadable."""
    found = {"User-Agent": "amicopy", **endpoint.headers}
    found |= {"Content-Type": "application/json", "webhook-id": str(message.key)}
    if endpoint.format == Endpoint.Format.SIGNED:
        now = int(time.time())
        found["webhook-timestamp"] = str(now)
        found["webhook-signature"] = signatures.signature(
            endpoint.key, message_id=str(message.key), timestamp=now, body=body
        )
        if endpoint.body_signature:
            found[endpoint.body_signature] = signatures.body_signature(endpoint.key, body=body)
    return found


def signed_body(message: Message) -> bytes:
    """The body for a receiver of one's own; docs/telling.md shows it."""
    content = {
        **message.payload,
        "id": str(message.key),
        "kind": message.kind,
        "text": message.subject,
        "url": settings.SITE_URL + message.path,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def slack_body(message: Message) -> bytes:
    """The body for a Slack incoming webhook, with what people typed as plain text."""
    link = f"<{settings.SITE_URL}{message.path}|Open in amicopy>"
    text = f"*{_slack(message.subject)}*\n{_slack(message.text)}\n{link}"
    return json.dumps({"text": text, "unfurl_links": False}, ensure_ascii=False).encode()


def _slack(text: str) -> str:
    # Slack's three characters (https://docs.slack.dev/messaging/formatting-message-text), and those of its formatting.
    for character, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(character, escaped)
    return text.replace("*", "∗").replace("`", "ˋ")


def _post(target: Target, address: str, body: bytes, headers: dict[str, str]) -> tuple[int, float]:
    """The status of the answer and the seconds it asks to wait. Raises OSError and HTTPException."""
    secure = target.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(target.host, target.port)
    raw = socket.create_connection((address, target.port), timeout=STEP_SECONDS)
    with raw.dup() as handle, raw:
        # A second handle on the connection, since the first one is in use by whoever waits.
        limit = threading.Timer(WHOLE_SECONDS, handle.shutdown, (socket.SHUT_RDWR,))
        limit.daemon = True
        limit.start()
        try:
            context = ssl.create_default_context() if secure else None
            connection.sock = context.wrap_socket(raw, server_hostname=target.host) if context else raw
            connection.request("POST", target.path, body, headers)
            answer = connection.getresponse()
            asked = answer.getheader("Retry-After", "")
            return answer.status, float(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 8 else 0.0
        finally:
            limit.cancel()
            connection.close()
