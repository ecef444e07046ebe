"""One table makes the form: a row more is on every page, in the call and in the history, without another line changed.

`amicopy/copies/core/parameters.py` is the table; AWS has no such member, so nothing is sent here.
"""

import re
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.core.parameters import BY_NAME, PARAMETERS, Parameter
from tests.copies.rules import reference
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db

EXAMPLE = Parameter(
    "ExampleMember", "text", "Advanced", "both", "Example of a member", "Only this test knows it.", maximum=20
)
TWO = typed(
    **{
        "ExampleMember": "for all",
        "destinations-0-kind": "region",
        "destinations-1-kind": "region",
        "destinations-1-DestinationRegion": "us-west-2",
        "destinations-1-ExampleMember": "its own",
    }
)


@pytest.fixture(autouse=True)
def fifteenth(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table with a row more, wherever it was imported."""
    rows = (*PARAMETERS, EXAMPLE)
    for name, module in list(sys.modules.items()):
        if name.startswith(("amicopy.", "tests.")) and getattr(module, "PARAMETERS", None) is PARAMETERS:
            monkeypatch.setattr(module, "PARAMETERS", rows)
    monkeypatch.setitem(BY_NAME, EXAMPLE.name, EXAMPLE)


ROOT = Path(settings.BASE_DIR)
FORM = [
    ROOT / "templates/requests/new.html",
    *sorted((ROOT / "templates/requests/new").glob("*.html")),
    ROOT / "static/form.js",
    *(ROOT / "amicopy/web" / name for name in ("forms/context.py", "forms/member_forms.py", "templatetags/forms.py")),
]
# Words of English, or of AWS for what isn't the member: they name one only where they are an input's or a table's key.
WORDS = {"Name", "Description", "Encrypted", "DryRun"}


@pytest.mark.parametrize("path", FORM, ids=lambda path: str(path.name))
def test_no_page_of_the_form_names_a_member(path: Path) -> None:
    text = path.read_text()
    named = {name for name in BY_NAME.keys() - WORDS if re.search(rf"\b{name}\b", text)}
    named |= {
        name for name in WORDS if re.search(rf"(?:fields|data|row|all)\.{name}\b|f-{name}\b|[\"']{name}[\"']", text)
    }
    assert named == set()


def submitted(client: Client) -> CopyRequest:
    answer = client.post("/requests/new/", TWO)
    assert answer.status_code == 302, answer.context["form"].errors
    return CopyRequest.objects.get()


def test_it_is_on_the_form_for_the_request_and_for_each_destination(signed_in: SignedIn) -> None:
    page = read(signed_in("requester").post("/requests/new/", {**TWO, "ExampleMember": "x" * 21}))
    assert page.group("Start, dry run and token").field("Example of a member").value == "x" * 21
    assert page.group("Destination 1").field("Example of a member").value == ""
    assert page.group("Destination 2").field("Example of a member").value == "its own"
    assert "Only this test knows it." in page.text
    # What the rules say stands at it, and in the summary.
    assert "at most 20 characters" in page.by_id("f-ExampleMember-err").text
    assert "at most 20 characters" in page.alert().text


def test_it_is_in_the_printed_command(signed_in: SignedIn) -> None:
    aside = read(signed_in("requester").post("/requests/new/aside/", TWO)).text
    assert "--example-member 'for all'" in aside
    assert "--example-member 'its own'" in aside


def test_it_is_in_the_call_that_is_sent(signed_in: SignedIn) -> None:
    request = submitted(signed_in("requester"))
    assert [copy.parameters["ExampleMember"] for copy in request.copies.order_by("pk")] == ["for all", "its own"]


def test_it_is_on_the_pages_of_requester_and_approver_and_on_the_evidence(signed_in: SignedIn) -> None:
    request = submitted(signed_in("requester"))
    for client in (signed_in("requester"), signed_in("approver")):
        for address in (f"/requests/{request.pk}/", f"/requests/{request.pk}/evidence/"):
            said = read(client.get(address)).text
            assert "Example of a member" in said
            assert "its own" in said


def test_it_is_in_the_history(signed_in: SignedIn) -> None:
    request = submitted(signed_in("requester"))
    event = AuditEvent.objects.get(action="request.submitted")
    assert [call["parameters"]["ExampleMember"] for call in event.data["calls"]] == ["for all", "its own"]
    page = read(signed_in("auditor").get(f"/audit/{event.pk}/"))
    assert "ExampleMember" in page.text
    assert event.request == request.pk


def test_a_clone_of_its_request_has_it(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    page = read(client.get(f"/requests/new/?clone={submitted(client).pk}"))
    assert page.group("Destination 1").field("Example of a member").value == "for all"
    assert page.group("Destination 2").field("Example of a member").value == "its own"


def test_it_is_in_the_documents_table() -> None:
    row = "| `ExampleMember` | Advanced: “Example of a member” | all destinations, or each | no | 0 to 20 characters |"
    assert row in reference.document()
