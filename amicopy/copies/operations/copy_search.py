"""Finding copies: by source or new AMI, Region, name, person and time; what one box on the audit page asks for.

A bounded number of requests is looked through for words, the newest first, as the search for events does.
"""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from amicopy.audit.event_queries import IMAGE, NUMBER, REGION, WINDOW, Filter
from amicopy.copies.core.models import CopyRequest, Decision, ImageCopy

# More than anybody reads; the question has to be narrower then.
MOST = 25


def copies_of(visible: QuerySet[CopyRequest], asked: Filter) -> Sequence[ImageCopy]:
    """The newest copies of these requests that fit a question, at most MOST and one to say that there are more; none
    where the question is not about copies, such as one for an event's hash. Only copies of a request's current round:
    what was asked before stands in its history."""
    if not _about_copies(asked):
        return []
    requests = visible.filter(_of_requests(asked))
    if asked.words:
        requests = requests.filter(pk__in=_lately(visible)).filter(
            Q(Name__icontains=asked.words) | Q(requester__username__iexact=asked.words)
        )
    copies = ImageCopy.objects.filter(request__in=requests).filter(_of_copies(asked))
    rows = copies.select_related("request__requester", "request__decided_by", "account").order_by(
        # By its number: as a row it would be in the order of requests, and that turned round.
        "-request_id",
        "position",
    )
    return [copy for copy in rows[: 4 * MOST] if copy.round == copy.request.round][: MOST + 1]


def _about_copies(asked: Filter) -> bool:
    """Whether the question can be one for copies, and asks for something."""
    if asked.correlation_id is not None or asked.action:
        return False
    text = asked.text
    known = IMAGE.fullmatch(text) or REGION.fullmatch(text) or NUMBER.fullmatch(text) or asked.words
    named = bool(known) if text else False
    others = (asked.request, asked.copy, asked.account, asked.region, asked.image_id, asked.actor)
    return named or (not text and any(others)) or (not text and bool(asked.since or asked.until))


def _of_requests(asked: Filter) -> Q:
    wanted = Q()
    if asked.request is not None:
        wanted &= Q(pk=asked.request)
    if number := NUMBER.fullmatch(asked.text):
        wanted &= Q(pk=int(number[1]))
    if asked.account:
        wanted &= Q(account__account_id=asked.account)
    if asked.actor:
        who = list(User.objects.filter(username=asked.actor).values_list("pk", flat=True))
        decided = Decision.objects.filter(decided_by__in=who).order_by()
        wanted &= Q(requester__in=who) | Q(pk__in=decided.values("request"))
    # What was going on in that time, from the asking to the end.
    if asked.until is not None:
        wanted &= Q(created_at__lte=asked.until)
    if asked.since is not None:
        wanted &= Q(finished_at__isnull=True) | Q(finished_at__gte=asked.since)
    return wanted


def _of_copies(asked: Filter) -> Q:
    wanted = Q()
    if asked.copy is not None:
        wanted &= Q(pk=asked.copy)
    for image in filter(None, (asked.image_id, asked.text.lower() if IMAGE.fullmatch(asked.text) else "")):
        wanted &= Q(ImageId=image) | Q(request__SourceImageId=image)
    for region in filter(None, (asked.region, asked.text if REGION.fullmatch(asked.text) else "")):
        wanted &= Q(DestinationRegion=region)
    return wanted


def _lately(visible: QuerySet[CopyRequest]) -> QuerySet[CopyRequest, int]:
    """The newest requests, as many as are looked through for words."""
    return visible.order_by("-pk").values_list("pk", flat=True)[:WINDOW]
