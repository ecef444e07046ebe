"""What `manage.py check --deploy` says of settings that amicopy is weaker with."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning


def two_person_changes(**kwargs: Any) -> list[CheckMessage]:
    """Warns while one administrator is enough for any change."""
    if settings.TWO_PERSON_CHANGES:
        return []
    words = "TWO_PERSON_CHANGES is off: one administrator alone can change rules, roles and accounts."
    return [Warning(words, hint="Leave it on; with one administrator changes take effect at once.", id="amicopy.W001")]
