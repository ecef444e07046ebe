"""People, accounts and requests for the domain's tests."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User

from amicopy.audit.actor import Actor
from amicopy.audit.models import AuditEvent
from amicopy.aws import ec2
from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import Account, CopyRequest, ImageCopy
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.copies.core.roles import make_roles
from amicopy.copies.requests import verbs
from tests.conftest import Control
from tests.copies.passing_time import look_again

SOURCE = "ami-0a7f3c92d41be6058"


def have_roles() -> None:
    """The roles are there: migrations made them, and a test that commits for real takes them away with all rows."""
    if not Group.objects.filter(name="requester").exists():
        make_roles(apps)


def make_person(name: str, *roles: str) -> User:
    have_roles()
    user, _ = User.objects.get_or_create(username=name)
    user.groups.set(Group.objects.filter(name__in=roles))
    return user


def make_rule(name: str, *, order: int = 1, **fields: Any) -> ApprovalRule:
    return ApprovalRule.objects.create(name=name, order=order, **fields)


def events(request: CopyRequest) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(request=request.pk).order_by("id"))


def actions(request: CopyRequest) -> list[str]:
    return [event.action for event in events(request)]


def acting(user: User) -> Actor:
    return Actor(name=user.username, source="page", id=user.pk, address="127.0.0.1")


def approve(user: User, request: CopyRequest) -> CopyRequest:
    return verbs.approve(acting(user), request.pk, seen_hash=request.content_hash)


def make_call(region: str = "eu-west-1", **parameters: object) -> Call:
    return Call(
        DestinationRegion=region,
        parameters={
            "Name": "golden-al2023-2026.11.24",
            "SourceImageId": SOURCE,
            "SourceRegion": "us-east-1",
            **parameters,
        },
    )


@pytest.fixture
def boss(db: None) -> User:
    return make_person("boss", "administrator")


@pytest.fixture
def second(db: None) -> User:
    return make_person("second", "administrator")


@pytest.fixture
def ann(db: None) -> User:
    return make_person("ann", "approver")


@pytest.fixture
def requester(approver: User) -> User:
    """Somebody who may ask; an approver is there too, since a request nobody could approve is refused."""
    return make_person("requester", "requester")


@pytest.fixture
def approver(db: None) -> User:
    return make_person("approver", "approver")


@pytest.fixture
def account(db: None) -> Account:
    account, _ = Account.objects.get_or_create(name="sandbox", account_id="111122223333")
    return account


Submit = Callable[..., CopyRequest]


def during_the_call(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Has something happen once the call of a single copy is on its way, and not answered."""
    real = ec2.copy_image

    def copy_image(*args: Any, **about: Any) -> ec2.CopyAnswer:
        happens()
        return real(*args, **about)

    monkeypatch.setattr(ec2, "copy_image", copy_image)


@pytest.fixture
def submit(requester: User, account: Account) -> Submit:
    """Submits a request as the requester, to eu-west-1 unless told otherwise."""

    def _submit(*calls: Call, by: User = requester) -> CopyRequest:
        return verbs.submit(acting(by), account=account, reason="PLAT-1: week 47 image", calls=calls or (make_call(),))

    return _submit


@pytest.fixture
def copying(submit: Submit, approver: User, sandbox: Control) -> list[CopyRequest]:
    """Two requests with a copy each, under way in one Region."""
    requests = [approve(approver, submit(make_call(Name=name))) for name in ("first", "second")]
    look_again("start_due")
    assert {copy.state for copy in ImageCopy.objects.all()} == {"COPYING"}
    return requests
