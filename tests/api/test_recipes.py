"""The recipes for curl and for Conductor, as they stand in the documents, against a live server; and what else
`docs/api.md` says of answers."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from amicopy.api.problems import Problem, ProblemOut, answer
from amicopy.api.request_status import StatusOut
from amicopy.copies.core.models import CopyRequest, ImageCopy
from amicopy.copies.requests import cancel_retry, verbs
from amicopy.notify.models import Endpoint
from amicopy.notify.sealing import seal
from tests.api.conductor import Terminated, Workflow
from tests.api.conftest import token_of
from tests.conftest import Control
from tests.copies.conftest import SOURCE, acting, approve, make_person
from tests.notify.conftest import hooks, send_all
from tests.notify.servers import HookServer

__all__ = ("hooks",)
pytestmark = [pytest.mark.django_db(transaction=True)]
PAGE = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
SHELL = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S)
JSON = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", PAGE, re.M | re.S)]
RECIPES = Path(__file__).resolve().parents[2] / "docs" / "recipes"
WORKFLOW = json.loads((RECIPES / "conductor.json").read_text())
TOLD = json.loads((RECIPES / "conductor-webhook.json").read_text())


@pytest.fixture
def server_url(live_server: LiveServer, sandbox: Control, settings: Settings) -> str:
    settings.SITE_URL = live_server.url
    return str(live_server.url)


def shell(*blocks: str, **environment: str) -> str:
    """Runs blocks of the page as one script, which stops at what fails."""
    bash = shutil.which("bash") or "bash"
    script = "set -euo pipefail\n" + "\n".join(blocks)
    path = {"PATH": "/usr/bin:/bin", "NO_PROXY": "*", **environment}
    done = subprocess.run([bash, "-c", script], env=path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="There is no curl.")
def test_the_recipe_for_curl(server_url: str) -> None:
    define, ask, wait, decide = SHELL
    asking = token_of(make_person("requester", "requester"), "read", "request")
    deciding = token_of(make_person("approver", "approver"), "read", "decide")
    told = shell(define, ask, 'echo "$status_url"', AMICOPY=server_url, AMICOPY_TOKEN=asking)
    again = shell(define, ask, 'echo "$status_url"', AMICOPY=server_url, AMICOPY_TOKEN=asking)
    row = CopyRequest.objects.get()
    assert told == again == f"{server_url}/api/v1/requests/{row.pk}/status\n"
    assert [copy.Name for copy in row.copies.order_by("position")] == ["golden-al2023-2026.11.24", "golden-al2023-west"]
    shell(define, decide, AMICOPY=server_url, AMICOPY_TOKEN=deciding, number=str(row.pk))
    row.refresh_from_db()
    assert (row.state, row.decided_by) == ("APPROVED", make_person("approver", "approver"))
    arrive(row)
    status = shell(define, wait, AMICOPY=server_url, AMICOPY_TOKEN=asking, status_url=told.strip())
    assert json.loads(status)["images"] == {"111122223333": {"eu-west-1": "ami-1", "us-west-2": "ami-2"}}


def arrive(row: CopyRequest) -> None:
    """Every copy of a request is there."""
    for number, copy in enumerate(row.copies.order_by("position"), start=1):
        ImageCopy.objects.filter(pk=copy.pk).update(state="AVAILABLE", ImageId=f"ami-{number}", progress=100)
    CopyRequest.objects.filter(pk=row.pk).update(state="COMPLETED", version=F("version") + 1)


def run(
    server_url: str,
    *steps: Callable[[CopyRequest], Any],
    definition: Mapping[str, Any] = WORKFLOW,
    **more: Any,
) -> Workflow:
    """The workflow of the page; each time it waits, the next step is done."""
    left = list(steps)
    inputs = {
        "amicopy": server_url,
        "account": "111122223333",
        "image_id": SOURCE,
        "name": "golden-al2023",
        "reason": "PLAT-1",
    }
    secrets = {"AMICOPY_TOKEN": token_of(make_person("requester", "requester"), "read", "request")}

    def wait() -> None:
        if left:
            left.pop(0)(CopyRequest.objects.get())

    return Workflow(definition, inputs, secrets, wait=wait, **more)


def test_the_recipe_for_conductor_ends_with_the_images(server_url: str) -> None:
    approver = make_person("approver", "approver")
    lost = iter([True, False])
    workflow = run(
        server_url,
        lambda _row: None,
        lambda row: approve(approver, row),
        arrive,
        # The first answer never came: the task is tried again under its key.
        lose=lambda task: task == "request" and next(lost),
    )
    assert workflow.run() == {"images": {"111122223333": {"eu-west-1": "ami-1"}}}
    assert [status for _, status in workflow.calls] == [201, 201, 200, 200, 200, 200]
    assert CopyRequest.objects.get().correlation == "wf-5c1e"


def test_the_recipe_for_conductor_fails_with_what_became_of_it(server_url: str) -> None:
    approver = make_person("approver", "approver")
    workflow = run(server_url, lambda row: verbs.reject(acting(approver), row.pk, reason="Which ticket?"))
    with pytest.raises(Terminated, match="amicopy: rejected"):
        workflow.run()
    assert {status for _, status in workflow.calls} == {201, 200}


def told_by_webhook() -> dict[str, Any]:
    """The workflow with what the page says of webhooks."""
    ask, _follow, _end, switch = json.loads(json.dumps(WORKFLOW["tasks"]))
    ask["inputParameters"]["body"]["webhook"] = "engine"
    switch["inputParameters"]["outcome"] = "${told.output.outcome}"
    switch["decisionCases"]["succeeded"][0]["inputParameters"]["images"] = "${told.output.request.copies}"
    switch["defaultCase"][0]["inputParameters"]["terminationReason"] = "amicopy: ${told.output.outcome}"
    return {**WORKFLOW, "tasks": [ask, TOLD, switch]}


def test_the_recipe_for_conductor_by_webhook(server_url: str, hooks: HookServer) -> None:
    Endpoint.objects.create(name="engine", sealed_url=seal(hooks.url), for_requests=True)
    approver = make_person("approver", "approver")
    workflow = run(
        server_url,
        lambda row: approve(approver, row),
        lambda _row: send_all(),
        lambda row: cancel_retry.cancel(acting(make_person("requester", "requester")), row.pk),
        lambda _row: send_all(),
        definition=told_by_webhook(),
        messages=lambda: [json.loads(body) for _, _, body in hooks.requests],
    )
    with pytest.raises(Terminated, match="amicopy: cancelled"):
        workflow.run()
    assert [json.loads(body)["final"] for _, _, body in hooks.requests] == [False, True]
    assert [status for _, status in workflow.calls] == [201]


def test_the_examples_have_the_shape_of_answers() -> None:
    status = next(each for each in JSON if "outcome" in each)
    assert set(status) == set(StatusOut.model_fields)
    StatusOut.model_validate(status)
    problem = next(each for each in JSON if "code" in each)
    assert set(problem) == set(ProblemOut.model_fields)
    said = json.loads(answer(Problem(problem["status"], problem["code"], problem["detail"])).content)
    assert said["title"] == problem["title"]


def test_every_code_of_a_problem_is_listed() -> None:
    sources = [path.read_text() for path in (Path(__file__).resolve().parents[2] / "amicopy" / "api").glob("*.py")]
    server = Path(__file__).resolve().parents[2] / "amicopy" / "rsgi.py"
    said = {code for source in sources for code in re.findall(r"Problem\(\s*[\w.]+,\s*\"([a-z-]+)\"", source)}
    said |= set(re.findall(r"Refused\([0-9]+, \"([a-z-]+)\"", server.read_text()))
    table = PAGE.partition("| status | `code` |")[2].partition("## Habits")[0]
    assert said == set(re.findall(r"`([a-z-]+)`", table))
