"""Errors as AWS spells them: a table of codes with their HTTP status, and the three shapes of a body.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
"""

import json
from xml.sax.saxutils import escape

from moto.core.exceptions import ServiceException
from werkzeug.wrappers import Response

# Everything else is a 400.
STATUS = {
    "AccessDenied": 403,
    "AuthFailure": 401,
    "DryRunOperation": 412,
    "ExpiredToken": 403,
    "InternalError": 500,
    "InternalFailure": 500,
    "InvalidClientTokenId": 403,
    "MissingAuthenticationToken": 403,
    "OptInRequired": 401,
    "RequestLimitExceeded": 503,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
    "Unavailable": 503,
    "UnauthorizedOperation": 403,
}
# The same trouble has another name at each service.
OTHER_NAMES = {
    "AuthFailure": {
        "sts": "InvalidClientTokenId",
        "kms": "UnrecognizedClientException",
        "ssm": "UnrecognizedClientException",
        "cloudtrail": "UnrecognizedClientException",
    },
    "RequestExpired": {
        "sts": "ExpiredToken",
        "kms": "ExpiredTokenException",
        "ssm": "ExpiredTokenException",
        "cloudtrail": "ExpiredTokenException",
    },
    "RequestLimitExceeded": {
        "sts": "Throttling",
        "kms": "ThrottlingException",
        "outposts": "ThrottlingException",
        "ssm": "ThrottlingException",
        "cloudtrail": "ThrottlingException",
    },
    "UnauthorizedOperation": {"ssm": "AccessDeniedException", "cloudtrail": "AccessDeniedException"},
}


class Refused(ServiceException):
    """A call AWS would refuse: `Refused("InvalidAMIID.NotFound", "The image id ...")`."""

    def __init__(self, code: str, message: str, *, status: int | None = None) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message
        self.status = status or STATUS.get(code, 400)


def render(service: str, error: Refused, *, request_id: str) -> Response:
    """The answer for `error` in the protocol `service` speaks: EC2 query, query (STS) or JSON (the rest)."""
    code = OTHER_NAMES.get(error.code, {}).get(service, error.code)
    status = error.status if code == error.code else STATUS.get(code, 400)
    if service == "ec2":
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
            f"<Code>{escape(code)}</Code><Message>{escape(error.message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
        return Response(body, status=status, content_type="text/xml;charset=UTF-8")
    if service == "sts":
        body = (
            '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
            f"<Code>{escape(code)}</Code><Message>{escape(error.message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
        return Response(body, status=status, content_type="text/xml")
    response = Response(
        json.dumps({"__type": code, "message": error.message}),
        status=status,
        content_type="application/x-amz-json-1.1",
    )
    response.headers["x-amzn-ErrorType"] = code
    return response
