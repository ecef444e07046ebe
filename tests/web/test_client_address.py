"""Whose address a request is given: the peer's, unless a proxy of ours says another."""

import os
import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from amicopy.audit.models import AuditEvent
from amicopy.client_address import client_address, parsed

PROXY, OTHER = "10.0.1.7", "10.0.2.7"


@pytest.fixture(autouse=True)
def _proxies(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.1.0/24", "2001:db8:1::/48"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        # Nobody in front, or somebody who isn't ours.
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        (OTHER, "198.51.100.1", OTHER),
        # One proxy, and what the client put there before it.
        (PROXY, "198.51.100.1", "198.51.100.1"),
        (PROXY, "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        (PROXY, "1.1.1.1,10.0.1.9,198.51.100.1", "198.51.100.1"),
        # Two proxies of ours.
        (PROXY, "1.1.1.1, 198.51.100.1, 10.0.1.8", "198.51.100.1"),
        (PROXY, "10.0.1.9, 10.0.1.8", "10.0.1.9"),
        # Ports, brackets, zones, IPv6, and IPv4 inside it.
        (PROXY, "198.51.100.1:4711", "198.51.100.1"),
        (PROXY, "[2001:db8:2::1]:4711", "2001:db8:2::1"),
        (PROXY, "2001:DB8:2:0:0:0:0:1", "2001:db8:2::1"),
        (PROXY, "fe80::1%eth0", "fe80::1"),
        (PROXY, "::ffff:198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.1.7", "198.51.100.1", "198.51.100.1"),
        ("2001:db8:1::5", "198.51.100.1", "198.51.100.1"),
        # Nothing that can be read: the last that is known.
        (PROXY, "", PROXY),
        (PROXY, "unknown", PROXY),
        (PROXY, "198.51.100.1, unknown", PROXY),
        (PROXY, "198.51.100.1,", PROXY),
        (PROXY, "<script>, 10.0.1.8", "10.0.1.8"),
        (PROXY, "198.51.100.01", PROXY),
        (PROXY, "٣.٣.٣.٣", PROXY),
        (PROXY, "1.1.1.1\r\nX: y", PROXY),
        (PROXY, "\x00", PROXY),
        (PROXY, "," * 100_000, PROXY),
        (PROXY, "1" * 100_000, PROXY),
        (PROXY, "[" * 50, PROXY),
        ("", "198.51.100.1", ""),
        ("garbage", "198.51.100.1", ""),
    ],
)
def test_the_first_from_the_right_that_is_no_proxy_of_ours_is_the_client(
    peer: str, forwarded: str, client: str
) -> None:
    assert client_address(peer, forwarded) == client


def test_without_trusted_proxies_only_the_peer_counts(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = []
    assert client_address("127.0.0.1", "198.51.100.1") == "127.0.0.1"


@pytest.mark.parametrize(
    "text", ["", "a", "1.2.3", "1.2.3.4.5", ":", "::1::", "[]", "[::1", "1.2.3.4:x:y", "%", "0x7f.1"]
)
def test_what_is_no_address_is_none(text: str) -> None:
    assert parsed(text) is None or text == "[::1"


def sign_in(address: str, forwarded: str) -> str:
    """The address that the history keeps of a sign-in."""
    client = Client(REMOTE_ADDR=address, headers={"X-Forwarded-For": forwarded})
    answer = client.post("/sign-in/", {"username": "somebody", "password": "a-long-password-1"})
    assert answer.status_code == 302
    return AuditEvent.objects.latest("id").address


@pytest.mark.django_db
def test_the_history_has_the_address_that_a_trusted_proxy_says(settings: Settings) -> None:
    User.objects.create_user("somebody", password="a-long-password-1")
    assert sign_in(PROXY, "6.6.6.6, 198.51.100.1") == "198.51.100.1"
    assert sign_in(OTHER, "6.6.6.6, 198.51.100.1") == OTHER


def test_only_a_trusted_proxy_says_that_it_was_https(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    asked = {
        (peer, said): Client(REMOTE_ADDR=peer, headers={"X-Forwarded-Proto": said}).get("/sign-in/").status_code
        for peer in (PROXY, OTHER)
        for said in ("https", "http", "https,http", "http, https", "")
    }
    assert {each for each, status in asked.items() if status != 301} == {(PROXY, "https"), (PROXY, "http, https")}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TRUSTED_PROXIES": "10.0.1.0/24,proxy.example"}, "TRUSTED_PROXIES must be addresses or networks"),
        ({"TRUSTED_PROXIES": "10.0.1.1/24"}, "TRUSTED_PROXIES must be addresses or networks"),
        ({"TRUSTED_PROXIES": "0.0.0.0/0"}, "TRUSTED_PROXIES must name your proxies"),
        ({"TRUSTED_PROXIES": "::/0"}, "TRUSTED_PROXIES must name your proxies"),
        ({"BEHIND_PROXY": "true"}, "name the proxy in TRUSTED_PROXIES"),
    ],
)
def test_a_setting_that_names_no_proxies_stops_the_start(variables: dict[str, str], words: str) -> None:
    environ = {**os.environ, "AMICOPY_AWS": "sandbox", **variables}
    look = [sys.executable, "-c", "import amicopy.settings"]
    said = subprocess.run(look, env=environ, capture_output=True, text=True, check=False)
    assert said.returncode != 0
    assert words in said.stderr
