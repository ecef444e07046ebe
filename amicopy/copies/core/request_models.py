"""What people ask for and what others say to it: requests and decisions.

Only the verbs write here, states through `transitions`, so that nothing changes without its audit event. The
constraints say again, in the database, what the code promises.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from amicopy.copies.core import marks
from amicopy.copies.core.account_models import Account
from amicopy.copies.core.calls import Call
from amicopy.copies.core.constraints import CompositeForeignKey
from amicopy.copies.core.content import HASH_VERSION, Content, content_hash
from amicopy.copies.core.states import RequestState
from amicopy.copies.core.steps.wanted import WantedSteps

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from amicopy.copies.core.copy_models import ImageCopy


def requesters_seen_by(user: "User") -> list[int] | None:
    """Whose requests this person may see; None: everybody's. As numbers, so that their index is used."""
    if user.has_perm("copies.view_all_requests"):
        return None
    return [user.pk, *user.services.values_list("user", flat=True)]


class CopyRequestQuerySet(models.QuerySet["CopyRequest"]):
    def visible_to(self, user: "User") -> "CopyRequestQuerySet":
        """The requests this person may see: all with the permission for that, otherwise their own and those of services
        they own."""
        seen = requesters_seen_by(user)
        return self if seen is None else self.filter(requester__in=seen)


class CopyRequest(models.Model):
    """What one person asks: one source AMI, one or more destinations, why. The unit of approval; `id` is its number."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="requests")
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="copy_requests")
    reason = models.TextField()
    state = models.CharField(max_length=20, choices=RequestState.choices, default=RequestState.PENDING)
    # One submission of the form makes one request, however often it is sent.
    submission = models.UUIDField(unique=True, default=uuid.uuid4)
    # What the program that asked calls it; said back in answers and webhooks, and no part of what is approved.
    correlation = models.CharField(max_length=200, blank=True)
    # Whether a program asked, with somebody's token or as a service; rules may look at it.
    by_machine = models.BooleanField(default=False)
    # The webhook that its requester wants told of it; no part of what is approved either.
    webhook = models.ForeignKey("notify.Endpoint", null=True, on_delete=models.PROTECT, related_name="+")
    # The same in every call of the request; kept here for lists and search.
    SourceRegion = models.CharField(max_length=32)
    SourceImageId = models.CharField(max_length=64)
    Name = models.CharField(max_length=128)
    dry_run = models.BooleanField(default=False)
    # Nothing is copied: the source is an AMI that exists, and the steps are all of it. Its name is then the AMI's.
    existing = models.BooleanField(default=False, db_default=False)
    content_hash = models.CharField(max_length=64)
    # How it was made, see `content`.
    hash_version = models.PositiveSmallIntegerField(default=HASH_VERSION)
    # Who has to approve: [{"group": name, "count": n}, ...], frozen at submission. Empty: nobody has to.
    plan = models.JSONField(default=list)
    # A digest of the plan while nobody has voted on it, so that those which wait alike are looked at as one, see
    # `voting.pending_votes`; empty: each is looked at by itself.
    unvoted_plan = models.CharField(max_length=16, blank=True, db_default="")
    # Whose rules ask for it: [{"id", "name", "version", "destinations", "requirements"}, ...].
    rules = models.JSONField(default=list)
    # What the look-ups knew of the source and the destinations at submission; shown to the approver.
    lookups = models.JSONField(default=dict)
    # What it would cost, by the prices of then, as `cost.Estimate.as_dict` says it; no part of what is approved.
    estimate = models.JSONField(default=dict, db_default={})
    # The source image as it was at submission, see `source_binding`; empty when AWS didn't show it.
    source_seen = models.JSONField(default=dict)
    # Why it was submitted although something known was in its way, and what: {"reason", "problems": [...]}, these as
    # `rules.known_problems` keeps them; empty where nothing was.
    anyway = models.JSONField(default=dict, db_default={})
    # Whether a fact of it has to be looked at closely, as it was submitted or last looked at: that comes first in the
    # queue. Of a request that is older than this column, nobody has said that it is routine.
    risky = models.BooleanField(default=True, db_default=True)
    # The steps after the copy that are asked for in all destinations, as they were typed: {code: members}. What is
    # another in a destination stands at its copy, and there, too, what is approved and done.
    steps = models.JSONField(default=dict, db_default={})
    # What a later look found of these: {"at", "still": [keys of problems], "over": [...]}; empty before one.
    anyway_looked = models.JSONField(default=dict, db_default={})
    # The set that it was handed in with, if it was with others; no part of what is approved.
    in_set = models.ForeignKey("RequestSet", null=True, on_delete=models.PROTECT, related_name="requests")
    # Names with placeholders as they were typed, by input, for a clone; no part of what is approved.
    typed = models.JSONField(default=dict, db_default={})
    # The finished request that this one adds destinations to, see `follow_ups`.
    continues = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="continued_by")
    # The failed copy of another request that this one asks for again, mended.
    mends = models.ForeignKey("ImageCopy", null=True, on_delete=models.PROTECT, related_name="mended_by")
    # Goes up with a new submission after changes; decisions belong to a round.
    round = models.PositiveIntegerField(default=1)
    # Approvals of this round and later ones count: an edit voids those before it.
    votes_from_round = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    submitted_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="decided_requests"
    )
    finished_at = models.DateTimeField(null=True)
    # Undecided until then, the request expires; the approvers are reminded once before.
    expires_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    # Something wasn't found out at submission: when to look at it again, see `look_again`.
    look_again_at = models.DateTimeField(null=True)
    # The requester's wish; copies wait for it.
    start_not_before = models.DateTimeField(null=True)
    # Approved by one person in an emergency, past the plan.
    break_glass = models.BooleanField(default=False)
    # Goes up with every change a page can show, of the request or of a copy: the validator of conditional requests.
    version = models.PositiveIntegerField(default=1)
    # The row comes from a backup that was restored at this moment: calls may have been made that it doesn't know.
    restored_at = models.DateTimeField(null=True)

    objects = CopyRequestQuerySet.as_manager()

    class Meta:
        ordering = ("-id",)
        permissions = (
            ("submit_request", "Can ask for copies"),
            ("decide_request", "Can approve and reject requests of others"),
            ("view_all_requests", "Can see everybody's requests"),
            ("break_glass", "Can approve alone in an emergency"),
            ("manage_people", "Can add people and give roles"),
        )
        default_permissions = ()
        constraints = (
            models.CheckConstraint(
                condition=Q(decided_at__isnull=True, decided_by__isnull=True)
                | Q(decided_at__isnull=False, decided_by__isnull=False),
                name="request_decided_by_and_at_together",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requester")),
                name="request_not_decided_by_requester",
            ),
            models.CheckConstraint(condition=Q(state__in=RequestState.values), name="request_state_known"),
            # What a decision refers to.
            models.UniqueConstraint(fields=("id", "requester"), name="request_with_its_requester"),
        )
        indexes = (
            models.Index(fields=("state", "-id"), name="request_by_state"),
            models.Index(fields=("state", "expires_at"), name="request_by_expiry"),
            # What is open, found whatever share of all it is.
            models.Index(fields=("state", "-id"), condition=Q(finished_at__isnull=True), name="request_unfinished"),
            models.Index(fields=("requester", "-id"), name="request_by_requester"),
            models.Index(fields=("SourceImageId",), name="request_by_source"),
            models.Index(fields=("Name",), name="request_by_name"),
            models.Index(fields=("correlation", "-id"), name="request_by_correlation"),
            # What waits for a decision, in the order of the queue, with all that says for whom.
            models.Index(
                fields=("state", "-risky", "submitted_at", "id", "unvoted_plan", "requester"),
                condition=Q(decided_by__isnull=True),
                name="request_to_decide_on",
            ),
            models.Index(
                fields=("look_again_at",),
                condition=Q(look_again_at__isnull=False),
                name="request_to_look_at_again",
            ),
        )

    def __str__(self) -> str:
        return f"#{self.pk} {self.Name}"

    @property
    def submitted_anyway(self) -> bool:
        """Whether its requester knew of something in its way and submitted it all the same."""
        return bool(self.anyway)

    def copies_of_round(self) -> "models.QuerySet[ImageCopy]":
        """The copies of the current round, in the order of the request."""
        return self.copies.filter(round=self.round).order_by("position")

    def calls(self) -> list[Call]:
        """The calls of the current round, as they were frozen."""
        return [copy.call() for copy in self.copies_of_round()]

    def calls_as_asked(self) -> list[Call]:
        """The same without amicopy's own marks: what a person typed, for the form and for submitting it anew."""
        return [marks.unmarked(copy.call(), copy.mark) for copy in self.copies_of_round()]

    def steps_as_asked(self) -> WantedSteps:
        """The steps after the copies as they were asked for, for the form, a clone and submitting them anew."""
        own = {copy.position: copy.own_steps for copy in self.copies_of_round() if copy.own_steps}
        return WantedSteps(self.steps, own)

    def hash_of_content(self, copies: "Iterable[ImageCopy] | None" = None) -> str:
        """The content hash, computed anew from what is stored; `copies` are those of the round, where they are at
        hand."""
        content = self.content(list(self.copies_of_round() if copies is None else copies))
        return content_hash(content, version=self.hash_version)

    def content(self, copies: "Sequence[ImageCopy]") -> Content:
        """What an approval binds to, of what is stored; `copies` are those of the round."""
        return Content(
            account_id=self.account.account_id,
            calls=[copy.call() for copy in copies],
            keys=[copy.key_seen for copy in copies],
            source_seen=self.source_seen,
            reason=self.reason,
            start_not_before=self.start_not_before,
            plan=self.plan,
            rules=self.rules,
            anyway=self.anyway,
            steps=[copy.approved_steps for copy in copies],
        )


class Decision(models.Model):
    """One person's approve, reject or request for changes, in one round of one request."""

    class Kind(models.TextChoices):
        APPROVE = "approve", "Approved"
        REJECT = "reject", "Rejected"
        REQUEST_CHANGES = "request-changes", "Asked for changes"
        BREAK_GLASS = "break-glass", "Approved in an emergency"

    request = models.ForeignKey(CopyRequest, on_delete=models.PROTECT, related_name="decisions")
    round = models.PositiveIntegerField()
    # The request's, which the constraints below compare with.
    requester = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="decisions")
    decided_at = models.DateTimeField()
    kind = models.CharField(max_length=16, choices=Kind.choices)
    reason = models.TextField(blank=True)
    # The person whose vote it is, where that was handed to the one who decided.
    on_behalf_of = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="decisions_by_others"
    )
    # What the approver saw and bound the decision to.
    content_hash = models.CharField(max_length=64)

    class Meta:
        ordering = ("decided_at", "id")
        default_permissions = ()
        indexes = (models.Index(fields=("decided_by", "-decided_at", "-request"), name="decision_by_person"),)
        constraints = (
            models.UniqueConstraint(
                fields=("request", "round", "decided_by"),
                condition=~Q(kind="break-glass"),
                name="decision_one_a_person",
            ),
            CompositeForeignKey(
                fields=("request", "requester"),
                to_table="copies_copyrequest",
                to_columns=("id", "requester_id"),
                name="decision_names_the_requester",
            ),
            models.CheckConstraint(condition=~Q(decided_by=F("requester")), name="decision_not_by_requester"),
            models.CheckConstraint(
                condition=Q(on_behalf_of__isnull=True)
                | (~Q(on_behalf_of=F("requester")) & ~Q(on_behalf_of=F("decided_by"))),
                name="decision_for_neither_requester_nor_self",
            ),
            models.CheckConstraint(condition=Q(kind="approve") | ~Q(reason=""), name="decision_reason_unless_approved"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.request_id}"
