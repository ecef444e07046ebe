"""What somebody sent after their session had ended: kept with the new session until they have signed in again.

Only for views that say so with `keeps_unsent`; nothing of it is carried out.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

KEY = "unsent"
# Characters; a form that is filled to its limits has less. Nobody may fill the sessions' table from outside.
LARGEST = 100_000
NOT_KEPT = frozenset({"csrfmiddlewaretoken"})
View = Callable[..., HttpResponse]


def keeps_unsent(view: View) -> View:
    """Marks a view whose posts survive a sign-in; it takes them with `take`."""
    view.keeps_unsent = True  # type: ignore[attr-defined]  # read by SignInRequired
    return view


def keep(request: HttpRequest, view: Any) -> None:
    """Puts what was posted aside, if the view wants it and it isn't more than a form has."""
    if request.method != "POST" or not getattr(view, "keeps_unsent", False):
        return
    typed = {name: value for name, value in request.POST.items() if isinstance(value, str) and name not in NOT_KEPT}
    if sum(len(name) + len(value) for name, value in typed.items()) <= LARGEST:
        request.session[KEY] = typed


def take(request: HttpRequest) -> dict[str, str]:
    """What was put aside, once."""
    return dict(request.session.pop(KEY, {}))
