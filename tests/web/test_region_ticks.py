"""Boxes of Regions make rows, one row writes into many, and pasted tags become rows; all of it without a script."""

import pytest

from amicopy.copies.core.models import CopyRequest
from amicopy.web.forms import tag_lines
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db
NEW = "/requests/new/"
REGION = "destinations-{}-DestinationRegion"


def rows(page: object, most: int = 30) -> list[str]:
    """The Regions of a page's rows."""
    names = [REGION.format(n) for n in range(most)]
    return [page.field(name).value for name in names if page.has_field(name)]  # type: ignore[attr-defined]  # a Page


def test_ticks_become_rows_and_rows_go_with_their_tick(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    ticks = {"region": ["us-west-2", "eu-west-1", "eu-central-1"], "ticked": "", "tick": "1"}
    page = read(client.post(NEW, {**typed(**{REGION.format(0): ""}), **ticks}))
    assert rows(page) == ["us-west-2", "eu-west-1", "eu-central-1"]
    assert page.field("ticked").value == "us-west-2 eu-west-1 eu-central-1"
    assert "Regions: 3 ticked" in page.text
    kept = typed(**{REGION.format(0): "us-west-2", REGION.format(1): "eu-west-1", "destinations-1-KmsKeyId": "alias/x"})
    less = {"region": ["eu-west-1"], "ticked": "us-west-2 eu-west-1", "tick": "1"}
    page = read(client.post(NEW, {**kept, **less}))
    assert rows(page) == ["eu-west-1"]
    assert page.field("destinations-0-KmsKeyId").value == "alias/x"


def test_a_box_that_nobody_touched_changes_nothing(signed_in: SignedIn) -> None:
    # The row of a box that was ticked when the page was drawn got another Region meanwhile; a blank one got one, too.
    sent = {**typed(**{REGION.format(1): "us-west-2"}), "region": ["eu-central-1"], "ticked": "eu-central-1"}
    page = read(signed_in("requester").post(NEW, {**sent, "add": "tag"}))
    assert rows(page) == ["eu-west-1", "us-west-2"]


def test_what_is_ticked_is_asked_for_without_a_look_at_the_table(signed_in: SignedIn) -> None:
    sent = {**typed(), "region": ["eu-west-1", "us-west-2"], "ticked": "eu-west-1"}
    assert signed_in("requester").post(NEW, sent).status_code == 302
    copies = CopyRequest.objects.get().copies.order_by("position")
    assert [copy.DestinationRegion for copy in copies] == ["eu-west-1", "us-west-2"]


def test_a_continent_is_ticked_and_all_is_unticked_by_one_button(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    page = read(client.post(NEW, {**typed(), "region": "eu-west-1", "ticked": "eu-west-1", "tick": "South America"}))
    assert rows(page)[:2] == ["eu-west-1", "sa-east-1"]
    outpost = {"destinations-1-kind": "outpost", REGION.format(1): "us-east-1"}
    page = read(client.post(NEW, {**typed(**outpost), "region": "eu-west-1", "ticked": "eu-west-1", "tick": "none"}))
    assert rows(page) == ["us-east-1"]


def test_one_row_writes_into_those_that_are_ticked(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    three = {REGION.format(1): "us-west-2", REGION.format(2): "eu-central-1"}
    picked = {"destinations-0-picked": "on", "destinations-2-picked": "on", "destinations-1-KmsKeyId": "alias/west"}
    sent = typed(**three, **picked, Encrypted="true", KmsKeyId="alias/golden", apply="1")
    page = read(client.post(NEW, sent))
    keys = [page.field(f"destinations-{n}-KmsKeyId").value for n in range(3)]
    assert keys == ["alias/golden", "alias/west", "alias/golden"]
    assert [page.field(f"destinations-{n}-Encrypted").value for n in range(3)] == ["true", "", "true"]
    # What was written isn't a default for the others, too.
    assert not page.field("KmsKeyId").value
    assert "Apply to 2" in page.text


def test_a_region_is_text_until_it_is_opened_for_another_kind(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    page = read(client.post(NEW, typed(add="tag")))
    assert page.field(REGION.format(0)).value == "eu-west-1"
    assert not page.has_field("destinations-0-DestinationOutpostArn")
    page = read(client.post(NEW, typed(**{"open-destination": "0"})))
    assert page.has_field("destinations-0-DestinationOutpostArn")
    assert page.field(REGION.format(0)).value == "eu-west-1"


@pytest.mark.parametrize(
    ("text", "tags", "problems"),
    [
        ("owner=platform\nurl=https://x/?a=b,c\n\n", [("owner", "platform"), ("url", "https://x/?a=b,c")], 0),
        ('Key,Value\nowner,platform\n"a,b","say ""hi"""\n', [("owner", "platform"), ("a,b", 'say "hi"')], 0),
        ('{"owner": "platform", "n": 4, "on": true}', [("owner", "platform"), ("n", "4"), ("on", "true")], 0),
        ('[{"Key": "owner", "Value": "platform"}, {"Key": 3}, 7]', [("owner", "platform")], 2),
        ('{"Tags": [{"Key": "a", "Value": ""}]}', [("a", "")], 0),
        ("owner=platform\nexpires 2027-05-25\n=x\nbackup=no", [("owner", "platform"), ("backup", "no")], 2),
        ('{"owner": ', [], 1),
        ("[" * 5000, [], 1),
        ("[[[]]]", [], 1),
    ],
)
def test_tags_are_read_from_lines_csv_and_json(text: str, tags: list[tuple[str, str]], problems: int) -> None:
    found = tag_lines.read(text)
    assert (found.tags, len(found.problems)) == (tags, problems)


def test_a_bad_line_is_named_and_stays_and_the_good_ones_are_added(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    there = {"tags-0-Key": "owner", "tags-0-Value": "old", "tags-0-snapshot": "on"}
    sent = typed(**there, paste="owner=platform\nexpires 2027-05-25\nbackup=no", add="pasted")
    page = read(client.post(NEW, sent))
    assert [page.field(f"tags-{n}-Key").value for n in range(2)] == ["owner", "backup"]
    assert page.field("tags-0-Value").value == "platform"
    assert page.field("paste").value.strip() == "expires 2027-05-25"
    assert "Line 1 must have a “=” or a comma after its key: “expires 2027-05-25”." in page.text
    # What isn't a tag yet isn't lost when the form is sent.
    answer = client.post(NEW, typed(paste="owner=platform"))
    assert answer.status_code == 422
    assert "they aren't among the tags yet" in answer.context["form"].errors["paste"][0]
