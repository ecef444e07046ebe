"""Rows by plain SQL are those that Django's own means find."""

import uuid
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from amicopy.copies.core.models import Attempt, CopyRequest, ImageCopy
from amicopy.web.plain import rows
from tests.copies.conftest import Submit, make_call
from tests.copies.conftest import approver as approver
from tests.copies.conftest import requester as requester
from tests.copies.conftest import submit as submit

pytestmark = pytest.mark.django_db


def values(row: Model) -> dict[str, Any]:
    """What a row holds, each value with its type: 1 and True are the same otherwise."""
    return {name: (type(value), value) for name, value in vars(row).items() if name != "_state"}


@pytest.mark.parametrize("model", [CopyRequest, ImageCopy, Attempt])
def test_rows_hold_what_they_hold_by_other_means(model: type[Model], submit: Submit) -> None:
    row = submit(make_call(), make_call("sa-east-1"))
    ImageCopy.objects.filter(position=0).update(
        lease_id=uuid.uuid4(), lease_until=timezone.now(), snapshots=[{"Progress": 40}], progress=40
    )
    for copy in row.copies.all():
        Attempt.objects.get_or_create(
            copy=copy,
            number=1,
            account=copy.account,
            DestinationRegion=copy.DestinationRegion,
            defaults={"created_at": timezone.now(), "ClientToken": f"token-{copy.pk}", "in_doubt": True},
        )
    expected = list(model._default_manager.order_by("-pk"))
    assert expected
    assert [values(each) for each in rows(model, "id > %s ORDER BY id DESC", [0])] == [
        values(each) for each in expected
    ]


def test_rows_can_be_saved_and_ask_nothing_more(
    submit: Submit, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    number = submit().pk
    with django_assert_num_queries(1):
        (row,) = rows(CopyRequest, "id = %s", [number])
        assert (row.Name, row.plan) == (row.Name, row.plan)
    assert not row._state.adding
    row.reason = "PLAT-2: another"
    row.save()
    assert CopyRequest.objects.get(pk=number).reason == "PLAT-2: another"


def test_no_row_is_no_error(db: None) -> None:
    assert rows(CopyRequest, "id = %s", [0]) == []
