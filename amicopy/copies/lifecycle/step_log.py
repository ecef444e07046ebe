"""Each step of a copy as a line of the log, once it is stored."""

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from amicopy.copies.core.models import ImageCopy

logger = logging.getLogger(__name__)


def write(action: str, copy: ImageCopy, correlation_id: uuid.UUID, about: Mapping[str, Any]) -> None:
    """Writes what happened to a copy: the action of its event, from which state to which, and AWS's id of the call."""
    image_id, aws_request_id, error_code = (
        str(about.get(name) or "") for name in ("image_id", "aws_request_id", "error_code")
    )
    logger.info(
        "%s #%s copy %s to %s: %s to %s%s%s",
        action,
        copy.request_id,
        copy.pk,
        copy.destination,
        about["old"] or "-",
        about["new"] or "-",
        f", {error_code}" if error_code else "",
        f", AWS request {aws_request_id}" if aws_request_id else "",
        extra={
            "correlation": str(correlation_id),
            "action": action,
            "request": copy.request_id,
            "copy": copy.pk,
            "region": copy.DestinationRegion,
            "image_id": image_id,
            "aws_request_id": aws_request_id,
            "error_code": error_code,
            "old": about["old"],
            "new": about["new"],
        },
    )
