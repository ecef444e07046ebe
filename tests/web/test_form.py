"""The form: errors by the field, everything typed kept, rows without a script, and never a server error."""

from datetime import UTC, datetime

import pytest
from pytest_django import Settings

from amicopy.copies.core.models import CopyRequest
from tests.conftest import Control
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"SourceImageId": "ami-xyz"}, "SourceImageId", "ami- and 8 or 17 characters"),
        ({"SourceImageId": ""}, "SourceImageId", "Enter the source AMI"),
        ({"SourceRegion": "us-east-1a"}, "SourceRegion", "Did you mean us-east-1?"),
        ({"SourceRegion": "xx-nowhere-9"}, "SourceRegion", "isn't one"),
        ({"Name": "x"}, "Name", "at least 3 characters"),
        ({"Name": "a" * 129}, "Name", "at most 128"),
        ({"Name": "what*ever"}, "Name", "Remove *"),
        ({"Name": "golden-{week}"}, "Name", "{week} isn't a placeholder"),
        ({"Name": "{source}-copy"}, "Name", "without {source}"),
        ({"destinations-0-Name": "x"}, "destinations-0-Name", "at least 3 characters"),
        ({"KmsKeyId": "golden", "Encrypted": "true"}, "KmsKeyId", "Did you mean alias/golden?"),
        (
            {"SnapshotCopyCompletionDurationMinutes": "soon"},
            "SnapshotCopyCompletionDurationMinutes",
            "whole number",
        ),
        ({"Description": "d" * 256}, "Description", "at most 255"),
        ({"reason": " "}, "reason", "Enter why"),
        ({"destinations-0-DestinationRegion": ""}, "destinations-0-DestinationRegion", "Choose a Region"),
        (
            {"destinations-0-DestinationRegion": "cn-north-1"},
            "destinations-0-DestinationRegion",
            "CreateStoreImageTask",
        ),
        ({"destinations-0-KmsKeyId": "alias/x"}, "destinations-0-KmsKeyId", "a key needs encryption"),
        (
            {"destinations-0-KmsKeyId": "golden", "destinations-0-Encrypted": "true"},
            "destinations-0-KmsKeyId",
            "Did you mean alias/golden?",
        ),
        (
            {
                "destinations-0-Encrypted": "true",
                "destinations-0-KmsKeyId": "arn:aws:kms:us-east-1:111122223333:alias/golden",
            },
            "destinations-0-KmsKeyId",
            "KMS key must be in eu-west-1",
        ),
        ({"destinations-0-Encrypted": "false"}, "destinations-0-Encrypted", "Same as the source"),
        (
            {"destinations-0-SnapshotCopyCompletionDurationMinutes": "50"},
            "destinations-0-SnapshotCopyCompletionDurationMinutes",
            "nearest to 50 is 45",
        ),
        (
            {"destinations-0-SnapshotCopyCompletionDurationMinutes": "soon"},
            "destinations-0-SnapshotCopyCompletionDurationMinutes",
            "whole number",
        ),
        (
            {"destinations-1-DestinationRegion": "eu-west-1"},
            "destinations-1-DestinationRegion",
            "the same as destination 1",
        ),
        ({"tags-0-Key": "aws:x", "tags-0-image": "on"}, "TagSpecifications", "must not begin with aws:"),
        ({"tags-0-Key": "a", "tags-0-Value": "b"}, "tags-0-Key", "Choose where the tag goes"),
        ({"ClientToken": "t" * 65}, "ClientToken", "at most 64"),
    ],
)
def test_bad_input_comes_back_with_its_own_message_and_everything_typed(
    signed_in: SignedIn, changes: dict[str, str], field: str, words: str
) -> None:
    answer = signed_in("requester").post("/requests/new/", typed(**changes))
    assert answer.status_code == 422
    form = answer.context["form"]
    assert field in form.errors, form.errors
    assert any(words in message for message in form.errors[field]), form.errors[field]
    page = read(answer)
    assert page.alert().links(to=f"#f-{field}")
    assert page.by_id(f"f-{field}")
    if field.startswith("destinations-1-"):
        assert "Destination 2: " in page.alert().text
    assert page.title.startswith("Error:")
    for name, value in typed(**changes).items():
        if value.strip() and len(value) < 100:
            assert page.field(name).value == value
    assert CopyRequest.objects.count() == 0


def test_rows_are_added_and_removed_by_plain_buttons_and_keep_what_was_typed(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    page = read(client.post("/requests/new/", typed(add="destination")))
    assert page.has_field("destinations-1-DestinationRegion")
    assert page.field("Name").value == "golden-al2023-2026.11.24"
    both = typed(**{"destinations-1-DestinationRegion": "us-west-2", "remove-destination": "0"})
    page = read(client.post("/requests/new/", both))
    assert page.field("destinations-0-DestinationRegion").value == "us-west-2"
    assert not page.has_field("destinations-1-DestinationRegion")
    assert read(client.post("/requests/new/", typed(add="tag"))).has_field("tags-0-Key")


def test_sending_the_same_form_twice_makes_one_request(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    data = typed(submission="6d3a3c8e-6d8f-4d55-9d5c-0b7a0f5f4f11")
    places = {client.post("/requests/new/", data)["Location"] for _ in range(2)}
    assert len(places) == 1
    assert CopyRequest.objects.count() == 1


def test_a_form_that_somebody_else_sent_is_kept_and_can_be_sent_as_a_new_one(signed_in: SignedIn) -> None:
    data = typed(submission="6d3a3c8e-6d8f-4d55-9d5c-0b7a0f5f4f11")
    assert signed_in("requester").post("/requests/new/", data).status_code == 302
    other = signed_in("requester", name="other")
    answer = other.post("/requests/new/", data)
    assert answer.status_code == 422
    page = read(answer)
    assert "sent by somebody else before" in page.alert().text
    assert page.field("Name").value == data["Name"]
    assert other.post("/requests/new/", {**data, "submission": page.field("submission").value}).status_code == 302
    assert CopyRequest.objects.count() == 2


def test_defaults_for_all_are_overridden_by_a_row(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    client.post(
        "/requests/new/",
        typed(
            **{
                "Encrypted": "true",
                "KmsKeyId": "alias/everywhere",
                "destinations-1-DestinationRegion": "us-west-2",
                "destinations-1-KmsKeyId": "alias/west",
            }
        ),
    )
    copies = CopyRequest.objects.get().copies.order_by("position")
    assert [copy.parameters["KmsKeyId"] for copy in copies] == ["alias/everywhere", "alias/west"]
    assert all(copy.parameters["Encrypted"] is True for copy in copies)


def test_a_destination_can_stay_as_the_source_where_the_others_are_encrypted(signed_in: SignedIn) -> None:
    own = {"destinations-1-DestinationRegion": "us-west-2", "destinations-1-Encrypted": "source"}
    signed_in("requester").post("/requests/new/", typed(Encrypted="true", KmsKeyId="alias/everywhere", **own))
    first, second = CopyRequest.objects.get().copies.order_by("position")
    assert (first.parameters["Encrypted"], first.parameters["KmsKeyId"]) == (True, "alias/everywhere")
    assert not {"Encrypted", "KmsKeyId"} & set(second.parameters)


OUTPOST = "arn:aws:outposts:us-east-1:111122223333:outpost/op-0a1b2c3d4e5f67890"
ELSEWHERE = (
    {"destinations-1-kind": "zone", "destinations-1-DestinationAvailabilityZone": "us-east-1-bos-1a"},
    {"destinations-1-kind": "outpost", "destinations-1-DestinationOutpostArn": OUTPOST},
)


@pytest.mark.parametrize("own", ELSEWHERE)
def test_h6_a_time_for_all_is_refused_where_a_destination_cannot_have_it(
    signed_in: SignedIn, own: dict[str, str]
) -> None:
    client, time = signed_in("requester"), "SnapshotCopyCompletionDurationMinutes"
    both = typed(**{"destinations-1-DestinationRegion": "us-east-1", **own})
    answer = client.post("/requests/new/", {**both, time: "60"})
    assert answer.status_code == 422
    assert "Set it at each Region instead" in answer.context["form"].errors[time][0]
    # One that is hidden, since it was typed before another kind was chosen, isn't sent.
    hidden = {f"destinations-0-{time}": "60", f"destinations-1-{time}": "45"}
    assert client.post("/requests/new/", {**both, **hidden}).status_code == 302
    first, second = CopyRequest.objects.get().copies.order_by("position")
    assert first.parameters[time] == 60
    assert time not in second.parameters


@pytest.mark.parametrize(
    ("kind", "field", "words"),
    [
        ("outpost", "DestinationOutpostArn", "Enter the Outpost's ARN"),
        ("zone", "DestinationAvailabilityZone", "Enter the Local Zone's name or ID"),
    ],
)
def test_h5_a_kind_without_its_place_is_refused_at_that_field(
    signed_in: SignedIn, kind: str, field: str, words: str
) -> None:
    client = signed_in("requester")
    answer = client.post("/requests/new/", typed(**{"destinations-0-kind": kind}))
    assert answer.status_code == 422
    assert answer.context["form"].errors[f"destinations-0-{field}"][0].startswith(words)
    assert read(answer).alert().links(to=f"#f-destinations-0-{field}")
    # While the form is being filled in an empty field is not yet wrong.
    data = typed(**{"destinations-0-kind": kind})
    told = read(client.post("/requests/new/messages/", data, headers={"HX-Request": "true"}))
    assert words not in told.text


@pytest.mark.usefixtures("patient")
def test_a_name_template_is_filled_in_for_each_destination_and_frozen(signed_in: SignedIn, sandbox: Control) -> None:
    own = {"destinations-1-DestinationRegion": "us-west-2", "destinations-2-DestinationRegion": "us-east-2"}
    answer = signed_in("requester").post(
        "/requests/new/", typed(Name="{source}/{region}", **own, **{"destinations-2-Name": "own-{date}"})
    )
    assert answer.status_code == 302, answer.context["form"].errors
    names = [copy.parameters["Name"] for copy in CopyRequest.objects.get().copies.order_by("position")]
    source = "golden-al2023-x86_64-2026.11.18"
    assert names == [f"{source}/eu-west-1", f"{source}/us-west-2", f"own-{datetime.now(UTC):%Y.%m.%d}"]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("setting", "status"), [("refuse", 422), ("warn", 302), ("allow", 302)])
def test_a_name_that_is_taken_is_refused_where_the_setting_says_so(
    signed_in: SignedIn, sandbox: Control, settings: Settings, setting: str, status: int
) -> None:
    settings.NAME_CLASH = setting
    taken = typed(Name="bastion-encrypted-3.2", **{"destinations-1-DestinationRegion": "us-east-1"})
    answer = signed_in("requester").post("/requests/new/", taken)
    assert answer.status_code == status
    if status == 422:
        assert "us-east-1 has an AMI of this name: ami-0d2f6b80c5e1794a3" in answer.context["form"].errors["Name"][0]


def test_a_clone_starts_with_the_parameters_and_without_the_token(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    client.post(
        "/requests/new/",
        typed(ClientToken="week-47", **{"tags-0-Key": "team", "tags-0-Value": "x", "tags-0-image": "on"}),
    )
    page = read(client.get(f"/requests/new/?clone={CopyRequest.objects.get().pk}"))
    assert page.field("Name").value == "golden-al2023-2026.11.24"
    assert page.field("tags-0-Key").value == "team"
    assert "week-47" not in page.source


def test_a_clone_keeps_patterns_as_patterns(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    own = {"destinations-1-DestinationRegion": "us-west-2", "destinations-1-Name": "own-{date}"}
    client.post("/requests/new/", typed(Name="golden-{region}-{date}", **own))
    request = CopyRequest.objects.get()
    assert f"{datetime.now(UTC):%Y.%m.%d}" in request.Name
    page = read(client.get(f"/requests/new/?clone={request.pk}"))
    assert page.field("Name").value == "golden-{region}-{date}"
    assert page.field("destinations-0-Name").value == ""
    assert page.field("destinations-1-Name").value == "own-{date}"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"Name": "\0\0\0"},
        {"destinations-0-DestinationRegion": "<script>alert(1)</script>"},
        {"destinations-999999-DestinationRegion": "eu-west-1"},
        {"remove-destination": "x"},
        {"tags-0-Key": "=cmd|'/c calc'!A1", "tags-0-image": "on"},
        {"submission": "not-a-uuid"},
        {"account": "nobody"},
        {f"destinations-{n}-DestinationRegion": "eu-west-1" for n in range(300)},
    ],
)
def test_hostile_input_is_refused_and_never_an_error_of_the_server(signed_in: SignedIn, data: dict[str, str]) -> None:
    answer = signed_in("requester").post("/requests/new/", {**typed(), **data} if data else {})
    assert answer.status_code in {200, 302, 422}
    assert "<script>alert" not in read(answer).source


def test_tags_that_every_copy_must_have_are_asked_for_and_enforced(signed_in: SignedIn, settings: Settings) -> None:
    settings.REQUIRED_TAGS = {"team": (), "stage": ("dev", "prod"), "cost": ("42",)}
    client = signed_in("requester")
    page = read(client.get("/requests/new/"))
    assert "Every copy must have on the AMI and on its snapshots: team, stage (dev or prod), cost (42)." in page.text
    assert [page.field(f"tags-{index}-Key").value for index in range(3)] == ["team", "stage", "cost"]
    assert page.field("tags-2-Value").value == "42"
    answer = client.post("/requests/new/", typed())
    assert "Add the tag team to the AMI and the snapshots" in answer.context["form"].errors["TagSpecifications"][0]
    rows: dict[str, str] = {}
    for index, (key, value) in enumerate((("team", "web"), ("stage", "dev"), ("cost", "42"))):
        rows |= {f"tags-{index}-Key": key, f"tags-{index}-Value": value}
        rows |= {f"tags-{index}-image": "on", f"tags-{index}-snapshot": "on"}
    assert client.post("/requests/new/", typed(**rows)).status_code == 302
