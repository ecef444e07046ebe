"""What every request passes first, and every answer last, whoever asks and for whatever."""

import codecs
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from amicopy.client_address import address_of, client_address, is_proxy

View = Callable[[HttpRequest], HttpResponseBase]
FROM_PROXIES = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO")
# No page of amicopy uses any of these, so no script that got into one can; but for passkeys, where a page says so.
NOT_USED = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "web-share",
    "xr-spatial-tracking",
)


def policy(*allowed: str) -> str:
    """What browsers are told of these, where a page uses some of them."""
    return ", ".join(f"{feature}=({'self' if feature in allowed else ''})" for feature in NOT_USED)


PERMISSIONS_POLICY = policy()


def permissions_policy(get_response: View) -> View:
    """Middleware: tells browsers what no page needs."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response

    return answer


def allow(answer: HttpResponse, *features: str) -> HttpResponse:
    """Lets the page that this answers with use some of what others can't."""
    answer["Permissions-Policy"] = policy(*features)
    return answer


def behind_proxies(get_response: View) -> View:
    """Middleware: puts the client's address in the place of the peer's, for all that comes after, and forgets what
    only a proxy of ours may say."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        said = {name: str(request.META.pop(name, "")) for name in FROM_PROXIES}
        peer = address_of(request)
        if is_proxy(peer):
            # The last word is the nearest proxy's; what stands before it may be the client's own.
            request.META["HTTP_X_FORWARDED_PROTO"] = said["HTTP_X_FORWARDED_PROTO"].rpartition(",")[2].strip()
        request.META["REMOTE_ADDR"] = client_address(peer, said["HTTP_X_FORWARDED_FOR"])
        return get_response(request)

    return answer


def by_any_name(get_response: View) -> View:
    """Middleware: what is asked of each process is answered whatever name or address it is asked by; the answers have
    neither in them."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if request.path_info in settings.OF_EACH_PROCESS:
            request.get_host = lambda: "localhost"  # type: ignore[method-assign]  # of this request only
        return get_response(request)

    return answer


def only_utf8(get_response: View) -> View:
    """Middleware: refuses what says that it is written in another charset; read as UTF-8 it would say other things."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        charset = (request.content_params or {}).get("charset", "utf-8")
        # The API and the EC2 endpoint say so themselves, in their own forms.
        if not is_utf8(charset) and not request.path_info.startswith(("/api/", "/ec2")):
            raise BadRequest(f"The charset {charset[:40]!r} isn't UTF-8.")
        return get_response(request)

    return answer


def is_utf8(charset: str) -> bool:
    """Whether a name of a charset is one of UTF-8's."""
    try:
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return False
