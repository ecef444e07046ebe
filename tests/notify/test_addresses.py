"""Where a webhook may go, and where not."""

import pytest
from pytest_django import Settings

from amicopy.notify.addresses import AddressRefused, is_public, resolve, target_of


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_inside_a_network_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "52.94.236.248", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example", "ftp://hooks.example/", "file:///etc/passwd", "http://hooks.example/", "https://",
        "https:///path", "https://user:pass@hooks.example/", "https://hooks.example/#part", "https://hooks.example:x/",
        "https://hooks.example:99999/", "https://hooks.example/ a", "https://hooks.example/\r\nHost: other",
        "https://hööks.example/", "https://[::1", "javascript:alert(1)", "//hooks.example/",
    ],
)  # fmt: skip
def test_what_is_no_https_address_is_refused_with_words(settings: Settings, url: str) -> None:
    settings.SANDBOX = False
    with pytest.raises(AddressRefused, match="Enter"):
        target_of(url)


def test_an_address_keeps_its_port_path_and_query(settings: Settings) -> None:
    settings.SANDBOX = False
    target = target_of("https://hooks.example:8443/a/b?c=d")
    assert (target.host, target.port, target.path) == ("hooks.example", 8443, "/a/b?c=d")
    assert target_of("https://hooks.example").path == "/"


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://localhost/", "https://[::1]/", "https://2130706433/"])
def test_a_name_that_leads_inside_is_refused_when_it_is_called(settings: Settings, url: str) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = []
    with pytest.raises((AddressRefused, OSError)):
        resolve(target_of(url))


def test_a_private_host_is_allowed_by_name(settings: Settings) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    assert resolve(target_of("https://127.0.0.1/")) == "127.0.0.1"
    with pytest.raises(AddressRefused, match="WEBHOOK_PRIVATE_HOSTS"):
        resolve(target_of("https://127.0.0.2/"))
