"""How the tests read pages: by role and name, however the markup is laid out."""

from pathlib import Path

import pytest

from tests.web.page import read

TIGHT = (
    '<html><head><title>5 waiting – Approvals</title></head><body><nav aria-label="Main"><a href="/r/?a=1&amp;b=2">'
    '<svg aria-hidden="true"><text>R</text></svg>Requests<span class="count">5</span></a></nav>'
    '<section aria-labelledby="d"><h2 id="d">Your <b>decision</b>.</h2><button>Approve #5</button>'
    '<button aria-label="Copy the ID">C</button></section>'
    '<form action="/y"><input type="hidden" name="csrfmiddlewaretoken" value="x">'
    '<label for="f">Name <span>(Name)</span></label>'
    '<input id="f" name="Name" value="a&amp;b" aria-describedby="h f-err">'
    '<p id="h">Any.</p><div id="f-err"><p>Too short</p></div>'
    '<select name="region"><option value="">Choose</option><option selected>eu-west-1</option></select>'
    '<textarea name="reason">\nwhy\n</textarea><input type="checkbox" name="tell" value="ended" checked>'
    '<label>Off <input type="checkbox" name="off"></label></form>'
    "<table><caption>Keys</caption><thead><tr><th>Name</th></tr></thead>"
    "<tbody><tr><td>Slot<small>1st of 2</small></td></tr></tbody></table></body></html>"
)
LOOSE = TIGHT.replace("><", ">\n  <").replace("<small>", "\n<small>\n")


@pytest.mark.parametrize("source", [TIGHT, LOOSE], ids=["tight", "loose"])
def test_a_page_reads_the_same_with_and_without_white_space_between_its_elements(source: str) -> None:
    page = read(source)
    assert page.title == "5 waiting – Approvals"
    assert page.navigation("Main").link("Requests").address == "/r/?a=1&b=2"
    decision = page.region("Your decision")
    assert decision.text == "Your decision. Approve #5 C"
    assert [button.name for button in decision.buttons()] == ["Approve #5", "Copy the ID"]
    assert page.form(to="/y").values == {
        "Name": "a&b",
        "region": "eu-west-1",
        "reason": "why\n",
        "tell": "ended",
    }
    name = page.field("Name")
    assert (name.label, name.said, name.described) == ("Name (Name)", "Too short", "Any. Too short")
    assert page.field("Off").sent_as == "off"
    assert page.table("Keys").rows == [["Slot 1st of 2"]]
    assert page.table("Keys").heads[0].text == "Name"


def test_what_is_not_there_or_there_twice_fails_with_what_there_is() -> None:
    page = read("<button>Approve #5</button><button>Approve #6</button><button>Approve</button>")
    assert page.button("Approve").name == "Approve"
    with pytest.raises(AssertionError, match=r"0 times button “Reject”; there is \['Approve #5', "):
        page.button("Reject")
    with pytest.raises(AssertionError, match="2 times button “Approve #”"):
        page.button("Approve #")


def test_every_test_reads_pages_so() -> None:
    # Put together here so that this file doesn't find itself.
    scraped = "content" + ".decode("
    assert [path.name for path in Path(__file__).parent.glob("*.py") if scraped in path.read_text()] == []
