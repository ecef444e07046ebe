"""The recipes in `docs/recipes`, as they lie there, against a live server."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml

from amicopy.api.models import KeptAnswer
from amicopy.copies.core.models import CopyRequest
from amicopy.copies.requests import verbs
from tests.api.conftest import token_of
from tests.api.states_language import Failed as MachineFailed
from tests.api.states_language import Machine
from tests.api.terraform import Failed, Plan
from tests.api.test_recipes import arrive, server_url
from tests.cli.conftest import one_file
from tests.copies.conftest import SOURCE, acting, approve, make_person

__all__ = ("one_file", "server_url")
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "docs" / "recipes"
PAGE = ROOT / "docs" / "recipes.md"
ACCOUNT = "111122223333"
IMAGES = {ACCOUNT: {"eu-west-1": "ami-1", "us-west-2": "ami-2"}}


@pytest.fixture
def environ(server_url: str) -> dict[str, str]:
    """What a pipeline knows of amicopy."""
    token = token_of(make_person("requester", "requester"), "read", "request")
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "NO_PROXY": "*",
        "AMICOPY_SERVER": server_url,
        "AMICOPY_TOKEN": token,
        "AMICOPY_ACCOUNT": ACCOUNT,
    }


@pytest.fixture
def workspace(tmp_path: Path, one_file: Path) -> Path:
    """What a repository has in its folder `ci`: the shared script, and the command line as one file."""
    (tmp_path / "ci").mkdir()
    for path in (RECIPES / "copy.sh", one_file):
        shutil.copy(path, tmp_path / "ci")
    return tmp_path


def run(script: str, folder: Path, environ: Mapping[str, str], **more: str) -> subprocess.CompletedProcess[str]:
    """A script as CI runs it: bash, which stops at what fails."""
    command = ["bash", "-e", "-o", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=folder, env={**environ, **more}, capture_output=True, text=True, timeout=120, check=False
    )


def end_well() -> CopyRequest:
    """Somebody approves, and the copies arrive."""
    row = approve(make_person("approver", "approver"), CopyRequest.objects.get())
    arrive(row)
    return row


def asked_once_and_told(job: Callable[..., subprocess.CompletedProcess[str]], told: Path, key: str) -> None:
    """A job asks and stops looking after a while; run again it asks for nothing twice, and says what was copied."""
    first = job(TIMEOUT="0")
    assert first.returncode == 3, first.stderr
    row = end_well()
    assert (row.correlation, row.requester.username) == (key, "requester")
    again = job()
    assert again.returncode == 0, again.stderr
    assert json.loads(told.read_text())["images"] == IMAGES
    assert CopyRequest.objects.count() == 1


def github(value: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ ([\w.]+) \}\}", lambda found: names[found[1]], value)


def test_the_step_of_github_actions(workspace: Path, environ: dict[str, str]) -> None:
    workflow = yaml.safe_load((RECIPES / "github-actions.yml").read_text())
    steps = [step for step in workflow["jobs"]["copy"]["steps"] if "run" in step]
    names = {
        "vars.AMICOPY_SERVER": environ["AMICOPY_SERVER"],
        "secrets.AMICOPY_TOKEN": environ["AMICOPY_TOKEN"],
        "vars.AMICOPY_ACCOUNT": ACCOUNT,
        "inputs.image_id": SOURCE,
        "inputs.image_name": "golden-{region}",
        "github.run_id": "4711",
        "github.repository": "platform/images",
    }
    own = {name: github(value, names) for name, value in steps[0]["env"].items()}

    def job(**more: str) -> subprocess.CompletedProcess[str]:
        # What an event brings never stands in a script, where it would be run.
        assert "${{" not in steps[0]["run"]
        return run(steps[0]["run"], workspace, {"PATH": environ["PATH"], "NO_PROXY": "*", **own}, **more)

    asked_once_and_told(job, workspace / "copied.json", "github-4711")
    output = workspace / "output"
    assert run(steps[1]["run"], workspace, environ, GITHUB_OUTPUT=str(output)).returncode == 0
    (line,) = output.read_text().splitlines()
    assert json.loads(line.removeprefix("copied="))["outcome"] == "succeeded"


def test_the_job_of_gitlab(workspace: Path, environ: dict[str, str]) -> None:
    job = yaml.safe_load((RECIPES / "gitlab-ci.yml").read_text())["copy-golden-image"]
    names = {
        "BUILT_IMAGE_ID": SOURCE,
        "BUILT_IMAGE_NAME": "golden-{region}",
        "CI_PIPELINE_ID": "99",
        "CI_PROJECT_ID": "7",
        "CI_PROJECT_PATH": "platform/images",
    }
    own = {name: re.sub(r"\$(\w+)", lambda found: names[found[1]], value) for name, value in job["variables"].items()}
    known = {**own, **environ}
    script = "\n".join(job["script"])
    asked_once_and_told(lambda **more: run(script, workspace, known, **more), workspace / "copied.json", "gitlab-7-99")


def test_a_pipeline_fails_with_what_was_rejected(workspace: Path, environ: dict[str, str]) -> None:
    job = yaml.safe_load((RECIPES / "gitlab-ci.yml").read_text())["copy-golden-image"]
    own = {**job["variables"], **environ, "IMAGE_ID": SOURCE, "IMAGE_NAME": "golden", "KEY": "gitlab-1", "REASON": "x"}
    assert run("\n".join(job["script"]), workspace, own, TIMEOUT="0").returncode == 3
    verbs.reject(acting(make_person("approver", "approver")), CopyRequest.objects.get().pk, reason="Which ticket?")
    assert run("\n".join(job["script"]), workspace, own).returncode == 4
    missing = {name: value for name, value in own.items() if name != "KEY"}
    assert "KEY: the same for the same copies" in run("\n".join(job["script"]), workspace, missing).stderr


def test_the_post_processor_of_packer(workspace: Path, environ: dict[str, str]) -> None:
    text = (RECIPES / "packer.pkr.hcl").read_text()
    (script,) = re.findall(r'script = "(.*)"', text)
    variables = dict(each.split("=", 1) for each in re.findall(r'^ +"(\w+=.*)",$', text, re.M))
    shutil.copy(RECIPES / script, workspace)
    shutil.move(workspace / "ci" / "copy.sh", workspace)
    # As Packer's manifest post-processor writes it; the last run is not always the only one.
    build = {"name": "golden", "builder_type": "amazon-ebs", "build_time": 1795000000, "files": None}
    builds = [
        {**build, "artifact_id": "us-east-1:ami-0123456789abcdef0", "packer_run_uuid": "first", "custom_data": None},
        {**build, "artifact_id": f"eu-north-1:ami-1,us-east-1:{SOURCE}", "packer_run_uuid": "second"},
    ]
    (workspace / "manifest.json").write_text(json.dumps({"builds": builds, "last_run_uuid": "second"}))
    known = {**environ, **variables, "PATH": f"{workspace / 'ci'}:{environ['PATH']}"}
    asked_once_and_told(
        lambda **more: run(f"sh {script}", workspace, known, **more), workspace / "copied.json", f"packer-{SOURCE}"
    )


def wanted() -> str:
    return json.dumps(
        {
            "account": ACCOUNT,
            "reason": "PLAT-1",
            "copy_image": {"SourceRegion": "us-east-1", "SourceImageId": SOURCE, "Name": "golden-{region}"},
            "destinations": [{"DestinationRegion": "eu-west-1"}, {"DestinationRegion": "us-west-2"}],
        }
    )


def python(environ: Mapping[str, str], key: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        "import runpy, sys; runpy.run_path(sys.argv.pop(1), run_name='__main__')",
    ]
    return subprocess.run(
        [*command, str(RECIPES / "copy_image.py"), key],
        input=wanted(),
        env={**environ, **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_recipe_in_python(environ: dict[str, str]) -> None:
    first = python(environ, "nightly-7", SECONDS="0")
    assert (first.returncode, json.loads(first.stdout)["state"]) == (1, "PENDING"), first.stderr
    end_well()
    again = python(environ, "nightly-7")
    assert (again.returncode, json.loads(again.stdout)["images"]) == (0, IMAGES), again.stderr
    assert CopyRequest.objects.get().correlation == "nightly-7"
    refused = python({**environ, "AMICOPY_TOKEN": "amic_nobody"}, "nightly-8")
    assert (refused.returncode, '"code": "invalid-token"' in refused.stderr) == (1, True)
    assert "amic_nobody" not in refused.stderr


def terraform(environ: Mapping[str, str], name: str, **more: str) -> Plan:
    variables = {"account": ACCOUNT, "image_id": SOURCE, "name": "golden", **more}
    return Plan(RECIPES / f"terraform-{name}.tf.json", variables, environ)


def test_the_program_of_a_terraform_data_source(environ: dict[str, str]) -> None:
    first = terraform(environ, "external")
    first.configuration["data"]["external"]["copies"]["query"]["seconds"] = "0"
    with pytest.raises(Failed, match=r"Request #\d+ is PENDING: http"):
        first.outputs()
    end_well()
    assert terraform(environ, "external").outputs() == {"images": IMAGES[ACCOUNT]}
    # A plan reads its data sources each time, for years: longer than keys are kept.
    KeptAnswer.objects.all().delete()
    assert terraform(environ, "external").outputs() == {"images": IMAGES[ACCOUNT]}
    assert CopyRequest.objects.count() == 1


def test_the_http_data_sources_of_terraform(environ: dict[str, str]) -> None:
    more = {"amicopy": environ["AMICOPY_SERVER"], "token": environ["AMICOPY_TOKEN"]}
    first = terraform(environ, "http", **more)
    with pytest.raises(Failed, match=r"The copies aren't there: .*PENDING"):
        first.outputs()
    assert first.read == ["found", "asked", "status"]
    end_well()
    second = terraform(environ, "http", **more)
    assert second.outputs() == {"images": {"eu-west-1": "ami-1"}}
    assert second.read == ["found", "status"]
    assert CopyRequest.objects.count() == 1


def machine(environ: Mapping[str, str], *steps: Callable[[CopyRequest], Any], **more: Any) -> Machine:
    """The state machine of the recipe; each time it waits, the next step is done."""
    left = list(steps)
    given = {
        "amicopy": environ["AMICOPY_SERVER"],
        "connection": "arn:aws:events:us-east-1:111122223333:connection/amicopy/5c1e",
        "account": ACCOUNT,
        "reason": "PLAT-1",
        "image_id": SOURCE,
        "name": "golden",
    }
    connection = {"Authorization": f"Bearer {environ['AMICOPY_TOKEN']}", "Content-Type": "application/json"}

    def wait(state: str) -> None:
        if left and state == "Wait":
            left.pop(0)(CopyRequest.objects.get())

    definition = json.loads((RECIPES / "step-functions.asl.json").read_text())
    return Machine(definition, given, {given["connection"]: connection}, wait=wait, **more)


def test_the_state_machine_ends_with_the_images(environ: dict[str, str]) -> None:
    approver, lost = make_person("approver", "approver"), iter([True, False])
    made = machine(
        environ,
        lambda _row: None,
        lambda row: approve(approver, row),
        arrive,
        # The first answer never came: the task is tried again under its key.
        lose=lambda state: state == "Ask" and next(lost),
    )
    assert made.run() == {ACCOUNT: {"eu-west-1": "ami-1"}}
    assert [status for _, status in made.calls] == [201, 201, 200, 200, 200]
    assert CopyRequest.objects.get().correlation == "execution-5c1e"


def test_the_state_machine_fails_with_what_became_of_it(environ: dict[str, str]) -> None:
    approver = make_person("approver", "approver")
    made = machine(environ, lambda row: verbs.reject(acting(approver), row.pk, reason="Which ticket?"))
    with pytest.raises(MachineFailed, match="amicopy: rejected"):
        made.run()
    unknown = machine({**environ, "AMICOPY_TOKEN": "amic_nobody"})
    with pytest.raises(MachineFailed, match=r"States\.Http\.StatusCode\.401"):
        unknown.run()
    assert len(unknown.calls) == 1


def test_a_loop_of_the_state_machine_fits_its_history() -> None:
    definition = json.loads((RECIPES / "step-functions.asl.json").read_text())
    # Entered, scheduled, started, succeeded and exited for a task, entered and exited for the others.
    events = definition["TimeoutSeconds"] / definition["States"]["Wait"]["Seconds"] * (5 + 2 + 2)
    assert events < 25_000


def test_the_step_of_backstage(environ: dict[str, str]) -> None:
    template = yaml.safe_load((RECIPES / "backstage-template.yaml").read_text())
    proxy = yaml.safe_load((RECIPES / "backstage-app-config.yaml").read_text())["proxy"]["endpoints"]["/amicopy"]
    (step,) = template["spec"]["steps"]
    assert step["action"] == "http:backstage:request"
    typed = {"image_id": SOURCE, "name": "golden", "region": "eu-west-1", "reason": "PLAT-1"}
    assert set(typed) == set(template["spec"]["parameters"][0]["required"])
    known: dict[str, Any] = {"parameters": typed}
    first, again = (request(step["input"], proxy, known, environ) for _ in range(2))
    known["steps"] = {"ask": {"output": {"code": first[0], "body": first[1]}}}
    assert (first[0], again) == (201, first)
    (link,) = template["spec"]["output"]["links"]
    assert filled(link["url"], known) == f"{environ['AMICOPY_SERVER']}/requests/{CopyRequest.objects.get().pk}/"


def request(
    given: dict[str, Any], proxy: Mapping[str, Any], known: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[int, Any]:
    """What the action does: a call of Backstage's own, here of its proxy, which passes on the headers it is told to."""
    assert given["method"] in proxy["allowedMethods"]
    passed = {name.lower() for name in [*proxy["allowedHeaders"], "Content-Type"]}
    headers = {name: value for name, value in filled(given["headers"], known).items() if name.lower() in passed}
    headers |= {name: os.path.expandvars(value) for name, value in proxy["headers"].items()}
    headers["Authorization"] = headers["Authorization"].replace("${AMICOPY_TOKEN}", environ["AMICOPY_TOKEN"])
    path = given["path"].removeprefix("/proxy/amicopy")
    body = json.dumps(filled(given["body"], known)).encode()
    with urlopen(
        Request(environ["AMICOPY_SERVER"] + path, body, headers, method=given["method"]), timeout=60
    ) as answer:
        return answer.status, json.load(answer)


def filled(value: Any, known: Any) -> Any:
    """A template's value with what stands in `${{ }}` in place."""
    if isinstance(value, dict):
        return {name: filled(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, known) for each in value]
    if not isinstance(value, str):
        return value

    def said(found: re.Match[str]) -> str:
        at = known
        for part in found[1].split("."):
            at = at[part]
        return str(at)

    return re.sub(r"\$\{\{ ([\w.]+) \}\}", said, value)


def test_every_file_is_on_the_page_and_the_other_way_round() -> None:
    linked = re.findall(r"\]\(recipes/([\w.-]+)\)", PAGE.read_text())
    assert set(linked) == {path.name for path in RECIPES.iterdir() if path.is_file()}


# What could put a token among a command's arguments: its name in a word of a script. printf is the shell's own, and
# `:` with `?` only says that it is missing.
ALLOWED = (r"""printf 'header = "Authorization: Bearer %s"\\n' "\$AMICOPY_TOKEN" \|""", r': "\$\{AMICOPY_TOKEN:\?.*')
SCRIPTS = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


def scripts() -> list[tuple[str, str]]:
    """Every script in the documents and the recipes, with where it is."""
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", *ROOT.glob("amicopy/cli/*.md")]
    found = [(page.name, block) for page in pages for block in SCRIPTS.findall(page.read_text())]
    found += [(path.name, path.read_text()) for path in RECIPES.glob("*.sh")]
    workflow = yaml.safe_load((RECIPES / "github-actions.yml").read_text())
    found += [("github", step.get("run", "")) for step in workflow["jobs"]["copy"]["steps"]]
    job = yaml.safe_load((RECIPES / "gitlab-ci.yml").read_text())["copy-golden-image"]
    return [*found, ("gitlab", "\n".join(job["script"]))]


def test_no_script_has_a_token_among_arguments() -> None:
    assert len(scripts()) > 8
    for where, script in scripts():
        for line in script.splitlines():
            named = re.search(r"TOKEN|amic_|--token|[Bb]earer", line.partition(" #")[0])
            allowed = line.startswith("#") or any(re.fullmatch(each, line.strip()) for each in ALLOWED)
            assert not named or allowed, (where, line)


def test_no_file_has_a_token_in_it() -> None:
    for path in [*RECIPES.iterdir(), *(ROOT / "docs").glob("*.md")]:
        if path.is_file():
            assert not re.search(r"amic_[0-9A-Za-z]{20,}", path.read_text()), path
