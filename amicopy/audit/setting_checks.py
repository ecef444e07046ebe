"""What `manage.py check --deploy` says about the history's settings."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning

NO_STORE = Warning(
    "Heads of the audit history are kept nowhere outside of the database.",
    hint="Whoever can change the database could cut off its end unseen. Set AUDIT_HEAD_DIR or AUDIT_HEAD_BUCKET.",
    id="amicopy.W001",
)
NO_KEYS = Warning(
    "Heads of the audit history are signed with a secret, so nobody but amicopy can verify them.",
    hint="Run manage.py make_audit_key, set AUDIT_PUBLIC_KEYS everywhere and AUDIT_PRIVATE_KEY where workers run.",
    id="amicopy.W002",
)


def check_heads(**kwargs: Any) -> list[CheckMessage]:
    """Warns of a production whose history convinces no outsider."""
    stores = settings.AUDIT_HEAD_DIR or settings.AUDIT_HEAD_BUCKET
    return [*([] if stores else [NO_STORE]), *([] if settings.AUDIT_PUBLIC_KEYS else [NO_KEYS])]
