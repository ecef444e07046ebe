"""What the EC2 endpoint answers: a new image's id, or an error with a code, in EC2's XML."""

from dataclasses import dataclass

from django.http import HttpResponse

from amicopy.aws import query_protocol

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
MEDIA_TYPE = "text/xml;charset=UTF-8"


@dataclass(eq=False)
class Refused(Exception):
    """An error, as EC2 says one: `code` for programs, the words for people."""

    code: str
    words: str
    status: int = 400


def copied(image_id: str, request_id: str) -> HttpResponse:
    """The image is there."""
    return _answer(query_protocol.answer({"ImageId": image_id}, request_id), 200)


def refusal(refused: Refused, request_id: str) -> HttpResponse:
    """An error's answer."""
    return _answer(query_protocol.error(refused.code, refused.words, request_id), refused.status)


def _answer(content: bytes, status: int) -> HttpResponse:
    return HttpResponse(content, status=status, content_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})
