"""The two ways to have the command: one file that needs nothing installed, and a package of its own."""

import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import amicopy_cli
from amicopy.audit import verify_amicopy
from tests.cli.conftest import ASKED, FOLDER, Command, filed

ROOT = FOLDER.parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
# What a process says that it has imported, of what the server is made of.
SERVERS = "import sys; print([name for name in ('django', 'celery', 'boto3', 'amicopy') if name in sys.modules])"


def run(*words: str, **environ: str) -> str:
    done = subprocess.run(words, env=os.environ | environ, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a fresh environment with the package, as pipx makes one, and the keyring."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    run(str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", f"{FOLDER}[keyring]")
    return folder / "bin" / "python"


def asks(command: Command) -> None:
    """The command asks, shows and says how far it is."""
    done = command("request", *ASKED, "--region", "eu-west-1", "--output", "json", PYTHONPATH="")
    assert done.code == 0, done.err
    number = done.json["number"]
    assert filed().pk == number
    assert command("status", number, "--follow", "--timeout", "0", PYTHONPATH="").code == 3
    assert command("audit", "verify", PYTHONPATH="").code == 2


def test_one_file_runs_with_nothing_installed(one_file: Path, amicopy: Command) -> None:
    alone = (sys.executable, "-I", "-S", str(one_file))
    asks(Command(amicopy.environ, alone))
    assert run(*alone, "--version") == f"amicopy, version {amicopy_cli.__version__}\n"
    # As it is copied into a folder of commands.
    assert os.access(one_file, os.X_OK)
    assert one_file.read_bytes().startswith(b"#!/usr/bin/env python3\n")


def test_one_file_has_python_only_and_one_verifier(one_file: Path) -> None:
    with zipfile.ZipFile(one_file) as archive:
        names = archive.namelist()
        assert [name for name in names if re.search(r"\.(so|pyd|dylib)$", name)] == []
        folders = {name.partition("/")[0] for name in names}
        assert folders & {"amicopy", "django", "celery", "boto3"} == set()
        assert archive.read("amicopy_cli/verify_amicopy.py") == Path(verify_amicopy.__file__).read_bytes()
    # In the repository it is there once.
    assert (FOLDER / "amicopy_cli" / "verify_amicopy.py").is_symlink()


def test_it_completes_in_shells(one_file: Path) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "_AMICOPY_COMPLETE" in run(sys.executable, "-I", "-S", str(one_file), "completion", shell)
    words = {"_AMICOPY_COMPLETE": "bash_complete", "COMP_WORDS": "amicopy request --snap", "COMP_CWORD": "2"}
    found = run(sys.executable, "-I", "-S", str(one_file), **words)
    assert found == "plain,--snapshot-copy-completion-duration-minutes\n"


def test_the_package_installs_and_knows_nothing_of_the_server(installed: Path, amicopy: Command) -> None:
    asks(Command(amicopy.environ, (str(installed.with_name("amicopy")),)))
    assert run(str(installed), "-I", "-c", f"import amicopy_cli.main; {SERVERS}") == "[]\n"
    listed = run(str(installed), "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check").lower()
    assert f"amicopy-cli=={amicopy_cli.__version__}" in listed
    assert not {"django", "celery", "boto3", "amicopy"} & {line.partition("==")[0] for line in listed.splitlines()}


def test_with_the_keyring_the_token_is_in_no_file(
    installed: Path, amicopy: Command, server_url: str, tmp_path: Path
) -> None:
    (tmp_path / "test_ring.py").write_text(RING)
    environ = amicopy.environ | {"PYTHON_KEYRING_BACKEND": "test_ring.Ring", "PYTHONPATH": str(tmp_path)}
    token, _ = environ.pop("AMICOPY_TOKEN"), environ.pop("AMICOPY_SERVER")
    command = Command(environ, (str(installed), "-m", "amicopy_cli"))
    kept = command("login", server_url, stdin=token)
    assert kept.code == 0, kept.err
    assert "kept in the keyring" in kept.err
    assert token not in (tmp_path / ".config" / "amicopy" / "login.json").read_text()
    assert command("list").code == 0
    assert command("logout").code == 0
    assert command("list").code == 2
    assert (tmp_path / "ring.json").read_text() == "{}"


RING = '''
import json
from pathlib import Path

from keyring.backend import KeyringBackend

FILE = Path(__file__).with_name("ring.json")


class Ring(KeyringBackend):
    """A keyring in a file, for a machine without one."""

    priority = 1

    def _all(self):
        return json.loads(FILE.read_text()) if FILE.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service} {username}")

    def set_password(self, service, username, password):
        FILE.write_text(json.dumps(self._all() | {f"{service} {username}": password}))

    def delete_password(self, service, username):
        left = self._all()
        del left[f"{service} {username}"]
        FILE.write_text(json.dumps(left))
'''


def test_the_two_projects_have_one_version() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == amicopy_cli.__version__
