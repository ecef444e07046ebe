"""moto's EC2 with images that live by the clock. moto requires this module's name."""

from collections.abc import Iterator
from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends

from amicopy.sandbox import catalogue, events, policies, visibility
from amicopy.sandbox.ec2.adoption import adopt, own_snapshot
from amicopy.sandbox.ec2.copy_image import copy
from amicopy.sandbox.ec2.images import Image, Plan, Snapshot, finish, over
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.visibility import Look
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
        # What was deregistered and deleted, as it was at the end.
        self.gone_images: dict[str, Image] = {}
        self.gone_snapshots: dict[str, Snapshot] = {}
        # The same for versions of launch templates; the number of the version.
        self.template_tokens: dict[str, tuple[str, int]] = {}
        self.allowed_images: dict[str, Any] = {"State": "disabled", "ImageCriteria": []}
        # AWS's own default for new accounts.
        self.image_block_public_access = "block-new-sharing"
        super().__init__(region_name, account_id)
        self.ebs_encryption_by_default = region_name in catalogue.CATALOGUE["encrypted_by_default"]
        self.default_kms_key_id = catalogue.key_arn(account_id, region_name, "alias/aws/ebs")
        for template_id, row in catalogue.launch_templates(account_id, region_name):
            self.add_template(template_id, row)

    def _load_amis(self) -> None:
        # Not moto's own 1,300 images: they are slow to list and nobody's.
        for plan in catalogue.images(self.account_id, self.region_name):
            self.bring_to_life(plan)

    def bring_to_life(self, plan: Plan) -> None:
        """Adds the image and the snapshots of a plan."""
        image, snapshots = Image(self, plan), [Snapshot(self, row, plan) for row in plan["snapshots"]]
        # Before anybody can look.
        for resource in (image, *snapshots):
            visibility.born(resource)
        for snapshot in snapshots:
            if plan["snapshot_tags"]:
                self.tags[snapshot.id] = dict(plan["snapshot_tags"])
            self.snapshots[snapshot.id] = snapshot
        if plan["tags"]:
            self.tags[plan["image_id"]] = dict(plan["tags"])
        self.amis[plan["image_id"]] = image
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
        if plan["failure"]:
            events.schedule(finish(plan), self, plan["image_id"], "failed", plan["failure"])
        if (done := over(plan)) is not None:
            events.schedule(done, self, plan["image_id"], "available")

    def copied(self) -> Iterator[Image]:
        """The images CopyImage made here, without those deregistered since."""
        return (image for image in list(self.amis.values()) if "fingerprint" in image.plan)

    def copy_image(self, params: dict[str, Any], *, look: Look) -> str:
        """Accepts a CopyImage call and returns the new image's id. Raises Refused."""
        return copy(self, params, look=look, backend_of=backend_of)

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

    def neighbours(self, region: str = "") -> Iterator["SandboxBackend"]:
        """The same Region, or another, in every account of the catalogue, this one first."""
        others = [other for other in catalogue.ACCOUNTS if other != self.account_id]
        yield from (backend_of(account, region or self.region_name) for account in (self.account_id, *others))

    def open_images(self, look: Look) -> Iterator[Image]:
        """What DescribeImages may list: one's own images, those shared with one, and public ones."""
        for backend in self.neighbours():
            for image in (*backend.amis.values(), *filter(look.lingers, [*backend.gone_images.values()])):
                if image.open_to(self.account_id):
                    yield image

    def open_snapshots(self, look: Look) -> Iterator[Snapshot]:
        """What DescribeSnapshots may list."""
        for backend in self.neighbours():
            for snapshot in (*backend.snapshots.values(), *filter(look.lingers, [*backend.gone_snapshots.values()])):
                if snapshot.open_to(self.account_id):
                    yield snapshot

    def check_policy(self, look: Look, resource_id: str) -> None:
        """Raises Refused if a policy keeps the call from an image or snapshot of this account."""
        resource = self.amis.get(resource_id) or self.snapshots.get(resource_id)
        if resource is not None:
            policies.check_resource(look.call, resource)

    def owned_image(self, image_id: str, look: Look, *, ready: bool = False) -> Image:
        """An image of this account that `look` may change or ask about; `ready`: not while it is pending or failed.
        Raises Refused."""
        image = self.amis.get(image_id)
        if image is None and image_id in self.gone_images:
            raise Refused("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available")
        if image is None:
            if any(row.id == image_id and not look.hides(row) for row in self.open_images(look)):
                raise Refused("AuthFailure", f"Not authorized for image:{image_id}", status=403)
            raise visibility.unknown_images(image_id)
        policies.check_resource(look.call, image)
        if ready and image.state not in {"available", "disabled"}:
            raise Refused("InvalidAMIID.Unavailable", f"The AMI ID '{image_id}' is currently {image.state}")
        return image

    def owned_snapshot(self, snapshot_id: str, look: Look) -> Snapshot:
        """A snapshot of this account that `look` may change or ask about. Raises Refused."""
        if snapshot_id not in self.snapshots and any(row.id == snapshot_id for row in self.open_snapshots(look)):
            raise Refused("AuthFailure", f"Not authorized for snapshot:{snapshot_id}", status=403)
        snapshot: Snapshot = self.get_snapshot(snapshot_id)
        policies.check_resource(look.call, snapshot)
        return snapshot

    def restore(self, entry: dict[str, Any]) -> None:
        """Brings back one change that the journal holds."""
        name = entry["resource"]
        if found := self.amis.get(name) or self.snapshots.get(name):
            found.put(entry["member"], entry["after"])
        elif entry["member"] == "AllowedImages":
            self.allowed_images = entry["after"]
        elif name == "account":
            self.image_block_public_access = entry["after"]
        elif entry["member"] == "LaunchTemplate" and entry["after"] is None:
            self.delete_launch_template("", name)
        elif entry["member"] == "LaunchTemplate":
            self.add_template(name, entry["after"])
        elif entry["member"] == "Versions":
            self.add_template_version(name, entry["after"])
        elif entry["member"] == "DefaultVersionNumber":
            self.get_launch_template(name).default_version_number = entry["after"]

    def add_template(self, template_id: str | None, row: dict[str, Any]) -> Any:
        """Adds a launch template; its id is a new one unless one is given. Raises moto's refusals."""
        tags = {"launch-template": row["Tags"]}
        template = self.create_launch_template(row["Name"], row["VersionDescription"], row["LaunchTemplateData"], tags)
        if template_id:
            self.launch_templates[template_id] = self.launch_templates.pop(template.id)
            self.launch_template_name_to_ids[template.name] = template_id
            self.tags[template_id] = self.tags.pop(template.id, {})
            template.id = template_id
        return template

    def add_template_version(self, template_id: str, row: dict[str, Any]) -> Any:
        """Adds a version to a launch template."""
        version = self.get_launch_template(template_id).create_version(
            row["LaunchTemplateData"], row["VersionDescription"]
        )
        if row["ClientToken"]:
            self.template_tokens[row["ClientToken"]] = row["fingerprint"], version.number
        return version

    def remove_image(self, image_id: str, *, with_snapshots: bool, look: Look) -> list[dict[str, str]]:
        """Deregisters an image, or cancels it, and returns what became of its snapshots. Raises Refused.

        Snapshots that are still pending stay behind if the setting says so, whatever the caller asks, and
        the answer doesn't name them. (What AWS does with them is unverified.)
        """
        with world.lock:
            if image_id in self.gone_images:
                if look.lingers(self.gone_images[image_id]):
                    return []
                raise Refused("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is no longer available")
            if image_id not in self.amis:
                raise visibility.unknown_images(image_id)
            image = self.amis[image_id]
            if image.protected:
                # Unverified: code and words.
                raise Refused("OperationNotPermitted", f"The image '{image_id}' is protected against deregistration.")
            gone, kept = [], []
            if not world.settings.leave_snapshots if image.state == "pending" else with_snapshots:
                there = [self.snapshots[row["id"]] for row in image.plan["snapshots"] if row["id"] in self.snapshots]
                call = {**look.call, "action": "DeleteSnapshot"}
                kept = [snapshot.id for snapshot in there if policies.lacks_tag(call, snapshot)]
                gone = [snapshot.id for snapshot in there if snapshot.id not in kept]
            now = world.now()
            self.forget(image_id, gone, at=now)
            events.unschedule(image_id)
            events.schedule(now, self, image_id, "deregistered")
            world.write(
                do="deregister",
                time=now,
                account=self.account_id,
                region=self.region_name,
                image_id=image_id,
                snapshots=gone,
            )
        if not with_snapshots:
            return []
        return [
            *({"SnapshotId": snapshot_id, "ReturnCode": "success"} for snapshot_id in gone),
            *({"SnapshotId": snapshot_id, "ReturnCode": "missing-permissions"} for snapshot_id in kept),
        ]

    def forget(self, image_id: str | None, snapshot_ids: list[str], *, at: float) -> None:
        """Takes an image and snapshots away, with their tags, as of `at` on the sandbox's clock."""
        if image_id:
            self.gone_images[image_id] = image = self.amis.pop(image_id)
            image.remove(at)
            # For moto's own code.
            self.deleted_amis.append(image_id)
        for snapshot_id in snapshot_ids:
            self.gone_snapshots[snapshot_id] = snapshot = self.snapshots.pop(snapshot_id)
            snapshot.remove(at)

    def remove_snapshot(self, snapshot_id: str, *, look: Look) -> None:
        """Deletes a snapshot no image uses. Raises Refused."""
        with world.lock:
            if (gone := self.gone_snapshots.get(snapshot_id)) and look.lingers(gone):
                return
            snapshot = self.get_snapshot(snapshot_id)
            if snapshot.from_ami in self.amis:
                raise Refused(
                    "InvalidSnapshot.InUse",
                    f"The snapshot {snapshot_id} is currently in use by {snapshot.from_ami}",
                )
            now = world.now()
            self.forget(None, [snapshot_id], at=now)
            world.write(
                do="delete-snapshot",
                time=now,
                account=self.account_id,
                region=self.region_name,
                snapshot_id=snapshot_id,
            )

    def get_snapshot(self, snapshot_id: str) -> Any:
        """A snapshot of this account, by id. Raises Refused."""
        if snapshot_id not in self.snapshots:
            raise visibility.unknown_snapshot(snapshot_id)
        return self.snapshots[snapshot_id]

    def snapshot_of(self, snapshot_id: str) -> Snapshot:
        """A snapshot that is there or was."""
        return self.snapshots.get(snapshot_id) or self.gone_snapshots[snapshot_id]
