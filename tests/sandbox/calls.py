"""What the tests of the sandbox say again and again."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

GOLDEN = "ami-0a7f3c92d41be6058"
GOLDEN_SNAPSHOTS = 2


def copy(ec2: Any, **params: Any) -> str:
    """Copies the golden image of us-east-1 and returns the new image's id."""
    call = {"Name": "copy", "SourceImageId": GOLDEN, "SourceRegion": "us-east-1", **params}
    return str(ec2.copy_image(**call)["ImageId"])


def image(ec2: Any, image_id: str) -> Any:
    return ec2.describe_images(ImageIds=[image_id])["Images"][0]


def snapshots(ec2: Any, image_id: str) -> list[Any]:
    """The snapshots of a copy, found as amicopy must find them: by their description."""
    filters = [{"Name": "description", "Values": [f"Copied for DestinationAmi {image_id}*"]}]
    return list(ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"])


def refusal(call: Any, **params: Any) -> tuple[str, int]:
    """Code and HTTP status of the error `call` ends with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    assert caught.value.response["ResponseMetadata"]["RequestId"]
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
