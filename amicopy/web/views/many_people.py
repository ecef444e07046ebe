"""Many people at once: lines are pasted, looked at, and those that are good are added."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from amicopy.copies.core import permissions
from amicopy.copies.core.roles import ROLES
from amicopy.copies.core.team_models import team_groups
from amicopy.copies.operations import many_people
from amicopy.web import changes, role_words
from amicopy.web.actor import actor_of, signed_in

LONGEST = 50_000


@require_http_methods(["GET", "POST"])
def many(request: HttpRequest) -> HttpResponse:
    """The lines with what would become of each; with `add`, the good ones are added, and the others stay to mend."""
    reader = signed_in(request)
    permissions.check_manage_people(reader)
    text, mail = request.POST.get("lines", ""), request.POST.get("mail") == "yes"
    lines = many_people.lines_of(text[:LONGEST])
    context = {
        "how": changes.how(reader, "copies.manage_people"),
        "text": text.replace("\0", "\ufffd"),
        "mail": mail,
        "mail_on": settings.EMAIL_ON,
        "roles": [(role, role_words.WORDS[role]) for role in ROLES],
        "teams": team_groups(),
        "most": many_people.MOST,
    }
    if request.method != "POST":
        return render(request, "people/many.html", context)
    problem = _problem(text, lines)
    if problem:
        return render(request, "people/many.html", {**context, "problem": problem}, status=422)
    adds = request.POST.get("do") == "add"
    (many_people.add if adds else many_people.look)(actor_of(request), lines, mail=mail)
    good, wrong = [line for line in lines if not line.wrong], [line for line in lines if line.wrong]
    context |= {"looked": True, "lines": lines, "good": len(good), "wrong": len(wrong), "added": adds}
    if adds:
        context["text"] = "\n".join(line.text for line in wrong)
        if good:
            messages.success(request, f"{len(good)} {'person is' if len(good) == 1 else 'people are'} added.")
    return render(request, "people/many.html", context, status=422 if wrong else 200)


def _problem(text: str, lines: list[many_people.Line]) -> str:
    """What is wrong with all of it, in words; empty when it can be looked at."""
    if not lines:
        return "Paste a line for each person."
    if len(lines) > many_people.MOST or len(text) > LONGEST:
        return f"Paste at most {many_people.MOST} lines at once. There are {len(lines)}."
    return ""
