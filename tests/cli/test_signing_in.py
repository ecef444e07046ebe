"""Which server and whose token: from the environment or kept, never open to be read and never sent elsewhere."""

import datetime
import ipaddress
import os
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cli.conftest import Command
from tests.cli.door import Door

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def bare(amicopy: Command) -> Command:
    """The command where nothing was set up."""
    environ = {name: value for name, value in amicopy.environ.items() if not name.startswith("AMICOPY_")}
    return Command(environ | {"AMICOPY_RETRY_FOR": "0"}, amicopy.start)


def kept(command: Command) -> Path:
    return Path(command.environ["HOME"]) / ".config" / "amicopy" / "login.json"


def test_login_keeps_server_and_token_for_who_logged_in(bare: Command, amicopy: Command, server_url: str) -> None:
    token = amicopy.environ["AMICOPY_TOKEN"]
    assert "run: amicopy login" in bare("list").err
    run = bare("login", server_url, stdin=f"{token}\n")
    assert (run.code, run.out) == (0, "")
    assert token not in run.err
    assert stat.S_IMODE(kept(bare).stat().st_mode) == 0o600
    assert bare("list").code == 0
    # It is for that server; another gets no token.
    other = bare("list", AMICOPY_SERVER="https://elsewhere.example")
    assert (other.code, "There is no token for https://elsewhere.example" in other.err) == (2, True)
    kept(bare).chmod(0o644)
    open_to_all = bare("list")
    assert (open_to_all.code, "chmod 600" in open_to_all.err) == (2, True)
    kept(bare).chmod(0o600)
    assert bare("logout").code == 0
    assert not kept(bare).exists()
    assert bare("list").code == 2
    assert bare("logout").code == 0


def test_a_token_that_doesn_t_work_isn_t_kept(bare: Command, amicopy: Command, server_url: str) -> None:
    for token in ("amic_x", amicopy.environ["AMICOPY_TOKEN"][:-1], "two words", "\x00", "", "é"):
        run = bare("login", server_url, stdin=token)
        assert run.code in {2, 7}
        assert not token or token not in run.err
        assert not kept(bare).exists()


def test_a_token_that_doesn_t_work_says_so(amicopy: Command) -> None:
    run = amicopy("list", AMICOPY_TOKEN="amic_nobody")
    assert (run.code, run.out) == (7, "")
    assert run.err.startswith("Error: ")
    assert "amic_nobody" not in run.err


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("http://amicopy.example", "Use https"),
        ("http://localhost.example", "Use https"),
        ("http://10.0.0.1:8000", "Use https"),
        ("amicopy.example", "isn't an address"),
        ("ftp://127.0.0.1", "isn't an address"),
        ("https://user:secret@amicopy.example", "isn't an address"),
        ("https://amicopy.example/?token=x", "isn't an address"),
        ("https://[::1", "isn't an address"),
        ("https://amicopy.example:99999", "isn't an address"),
    ],
)
def test_only_https_and_this_machine(amicopy: Command, address: str, words: str) -> None:
    run = amicopy("list", AMICOPY_SERVER=address)
    assert (run.code, run.out) == (2, "")
    assert words in run.err


def test_a_file_that_says_nothing_is_said(bare: Command) -> None:
    kept(bare).parent.mkdir(parents=True)
    kept(bare).touch(0o600)
    for content in ("", "[]", "{", "\xff"):
        kept(bare).write_text(content, encoding="latin-1")
        run = bare("list")
        assert (run.code, "can't be read" in run.err) == (2, True)


def test_certificates_are_looked_at(amicopy: Command, server_url: str, tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(self_signed())
    door = Door(server_url, certificate=certificate)
    try:
        refused = amicopy("list", AMICOPY_SERVER=door.url)
        assert (refused.code, "CERTIFICATE_VERIFY_FAILED" in refused.err) == (7, True)
        # Trying again would not help.
        assert "Trying again" not in refused.err
        assert door.calls == []
        trusted = amicopy("list", AMICOPY_SERVER=door.url, AMICOPY_CA_BUNDLE=str(certificate))
        assert (trusted.code, trusted.err) == (0, "")
        missing = amicopy("list", AMICOPY_SERVER=door.url, AMICOPY_CA_BUNDLE=str(tmp_path / "none"))
        assert (missing.code, "isn't a file with certificates" in missing.err) == (2, True)
    finally:
        door.shut()


def self_signed() -> bytes:
    """A key and a certificate for 127.0.0.1 that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "amicopy")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + made.public_bytes(serialization.Encoding.PEM)


def test_a_folder_that_can_t_be_written_is_said(bare: Command, amicopy: Command, server_url: str) -> None:
    kept(bare).parent.parent.write_text("no folder")
    run = bare("login", server_url, stdin=amicopy.environ["AMICOPY_TOKEN"])
    assert run.code == 2
    assert os.fspath(kept(bare)) in run.err
