"""What each role is for, in words, where roles are given."""

from collections.abc import Mapping

from amicopy.copies.core.roles import ADMINISTRATOR

WORDS: Mapping[str, str] = {
    "requester": "Asks for copies, and sees their own requests.",
    "approver": "Approves and rejects what others ask for, and sees all requests and the history. Never their own.",
    "auditor": "Sees all requests and the history, and changes nothing.",
    ADMINISTRATOR: "Sets up rules, accounts, people and webhooks, and may ask and approve, too. Never their own.",
    "break-glass": "Approves alone in an emergency what others ask for. Everybody who administers is told.",
}
