"""`python -m benchmarks.placed ROUNDS ACCOUNTS REGION …`: a worker's calls in so many accounts and these Regions, and
what the process then holds in memory, in MB. It loads what a worker loads and nothing else, for `clients`."""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

import django

from amicopy.aws import ec2, errors, kms, sessions
from amicopy.aws.account import AwsAccount
from amicopy.celery import app

UNKNOWN = "ami-0123456789abcdef0"


def calls(account: AwsAccount, region: str, *, request: int) -> None:
    """What a worker asks AWS in one place: the looks of tracking, the copy of a request, and its removal."""
    ec2.describe_images(account, region=region, image_ids=[UNKNOWN])
    ec2.snapshots_of_copies(account, region=region, image_ids=[UNKNOWN])
    parameters = {"Name": "memory", "SourceImageId": UNKNOWN, "SourceRegion": region}
    with suppress(errors.NotFound):
        ec2.copy_image(account, region=region, parameters=parameters, client_token="t", for_request=request)
    with suppress(errors.NotFound):
        kms.describe_key(account, region=region, key_id="alias/none")
    ec2.deregister_image(account, region=region, image_id=UNKNOWN, for_request=request)


def memory_mb() -> float:
    """What this process holds, shared pages included."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def main() -> None:
    django.setup()
    app.loader.import_default_modules()
    sessions.load()
    role = json.loads(os.environ["ROLE"])
    for _ in range(int(sys.argv[1])):
        for number in range(int(sys.argv[2])):
            for region in sys.argv[3:]:
                calls(AwsAccount(f"{number + 1:012}", **role), region, request=number + 1)
    print(memory_mb())


if __name__ == "__main__":
    main()
