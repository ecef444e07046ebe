"""What a web process of the version before leaves out of its rows while an update goes on, made up for.

Such a process keeps no words of a request, and no kind of its plan. The first would never be found by name, and the
second could wait for somebody without being shown.
"""

from django.db import transaction
from django.db.models import F, Q

from amicopy.copies.core import request_words
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.states import RequestState
from amicopy.copies.lifecycle.transitions import lock_request
from amicopy.copies.voting.pending_votes import key_of

# At once; the next start or hour goes on.
MOST = 1000


def mend() -> None:
    """Looks at each request once: at all for words, at those that wait for their kind."""
    late = CopyRequest.objects.filter(Q(words__isnull=True) | Q(words__round__lt=F("round"))).order_by("-pk")
    for number in list(late.values_list("pk", flat=True)[:MOST]):
        with transaction.atomic():
            row = lock_request(number)
            request_words.store(row, [copy.call() for copy in row.copies_of_round()])
    pending = CopyRequest.objects.filter(state=RequestState.PENDING).exclude(unvoted_plan="").order_by()
    voted = set(pending.filter(decisions__round__gte=F("votes_from_round")).values_list("pk", flat=True))
    keys = pending.values_list("pk", "plan", "unvoted_plan")
    wrong = [number for number, plan, key in keys if number in voted or key != key_of(plan)]
    for begin in range(0, len(wrong), 500):
        # Empty: it is looked at by itself, which is right for any.
        CopyRequest.objects.filter(pk__in=wrong[begin : begin + 500]).update(unvoted_plan="")
