"""moto's EC2 with images that live by the clock. moto requires this module's name."""

from collections.abc import Iterator
from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends

from amicopy.sandbox import catalogue, events
from amicopy.sandbox.ec2.copying import copy
from amicopy.sandbox.ec2.images import Image, Plan, Snapshot, adopt, finish, own_snapshot
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.world import world


def backend_of(account: str, region: str) -> "SandboxBackend":
    """The EC2 of one account in one Region."""
    backend: SandboxBackend = ec2_backends[account][region]
    return backend


class SandboxBackend(EC2Backend):
    """The EC2 of one account in one Region."""

    amis: dict[str, Image]
    snapshots: dict[str, Snapshot]

    def __init__(self, region_name: str, account_id: str) -> None:
        # ClientToken -> fingerprint of the call, image id. Set first: moto's constructor loads the images.
        self.client_tokens: dict[str, tuple[str, str]] = {}
        super().__init__(region_name, account_id)
        self.ebs_encryption_by_default = region_name in catalogue.CATALOGUE["encrypted_by_default"]
        self.default_kms_key_id = catalogue.key_arn(account_id, region_name, "alias/aws/ebs")

    def _load_amis(self) -> None:
        # Not moto's own 1,300 images: they are slow to list and nobody's.
        for plan in catalogue.images(self.account_id, self.region_name):
            self.bring_to_life(plan)

    def bring_to_life(self, plan: Plan) -> None:
        """Adds the image and the snapshots of a plan."""
        for row in plan["snapshots"]:
            self.snapshots[row["id"]] = Snapshot(self, row, plan)
            if plan["snapshot_tags"]:
                self.tags[row["id"]] = dict(plan["snapshot_tags"])
        if plan["tags"]:
            self.tags[plan["image_id"]] = dict(plan["tags"])
        self.amis[plan["image_id"]] = Image(self, plan)
        if "fingerprint" in plan:
            world.copies[plan["image_id"]] = {
                "account": self.account_id,
                "region": self.region_name,
                "plan": plan,
            }
            if plan["token"]:
                self.client_tokens[plan["token"]] = plan["fingerprint"], plan["image_id"]

    def announce(self, plan: Plan) -> None:
        """Has the event about the end of a copy sent when it is there."""
        failure = plan["failure"] or ""
        events.schedule(finish(plan), self, plan["image_id"], "failed" if failure else "available", failure)

    def copied(self) -> Iterator[Image]:
        """The images CopyImage made here, without those deregistered since."""
        return (image for image in list(self.amis.values()) if "fingerprint" in image.plan)

    def copy_image(self, params: dict[str, Any]) -> str:
        """Accepts a CopyImage call and returns the new image's id. Raises Refused."""
        return copy(self, params, backend_of=backend_of)

    def create_image(self, *args: Any, **kwargs: Any) -> Image:
        return self.adopted(super().create_image(*args, **kwargs))

    def register_image(self, *args: Any, **kwargs: Any) -> Image:
        return self.adopted(super().register_image(*args, **kwargs))

    def adopted(self, stock: Any) -> Image:
        """One of our images in the place of one of moto's."""
        self.bring_to_life(adopt(stock))
        return self.amis[stock.id]

    def create_snapshot(self, *args: Any, **kwargs: Any) -> Snapshot:
        return self.owned(super().create_snapshot(*args, **kwargs))

    def copy_snapshot(self, *args: Any, **kwargs: Any) -> Snapshot:
        return self.owned(super().copy_snapshot(*args, **kwargs))

    def owned(self, stock: Any) -> Snapshot:
        """One of our snapshots in the place of one of moto's."""
        self.snapshots[stock.id] = own_snapshot(self, stock)
        return self.snapshots[stock.id]

    def neighbours(self) -> Iterator["SandboxBackend"]:
        """The same Region in every account of the catalogue, this one first."""
        yield self
        yield from (backend_of(other, self.region_name) for other in catalogue.ACCOUNTS if other != self.account_id)

    def visible_images(self) -> Iterator[Image]:
        """What DescribeImages may list: one's own images, those shared with one, and public ones."""
        for backend in self.neighbours():
            for image in list(backend.amis.values()):
                if image.visible and image.open_to(self.account_id):
                    yield image

    def visible_snapshots(self) -> Iterator[Snapshot]:
        """What DescribeSnapshots may list."""
        for backend in self.neighbours():
            for snapshot in list(backend.snapshots.values()):
                if snapshot.open_to(self.account_id):
                    yield snapshot

    def remove_image(self, image_id: str, *, with_snapshots: bool) -> list[dict[str, str]]:
        """Deregisters an image, or cancels it, and returns what became of its snapshots. Raises Refused.

        Snapshots that are still pending stay behind if the setting says so, whatever the caller asks, and
        the answer doesn't name them. (What AWS does with them is unverified.)
        """
        with world.lock:
            if image_id in self.deleted_amis:
                raise Refused("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available")
            if image_id not in self.amis:
                raise Refused("InvalidAMIID.NotFound", f"The image id '[{image_id}]' does not exist")
            image = self.amis[image_id]
            cancelled = image.state == "pending"
            gone = []
            if cancelled:
                if not world.settings.leave_snapshots:
                    gone = [row["id"] for row in image.plan["snapshots"]]
            elif with_snapshots:
                gone = [row["id"] for row in image.plan["snapshots"]]
            gone = [snapshot_id for snapshot_id in gone if snapshot_id in self.snapshots]
            self.forget(image_id, gone)
            events.unschedule(image_id)
            events.schedule(world.now(), self, image_id, "deregistered")
            world.write(
                do="deregister",
                account=self.account_id,
                region=self.region_name,
                image_id=image_id,
                snapshots=gone,
            )
        return [{"SnapshotId": snapshot_id, "ReturnCode": "success"} for snapshot_id in gone] if with_snapshots else []

    def forget(self, image_id: str | None, snapshot_ids: list[str]) -> None:
        """Takes an image and snapshots away, with their tags."""
        if image_id:
            self.amis.pop(image_id)
            self.deleted_amis.append(image_id)
            self.tags.pop(image_id, None)
        for snapshot_id in snapshot_ids:
            self.snapshots.pop(snapshot_id)
            self.tags.pop(snapshot_id, None)

    def delete_snapshot(self, snapshot_id: str) -> None:
        """Deletes a snapshot no image uses. Raises Refused."""
        with world.lock:
            snapshot = self.get_snapshot(snapshot_id)
            if snapshot.from_ami in self.amis:
                raise Refused(
                    "InvalidSnapshot.InUse",
                    f"The snapshot {snapshot_id} is currently in use by {snapshot.from_ami}",
                )
            self.forget(None, [snapshot_id])
            world.write(
                do="delete-snapshot",
                account=self.account_id,
                region=self.region_name,
                snapshot_id=snapshot_id,
            )

    def get_snapshot(self, snapshot_id: str) -> Any:
        """A snapshot of this account, by id. Raises Refused."""
        if snapshot_id not in self.snapshots:
            raise Refused("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
        return self.snapshots[snapshot_id]
