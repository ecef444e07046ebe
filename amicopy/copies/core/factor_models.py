"""What people show beside their password: authenticator apps, passkeys, and codes for who has lost them. Written by
`operations.second_factors` only, so that each change has its event."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class SecondFactor(models.Model):
    """An authenticator app (TOTP, RFC 6238) or a passkey (WebAuthn) of a person."""

    class Kind(models.TextChoices):
        TOTP = "totp", "Authenticator app"
        PASSKEY = "passkey", "Passkey"

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="second_factors")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    # What its owner calls it.
    name = models.CharField(max_length=60)
    # Of an app: the secret in base32, as `notify.sealing` encrypts it.
    sealed_secret = models.TextField(blank=True)
    # Of a passkey: its public half and its ID, as CTAP2's attested credential data, in base64url.
    credential = models.TextField(blank=True)
    # Of an app: the step of 30 seconds whose code was used last. Of a passkey: its signature counter.
    counter = models.BigIntegerField(default=0)
    made_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("made_at", "id")
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=(Q(kind="totp", credential="") & ~Q(sealed_secret=""))
                | (Q(kind="passkey", sealed_secret="") & ~Q(credential="")),
                name="second_factor_of_its_kind",
            ),
            models.UniqueConstraint(
                fields=("person",), condition=Q(kind="totp"), name="second_factor_one_app_a_person"
            ),
            models.UniqueConstraint(fields=("person", "name"), name="second_factor_one_a_name"),
        )

    def __str__(self) -> str:
        return f"{self.kind} of {self.person_id}"


class RecoveryCode(models.Model):
    """A code that counts once in place of a second factor. Only a digest is kept: it has 80 random bits, as an API
    token has more, so that there is nothing to guess from one."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recovery_codes")
    digest = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("person", "digest"), name="recovery_code_once"),)

    def __str__(self) -> str:
        return f"{self.pk} of {self.person_id}"
