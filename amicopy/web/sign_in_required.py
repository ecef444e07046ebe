"""Every view is closed unless it says otherwise."""

from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest
from django.shortcuts import resolve_url
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from amicopy.web import sessions, unsent_posts


class SignInRequired(LoginRequiredMiddleware):
    """Django's own, for htmx too: an ended session sends the whole page to sign in, not a panel of it."""

    def process_view(self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any) -> Any:
        if not getattr(view_func, "login_required", True):
            # Without a look at who it is: the health check has to answer while the database doesn't.
            return None
        refused = super().process_view(request, view_func, view_args, view_kwargs)
        htmx = HtmxDetails(request)
        if refused is None:
            return None
        if not htmx:
            refused["Location"] += _why(request)
            unsent_posts.keep(request, view_func, refused)
            return refused
        login = redirect_to_login(_page_of(htmx) or resolve_url("dashboard"), resolve_url("sign-in"))
        return HttpResponseClientRedirect(login.url + _why(request))


def _why(request: HttpRequest) -> str:
    """What the address of the sign-in page says of a session that has ended."""
    why = sessions.why_ended(request)
    return f"&ended={why}" if why else ""


def _page_of(htmx: HtmxDetails) -> str | None:
    """The page that a panel belongs to, as the browser says; None where that is no address."""
    try:
        return htmx.current_url_abs_path
    except ValueError:
        return None
