"""`manage.py policy`: what it writes is what code builds, and can be given to `aws iam` as it is."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from amicopy.aws import policies
from amicopy.copies.core.installation import installation_mark
from amicopy.copies.core.models import Account

KEY = "arn:aws:kms:eu-west-1:111122223333:key/11112222-3333-4444-5555-666677778888"
ROLE = "arn:aws:iam::111122223333:role/amicopy-copies"
READER = "arn:aws:iam::111122223333:role/amicopy-looks"

pytestmark = pytest.mark.django_db


def written(*arguments: str) -> Any:
    out = StringIO()
    call_command("policy", *arguments, stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def entered(account: Account) -> Account:
    account.role_arn, account.read_only_role_arn, account.external_id = ROLE, READER, "amicopy-0123456789abcdef"
    account.save()
    return account


def test_workers_may_remove_what_carries_this_installations_mark_alone() -> None:
    document = written("worker", "--key", KEY)
    marked = {"mark_key": "amicopy:copy", "mark_values": f"{installation_mark()}/*"}
    assert document == policies.worker(**marked, keys=[KEY])


def test_steps_after_a_copy_have_a_policy_of_their_own() -> None:
    marked = {"mark_key": "amicopy:copy", "mark_values": f"{installation_mark()}/*"}
    assert written("steps", "--partition", "aws-cn") == policies.steps("aws-cn", **marked)
    assert written("steps", "--web") == policies.steps_web()
    assert written("existing", "--partition", "aws-cn") == policies.existing("aws-cn")


def test_the_web_server_looks_in_any_partition() -> None:
    assert written("web", "--partition", "aws-cn") == policies.web("aws-cn")


def test_each_enters_its_own_roles(entered: Account) -> None:
    assert written("enter") == policies.enter([ROLE])
    assert written("enter", "--web") == policies.enter([READER])


def test_without_a_role_there_is_nothing_to_enter(account: Account) -> None:
    with pytest.raises(CommandError, match="No account has a role"):
        written("enter")


def test_a_role_is_entered_with_the_accounts_external_id_alone(entered: Account) -> None:
    own = "arn:aws:iam::444455556666:role/amicopy-worker"
    document = written("trust", entered.account_id, "--principal", own)
    assert document == policies.trust(principal=own, external_id="amicopy-0123456789abcdef")
    with pytest.raises(CommandError, match="no account called nowhere"):
        written("trust", "nowhere", "--principal", own)
