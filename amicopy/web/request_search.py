"""What the search box of a list finds: a request's number, the ID of its source or of a new AMI, part of its name, of a
tag or of its requester's name."""

import re

from django.contrib.auth.models import User
from django.db.models import Q

from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.core.request_words import newest_with

# What fits more requests than this is soon met by reading them from the newest on; what fits less is known by number.
MOST = 1000
# Names may begin alike: "ami-hardened" is none.
AMI_ID = re.compile(r"ami-[0-9a-f]{8,17}")
BIG = 2**63


def matching(text: str) -> Q:
    """The requests that a typed text is about."""
    if AMI_ID.fullmatch(text.lower()):
        made = list(ImageCopy.objects.filter(ImageId=text.lower()).order_by().values_list("request", flat=True)[:MOST])
        return Q(SourceImageId=text.lower()) | Q(pk__in=made) if made else Q(SourceImageId=text.lower())
    return _with_words(text) | _of_people(text) | Q(pk__in=_numbers(text))


def _with_words(text: str) -> Q:
    found = newest_with(text, MOST + 1)
    if found is None or len(found) > MOST:
        return Q(words__words__contains=text.lower())
    return Q(pk__in=found)


def _of_people(text: str) -> Q:
    people = list(User.objects.filter(username__icontains=text).order_by().values_list("pk", flat=True))
    if not people:
        return Q(pk__in=())
    rows = CopyRequest.objects.filter(requester__in=people).order_by()
    found = list(rows.values_list("pk", flat=True)[: MOST + 1])
    return Q(requester__in=people) if len(found) > MOST else Q(pk__in=found)


def _numbers(text: str) -> list[int]:
    number = row_number(text.removeprefix("#"))
    return [] if number is None else [number]


def row_number(text: str | None) -> int | None:
    """A request's number from an address; None for what can't be one."""
    if not text or not (text.isascii() and text.isdecimal()) or len(text) > 19:
        return None
    number = int(text)
    return number if number < BIG else None
