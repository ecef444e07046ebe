"""Images and snapshots whose state, progress and errors are computed from the clock whenever somebody looks.

Both are built from a *plan*: a JSON object that says everything about an image once it is accepted, so that
the catalogue, a copy and a line of the journal all come to life in the same way:

    image_id, attributes (members of DescribeImages' answer that never change), tags, snapshot_tags,
    snapshots [id, size (GiB), key (ARN or null), description, seconds, minutes, shared],
    started, seconds, failure (the reason, if it is to fail), percent (how far it gets before), code,
    recovers (seconds after which a failed copy is available after all; null is never),
    shared_with, public, token, fingerprint
"""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from amicopy.sandbox.catalogue import organization_permissions
from amicopy.sandbox.world import moment, world

Plan = dict[str, Any]
# How members are named that are times.
TIMES = ("Time", "Date", "At", "Since")


def finish(plan: Plan) -> float:
    """When the copy is over, on the sandbox's clock."""
    share = plan.get("percent", 100) / 100 if plan.get("failure") else 1.0
    return float(plan["started"] + plan["seconds"] * share)


def over(plan: Plan) -> float | None:
    """When the copy is there, on the sandbox's clock; None is never."""
    if not plan.get("failure"):
        return finish(plan)
    return None if plan.get("recovers") is None else finish(plan) + float(plan["recovers"])


class Resource:
    """What an image and a snapshot have in common: an owner, tags, a beginning and perhaps an end."""

    id: str

    def __init__(self, backend: Any, plan: Plan) -> None:
        self.backend = backend
        self.plan = plan
        self.born: float = plan["started"]
        # A state somebody set from outside; empty: as the clock says.
        self.stated = ""
        self.removed: float | None = None
        self.last_tags: dict[str, str] = {}

    @property
    def tags(self) -> dict[str, str]:
        """The tags; moto would search the tags of everything for them."""
        return self.last_tags if self.removed is not None else dict(self.backend.tags.get(self.id, {}))

    def remove(self, at: float) -> None:
        """Ends it at `at` on the sandbox's clock; what it was like then can still be read."""
        self.last_tags = dict(self.backend.tags.pop(self.id, {}))
        self.removed = at

    def now(self) -> float:
        """The sandbox's clock, which stands still for what is gone."""
        return world.now() if self.removed is None else self.removed

    def tag_set(self) -> list[dict[str, str]]:
        """The tags as a member of an answer."""
        return [{"Key": key, "Value": value} for key, value in self.tags.items()]


class Image(Resource):
    """An AMI. The lower-case attributes are what moto's own code reads."""

    def __init__(self, backend: Any, plan: Plan) -> None:
        super().__init__(backend, plan)
        # What fault rules call it: made by CopyImage, or not.
        self.kind = "image" if "fingerprint" in plan else "source"
        self.id: str = plan["image_id"]
        self.owner_id: str = backend.account_id
        # A copy: calls change it, and the plan is what the journal holds.
        self.attributes: dict[str, Any] = dict(plan["attributes"])
        self.launch_permissions = [{"UserId": account} for account in plan.get("shared_with", [])]
        if plan.get("public"):
            self.launch_permissions.append({"Group": "all"})
        self.architecture = self.attributes["Architecture"]
        self.virtualization_type = "hvm"
        self.platform = self.attributes.get("Platform")
        self.kernel_id = None
        self.root_device_name = self.attributes["RootDeviceName"]
        self.name = self.attributes["Name"]

    @property
    def description(self) -> str:
        return str(self.attributes["Description"])

    @property
    def state(self) -> str:
        """The state on the sandbox's clock, in AWS's words."""
        if self.stated:
            return self.stated
        if self.now() < finish(self.plan):
            return "pending"
        done = over(self.plan)
        return "failed" if done is None or self.now() < done else "available"

    @state.setter
    def state(self, state: str) -> None:
        # moto's DisableImage and EnableImage set it.
        self.stated = "disabled" if state == "disabled" else ""

    @property
    def disabled(self) -> bool:
        return self.stated == "disabled"

    @property
    def is_public(self) -> bool:
        return {"Group": "all"} in self.launch_permissions

    @property
    def deprecated(self) -> bool:
        """True once the deprecation time is over; others than the owner don't see the image in lists then."""
        at = self.attributes.get("DeprecationTime")
        return at is not None and datetime.fromisoformat(at).timestamp() <= world.now()

    def open_to(self, account: str) -> bool:
        """Whether `account` may see and launch this image."""
        if account == self.owner_id or self.is_public:
            return True
        named = [{"UserId": account}, *organization_permissions(account)]
        return any(permission in self.launch_permissions for permission in named)

    def shared_with(self, account: str) -> bool:
        """Whether `account`, or everybody under the name `all`, was given this image explicitly."""
        return self.is_public if account == "all" else {"UserId": account} in self.launch_permissions

    def member(self, name: str) -> Any:
        """What a call may change: LaunchPermissions, or a member of DescribeImages' answer; None if there is none."""
        return list(self.launch_permissions) if name == "LaunchPermissions" else self.attributes.get(name)

    def put(self, name: str, value: Any) -> None:
        """Makes `value` what `member` gives; None takes it away."""
        if name == "LaunchPermissions":
            self.launch_permissions = list(value)
        elif value is None:
            self.attributes.pop(name, None)
        else:
            self.attributes[name] = value

    @property
    def protected(self) -> bool:
        """Whether it can't be deregistered: as long as protection is on, and while its cooldown lasts."""
        if self.attributes.get("DeregistrationProtection", "disabled") != "disabled":
            return True
        return float(self.attributes.get("CooldownUntil", 0)) > self.now()

    def view(self, allowed: bool | None = None) -> dict[str, Any]:
        """This image as a member of DescribeImages' answer; `allowed` is ImageAllowed."""
        state = self.state
        view = {
            "ImageId": self.id,
            "ImageLocation": f"{self.owner_id}/{self.name}",
            "ImageType": "machine",
            "State": state,
            "OwnerId": self.owner_id,
            "CreationDate": datetime.fromtimestamp(self.plan["started"], UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "Public": self.is_public,
            "EnaSupport": True,
            "Hypervisor": "xen",
            "RootDeviceType": "ebs",
            "SriovNetSupport": "simple",
            "VirtualizationType": "hvm",
            "BootMode": "uefi-preferred",
            "DeregistrationProtection": "disabled",
            "Tags": self.tag_set(),
            **self.attributes,
        }
        if state == "failed" and self.plan.get("failure"):
            view["StateReason"] = {"Code": self.plan["code"], "Message": self.plan["failure"]}
        view.pop("CooldownUntil", None)
        if allowed is not None:
            view["ImageAllowed"] = allowed
        if scan := view.get("ScanResults"):
            view["ScanResults"] = with_moments(scan)
        if marks := view.get("ImageWatermarks"):
            view["ImageWatermarks"] = [with_moments(mark) for mark in marks]
        if world.settings.sparse and state in {"pending", "failed"}:
            del view["Name"]
            view["BlockDeviceMappings"] = [without_snapshot(row) for row in view["BlockDeviceMappings"]]
        return view


class Snapshot(Resource):
    """The snapshot of one volume of an image. The attributes are what moto's own code reads."""

    kind = "snapshot"

    def __init__(self, backend: Any, row: dict[str, Any], plan: Plan) -> None:
        super().__init__(backend, plan)
        self.row = row
        self.id: str = row["id"]
        self.owner_id: str = backend.account_id
        self.from_ami: str = plan["image_id"]
        self.description: str = row["description"]
        self.volume = SimpleNamespace(id="vol-ffffffff", size=row["size"])
        self.encrypted = row["key"] is not None
        self.kms_key_id: str | None = row["key"]
        self.start_time = moment(plan["started"])
        self.storage_tier = "standard"
        self.create_volume_permission_groups: set[str] = set()
        self.create_volume_permission_userids: set[str] = set()
        if row.get("shared"):
            self.create_volume_permission_userids.update(plan.get("shared_with", []))
            if plan.get("public"):
                self.create_volume_permission_groups.add("all")

    def permissions(self) -> list[dict[str, str]]:
        """Who may make volumes of it, besides the owner."""
        groups = [{"Group": name} for name in sorted(self.create_volume_permission_groups)]
        return groups + [{"UserId": name} for name in sorted(self.create_volume_permission_userids)]

    def put(self, _name: str, value: list[dict[str, str]]) -> None:
        """Makes `value` what `permissions` gives."""
        self.create_volume_permission_groups = {row["Group"] for row in value if "Group" in row}
        self.create_volume_permission_userids = {row["UserId"] for row in value if "UserId" in row}

    def done(self) -> float:
        """How much has been copied, 0.0 to 1.0. A failed copy stays where it was, until it recovers."""
        if not self.row["seconds"]:
            return 1.0
        elapsed: float = self.now() - self.plan["started"]
        if self.plan.get("failure"):
            if (recovered := over(self.plan)) is not None and self.now() >= recovered:
                return 1.0
            elapsed = min(elapsed, finish(self.plan) - self.plan["started"])
        return min(1.0, elapsed / self.row["seconds"])

    @property
    def status(self) -> str:
        """The state on the sandbox's clock, in AWS's words."""
        if self.stated:
            return self.stated
        if self.done() >= 1:
            return "completed"
        return "error" if self.plan.get("failure") and self.now() >= finish(self.plan) else "pending"

    @property
    def progress(self) -> str:
        done = self.done()
        return "100%" if done >= 1 else f"{min(99, int(round(done * 100, 6)))}%"

    def open_to(self, account: str) -> bool:
        """Whether `account` may read this snapshot's data."""
        return (
            account == self.owner_id
            or "all" in self.create_volume_permission_groups
            or account in self.create_volume_permission_userids
        )

    def view(self) -> dict[str, Any]:
        """This snapshot as a member of DescribeSnapshots' answer."""
        status = self.status
        view: dict[str, Any] = {
            "SnapshotId": self.id,
            "OwnerId": self.owner_id,
            "Description": self.description,
            "VolumeId": self.volume.id,
            "VolumeSize": self.volume.size,
            "Encrypted": self.encrypted,
            "State": status,
            "Progress": self.progress,
            "StartTime": self.start_time,
            "StorageTier": self.storage_tier,
            "TransferType": "time-based" if self.row.get("minutes") else "standard",
            # Six tenths of the volume hold data: an upper bound, as AWS gives one.
            "FullSnapshotSizeInBytes": self.volume.size * 1024**3 * 6 // 10,
            "Tags": self.tag_set(),
        }
        if self.encrypted:
            view["KmsKeyId"] = self.kms_key_id
        if self.row.get("minutes"):
            view["CompletionDurationMinutes"] = self.row["minutes"]
        if status == "completed":
            view["CompletionTime"] = moment(self.plan["started"] + self.row["seconds"])
        if status == "error" and self.plan.get("failure"):
            view["StateMessage"] = self.plan["failure"]
        return view


def with_moments(member: dict[str, Any]) -> dict[str, Any]:
    """A member that is kept with seconds since 1970, as an answer has it."""
    return {name: moment(value) if name.endswith(TIMES) else value for name, value in member.items()}


def without_snapshot(mapping: dict[str, Any]) -> dict[str, Any]:
    """A block device mapping without its SnapshotId."""
    if "Ebs" not in mapping:
        return mapping
    return {**mapping, "Ebs": {name: value for name, value in mapping["Ebs"].items() if name != "SnapshotId"}}
