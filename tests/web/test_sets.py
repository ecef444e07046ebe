"""Several source images in one form: a request each, all or none, once, linked, decided together or one by one."""

import time

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from amicopy.audit.models import AuditEvent
from amicopy.copies.core.models import CopyRequest, RequestSet
from amicopy.copies.core.set_models import part_of
from amicopy.sandbox.catalogue import CATALOGUE
from tests.twenty_regions import TWENTY
from tests.web.conftest import SignedIn, typed
from tests.web.page import read

pytestmark = pytest.mark.django_db
NEW = "/requests/new/"
TWO = "ami-0a7f3c92d41be6058 ami-0b81d5e6f0a297c34"
SUBMISSION = "6d3a3c8e-6d8f-4d55-9d5c-0b7a0f5f4f11"


def two(**changes: str) -> dict[str, str]:
    """A form with two sources, which have own names where they go."""
    own = {"destinations-0-Name": "", "Name": "{source}-{region}"}
    return typed(SourceImageId=TWO, submission=SUBMISSION, **own, **changes)


@pytest.mark.usefixtures("patient", "sandbox")
def test_each_source_becomes_a_request_of_one_set(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    answer = client.post(NEW, two(**{"destinations-1-DestinationRegion": "us-west-2"}))
    assert answer.status_code == 302, answer.context["form"].errors
    made = RequestSet.objects.get()
    assert answer["Location"] == f"/sets/{made.pk}/"
    requests = list(made.requests.order_by("pk"))
    assert [row.SourceImageId for row in requests] == TWO.split()
    assert [row.copies.count() for row in requests] == [2, 2]
    assert len({copy.Name for row in requests for copy in row.copies.all()}) == 4
    assert [row.submission for row in requests] == [part_of(made.submission, row.SourceImageId) for row in requests]
    events = AuditEvent.objects.filter(action="request.submitted")
    assert {(event.request, event.data["set"]) for event in events} == {(row.pk, made.pk) for row in requests}


@pytest.mark.usefixtures("patient", "sandbox")
def test_the_same_form_sent_twice_makes_one_set_and_nobody_else_gets_it(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    places = {client.post(NEW, two())["Location"] for _ in range(2)}
    assert len(places) == 1
    assert (RequestSet.objects.count(), CopyRequest.objects.count()) == (1, 2)
    other = signed_in("requester", name="other")
    answer = other.post(NEW, two())
    assert answer.status_code == 422
    assert "sent by somebody else before" in read(answer).alert().text
    assert other.get(places.pop()).status_code == 404


@pytest.mark.usefixtures("patient", "sandbox")
def test_one_source_that_is_refused_leaves_none_and_is_named(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    answer = client.post(NEW, {**two(), "SourceImageId": f"{TWO},ami-xyz"})
    assert answer.status_code == 422
    (message,) = answer.context["form"].errors["SourceImageId"]
    assert message.startswith("ami-xyz: ")
    assert read(answer).field("SourceImageId").value == f"{TWO},ami-xyz"
    assert (RequestSet.objects.count(), CopyRequest.objects.count()) == (0, 0)


@pytest.mark.usefixtures("patient", "sandbox")
def test_a_name_that_one_image_cannot_have_takes_all_of_the_set_back(signed_in: SignedIn, settings: Settings) -> None:
    settings.NAME_CLASH = "refuse"
    client = signed_in("requester")
    second = client.post(NEW, {**two(), "look": "1"}).context["sources"][1]["found"].image.Name
    client.post(NEW, typed(Name=f"{second}-eu-west-1"))
    answer = client.post(NEW, two())
    assert answer.status_code == 422
    assert answer.context["form"].errors["Name"][0].startswith("ami-0b81d5e6f0a297c34: Enter another name.")
    assert (RequestSet.objects.count(), CopyRequest.objects.count()) == (0, 1)


@pytest.mark.usefixtures("patient", "sandbox")
@pytest.mark.parametrize(("setting", "status"), [("refuse", 422), ("warn", 422), ("allow", 302)])
def test_several_sources_need_a_pattern_for_a_name(
    signed_in: SignedIn, settings: Settings, setting: str, status: int
) -> None:
    settings.NAME_CLASH = setting
    answer = signed_in("requester").post(NEW, {**two(), "Name": "golden-{region}"})
    assert answer.status_code == status
    if status == 422:
        assert "Put {source} into the name: 2 images would have this one" in answer.context["form"].errors["Name"][0]


def test_what_belongs_to_one_image_is_refused_for_several(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    answer = client.post(NEW, two(ClientToken="week-47"))
    assert "a token is for one image" in answer.context["form"].errors["ClientToken"][0]
    answer = client.post(NEW, two(continues="7"))
    assert "Enter one AMI" in answer.context["form"].errors["SourceImageId"][-1]
    many = " ".join(f"ami-{number:017x}" for number in range(30))
    answer = client.post(NEW, {**two(), "SourceImageId": many})
    assert "at most 25 AMIs" in answer.context["form"].errors["SourceImageId"][-1]


def test_ids_are_read_however_they_were_pasted_and_one_is_taken_away(signed_in: SignedIn) -> None:
    client = signed_in("requester")
    first, second = TWO.split()
    for pasted in (f"{first}, {second}", f"{first}{second}", f"{first}\n{second}\n", f"{first};{second};{first}"):
        answer = client.post(NEW, {**two(), "SourceImageId": pasted, "add": "tag"})
        assert [each["ImageId"] for each in answer.context["sources"]] == [first, second], pasted
    page = read(client.post(NEW, {**two(), "remove-source": first}))
    assert page.field("SourceImageId").value == second


@pytest.mark.usefixtures("patient", "sandbox")
def test_the_page_of_a_set_follows_all_and_an_approver_decides_them_together(signed_in: SignedIn) -> None:
    requester = signed_in("requester")
    place = requester.post(NEW, two())["Location"]
    page = read(requester.get(place))
    assert "2 requests, 2 copies" in page.text
    assert "wait for you" not in page.text
    approver = signed_in("approver")
    page = read(approver.get(place))
    assert "2 of them wait for you." in page.text
    words = " ".join(page.text.split())
    assert "Together once: at most US$ " in words
    numbers = [str(row.pk) for row in CopyRequest.objects.order_by("pk")]
    shown = approver.post("/approvals/decide/", {"pick": numbers, "bulk": "approve"})
    seen = {f"seen-{row.pk}": row.content_hash for row in CopyRequest.objects.all()}
    assert shown.status_code == 200
    approver.post("/approvals/decide/", {"pick": numbers, "bulk": "approve", "confirm": "yes", **seen})
    assert set(CopyRequest.objects.values_list("state", flat=True)) == {"APPROVED"}
    assert "wait for you" not in read(approver.get(place)).text
    assert read(approver.get(f"/requests/?set={RequestSet.objects.get().pk}")).source.count("data-request=") == 2
    assert signed_in("requester", name="stranger").get(place).status_code == 404


@pytest.mark.usefixtures("patient", "sandbox")
def test_ten_images_to_twenty_regions_are_one_submission_that_takes_little(
    signed_in: SignedIn, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """Seconds are measured by `make bench TOPICS=sets`; here the work, which a busy machine doesn't change."""
    client = signed_in("requester")
    sources = [row["id"] for row in CATALOGUE["images"] if row["region"] == "us-east-1"][:10]
    rows = {f"destinations-{n}-DestinationRegion": region for n, region in enumerate(TWENTY)}
    # The sandbox lacks some of these Regions.
    lacking = " ".join(f"region-unknown:{region}" for region in TWENTY)
    rows |= {"submit_anyway": "on", "submit_anyway_reason": "They open on Monday.", "known_problems": lacking}
    sent = typed(SourceImageId=" ".join(sources), Name="{source}/{region}", submission=SUBMISSION, **rows)
    client.post(NEW, {**sent, "look": "1"})
    began = time.thread_time()
    with django_assert_max_num_queries(600):
        answer = client.post(NEW, sent)
    assert answer.status_code == 302, answer.context["form"].errors
    assert time.thread_time() - began < 3
    assert [row.copies.count() for row in RequestSet.objects.get().requests.all()] == [20] * 10
