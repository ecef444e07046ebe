"""Who people are at a provider of single sign-on. Written by `operations.sign_on`, each with its event."""

from django.conf import settings
from django.db import models
from django.db.models import Q, QuerySet


class Identity(models.Model):
    """A person as a provider knows them, by its issuer and their subject there and by nothing else: names and addresses
    change hands."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="identities")
    issuer = models.CharField(max_length=255)
    # At most 255 ASCII characters: https://openid.net/specs/openid-connect-core-1_0.html#IDToken
    subject = models.CharField(max_length=255)
    made_at = models.DateTimeField()
    # When the provider last said that it is them.
    seen_at = models.DateTimeField(db_index=True)
    # Since when it has said nothing of their groups; None while it does.
    absent_since = models.DateTimeField(null=True, blank=True)
    # Whether the person linked it themselves, signed in.
    own = models.BooleanField(default=False, db_default=False)
    # Since when it opens nothing. It stays, so that whoever unlinked it isn't added as somebody new, with another vote.
    unlinked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("person", "issuer")
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("issuer", "subject"), name="identity_one_person"),
            models.UniqueConstraint(
                fields=("person", "issuer"),
                condition=Q(unlinked_at__isnull=True),
                name="identity_one_a_provider",
                violation_error_message="They are linked to somebody there already.",
            ),
        )

    def __str__(self) -> str:
        return f"{self.subject} of {self.issuer}"


def linked() -> QuerySet[Identity]:
    """Those that open something."""
    return Identity.objects.filter(unlinked_at__isnull=True)
