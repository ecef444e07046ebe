"""What teams may spend a month, for administrators: how each stands now, and setting it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from amicopy.copies.core import cost_words, permissions, prices
from amicopy.copies.core.models import Budget
from amicopy.copies.lifecycle.transitions import InvalidTransition
from amicopy.copies.operations import proposal_queries, proposals
from amicopy.copies.voting import budgets
from amicopy.web import changes
from amicopy.web.actor import actor_of, signed_in
from amicopy.web.forms.policy_forms import BudgetForm
from amicopy.web.request_filters import BIG


@require_http_methods(["GET", "POST"])
def budget_list(request: HttpRequest) -> HttpResponse:
    """The budgets with what was spent of each this month; POST sets one."""
    user = signed_in(request)
    permissions.check_manage_rules(user)
    form = BudgetForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        team, amount = form.cleaned_data["team"], form.cleaned_data["amount"]
        try:
            outcome = proposals.save_budget(actor_of(request), team, amount=amount)
        except ValidationError as refused:
            form.refuse(refused)
        except InvalidTransition as refused:
            messages.error(request, str(refused))
            return redirect("budgets")
        else:
            changes.say(request, outcome, f"The budget of {team.name} is {amount:,} a month. It stops nothing.")
            return redirect("budgets")
    context = {
        "form": form,
        "rows": [_row(budget) for budget in Budget.objects.select_related("team")],
        "waiting": list(proposal_queries.waiting_on("budget").values()),
        "how": changes.how(user, "copies.manage_rules"),
    }
    return render(request, "budgets/list.html", context, status=422 if form.errors else 200)


@require_POST
def delete_budget(request: HttpRequest, pk: int) -> HttpResponse:
    permissions.check_manage_rules(signed_in(request))
    budget = Budget.objects.select_related("team").filter(pk=pk).first() if pk < BIG else None
    if budget is None:
        raise Http404(f"There is no budget {pk}.")
    words = f"{budget.team.name} has no budget any more."
    changes.do(request, lambda: proposals.delete_budget(actor_of(request), budget), words)
    return redirect("budgets")


def _row(budget: Budget) -> dict[str, Any]:
    currency = prices.current().currency
    spent = budgets.spent(budgets.of_team(budget.team_id), *budgets.month_of(timezone.now()))
    return {
        "budget": budget,
        "amount": cost_words.money(budget.amount, currency),
        "spent": cost_words.money(spent.total, currency),
        "unknown": spent.unknown,
        "over": spent.total > budget.amount,
    }
