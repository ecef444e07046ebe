"""Twenty Regions that can be asked for at once."""

from amicopy.sandbox.catalogue import CATALOGUE

TWENTY = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
    *("eu-central-1", "eu-west-1", "eu-west-2", "eu-west-3", "eu-north-1", "eu-south-1", "eu-south-2"),
    *("ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1"),
    "ap-southeast-2",
)
# Those that the sandbox's accounts have only once they opted in.
OPTED_IN = tuple(region for region in TWENTY if region not in CATALOGUE["regions"])
