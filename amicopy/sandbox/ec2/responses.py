"""How EC2 calls are answered: as moto does, with what it lacks, real request ids and no HTML error pages."""

from typing import Any, ClassVar

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.responses import EC2Response

from amicopy.sandbox import catalogue, errors
from amicopy.sandbox.ec2.filters import (
    IMAGE_FIELDS,
    REGION_FIELDS,
    SNAPSHOT_FIELDS,
    ZONE_FIELDS,
    chosen,
    matches,
    page,
)
from amicopy.sandbox.ec2.inspection import Inspection, allowed
from amicopy.sandbox.ec2.lifetimes import Lifetimes
from amicopy.sandbox.ec2.sharing import Sharing
from amicopy.sandbox.ec2.templates import Templates
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.visibility import Look, unknown_images, unknown_snapshot


class SandboxResponse(Sharing, Lifetimes, Templates, Inspection):
    """One EC2 call. moto calls the method named after the action; `self.params` holds typed parameters."""

    # Ours come as text already.
    RESPONSE_KEY_PATH_TO_TRANSFORMER: ClassVar[dict[str, Any]] = {
        path: transform
        for path, transform in EC2Response.RESPONSE_KEY_PATH_TO_TRANSFORMER.items()
        if path != "Image.CreationDate"
    }

    def _dispatch(self, request: Any, full_url: Any = None, headers: Any = None) -> Any:
        self.call = request.environ["amicopy.call"]
        self.look = Look(self.call)
        return super()._dispatch(request, full_url, headers)

    def call_action(self) -> Any:
        if not self.params.get("DryRun"):
            named = [self.params[name] for name in ("ImageId", "SnapshotId") if name in self.params]
            self.look.refuse_hidden(self.ec2_backend, [*named, *self.params.get("Resources", [])])
        return super().call_action()

    def serialized(self, action_result: Any) -> Any:
        status, headers, body = super().serialized(action_result)
        if isinstance(error := action_result.result, ServiceException):
            status = getattr(error, "status", None) or errors.STATUS.get(error.code, 400)
        for tag in ("requestId", "RequestID"):
            body = body.replace(f"<{tag}>request-id</{tag}>", f"<{tag}>{self.call['request_id']}</{tag}>")
        return status, headers, body

    def copy_image(self) -> ActionResult:
        image_id = self.ec2_backend.copy_image(dict(self.params), look=self.look)
        self.call["shown"] = {image_id: "pending"}
        return ActionResult({"ImageId": image_id})

    def delete_snapshot(self) -> ActionResult:
        self.ec2_backend.check_policy(self.look, self.params["SnapshotId"])
        self.error_on_dryrun()
        self.ec2_backend.remove_snapshot(self.params["SnapshotId"], look=self.look)
        return EmptyResult()

    def describe_tags(self) -> ActionResult:
        answer = super().describe_tags()
        there = {**self.ec2_backend.amis, **self.ec2_backend.snapshots}
        tags = answer.result["Tags"]
        answer.result["Tags"] = [
            tag for tag in tags if not (found := there.get(tag["resource_id"])) or not self.look.hides(found)
        ]
        return answer

    def deregister_image(self) -> ActionResult:
        self.ec2_backend.check_policy(self.look, self.params["ImageId"])
        self.error_on_dryrun()
        results = self.ec2_backend.remove_image(
            self.params["ImageId"],
            with_snapshots=self.params.get("DeleteAssociatedSnapshots", False),
            look=self.look,
        )
        self.call["shown"] = {row["SnapshotId"]: row["ReturnCode"] for row in results}
        return ActionResult({"Return": True, "DeleteSnapshotResults": results})

    def describe_images(self) -> ActionResult:
        self.error_on_dryrun()
        backend, params, look = self.ec2_backend, self.params, self.look
        wanted = params.get("ImageIds", [])
        for image_id in wanted:
            if not image_id.startswith("ami-"):
                raise Refused("InvalidAMIID.Malformed", f'Invalid id: "{image_id}" (expecting "ami-...")')
        filters = chosen(params.get("Filters", []), IMAGE_FIELDS)
        images = {image.id: image for image in backend.open_images(look)}
        missing = [
            name for name in wanted if (look.hides(images[name]) if name in images else name not in backend.gone_images)
        ]
        if missing:
            raise unknown_images(*missing)
        ids = narrowed(wanted, filters.get("image-id"))
        found = [images[name] for name in ids if name in images] if ids is not None else list(images.values())
        if owners := self.named_accounts("Owners"):
            found = [image for image in found if image.owner_id in owners]
        if users := self.named_accounts("ExecutableUsers"):
            found = [image for image in found if any(image.shared_with(user) for user in users)]
        if not wanted and not params.get("IncludeDisabled"):
            found = [image for image in found if not image.disabled]
        if not wanted and not params.get("IncludeDeprecated"):
            found = [image for image in found if image.owner_id == backend.account_id or not image.deprecated]
        setting = backend.allowed_images
        verdicts = {image.id: allowed(image, backend.account_id, setting) for image in found}
        if setting["State"] == "enabled":
            found = [image for image in found if verdicts[image.id]]
        views = [{**image.view(verdicts[image.id]), "State": look.state_of(image)} for image in found]
        members = [
            view for view in views if matches(view, filters, IMAGE_FIELDS) and not look.hides(images[view["ImageId"]])
        ]
        members, token = page(members, "ImageId", params)
        self.call["shown"] = {member["ImageId"]: member["State"] for member in members}
        return ActionResult({"Images": members, "NextToken": token})

    def describe_snapshots(self) -> ActionResult:
        self.error_on_dryrun()
        backend, params, look = self.ec2_backend, self.params, self.look
        wanted = params.get("SnapshotIds", [])
        if wanted and params.get("MaxResults"):
            raise Refused("InvalidParameterCombination", "MaxResults can't be used with SnapshotIds.")
        filters = chosen(params.get("Filters", []), SNAPSHOT_FIELDS)
        snapshots = {snapshot.id: snapshot for snapshot in backend.open_snapshots(look)}
        for name in wanted:
            if name not in snapshots or look.hides(snapshots[name]):
                raise unknown_snapshot(name)
        ids = narrowed(wanted, filters.get("snapshot-id"))
        found = [snapshots[name] for name in ids if name in snapshots] if ids is not None else snapshots.values()
        if owners := self.named_accounts("OwnerIds"):
            found = [snapshot for snapshot in found if snapshot.owner_id in owners]
        views = [snapshot.view() for snapshot in found]
        members = [
            view
            for view in views
            if matches(view, filters, SNAPSHOT_FIELDS) and not look.hides(snapshots[view["SnapshotId"]])
        ]
        members, token = page(members, "SnapshotId", params)
        self.call["shown"] = {member["SnapshotId"]: member["State"] for member in members}
        return ActionResult({"Snapshots": members, "NextToken": token})

    def named_accounts(self, parameter: str) -> list[str]:
        """The accounts of a parameter; `self` is the caller's."""
        return [self.current_account if name == "self" else name for name in self.params.get(parameter, [])]

    def describe_regions(self) -> ActionResult:
        self.error_on_dryrun()
        params = self.params
        members = [
            {"RegionName": name, "Endpoint": f"ec2.{name}.amazonaws.com", "OptInStatus": status}
            for name, status in catalogue.REGIONS.items()
        ]
        for name in params.get("RegionNames", []):
            if name not in catalogue.REGIONS:
                raise Refused("InvalidParameterValue", f"Invalid region provided: [{name}]")
        filters = chosen(params.get("Filters", []), REGION_FIELDS)
        return ActionResult(
            {
                "Regions": [
                    member
                    for member in members
                    if member["RegionName"] in (params.get("RegionNames") or catalogue.REGIONS)
                    and (params.get("AllRegions") or catalogue.enabled(member["RegionName"]))
                    and matches(member, filters, REGION_FIELDS)
                ]
            }
        )

    def describe_availability_zones(self) -> ActionResult:
        self.error_on_dryrun()
        params, region = self.params, self.region
        members = [
            {
                "ZoneName": zone.name,
                "ZoneId": zone.zone_id,
                "ZoneType": "availability-zone",
                "GroupName": region,
                "OptInStatus": "opt-in-not-required",
            }
            for zone in self.ec2_backend.zones.get(region, [])
        ]
        members += [
            {
                "ZoneType": "local-zone",
                "GroupName": zone["ZoneName"][:-1],
                "ParentZoneName": f"{region}a",
                **zone,
            }
            for zone in catalogue.local_zones(region)
        ]
        filters = chosen(params.get("Filters", []), ZONE_FIELDS)
        found = []
        for member in members:
            member = {
                "State": "available",
                "RegionName": region,
                "NetworkBorderGroup": member["GroupName"],
                **member,
            }
            named = params.get("ZoneNames", []) + params.get("ZoneIds", [])
            if named and not {member["ZoneName"], member["ZoneId"]} & set(named):
                continue
            if member["OptInStatus"] == "not-opted-in" and not params.get("AllAvailabilityZones"):
                continue
            if matches(member, filters, ZONE_FIELDS):
                found.append(member)
        return ActionResult({"AvailabilityZones": found})

    def get_ebs_default_kms_key_id(self) -> ActionResult:
        self.error_on_dryrun()
        return ActionResult({"KmsKeyId": self.ec2_backend.default_kms_key_id})


def narrowed(wanted: list[str], filtered: list[str] | None) -> list[str] | None:
    """The only ids that can match, or None if that is open. Saves looking at thousands of others."""
    if not wanted and (filtered is None or set("".join(filtered)) & set("*?\\")):
        return None
    return list(dict.fromkeys(wanted or filtered or []))
