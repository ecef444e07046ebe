"""The approval rules, for administrators: the list in its order, one rule's form, and a trial before anything is
saved."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from amicopy.copies.core import permissions
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import proposal_queries, proposals
from amicopy.copies.requests import policy_actions
from amicopy.copies.voting import rule_faults, rule_trials, rulebook, voters, votes
from amicopy.web import changes
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms import group_choices
from amicopy.web.forms.rule_form import MOST_GROUPS, RuleForm, TrialForm
from amicopy.web.request_filters import BIG
from amicopy.web.status import Status
from amicopy.web.undo_links import Undo

# Inputs of many values: the facts of a rule, and those of a trial.
FACTS = ("facts", "try-facts")
# Requests a person can choose from without knowing a number.
RECENT = 20


@require_GET
def rule_list(request: HttpRequest) -> HttpResponse:
    """The rules in the order they are looked at, and what they ask of a request, if one is tried."""
    user = signed_in(request)
    permissions.check_manage_rules(user)
    rules = rule_trials.saved_rules()
    trial_form = TrialForm(request.GET if "try" in request.GET else None, user=user)
    trial = rule_trials.try_rules(trial_form.case(), rules) if trial_form.is_valid() else None
    waiting = proposal_queries.waiting_on("rule")
    context = {
        "entries": [
            {**_entry(rule), "faults": faults, "waits": waiting.get(rule.pk)}
            for rule, faults in zip(rules, rule_faults.of_rules(rules), strict=True)
        ],
        "how": changes.how(user, "copies.manage_rules"),
        "default": votes.words(rulebook.DEFAULT_PLAN),
        **_trial_context(request, trial_form),
        "trial": _told(trial),
    }
    return render(request, "rules/list.html", context, status=422 if trial_form.errors else 200)


@require_http_methods(["GET", "POST"])
def new_rule(request: HttpRequest) -> HttpResponse:
    return _edit(request, ApprovalRule())


@require_http_methods(["GET", "POST"])
def edit_rule(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_rules(signed_in(request))
    return _edit(request, _find(pk))


@require_POST
def move_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """One place up or down; at the end of the list nothing happens."""
    permissions.check_manage_rules(signed_in(request))
    rule, up = _find(pk), request.POST.get("to") == "up"
    words = f"Rule “{rule.name}” is moved {'up' if up else 'down'}."
    changes.do(request, lambda: proposals.move_rule(actor_of(request), rule, up=up), words)
    return redirect("rules")


@require_POST
def switch_rule(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_rules(signed_in(request))
    rule, on = _find(pk), request.POST.get("to") == "on"
    words = "It counts for what is submitted from now on." if on else "It asks nobody until it’s on again."
    words = f"Rule “{rule.name}” is switched {'on' if on else 'off'}. {words}"
    undo = Undo(reverse("rule-switch", args=[pk]), {"to": "off" if on else "on"})
    changes.do(request, lambda: proposals.switch_rule(actor_of(request), rule, on=on), words, undo=undo)
    return redirect("rules")


@require_http_methods(["GET", "POST"])
def delete_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """GET says what changes and what stays; POST deletes."""
    permissions.check_manage_rules(signed_in(request))
    rule = _find(pk)
    if request.method != "POST":
        return render(request, "rules/delete.html", _entry(rule))
    words = f"Rule “{rule.name}” is deleted. Requests that wait keep what it asked for."
    changes.do(request, lambda: proposals.delete_rule(actor_of(request), rule), words)
    return redirect("rules")


def _find(pk: int) -> ApprovalRule:
    rules = ApprovalRule.objects.select_related("account", "requester_group")
    rule = rules.filter(pk=pk).first() if pk < BIG else None
    if rule is None:
        raise Http404(f"There is no rule {pk}.")
    return rule


def _edit(request: HttpRequest, rule: ApprovalRule) -> HttpResponse:
    """The form of a rule: shown, changed by a row, tried, or saved."""
    user = signed_in(request)
    permissions.check_manage_rules(user)
    new, seen = rule.pk is None, rule.version if rule.pk else ""
    if request.method != "POST":
        return _page(request, RuleForm(rule=rule), TrialForm(user=user), new=new, seen=seen)
    data: dict[str, Any] = {
        name: value.replace("\0", "\ufffd") for name, value in request.POST.items() if isinstance(value, str)
    }
    data |= {name: request.POST.getlist(name) for name in FACTS}
    seen = data.get("seen", "")
    if (changed := _changed_rows(data)) is not None:
        form = RuleForm(changed, rule=rule)
        form.errors.clear()
        return _page(request, form, TrialForm(user=user), new=new, seen=seen)
    form, trial_form = RuleForm(data, rule=rule), TrialForm(data if "try" in data else None, user=user)
    if not form.is_valid():
        return _page(request, form, trial_form, new=new, seen=seen, status=422)
    try:
        if "try" in data:
            return _try(request, form, trial_form, new=new, seen=seen)
        outcome = proposals.save_rule(actor_of(request), form.changed_rule(), seen=seen)
    except ValidationError as refused:
        form.refuse(refused)
    except InvalidTransition as refused:
        messages.error(request, str(refused))
        return redirect("rules")
    else:
        words = "is added at the end" if new else "is saved"
        words = f"Rule “{rule.name}” {words}. It counts for what is submitted from now on."
        changes.say(request, outcome, words)
        return redirect("rules")
    return _page(request, form, trial_form, new=new, seen=seen, status=422)


def _try(request: HttpRequest, form: RuleForm, trial_form: TrialForm, *, new: bool, seen: str) -> HttpResponse:
    """The unsaved edit on what was chosen, beside what the saved rules ask. Raises ValidationError as saving would."""
    rule = form.changed_rule()
    if new:
        rule.order = 0
    policy_actions.check_rule(rule)
    if not trial_form.is_valid():
        return _page(request, form, trial_form, new=new, seen=seen, status=422)
    case = trial_form.case()
    trial = _told(rule_trials.try_rules(case, rule_trials.rules_with(rule)))
    before = _told(rule_trials.try_rules(case, rule_trials.saved_rules()))
    return _page(request, form, trial_form, new=new, seen=seen, trial=trial, before=before)


def _changed_rows(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The data with a group more or less, when one of those buttons was pressed; otherwise None."""
    rows = RuleForm(data, rule=ApprovalRule()).rows
    if data.get("add") == "group":
        rows = [*rows, {"group": "", "count": "1"}] if len(rows) < MOST_GROUPS else rows
    elif "remove-group" in data:
        rows = [row for index, row in enumerate(rows) if str(index) != data["remove-group"]]
    else:
        return None
    kept = {name: value for name, value in data.items() if not name.startswith("requirements-")}
    for index, row in enumerate(rows):
        kept |= {f"requirements-{index}-{name}": value for name, value in row.items()}
    return kept


def _page(
    request: HttpRequest,
    form: RuleForm,
    trial_form: TrialForm,
    *,
    new: bool,
    seen: str,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    groups = group_choices.who_approve()
    context = {
        "form": form,
        "rule": form.rule,
        "new": new,
        "seen": seen,
        "waits": proposal_queries.waiting_on("rule", [form.rule.pk]).get(form.rule.pk) if form.rule.pk else None,
        "groups": groups,
        "group_names": [name for _, choices in groups for name, _ in choices],
        "faults": rule_faults.of_rules([form.rule])[0],
        **_trial_context(request, trial_form),
        **more,
    }
    return render(request, "rules/edit.html", context, status=status)


def _trial_context(request: HttpRequest, trial_form: TrialForm) -> dict[str, Any]:
    past = CopyRequest.objects.visible_to(signed_in(request)).order_by("-pk").values_list("pk", "Name")[:RECENT]
    return {"trial_form": trial_form, "past": past}


def _told(trial: rule_trials.Trial | None) -> dict[str, Any] | None:
    """A trial in the words of a page."""
    if trial is None:
        return None
    return {
        "asked": votes.words(trial.plans.plan),
        "outcome": "impossible" if trial.missing else "asked" if trial.plans.plan else "nobody",
        "missing": votes.words(trial.missing) if trial.missing else "",
        "rules": voters.rules_in_words(trial.plans.rules, trial.missing) if trial.missing else "",
        "looked": [
            {"destinations": destinations, "verdicts": [_verdict(verdict) for verdict in verdicts]}
            for destinations, verdicts in trial.by_destination
        ],
    }


def _verdict(verdict: rulebook.Verdict) -> Status:
    why, asked = ", ".join(verdict.why), votes.words(verdict.requirements)
    if verdict.applies is False:
        return Status("idle", "x", verdict.rule, f"Doesn’t fit: {why}.")
    if verdict.applies:
        return Status("ok", "ok", verdict.rule, f"Fits, so it asks for {asked}. The search ends here.")
    return Status(
        "warn", "warn", verdict.rule, f"Can’t be told: {why}. So it asks for {asked}, and the search goes on."
    )


def _entry(rule: ApprovalRule) -> dict[str, Any]:
    missing = voters.impossible(rule.requirements, requester=None)
    return {
        "rule": rule,
        "conditions": rulebook.conditions_in_words(rule),
        "asked": votes.words(rule.requirements),
        "missing": votes.words(missing) if missing else "",
        "wants": rulebook.wants_in_words(rule),
    }
