"""A set that is refused while it is being stored leaves nothing of itself."""

import uuid
from typing import Any

import pytest
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, Attempt, CopyRequest, ImageCopy, RequestSet
from amicopy.copies.requests.request_sets import InvalidSet, Part, submit_set
from tests.copies.conftest import acting, make_call, make_person

pytestmark = pytest.mark.django_db
FIRST, SECOND = "ami-0a7f3c92d41be6058", "ami-0b81d5e6f0a297c34"


def parts(*names: str) -> list[Part]:
    """A part for each name, each of another source, to one Region."""
    calls: list[Call] = [
        make_call(SourceImageId=source, Name=name) for source, name in zip((FIRST, SECOND), names, strict=True)
    ]
    return [Part([call], {}) for call in calls]


def left() -> list[int]:
    """How many rows of each kind there are."""
    tables = (RequestSet, CopyRequest, ImageCopy, Attempt)
    return [*(table.objects.count() for table in tables), AuditEvent.objects.filter(action="request.submitted").count()]


def test_a_name_claimed_since_it_was_checked_takes_all_of_the_set_back(account: Account, settings: Settings) -> None:
    """Each part alone may have the name; the first one stored claims it, and the second is refused in the transaction
    that stores both."""
    settings.NAME_CLASH = "refuse"
    make_person("approver", "approver")
    person = acting(make_person("requester", "requester"))
    handed_in: dict[str, Any] = {"account": account, "reason": "x", "submission": uuid.uuid4()}
    with pytest.raises(InvalidSet) as refused:
        submit_set(person, parts=parts("golden-1", "golden-1"), **handed_in)
    ((source, (error,)),) = refused.value.errors.items()
    assert (source, error.field) == (SECOND, "Name")
    assert "Enter another name" in error.message
    assert left() == [0, 0, 0, 0, 0]
    # The same submission, mended, is none that was there before.
    made = submit_set(person, parts=parts("golden-1", "golden-2"), **handed_in)
    assert made.requests.count() == 2
    assert left() == [1, 2, 2, 2, 2]
