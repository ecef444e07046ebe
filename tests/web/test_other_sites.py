"""What pages of other sites can do with somebody's browser: nothing."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from amicopy.audit.models import AuditEvent
from tests.web.test_fuzz_addresses import ARGUMENT, ROUTES

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-password-1"
ELSEWHERE = [
    "//evil.example/",
    "https://evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "http:e",
    "\t//e",
]


@pytest.fixture
def admin() -> Client:
    """A browser of somebody who may do everything, whose posts need their token."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root", password=PASSWORD))
    return client


def test_no_post_of_another_site_is_carried_out(admin: Client) -> None:
    before = AuditEvent.objects.count()
    # The EC2 endpoint, and what a provider says of sessions there, know none here: a signature is all that opens them.
    for route in [each for each in ROUTES if not each.startswith("ec2") and not each.endswith("/ended")]:
        for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
            answer = admin.post("/" + ARGUMENT.sub("1", route), {"name": "x"}, headers=headers)
            assert answer.status_code == 403, route
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("place", ELSEWHERE)
def test_signing_in_leads_to_no_other_site(place: str) -> None:
    User.objects.create_user("ada", password=PASSWORD)
    answer = Client().post("/sign-in/", {"username": "ada", "password": PASSWORD, "next": place})
    assert answer["Location"] == "/"


@pytest.mark.parametrize("place", ELSEWHERE)
def test_no_choice_leads_to_another_site(place: str) -> None:
    client = Client()
    client.force_login(User.objects.create_user("ada", password=PASSWORD))
    for field in ("next", "back"):
        answer = client.post("/settings/theme/", {"theme": "dark", field: place})
        assert not answer.get("Location", "/").startswith(("//", "http", "java", "/\\", "\t"))


def test_no_page_can_be_put_into_anothers_frame_or_run_anothers_script(admin: Client) -> None:
    for route in ROUTES:
        answer = admin.get("/" + ARGUMENT.sub("1", route))
        policy = answer["Content-Security-Policy"]
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; ")), route
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer.get("X-Frame-Options", "DENY") == "DENY"
