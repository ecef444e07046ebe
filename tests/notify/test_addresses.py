"""Where a webhook may go, and where not."""

import socket

import pytest
from pytest_django import Settings

from amicopy.notify.addresses import AddressRefused, is_public, resolve, target_of


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::1", "2001:db8::1",
        # IPv4 inside IPv6, in every way: compatible, translated, NAT64 (well known and local), 6to4, Teredo, ISATAP.
        "::127.0.0.1", "::7f00:1", "::1.1.1.1", "::ffff:0:7f00:1", "::ffff:0:127.0.0.1", "::ffff:0:0", "::ffff:7f00:1",
        "0:0:0:0:0:ffff:7f00:0001", "64:ff9b::7f00:1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "64:ff9b:1::7f00:1",
        "64:ff9b:1:7f00:1::", "2002:7f00:1::", "2002:101:101::1", "2001:0:1::1", "2001::", "2600:1f00::5efe:10.0.0.1",
        "2600:1f00::200:5efe:7f00:1",
        # Networks that are somebody's own, or nobody's.
        "fec0::1", "fec0::ffff:1", "fdff::1", "febf::1", "100::1", "5f00::1", "4000::1", "3fff::1", "2001:20::1",
        "ff0e::1",
        "0.0.0.1", "0.255.255.255", "100.64.0.0", "100.127.255.255", "169.254.0.1", "172.31.255.255", "192.0.0.8",
        "192.0.0.192", "192.0.2.1", "192.88.99.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "239.1.1.1",
        "240.0.0.1",
    ],
)  # fmt: skip
def test_addresses_inside_a_network_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1", "52.94.236.248", "100.63.255.255", "100.128.0.0", "172.32.0.1", "2606:4700::1111", "2600:1f00::1",
        "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2600:1f00::5efe:1.1.1.1",
    ],
)  # fmt: skip
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "", "hooks.example", "ftp://hooks.example/", "file:///etc/passwd", "http://hooks.example/", "https://",
        "https:///path", "https://user:pass@hooks.example/", "https://hooks.example/#part", "https://hooks.example:x/",
        "https://hooks.example:99999/", "https://hooks.example/ a", "https://hooks.example/\r\nHost: other",
        "https://hööks.example/", "https://[::1", "javascript:alert(1)", "//hooks.example/",
        # IPv4 in decimal, octal, hexadecimal, with fewer parts, with more, and in other digits.
        "https://2130706433/", "https://017700000001/", "https://0177.0.0.1/", "https://0x7f000001/", "https://0x7f.1/",
        "https://0x7f.0.0.1/", "https://0X7F.0.0.1/", "https://127.1/", "https://127.0.1/", "https://127.0.0.1.1/",
        "https://0/", "https://127.0.0.01/", "https://127.0.0.1../", "https://256.1.1.1/", "https://4294967297/",
        "https://１２７.0.0.1/", "https://127。0。0。1/", "https://①②⑦.0.0.1/", "https://%31%32%37.0.0.1/",
        "https://127.0.0.1%00.hooks.example/", "https://127.0.0.1%2f@hooks.example/", "https://[fe80::1%25eth0]/",
        "https://[::1%lo]/", "https://[v1.a]/", "https://hooks..example/", "https://.hooks.example/", "https://./",
        "https://hooks.example\\@127.0.0.1/", "https://hooks.example:80:443/", "https://xn--é.example/",
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


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/", "https://127.0.0.1./", "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://10.0.0.1/",
        "https://[::127.0.0.1]/", "https://[fec0::1]/", "https://[64:ff9b:1::1]/", "https://[::ffff:0:7f00:1]/",
        "https://[0:0:0:0:0:0:0:1]/", "https://[64:ff9b::7f00:1]/", "https://169.254.169.254/", "https://[fd00:ec2::254]/",
    ],
)  # fmt: skip
def test_a_private_address_is_refused_when_it_is_entered(settings: Settings, url: str) -> None:
    settings.SANDBOX, settings.WEBHOOK_PRIVATE_HOSTS = False, []
    with pytest.raises(AddressRefused, match="private address"):
        target_of(url)


@pytest.mark.parametrize("name", ["localhost", "localhost.", "hooks.example", "hooks.example.", "HOOKS.example"])
@pytest.mark.parametrize("found", [["127.0.0.1"], ["1.1.1.1", "::1"], ["fec0::1"], ["::ffff:10.0.0.1"], ["fe80::1%2"]])
def test_a_name_that_leads_inside_is_refused_when_it_is_called(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, name: str, found: list[str]
) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = []
    answers = [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, 443)) for address in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(AddressRefused, match="private address"):
        resolve(target_of(f"https://{name}/"))


def test_a_name_is_resolved_once_and_that_address_is_called(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter((["1.1.1.1", "2606:4700::1111"], ["127.0.0.1"]))

    def rebinding(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in next(answers)]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    assert resolve(target_of("https://hooks.example/")) == "1.1.1.1"


def test_a_private_host_is_allowed_by_name(settings: Settings) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    assert resolve(target_of("https://127.0.0.1/")) == "127.0.0.1"
    with pytest.raises(AddressRefused, match="WEBHOOK_PRIVATE_HOSTS"):
        resolve(target_of("https://127.0.0.2/"))
