"""The program of an `external` data source: a query of texts in, the ids of the copies by Region out.

It fails until the copies are there, with where the request stands; the next apply looks again. See copy_image.py, which
has to lie beside it.
"""

import json
import sys

from copy_image import Refused, ask, follow

query = json.load(sys.stdin)
wanted = {
    "account": query["account"],
    "reason": query["reason"],
    "copy_image": {
        "SourceRegion": query["source_region"],
        "SourceImageId": query["source_image_id"],
        "Name": query["name"],
        "CopyImageTags": True,
    },
    "destinations": [{"DestinationRegion": region} for region in query["regions"].split()],
}
try:
    status = follow(ask(query["key"], wanted), float(query["seconds"]))
except Refused as refused:
    sys.exit(str(refused))
if status["outcome"] != "succeeded":
    sys.exit(f"Request #{status['number']} is {status['outcome'] or status['state']}: {status['status_url']}")
print(json.dumps(status["images"][query["account"]]))
