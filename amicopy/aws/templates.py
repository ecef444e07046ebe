"""Launch templates, as far as amicopy needs them. Raises the errors of `amicopy.aws.errors` and no other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from amicopy.aws.account import AwsAccount
from amicopy.aws.sessions import client, typed_errors

# How many templates are read of an account and Region to find those that take their AMI from a parameter.
PAGE, PAGES = 200, 5
RESOLVE = "resolve:ssm:"
# LaunchTemplateId or LaunchTemplateName.
Which = Mapping[str, str]


@dataclass(frozen=True)
class Version:
    """API_LaunchTemplateVersion.html, with the AMI that it launches."""

    VersionNumber: int
    DefaultVersion: bool
    ImageId: str


@dataclass(frozen=True)
class Numbers:
    """Which versions of a template are special (API_LaunchTemplate.html)."""

    DefaultVersionNumber: int
    LatestVersionNumber: int


@dataclass(frozen=True)
class Made:
    VersionNumber: int
    request_id: str


def create_version(
    account: AwsAccount,
    *,
    region: str,
    which: Which,
    source: str,
    image_id: str,
    description: str,
    client_token: str,
    for_request: int,
) -> Made:
    """A new version with another AMI, and all else as in the `source` version; the same token never makes a second."""
    with typed_errors():
        answer = client("ec2", account, region, once=True, for_request=for_request).create_launch_template_version(
            **which,
            SourceVersion=source,
            LaunchTemplateData={"ImageId": image_id},
            VersionDescription=description,
            ClientToken=client_token,
        )
        return Made(int(answer["LaunchTemplateVersion"]["VersionNumber"]), _request_id(answer))


@typed_errors()
def set_default(account: AwsAccount, *, region: str, which: Which, version: int, for_request: int) -> str:
    """Makes a version the default one, and returns AWS's request id."""
    ec2 = client("ec2", account, region, once=True, for_request=for_request)
    return _request_id(ec2.modify_launch_template(**which, DefaultVersion=str(version)))


@typed_errors()
def numbers(account: AwsAccount, *, region: str, which: Which, quick: bool = False) -> Numbers:
    """The numbers of a template's default and latest version. Raises Rejected where there is no such template."""
    answer = client("ec2", account, region, quick=quick).describe_launch_templates(
        **{f"{name}s": [value] for name, value in which.items()}
    )
    [raw] = answer["LaunchTemplates"]
    return Numbers(int(raw["DefaultVersionNumber"]), int(raw["LatestVersionNumber"]))


@typed_errors()
def versions_with(account: AwsAccount, *, region: str, which: Which, image_id: str) -> list[Version]:
    """The versions of a template that launch this AMI."""
    answer = client("ec2", account, region).describe_launch_template_versions(
        **which, Filters=[{"Name": "image-id", "Values": [image_id]}]
    )
    found = [_version(raw) for raw in answer.get("LaunchTemplateVersions") or ()]
    return [version for version in found if version.ImageId == image_id]


@dataclass(frozen=True)
class Resolving:
    """The names of templates that take their AMI from a parameter, in order; `more`: not all templates were read."""

    names: tuple[str, ...]
    more: bool


@typed_errors()
def resolving(account: AwsAccount, *, region: str, parameter: str, quick: bool = False) -> Resolving:
    """The templates whose default or latest version launches whatever a parameter shows: by its name, and not one of
    its versions (API_RequestLaunchTemplateData.html). AWS has no filter for it: the first 1,000 versions are read."""
    forms = {f"{RESOLVE}{parameter}", f"{RESOLVE}{_arn(account, region, parameter)}"}
    pages = client("ec2", account, region, quick=quick).pages(
        "describe_launch_template_versions",
        Versions=["$Default", "$Latest"],
        PaginationConfig={"PageSize": PAGE, "MaxItems": PAGE * PAGES},
    )
    rows = [raw for page in pages for raw in page.get("LaunchTemplateVersions") or ()]
    names = {str(raw["LaunchTemplateName"]) for raw in rows if _version(raw).ImageId in forms}
    return Resolving(tuple(sorted(names)), more=len(rows) >= PAGE * PAGES)


def _arn(account: AwsAccount, region: str, parameter: str) -> str:
    return f"arn:{account.partition}:ssm:{region}:{account.account_id}:parameter/{parameter.removeprefix('/')}"


def _version(raw: Mapping[str, Any]) -> Version:
    return Version(
        VersionNumber=int(raw["VersionNumber"]),
        DefaultVersion=bool(raw.get("DefaultVersion", False)),
        ImageId=str((raw.get("LaunchTemplateData") or {}).get("ImageId", "")),
    )


def _request_id(answer: Mapping[str, Any]) -> str:
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))
