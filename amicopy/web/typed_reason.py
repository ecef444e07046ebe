"""The reason that a person types for a decision."""

from django.http import HttpRequest


def reason_of(request: HttpRequest) -> str:
    """The reason as it was typed, at most as long as an audit event should carry."""
    return request.POST.get("reason", "").replace("\0", "").strip()[:4000]
