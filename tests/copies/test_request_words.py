"""Finding requests by what is typed: with the database's index of words and without one, on either database."""

from collections.abc import Callable
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from amicopy.copies.core.calls import Call
from amicopy.copies.core.models import CopyRequest, ImageCopy, RequestWords
from amicopy.copies.operations import rows_of_before
from amicopy.copies.requests import verbs
from amicopy.web import request_search
from tests.copies.conftest import Submit, acting, approve, make_call, make_person

pytestmark = pytest.mark.django_db
index = import_module("amicopy.copies.migrations.0055_index_of_words")
# What the migration asks of one; a real one is refused by SQLite inside a transaction.
EDITOR = SimpleNamespace(connection=connection)
Find = Callable[..., set[int]]
TRICKY = (
    'say "hi"',
    "a*b*c",
    "-minus-",
    "100%done",
    "under_score",
    "key:value",
    "back\\slash",
    "NEAR(x y)",
    "it's",
    "🚀🚀",
)


def tagged(name: str, region: str = "eu-west-1", **tags: str) -> Call:
    made = [{"Key": key, "Value": value} for key, value in tags.items()]
    return make_call(region, Name=name, TagSpecifications=[{"ResourceType": "image", "Tags": made}])


@pytest.fixture(params=["index", "reading"])
def searched(request: pytest.FixtureRequest) -> str:
    """With the index, and where it couldn't be made."""
    if request.param == "reading":
        index.remove_index(apps, EDITOR)
    return str(request.param)


@pytest.fixture
def find(approver: User) -> Find:
    """The numbers of those found on the page, as an approver sees it unless told otherwise."""

    def _find(text: str, by: User = approver) -> set[int]:
        client = Client()
        client.force_login(by)
        answer = client.get("/requests/", {"q": text})
        assert answer.status_code == 200, text
        return {row.pk for row in answer.context["rows"]} if "rows" in (answer.context or ()) else set()

    return _find


def test_a_request_is_found_by_name_tag_ami_person_and_number(
    searched: str, submit: Submit, approver: User, find: Find
) -> None:
    row = submit(tagged("Golden-AL2023", CostCenter="Ökologie-4711"))
    other = submit(
        make_call(Name="ami-hardened", SourceImageId="ami-0bbbbbbbbbbbbbbbb"), by=make_person("zoe", "requester")
    )
    ImageCopy.objects.filter(request=row).update(ImageId="ami-0aaaaaaaaaaaaaaaa")
    for text in ("golden-al", "AL2023", "costcenter=", "4711", "ökologie", "ami-0AAAAAAAAAAAAAAAA", f"#{row.pk}", "go"):
        assert find(text) == {row.pk}, text
    for text in ("ami-hard", "ZOE", "ami-0bbbbbbbbbbbbbbbb", "zo"):
        assert find(text) == {other.pk}, text
    assert find("no such words") == set()


def test_every_sign_is_only_itself(searched: str, submit: Submit, find: Find) -> None:
    rows = {text: submit(tagged(f"image-{at}", Note=text)).pk for at, text in enumerate(TRICKY)}
    for text, number in rows.items():
        assert find(text) == {number}, text
    for text in ('"', "*", "%", "_", ":", "\\", "🚀"):
        assert find(text) == {number for each, number in rows.items() if text in each}, text
    assert find("%%%") == find("___") == find("***") == find('"""') == set()
    assert find('say\0 "hi') == {rows['say "hi"']}
    assert find("x" * 5000) == set()


def test_what_is_common_is_found_whole(
    searched: str, submit: Submit, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_search, "MOST", 2)
    rows = {submit(make_call(Name=f"common-{at}")).pk for at in range(4)}
    submit(make_call(Name="another"))
    assert find("common") == rows
    assert len(find("requester")) == 5


def test_an_edit_renews_the_words(searched: str, submit: Submit, approver: User, find: Find) -> None:
    row = submit(tagged("before-edit", Team="old-team"))
    verbs.request_changes(acting(approver), row.pk, reason="Another name.")
    edited = tagged("after-edit", Team="new-team")
    verbs.resubmit(acting(row.requester), row.pk, reason=row.reason, calls=[edited])
    assert find("after-edit") == find("new-team") == {row.pk}
    assert find("before-edit") == find("old-team") == set()


def test_nobody_finds_what_they_may_not_see(searched: str, submit: Submit, find: Find) -> None:
    row = submit(tagged("secret-image", Team="hidden"))
    ImageCopy.objects.filter(request=row).update(ImageId="ami-0aaaaaaaaaaaaaaaa")
    stranger = make_person("stranger", "requester")
    for text in ("secret", "hidden", "ami-0aaaaaaaaaaaaaaaa", row.SourceImageId, f"#{row.pk}", "requester", "se"):
        assert find(text, stranger) == set(), text
        assert find(text, row.requester) == {row.pk}, text


def test_migrating_fills_what_submitting_stores(submit: Submit) -> None:
    submit(tagged("one", Team="a"), tagged("two", "eu-central-1", Team="a"))
    submit(make_call(Name="three"))
    stored = set(RequestWords.objects.values_list("request", "round", "words"))
    RequestWords.objects.all().delete()
    index.fill(apps, None)
    assert set(RequestWords.objects.values_list("request", "round", "words")) == stored


def test_a_database_that_refuses_the_index_is_migrated_and_told(
    submit: Submit, find: Find, capsys: pytest.CaptureFixture[str]
) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("DROP EXTENSION pg_trgm CASCADE")
            cursor.execute("CREATE ROLE without_rights")
            cursor.execute("SET LOCAL ROLE without_rights")
        # SQLite refuses it as there is one already.
        index.make_index(apps, EDITOR)
        if connection.vendor == "postgresql":
            cursor.execute("RESET ROLE")
    assert "will read all of them" in capsys.readouterr().err
    row = submit(make_call(Name="found-anyhow"))
    assert find("found-any") == {row.pk}


def test_rows_that_a_process_of_before_wrote_are_found_after_the_update(
    submit: Submit, approver: User, find: Find
) -> None:
    unknown, edited, voted = (submit(make_call(Name=f"{name}-image")) for name in ("unknown", "edited", "voted"))
    RequestWords.objects.filter(request=unknown).delete()
    RequestWords.objects.filter(request=edited).update(round=0, words="stale")
    CopyRequest.objects.filter(pk=edited.pk).update(unvoted_plan="of another plan")
    key = voted.unvoted_plan
    approve(approver, voted)
    CopyRequest.objects.filter(pk=voted.pk).update(state="PENDING", decided_by=None, decided_at=None, unvoted_plan=key)
    rows_of_before.mend()
    assert find("unknown-im") == {unknown.pk}
    assert find("edited-im") == {edited.pk}
    kept = dict(CopyRequest.objects.values_list("pk", "unvoted_plan"))
    assert kept == {unknown.pk: key, edited.pk: "", voted.pk: ""}


def test_migrating_clears_what_pages_would_pass_over(submit: Submit, approver: User) -> None:
    row, ended = submit(make_call(Name="one")), submit(make_call(Name="two"))
    at = row.submitted_at
    CopyRequest.objects.filter(pk=row.pk).update(decided_by=approver, decided_at=at, finished_at=at)
    CopyRequest.objects.filter(pk=ended.pk).update(state="FAILED", decided_by=approver, decided_at=at, finished_at=at)
    index.mend(apps, None)
    row.refresh_from_db()
    ended.refresh_from_db()
    assert (row.decided_by, row.decided_at, row.finished_at) == (None, None, None)
    assert (ended.decided_by, ended.finished_at) == (approver, at)
