"""Where digits are asked for, those of other scripts aren't taken: AWS knows none of them."""

import re
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from amicopy.aws import sqs
from amicopy.copies.core.models import Account
from amicopy.copies.core.policy_models import ApprovalRule
from amicopy.web.forms.request_form import place_of
from amicopy.web.forms.rows import rows_of
from tests.web.conftest import SignedIn, typed
from tests.web.conftest import account as account  # the form needs one
from tests.web.conftest import signed_in as signed_in
from tests.web.page import read
from tests.web.test_rules import rule_typed

ROOT = Path(__file__).resolve().parents[1] / "amicopy"
ARABIC = "١٢٣٤٥٦٧٨٩٠١٢"
# The signature of a call, which the sandbox reads and no person writes.
SIGNATURES = {"sandbox/gate.py"}


@pytest.mark.parametrize("number", [ARABIC, "１２３４５６７８９０１２", "12345678901", "12345678901\n"])
def test_an_account_number_is_of_ascii_digits_in_the_models(number: str) -> None:
    for row, name in ((Account(name="a", account_id=number), "account_id"), (ApprovalRule(), "SourceAccount")):
        setattr(row, name, number)
        with pytest.raises(ValidationError) as refused:
            row.clean_fields()
        assert refused.value.message_dict[name] == ["Enter the 12 digits of an account."]
    ApprovalRule(name="a", order=1, SourceAccount="123456789012").clean_fields()


@pytest.mark.parametrize("field", ["SourceAccount", "try-source_account"])
def test_an_account_number_is_of_ascii_digits_in_the_form_of_a_rule(
    signed_in: SignedIn, account: Account, field: str
) -> None:
    data = {"try": "yes", "try-account": str(account.pk), "try-region": "eu-west-1", field: ARABIC}
    answer = signed_in("administrator").post("/rules/new/", rule_typed(**data))
    assert answer.status_code == 422
    assert "Enter the 12 digits of an account." in read(answer).field(field).said
    assert not ApprovalRule.objects.exists()


def test_an_account_number_is_of_ascii_digits_in_the_address_of_a_queue() -> None:
    assert sqs.queue_at("https://sqs.eu-west-1.amazonaws.com/123456789012/amis").account_id == "123456789012"
    with pytest.raises(ValueError, match="isn't the address of a queue"):
        sqs.queue_at(f"https://sqs.eu-west-1.amazonaws.com/{ARABIC}/amis")


def test_the_number_of_a_row_is_of_ascii_digits() -> None:
    assert rows_of({"destinations-١-Name": "x", "destinations-1-Name": "y"}, "destinations") == [{"Name": "y"}]
    assert place_of("destinations-١-Name") == ""


def test_no_row_is_removed_by_a_number_of_another_script(signed_in: SignedIn) -> None:
    def left(number: str) -> int:
        data = typed(**{"destinations-1-DestinationRegion": "us-west-2", "remove-destination": number})
        page: Client = signed_in("requester")
        fields = read(page.post("/requests/new/", data)).fields()
        return len([field for field in fields if re.fullmatch(r"destinations-[0-9]-DestinationRegion", field.sent_as)])

    assert (left("1"), left("١")) == (1, 2)


def test_no_other_pattern_takes_digits_of_every_script() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in ROOT.rglob("*.py")
        if "migrations" not in path.parts
        and any("\\d" in line.partition("#")[0] for line in path.read_text().splitlines())
    }
    assert found == SIGNATURES
