"""Every failure that stays is explained: what happened, and what to do next."""

import pytest

from amicopy.aws import errors
from amicopy.copies.core.explanations import BY_CODE, explain
from amicopy.copies.core.models import ImageCopy

PERMANENT = [code for kind in (errors.Rejected, errors.Denied, errors.NotFound) for code in errors.KINDS[kind]]
# Codes of our own, for what AWS has none.
OURS = [
    "ImageDeregistered",
    "ImageGone",
    "KeyChanged",
    "NameTaken",
    "NotADryRun",
    "NotApproved",
    "RefusedByRules",
    "SourceChanged",
    "SourceGone",
    "UnclearImage",
]
BOTOCORES = ["NoCredentialsError", "ParamValidationError"]


@pytest.mark.parametrize("code", PERMANENT + OURS + BOTOCORES)
def test_a_permanent_failure_has_plain_words_and_a_next_step(code: str) -> None:
    found = BY_CODE[code]
    assert code not in found.title + found.cause + found.next_step, "AWS's words stay below"
    assert found.title[-1] not in ".!"
    assert found.cause.endswith(".")
    assert found.next_step.endswith(".")


def test_an_explanation_is_of_a_code_that_can_happen() -> None:
    assert set(BY_CODE) <= {*PERMANENT, *OURS, *BOTOCORES}


def test_a_late_failure_is_told_from_a_refusal_and_a_key_from_the_rest() -> None:
    late = ImageCopy(ImageId="ami-1", error_code="Client.InternalError", error_message="Copy image failed.")
    key = ImageCopy(ImageId="ami-1", error_code="Client.InternalError", error_message="Given key ID isn't accessible.")
    unknown = ImageCopy(error_code="SomethingNew", error_message="Given key ID isn't accessible.")
    titles = [explain(copy).title for copy in (late, key, unknown)]
    assert len(set(titles)) == 3
    assert "first looks for what this attempt may have made" in explain(unknown).next_step
