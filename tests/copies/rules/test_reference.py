"""docs/copyimage.md is what the tables say, and every rule has its test."""

import pytest

from amicopy.copies.core.calls import FieldError
from amicopy.copies.rules import CALL_RULES, FOUND, REQUEST_RULES, WARNINGS
from amicopy.copies.rules.case import Case
from tests.copies.rules import reference


def test_the_document_is_up_to_date() -> None:
    assert reference.DOCUMENT.read_text() == reference.document(), "run `make docs`"


def test_every_rule_of_the_modules_is_in_a_table() -> None:
    listed = {rule.__name__ for rule in (*CALL_RULES, *FOUND, *WARNINGS, *REQUEST_RULES)}
    named = {name for name in reference.rule_names() if not name.startswith("_")}
    assert named == listed


def test_a_rule_without_a_test_or_a_page_has_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    def untested(case: Case) -> list[FieldError]:
        """https://docs.aws.amazon.com/nothing.html It must be good."""
        return []

    monkeypatch.setattr(reference, "CALL_RULES", (*CALL_RULES, untested))
    with pytest.raises(LookupError, match="untested has no test of its own"):
        reference.document()
    untested.__doc__ = ""
    with pytest.raises(LookupError, match="by which page of AWS"):
        reference.document()
