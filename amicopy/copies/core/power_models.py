"""Where people's power comes from: who gave whom an account, an address, a role or a password, and who else stands for
it; and the links with which people set a password. Written by the verbs of people and rules, each with its event."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Grant(models.Model):
    """Something that one person gave another: since then the one has a hand in what the other does, until somebody
    independent confirms it, see `voting.power`.

    There is none for what whoever operates amicopy gives, at the command line or in the database, and none for what
    people had before grants were kept. `person` is None for approval rules and freezes, which are everybody's.
    """

    class Kind(models.TextChoices):
        ACCOUNT = "account", "The account"
        ADDRESS = "address", "The e-mail address"
        ROLE = "role", "A role"
        # One that is asked for approvals, or whose members rules or accounts treat otherwise.
        TEAM = "team", "A team"
        PASSWORD = "password", "A password, by a link"
        # Taken away, so that whoever knows the password gets in with it, and sets up another.
        SECOND_FACTOR = "factor", "A reset of the second factors"
        SWITCHED_ON = "switched-on", "Switching on"
        RULES = "rules", "The approval rules, changed alone"
        FREEZE = "freeze", "A freeze, lifted alone"
        # Of a service account, by each of its owners; it counts for ever, for nobody can confirm it.
        OWNER = "owner", "The service account’s tokens"

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="grants_held"
    )
    kind = models.CharField(max_length=12, choices=Kind.choices)
    # The role or the team, where it is one; the fingerprint of what a change of the rules left, or of a freeze's
    # window.
    detail = models.CharField(max_length=150, blank=True)
    # The rules that were on, or the window, before the giver changed them, by their columns, see `voting.lone_changes`;
    # None where it wasn't kept yet.
    before = models.JSONField(null=True)
    given_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="grants_given")
    given_at = models.DateTimeField()
    # Nobody, with a time: whoever operates amicopy.
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="grants_confirmed"
    )
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("given_at", "id")
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(person__isnull=True) | ~Q(person=F("given_by")), name="grant_to_another"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("rules", "freeze"), person__isnull=True)
                | (~Q(kind__in=("rules", "freeze")) & Q(person__isnull=False)),
                name="grant_to_a_person_or_of_rules",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True)
                | (Q(confirmed_at__isnull=False) & ~Q(confirmed_by=F("given_by"))),
                name="grant_confirmed_by_another",
            ),
            # The first one counts: given again, it is the same hand.
            models.UniqueConstraint(
                fields=("person", "kind", "detail", "given_by"),
                condition=Q(confirmed_at__isnull=True),
                name="grant_open_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.detail} of {self.person_id} by {self.given_by_id}"


class ServiceAccount(models.Model):
    """What makes a user a service: programs act as it, with tokens that its owners make, and nobody signs in as it. It
    counts as one with each of its owners, see `voting.power`."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="service")
    # Everybody who owns it, for themselves or as a member of one of the teams.
    owners = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="services")
    # Whoever joins one of these owns it, and whoever leaves it doesn't any more.
    teams = models.ManyToManyField("auth.Group", blank=True, related_name="services_owned")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ("user__username",)
        default_permissions = ()

    def __str__(self) -> str:
        return self.user.get_username()

    @property
    def owned_by(self) -> str:
        """Its owners by name, with who can't answer for it any more."""
        people = sorted(self.owners.all(), key=lambda person: person.username)
        return ", ".join(
            person.username if person.is_active else f"{person.username} (switched off)" for person in people
        )


class PasswordLink(models.Model):
    """A link with which a person sets a password. Its secret is stored nowhere, see `notify.password_links`."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="password_links")
    # None: whoever operates amicopy.
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    # With its use, with the next one, with another address, or with being switched off.
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("person",), condition=Q(ended_at__isnull=True), name="password_link_open_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.pk} of {self.person_id}"
