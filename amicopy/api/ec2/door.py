"""The address that answers as EC2 does: closed when it is off, for signed calls of CopyImage alone, XML whatever
happens. https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopyImage.html"""

import uuid

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from amicopy.api.bodies import MOST_BYTES, in_utf8, too_large
from amicopy.api.ec2 import answers, copy_requests
from amicopy.api.ec2.answers import Refused
from amicopy.api.ec2.signers import signer_of
from amicopy.aws.query_protocol import Unfit, members_of
from amicopy.client_address import address_of
from amicopy.copies.core.permissions import NotAllowed
from amicopy.copies.operations import tokens
from amicopy.logs import correlation

FORM = "application/x-www-form-urlencoded"


@csrf_exempt
@login_not_required
def ec2(request: HttpRequest) -> HttpResponse:
    """One call. Its id in the answer is that of its events in the history."""
    request_id = correlation.current()
    try:
        said = _said(request, request_id)
    except Unfit as unfit:
        said = answers.refusal(Refused(unfit.code, unfit.words), str(request_id))
    except NotAllowed as refused:
        said = answers.refusal(Refused("UnauthorizedOperation", str(refused), 403), str(request_id))
    except Refused as refused:
        said = answers.refusal(refused, str(request_id))
    if said.status_code == 405:
        said["Allow"] = "POST"
    return said


def _said(request: HttpRequest, request_id: uuid.UUID) -> HttpResponse:
    _check(request)
    key, region = signer_of(request)
    actor = tokens.actor_with(key, address=address_of(request))
    members = members_of(request.body)
    if members.get("DryRun"):
        copy_requests.check(key, region, members)
    return answers.copied(copy_requests.image_of(key, actor, region, members), str(request_id))


def _check(request: HttpRequest) -> None:
    """Raises Refused for what is no form of a reasonable size, posted."""
    if not settings.EC2_DOOR:
        raise Refused("InvalidAction", "The EC2 endpoint is switched off here.", 404)
    if request.method != "POST":
        raise Refused("InvalidAction", f"{request.method} isn't possible here: post the call as a form.", 405)
    if request.META.get("QUERY_STRING"):
        raise Refused("MalformedQueryString", "Send the call in the body, and nothing in the address.")
    if "HTTP_TRANSFER_ENCODING" in request.META or not request.META.get("CONTENT_LENGTH"):
        raise Refused("MissingContentLength", "Say how long the body is: it can't come in chunks.", 411)
    if too_large(request):
        raise Refused("RequestEntityTooLarge", f"Send at most {MOST_BYTES:,} bytes.", 413)
    if request.content_type != FORM or not in_utf8(request) or "HTTP_CONTENT_ENCODING" in request.META:
        raise Refused("UnsupportedMediaType", f"Send the call as {FORM} in UTF-8.", 415)
