"""The image copies of requests, and where the engine is with each. States are written through `transitions` only."""

from django.db import models
from django.db.models import Q

from amicopy.copies.core import marks
from amicopy.copies.core.absence import Missable
from amicopy.copies.core.account_models import Account
from amicopy.copies.core.calls import Call
from amicopy.copies.core.reasons import Code, Reason
from amicopy.copies.core.request_models import CopyRequest
from amicopy.copies.core.states import COPY_UNFINISHED, CopyState


class ImageCopy(Missable):
    """One CopyImage call for one destination: its frozen parameters and its life at AWS. Or an AMI that exists, to
    which only the approved steps are done."""

    request = models.ForeignKey(CopyRequest, on_delete=models.PROTECT, related_name="copies")
    round = models.PositiveIntegerField(default=1)
    position = models.PositiveIntegerField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="copies")
    DestinationRegion = models.CharField(max_length=32)
    destination = models.CharField(max_length=255)
    # As in the parameters, to find who has a name.
    Name = models.CharField(max_length=128, blank=True)
    # The exact keyword arguments of the call, without ClientToken. Written once.
    parameters = models.JSONField()
    # Nothing is called for: the AMI in the parameters is there, and isn't amicopy's to remove. Written once.
    existing = models.BooleanField(default=False, db_default=False)
    # The value of the mark in them, see `marks`; empty for copies without one.
    mark = models.CharField(max_length=128, blank=True)
    # The steps after the copy that are another here than in the rest of the request, as asked: {code: members}, with
    # None for one that is left out here; see `core.steps.wanted`.
    own_steps = models.JSONField(default=dict, db_default={})
    # The steps as they are approved and done, {code: members}. Written once.
    approved_steps = models.JSONField(default=dict, db_default={})
    # The person's own token for the first attempt, or empty.
    ClientToken = models.CharField(max_length=64, blank=True)
    # The ARN behind the alias in KmsKeyId as the look-ups saw it; empty where there is no alias, or nothing was seen.
    key_seen = models.CharField(max_length=2048, blank=True)
    state = models.CharField(max_length=12, choices=CopyState.choices, default=CopyState.HELD)

    # Under which id whoever had it queued or cancelled last acted; workers go on under the same.
    correlation_id = models.UUIDField(null=True)

    # The engine's: when something is due, who works on it, what it waits for.
    next_step_at = models.DateTimeField(null=True)
    lease_id = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # The worker that took the lease; who it was once it has ended says nothing.
    lease_holder = models.UUIDField(null=True)
    # A queued copy whose place had no slot left when somebody looked; not looked at before one is free, see `slots`.
    parked_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    # Why it waits, see `reasons`; empty when it doesn't.
    wait_code = models.CharField(max_length=24, blank=True)
    wait_data = models.JSONField(default=dict)
    # The last wait for a person that was told, so that one that comes and goes isn't told twice.
    wait_told = models.CharField(max_length=24, blank=True)

    # What AWS answered.
    ImageId = models.CharField(max_length=64, blank=True)
    progress = models.PositiveSmallIntegerField(default=0)
    # [{"SnapshotId", "DeviceName", "VolumeSize" (GiB), "Progress" (0..100), "State"}, ...]
    snapshots = models.JSONField(default=list)
    # What AWS answered last when it was asked to remove an image or a snapshot, by id: `done`, or AWS's code.
    removal = models.JSONField(default=dict)
    # [{"property", "expected", "found", "ok"}, ...]: the finished image against what was approved.
    verification = models.JSONField(default=list)
    error_code = models.CharField(max_length=128, blank=True)
    error_message = models.TextField(blank=True)
    error_request_id = models.CharField(max_length=64, blank=True)
    # What the last sweep found to be another than approved, see `engine.drift`: [{"code", ...}, ...]; when it looked.
    drift = models.JSONField(default=list, db_default=[])
    drift_at = models.DateTimeField(null=True)
    # When its launch permissions and its alias were looked at last, which have their turn in some sweeps only.
    permissions_at = models.DateTimeField(null=True)
    alias_at = models.DateTimeField(null=True)

    queued_at = models.DateTimeField(null=True)
    called_at = models.DateTimeField(null=True)
    seen_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("request", "round", "position")
        verbose_name_plural = "image copies"
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("request", "round", "position"), name="copy_one_a_position"),
            models.CheckConstraint(
                condition=~Q(state__in=("COPYING", "AVAILABLE")) | ~Q(ImageId=""),
                name="copy_has_image_once_copying",
            ),
            models.CheckConstraint(condition=Q(state__in=CopyState.values), name="copy_state_known"),
            models.CheckConstraint(condition=Q(progress__lte=100), name="copy_progress_in_percent"),
            models.UniqueConstraint(
                fields=("account", "DestinationRegion", "ImageId"),
                # Steps can be done to an image again and again, which a copy may have made.
                condition=~Q(ImageId="") & Q(existing=False),
                name="copy_one_an_image",
            ),
        )
        indexes = (
            models.Index(fields=("state", "next_step_at"), name="copy_due"),
            models.Index(
                fields=("state", "parked_at", "next_step_at"),
                condition=Q(next_step_at__isnull=False),
                name="copy_to_look_at",
            ),
            models.Index(fields=("account", "DestinationRegion", "state"), name="copy_by_place"),
            # What is unfinished, by place: all that slots are counted from, in one walk along the index.
            models.Index(
                fields=("account", "DestinationRegion", "state", "wait_code", "next_step_at", "lease_until"),
                condition=Q(next_step_at__isnull=False),
                name="copy_unfinished_by_place",
            ),
            models.Index(fields=("lease_id",), condition=Q(lease_id__isnull=False), name="copy_by_lease"),
            models.Index(fields=("finished_at",), name="copy_by_finish"),
            models.Index(fields=("state", "finished_at"), name="copy_by_outcome"),
            # What only a person can bring on, among all that is there.
            models.Index(fields=("wait_code",), condition=Q(next_step_at__isnull=False), name="copy_by_wait"),
            models.Index(fields=("mark",), name="copy_by_mark"),
            models.Index(fields=("ImageId",), name="copy_by_image"),
            models.Index(fields=("account", "DestinationRegion", "Name"), name="copy_by_name"),
        )

    def __str__(self) -> str:
        return f"copy of #{self.request_id} to {self.destination}"

    def call(self) -> Call:
        """The call as it was approved and as it will be made."""
        return Call(self.DestinationRegion, self.parameters, self.ClientToken, existing=self.existing)

    @property
    def frozen_mark(self) -> marks.Mark | None:
        """The mark as it stands in the frozen parameters, or None."""
        return marks.found_in(self.parameters, self.mark)

    @property
    def wait(self) -> Reason | None:
        """Why the copy waits, or None."""
        return Reason(Code(self.wait_code), self.wait_data) if self.wait_code else None

    @wait.setter
    def wait(self, reason: Reason | None) -> None:
        self.wait_code, self.wait_data = (reason.code, dict(reason.data)) if reason else ("", {})

    @property
    def dry_run(self) -> bool:
        return self.call().dry_run

    @property
    def unfinished(self) -> bool:
        return self.state in COPY_UNFINISHED
