"""Restored backups: whether the database still has an event that somebody saw in it, and what `after_restore` recorded.

Numbers of events only grow, and `after_restore` makes them jump past all that were given away. So an event that was
seen and isn't there was lost with a restore that is recorded under a greater number, or with one that isn't recorded.
"""

from amicopy.audit.models import AuditAnchor, AuditEvent

ACTION = "installation.restored"


def recorded_after(event_id: int) -> AuditEvent | None:
    """The first restore that was recorded after this event."""
    return AuditEvent.objects.filter(action=ACTION, id__gt=event_id).order_by("id").first()


def is_behind(event_id: int, event_hash: str) -> bool:
    """Whether the database lacks an event that was seen in it, and nobody recorded a restore since."""
    if AuditEvent.objects.filter(pk=event_id, hash=event_hash).exists():
        return False
    return not AuditAnchor.objects.filter(event_id__gte=event_id).exists() and recorded_after(event_id) is None
