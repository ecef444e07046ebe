"""Reads answers as botocore does, and looks whether they are AWS's at all.

botocore takes what it gets for AWS's: a proxy's page of HTML with the status 200 is a list without images to it, an
empty answer a refusal, and some answers make its parsers stumble over themselves. Here each of them is told apart.
"""

from collections.abc import Mapping
from typing import Any

from botocore.model import Shape
from botocore.parsers import ResponseParser, ResponseParserError, ResponseParserFactory

from amicopy.aws.errors import is_aws_error

# So much of a strange answer is shown.
SHOWN = 200


class CheckingParserFactory(ResponseParserFactory):
    """For a session's component `response_parser_factory`."""

    def create_parser(self, protocol_name: str) -> "CheckingParser":
        return CheckingParser(super().create_parser(protocol_name))


class CheckingParser(ResponseParser):
    """botocore's parser of a protocol; what isn't AWS's comes out without a code, or as a ResponseParserError."""

    def __init__(self, parser: ResponseParser) -> None:
        super().__init__()
        self._parser = parser

    def parse(self, response: Mapping[str, Any], shape: Shape) -> Any:
        """As `botocore.parsers.ResponseParser.parse`. Raises ResponseParserError and nothing else."""
        refused = response["status_code"] >= 300
        if refused and shape is not None and shape.metadata.get("exception"):
            return self._details(response, shape)
        try:
            parsed = self._parser.parse(response, shape)
        except Exception as error:
            # The parsers walk through whatever they are given, so that anything can be raised.
            if refused:
                return _nothing_said(response)
            raise ResponseParserError(f"{type(error).__name__}: {_excerpt(response)}") from error
        if refused:
            return parsed if is_aws_error(parsed) else _nothing_said(response)
        if not parsed.get("ResponseMetadata", {}).get("RequestId"):
            raise ResponseParserError(f"HTTP {response['status_code']} without a request id: {_excerpt(response)}")
        return parsed

    def _details(self, response: Mapping[str, Any], shape: Shape) -> Any:
        """The members that the model gives an error besides code and message: amicopy reads none of them."""
        try:
            return self._parser.parse(response, shape)
        except Exception:
            return {}


def _nothing_said(response: Mapping[str, Any]) -> dict[str, Any]:
    """An error answer without a code; the status stays, by which botocore sends some calls again."""
    headers = {str(name).lower(): value for name, value in response["headers"].items()}
    return {
        "Error": {"Code": "", "Message": _excerpt(response)},
        "ResponseMetadata": {"HTTPStatusCode": response["status_code"], "HTTPHeaders": headers},
    }


def _excerpt(response: Mapping[str, Any]) -> str:
    body = response.get("body")
    if not isinstance(body, bytes):
        return ""
    # No bytes of an answer are worth more to a reader than its beginning, on one line.
    return " ".join(body[: 4 * SHOWN].decode(errors="replace").split())[:SHOWN] or "an empty body"
