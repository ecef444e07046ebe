"""One message as an e-mail: plain text, a clear subject, a link. All of one request hang together as a thread."""

import smtplib
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection

from amicopy.notify import password_links
from amicopy.notify.models import Kind, Message, Mute
from amicopy.notify.outbox import NotNeeded, Unsent

# Answers of an SMTP server that another try can't change: the mailbox doesn't exist, the content is refused.
LASTING = range(500, 600)
# What comes whatever a person chooses to be told.
UNASKED = frozenset({Kind.TEST, Kind.LINK, Kind.ACCOUNT})


def send(message: Message, person: User) -> None:
    """Hands the message to the mail server. Raises Unsent and NotNeeded."""
    if not (message.address or (person.is_active and person.email)):
        raise NotNeeded("The person is switched off, or has no e-mail address any more.")
    if Mute.objects.filter(person=person, kind=message.kind).exists():
        raise NotNeeded("The person doesn't want this kind any more.")
    connection = get_connection()
    try:
        connection.open()
    except smtplib.SMTPAuthenticationError as error:
        raise Unsent(f"The mail server refused the sign-in ({error.smtp_code}).", all_down=True) from error
    except (smtplib.SMTPException, OSError) as error:
        raise Unsent(f"The mail server can't be reached ({type(error).__name__}).", all_down=True) from error
    try:
        connection.send_messages([email(message, person)])
    except smtplib.SMTPRecipientsRefused as error:
        code, said = next(iter(error.recipients.values()))
        raise Unsent(f"The mail server refused the address: {_said(code, said)}", lasting=code in LASTING) from error
    except smtplib.SMTPSenderRefused as error:
        answer = _said(error.smtp_code, error.smtp_error)
        raise Unsent(f"The mail server refused the sender: {answer}", all_down=True) from error
    except smtplib.SMTPResponseException as error:
        answer = _said(error.smtp_code, error.smtp_error)
        raise Unsent(f"The mail server refused the message: {answer}", lasting=error.smtp_code in LASTING) from error
    except (smtplib.SMTPException, OSError) as error:
        words = f"The mail server didn't say whether it took the message ({type(error).__name__})."
        raise Unsent(words, in_doubt=True, all_down=True) from error
    finally:
        connection.close()


def email(message: Message, person: User) -> EmailMessage:
    """The e-mail. Its Message-ID is the same at every try, so that whoever gets it twice sees it once."""
    domain = urlsplit(settings.SITE_URL).hostname or "amicopy"
    headers = {
        "Message-ID": f"<{message.key}@{domain}>",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if message.request:
        # Nobody sends the first one of the thread: it only has to be the same for all of a request.
        headers["References"] = headers["In-Reply-To"] = f"<request-{message.request}@{domain}>"
    footer = f"You get this from amicopy as {person.username}."
    path = password_links.completed(message.path, person) if message.kind == Kind.LINK else message.path
    if message.kind not in UNASKED:
        footer += f" Choose what you are told: {settings.SITE_URL}/settings/"
    to = message.address or person.email
    body = f"{message.text}\n\n{settings.SITE_URL}{path}\n\n-- \n{footer}\n"
    return EmailMessage(message.subject, body, settings.DEFAULT_FROM_EMAIL, [to], headers=headers)


def _said(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return f"{code} {' '.join(text.split())[:200]}"
