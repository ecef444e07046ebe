"""Launch templates: moto's store, with what moto leaves out of the calls: SourceVersion, ClientToken, ResolveAlias,
pages, filters and refusals.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateLaunchTemplateVersion.html
"""

import hashlib
import json
from types import SimpleNamespace
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from amicopy.sandbox import parameters, policies
from amicopy.sandbox.ec2.checks import invalid
from amicopy.sandbox.ec2.filters import TEMPLATE_FIELDS, chosen, matches, page
from amicopy.sandbox.errors import Refused
from amicopy.sandbox.visibility import Look
from amicopy.sandbox.world import world

RESOLVE = "resolve:ssm:"
VERSIONS_AT_MOST = 10_000


class Templates(EC2Response):
    """The calls."""

    look: Look

    def create_launch_template(self) -> ActionResult:
        params, backend = self.params, self.ec2_backend
        tags = {
            tag["Key"]: tag.get("Value", "")
            for row in params.get("TagSpecifications", [])
            if row.get("ResourceType") == "launch-template"
            for tag in row.get("Tags", [])
        }
        self.error_on_dryrun()
        after = {
            "Name": params["LaunchTemplateName"],
            "LaunchTemplateData": params["LaunchTemplateData"],
            "VersionDescription": params.get("VersionDescription", ""),
            "Tags": tags,
        }
        with world.lock:
            template = backend.add_template(None, after)
            world.record(self.look.call, template.id, "LaunchTemplate", None, after)
        return ActionResult({"LaunchTemplate": self.template_view(template)})

    def delete_launch_template(self) -> ActionResult:
        template = self.template()
        self.error_on_dryrun()
        with world.lock:
            world.record(self.look.call, template.id, "LaunchTemplate", template.name, None)
            self.ec2_backend.delete_launch_template(None, template.id)
        return ActionResult({"LaunchTemplate": self.template_view(template)})

    def create_launch_template_version(self) -> ActionResult:
        params, template = self.params, self.template()
        given = {name: value for name, value in params.items() if name not in {"ClientToken", "DryRun"}}
        fingerprint = hashlib.sha256(json.dumps(given, sort_keys=True, default=str).encode()).hexdigest()
        token = params.get("ClientToken")
        with world.lock:
            known = self.ec2_backend.template_tokens.get(token)
            if known and known[0] != fingerprint:
                raise Refused(
                    "IdempotentParameterMismatch", "The client token has already been used with different parameters."
                )
            if known:
                version = template.get_version(known[1])
            else:
                if len(template.versions) >= VERSIONS_AT_MOST:
                    raise Refused("VersionLimitExceeded", "The launch template has too many versions.")
                source = params.get("SourceVersion")
                first = template_version(template, source).data if source else {}
                self.error_on_dryrun()
                after = {
                    "VersionNumber": len(template.versions) + 1,
                    "LaunchTemplateData": {**first, **params["LaunchTemplateData"]},
                    "VersionDescription": params.get("VersionDescription", ""),
                    "ClientToken": token,
                    "fingerprint": fingerprint,
                }
                version = self.ec2_backend.add_template_version(template.id, after)
                world.record(self.look.call, template.id, "Versions", len(template.versions) - 1, after)
        return ActionResult({"LaunchTemplateVersion": self.version_view(template, version)})

    def modify_launch_template(self) -> ActionResult:
        template = self.template()
        wanted = self.params.get("DefaultVersion")
        if not wanted:
            raise Refused("MissingParameter", "The request must contain the parameter SetDefaultVersion")
        number = template_version(template, wanted).number
        self.error_on_dryrun()
        with world.lock:
            before, template.default_version_number = template.default_version_number, number
            world.record(self.look.call, template.id, "DefaultVersionNumber", before, number)
        return ActionResult({"LaunchTemplate": self.template_view(template)})

    def describe_launch_templates(self) -> ActionResult:
        self.error_on_dryrun()
        params, backend = self.params, self.ec2_backend
        filters = chosen(params.get("Filters", []), TEMPLATE_FIELDS)
        ids, names = params.get("LaunchTemplateIds", []), params.get("LaunchTemplateNames", [])
        found = [backend.get_launch_template(name) for name in ids]
        found += [backend.get_launch_template_by_name(name) for name in names]
        if not ids and not names:
            found = list(backend.launch_templates.values())
        views = [view for view in map(self.template_view, found) if matches(view, filters, TEMPLATE_FIELDS)]
        views, token = page(views, "LaunchTemplateId", {"MaxResults": 200, **params})
        return ActionResult({"LaunchTemplates": views, "NextToken": token})

    def describe_launch_template_versions(self) -> ActionResult:
        self.error_on_dryrun()
        params, backend = self.params, self.ec2_backend
        wanted = params.get("Versions", [])
        if params.get("LaunchTemplateId") or params.get("LaunchTemplateName"):
            template = self.template()
            named = [template_version(template, name) for name in wanted]
            rows = [(template, version) for version in named or template.versions]
        elif not wanted or set(wanted) - {"$Latest", "$Default"}:
            raise invalid("Without a launch template, Versions must be $Latest, $Default or both.")
        else:
            templates = list(backend.launch_templates.values())
            rows = [(template, template.get_version(name)) for template in templates for name in wanted]
        first, last = int(params.get("MinVersion", 1)), int(params.get("MaxVersion", VERSIONS_AT_MOST))
        views = [self.version_view(*row) for row in rows if first <= row[1].number <= last]
        size, start = params.get("MaxResults", 200), int(params.get("NextToken", "0"))
        token = str(start + size) if len(views) > start + size else None
        return ActionResult({"LaunchTemplateVersions": views[start : start + size], "NextToken": token})

    def template(self) -> Any:
        """The launch template that a call names by id or by name. Raises Refused."""
        name, template_id = self.params.get("LaunchTemplateName"), self.params.get("LaunchTemplateId")
        if name and template_id:
            raise Refused("InvalidParameterCombination", "Either the launch template ID or its name must be given.")
        if not name and not template_id:
            raise Refused("MissingParameter", "The request must contain the launch template ID or its name.")
        backend = self.ec2_backend
        template = backend.get_launch_template_by_name(name) if name else backend.get_launch_template(template_id)
        tags = {tag["key"]: tag["value"] for tag in template.get_tags()}
        policies.check_resource(self.look.call, SimpleNamespace(id=template.id, kind="launch-template", tags=tags))
        return template

    def template_view(self, template: Any) -> dict[str, Any]:
        """A template as a member of DescribeLaunchTemplates' answer."""
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "CreateTime": template.create_time,
            "CreatedBy": self.look.call["caller"],
            "DefaultVersionNumber": template.default_version_number,
            "LatestVersionNumber": template.latest_version_number,
            "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in template.get_tags()],
        }

    def version_view(self, template: Any, version: Any) -> dict[str, Any]:
        """A version as a member of DescribeLaunchTemplateVersions' answer."""
        data, image = dict(version.data), version.data.get("ImageId", "")
        if self.params.get("ResolveAlias") and image.startswith(RESOLVE):
            here = (self.current_account, self.region)
            data["ImageId"] = parameters.resolved(image.removeprefix(RESOLVE), *here)
        return {
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": version.number,
            "VersionDescription": version.description,
            "CreateTime": version.create_time,
            "CreatedBy": self.look.call["caller"],
            "DefaultVersion": template.is_default(version),
            "LaunchTemplateData": data,
        }


def template_version(template: Any, name: str) -> Any:
    """A version by number, `$Latest` or `$Default`. Raises Refused."""
    numbers = {str(version.number) for version in template.versions}
    if name not in numbers | {"$Latest", "$Default"}:
        raise Refused(
            "InvalidLaunchTemplateId.VersionNotFound",
            f"Could not find the specified version {name} for the launch template with ID {template.id}.",
        )
    return template.get_version(name)
