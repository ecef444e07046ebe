"""What can be asked about an image besides what it is: findings of a scan, ancestry, whether it is allowed, and which
instance types a Region offers, and what uses it.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetImageFindings.html, API_GetImageAncestry.html,
API_DescribeImageReferences.html,
API_GetAllowedImagesSettings.html and API_DescribeInstanceTypeOfferings.html.
"""

from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from amicopy.sandbox import catalogue, parameter_calls, parameters
from amicopy.sandbox.ec2.filters import OFFERING_FIELDS, chosen, matches
from amicopy.sandbox.ec2.images import Image, with_moments
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.visibility import Look, unknown_images
from amicopy.sandbox.world import moment, world

STATES = ("audit-mode", "enabled")
REFERENCES = ("ec2:Instance", "ec2:LaunchTemplate", "ssm:Parameter", "imagebuilder:ImageRecipe")
# So many of a launch template's last versions are looked at.
VERSION_DEPTH = 10


class Inspection(EC2Response):
    """The calls."""

    look: Look

    def seen(self) -> Image:
        """The image a call is about, the account's own or one it sees. Raises Refused."""
        image_id = self.params["ImageId"]
        for image in self.ec2_backend.open_images(self.look):
            if image.id == image_id and not self.look.hides(image):
                return image
        raise unknown_images(image_id)

    def get_image_findings(self) -> ActionResult:
        image = self.seen()
        self.error_on_dryrun()
        rows = [with_moments(row) for row in image.plan.get("findings", [])]
        size, start = self.params.get("MaxResults", 1000), int(self.params.get("NextToken", "0"))
        if not 1 <= size <= 1000:
            raise Refused("InvalidMaxResults", "The value of MaxResults must be between 1 and 1000.")
        token = str(start + size) if len(rows) > start + size else None
        return ActionResult({"ImageFindings": rows[start : start + size], "NextToken": token})

    def get_image_ancestry(self) -> ActionResult:
        image = self.seen()
        self.error_on_dryrun()
        return ActionResult({"ImageAncestryEntries": self.ancestry_of(image)})

    def ancestry_of(self, image: Image) -> list[dict[str, Any]]:
        """The image itself, what it was made of, and so on to the root, as far as the sandbox has them."""
        own = {"ImageId": image.id, "CreationDate": moment(image.born), "ImageOwnerAlias": image.owner_id}
        source, region = image.attributes.get("SourceImageId"), str(image.attributes.get("SourceImageRegion"))
        if source:
            own |= {"SourceImageId": source, "SourceImageRegion": region}
            for account in catalogue.ACCOUNTS:
                backend = self.backend_in(account, region)
                if found := backend.amis.get(source) or backend.gone_images.get(source):
                    return [own, *self.ancestry_of(found)]
        further = [
            {**row, "CreationDate": datetime.fromisoformat(row["CreationDate"])}
            for row in image.plan.get("ancestry", [])
        ]
        if further:
            own |= {"SourceImageId": further[0]["ImageId"], "SourceImageRegion": image.plan["ancestry_region"]}
        return [own, *further]

    def backend_in(self, account: str, region: str) -> Any:
        """The EC2 of another place."""
        backends = {backend.account_id: backend for backend in self.ec2_backend.neighbours(region)}
        return backends[account]

    def describe_image_references(self) -> ActionResult:
        params = self.params
        kinds = [row["ResourceType"] for row in params.get("ResourceTypes", [])]
        if bool(kinds) == bool(params.get("IncludeAllResourceTypes")):
            raise Refused("InvalidParameterCombination", "Give ResourceTypes or IncludeAllResourceTypes.")
        size, start = params.get("MaxResults", 1000), int(params.get("NextToken", "0"))
        if size < 5:
            raise Refused("InvalidMaxResults", "The value of MaxResults must be at least 5.")
        self.error_on_dryrun()
        rows = [
            {"ImageId": image_id, "ResourceType": kind, "Arn": arn}
            for image_id in params["ImageIds"]
            for kind, arn in self.users_of(image_id)
            if kind in (kinds or REFERENCES)
        ]
        token = str(start + size) if len(rows) > start + size else None
        return ActionResult({"ImageReferences": rows[start : start + size], "NextToken": token})

    def users_of(self, image_id: str) -> list[tuple[str, str]]:
        """What of the account and Region names an image: launch templates and aliases; the sandbox has no more."""
        backend, call = self.ec2_backend, self.look.call
        found = []
        for template in backend.launch_templates.values():
            if any(version.data.get("ImageId") == image_id for version in template.versions[-VERSION_DEPTH:]):
                arn = f"arn:aws:ec2:{call['region']}:{call['account']}:launch-template/{template.id}"
                found.append(("ec2:LaunchTemplate", arn))
        for parameter in parameters.store(call["account"], call["region"]).values():
            if (
                parameter.data_type == parameters.IMAGE
                and parameter.versions[-1:]
                and (parameter.versions[-1]["Value"] == image_id)
            ):
                found.append(("ssm:Parameter", parameter_calls.arn(call, parameter.name)))
        return found

    def get_allowed_images_settings(self) -> ActionResult:
        self.error_on_dryrun()
        return ActionResult({**self.ec2_backend.allowed_images, "ManagedBy": "account"})

    def enable_allowed_images_settings(self) -> ActionResult:
        state = self.params["AllowedImagesSettingsState"]
        if state not in STATES:
            raise Refused("InvalidParameterValue", f"Value ({state}) for parameter allowedImagesSettingsState.")
        self.allow(State=state)
        return ActionResult({"AllowedImagesSettingsState": state})

    def disable_allowed_images_settings(self) -> ActionResult:
        self.allow(State="disabled")
        return ActionResult({"AllowedImagesSettingsState": "disabled"})

    def replace_image_criteria_in_allowed_images_settings(self) -> ActionResult:
        self.allow(ImageCriteria=self.params.get("ImageCriteria", []))
        return ActionResult({"ReturnValue": True})

    def allow(self, **changed: Any) -> None:
        """Changes the account's settings in this Region, unless it is a dry run."""
        self.error_on_dryrun()
        before = self.ec2_backend.allowed_images
        self.ec2_backend.allowed_images = {**before, **changed}
        world.record(self.look.call, "account", "AllowedImages", before, self.ec2_backend.allowed_images)

    def describe_instance_type_offerings(self) -> ActionResult:
        self.error_on_dryrun()
        filters = chosen(self.params.get("Filters", []), OFFERING_FIELDS)
        rows = [
            {"InstanceType": row["type"], "LocationType": "region", "Location": self.region}
            for row in catalogue.CATALOGUE["instance_types"]
            if self.region not in row.get("missing_in", [])
        ]
        rows = [row for row in rows if matches(row, filters, OFFERING_FIELDS)]
        size, start = self.params.get("MaxResults", 1000), int(self.params.get("NextToken", "0"))
        token = str(start + size) if len(rows) > start + size else None
        return ActionResult({"InstanceTypeOfferings": rows[start : start + size], "NextToken": token})


def allowed(image: Image, account: str, settings: dict[str, Any]) -> bool | None:
    """What DescribeImages says of `image` as ImageAllowed to `account`; None where the setting is off. An account's own
    images are always allowed. Of the criteria, providers and names are imitated."""
    if settings["State"] == "disabled":
        return None
    if image.owner_id == account:
        return True
    return any(
        image.owner_id in row.get("ImageProviders", [image.owner_id])
        and any(fnmatchcase(image.name, pattern) for pattern in row.get("ImageNames", ["*"]))
        for row in settings["ImageCriteria"]
    )
