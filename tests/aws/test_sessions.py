"""Clients: shared, few, and each call signed as the account it is meant for."""

import ast
import gc
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from botocore import xform_name
from botocore.loaders import create_loader
from pytest_django import Settings

from amicopy.aws import credentials, ec2, errors, list_pages, model, sessions, sts
from amicopy.aws.account import AwsAccount
from amicopy.aws.shapes import image_of
from tests.aws.answering import Answering, http
from tests.conftest import Control

AWS = Path(sessions.__file__).parent
OWN = AwsAccount("111122223333")
OTHER = AwsAccount("444455556666", role_arn="arn:aws:iam::444455556666:role/amicopy", external_id="amicopy-sandbox")
CALL = {"Name": "golden", "SourceImageId": "ami-0a7f3c92d41be6058", "SourceRegion": "us-east-1"}


def test_a_client_made_after_the_model_was_loaded_reads_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    sessions.load()

    def refuse(path: str) -> Any:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(sessions._loader.file_loader, "load_file", refuse)
    sessions.forget_all()
    assert sessions.client("ec2", AwsAccount("111122223333"), "eu-west-1").meta.region_name == "eu-west-1"


OF_EC2 = ("image_changes", "inspection", "list_pages", "templates")


def named(path: Path) -> Iterator[str]:
    """The attributes and texts in a module, among them the names of the operations it calls."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("service", get_args(model.Service))
def test_the_models_keep_the_operations_that_are_called_and_no_others(service: model.Service) -> None:
    whole = create_loader().load_service_model(service, "service-2")
    by_name = {xform_name(name): name for name in whole["operations"]}
    modules = [AWS / f"{service}.py", *([AWS / f"{name}.py" for name in OF_EC2] if service == "ec2" else [])]
    called = {by_name[word] for path in modules for word in named(path) if word in by_name}
    # botocore itself calls this one, for credentials.
    called |= {"AssumeRole"} if service == "sts" else set()
    assert called == model.OPERATIONS[service]
    kept = model.loader().load_service_model(service, "service-2")
    assert set(kept["operations"]) == called
    assert all(kept["operations"][name] == whole["operations"][name] for name in called)
    assert all(kept["shapes"][name] == whole["shapes"][name] for name in kept["shapes"])
    referred = set(re.findall(r'"shape": "(\w+)"', json.dumps([kept["operations"], kept["shapes"]])))
    assert referred
    assert referred <= set(kept["shapes"])
    assert len(kept["shapes"]) < 400


def test_clients_grow_with_regions_and_not_with_accounts(sandbox: Control) -> None:
    accounts = [AwsAccount(f"{number:012}") for number in range(20)]
    regions = ["us-east-1", "eu-west-1", "us-west-2"]
    for account in accounts:
        for region in regions:
            ec2.describe_images(account, region=region, image_ids=["ami-0a7f3c92d41be6058"])
    assert sessions._made.cache_info().currsize == len(regions)


def test_clients_and_credentials_are_bounded(sandbox: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(sessions.MOST_CLIENTS + 5):
        sessions.client("ec2", OWN, f"eu-west-{number + 1}")
    assert sessions._made.cache_info().currsize == sessions.MOST_CLIENTS
    monkeypatch.setattr(credentials, "MOST", 3)
    for number in range(5):
        sessions.client("ec2", OTHER, "eu-west-1", for_request=number)
        sessions.client("ec2", OTHER, "eu-west-1")
    assert [name for _, name in credentials._roles] == ["amicopy-3", "amicopy-4", "amicopy"]


def test_a_client_that_is_dropped_ends_its_call(answering: Answering) -> None:
    asked, release = threading.Event(), threading.Event()

    def answer(headers: str, body: bytes) -> bytes:
        asked.set()
        assert release.wait(10)
        return http(200, "<X><requestId>r</requestId><imageId>ami-1</imageId></X>")

    answering.answer = answer
    made: list[ec2.CopyAnswer] = []

    def call() -> None:
        made.append(ec2.copy_image(OWN, region="eu-west-1", parameters=CALL, client_token="t"))

    thread = threading.Thread(target=call)
    thread.start()
    assert asked.wait(10)
    for number in range(sessions.MOST_CLIENTS):
        sessions.client("ec2", OWN, f"us-east-{number + 1}")
    sessions.forget_all()
    gc.collect()
    release.set()
    thread.join(10)
    assert made == [ec2.CopyAnswer("ami-1", "r")]


def keys_in(answering: Answering) -> list[str]:
    """Whose access keys the calls were signed with, STS's left out."""
    found = [re.search(r"Credential=(\w+)/\d+/[\w-]+/ec2/", headers) for headers, _ in answering.asked]
    return [key[1] for key in found if key]


def pages_of(answering: Answering) -> None:
    """Lists of two pages, and a role whose key is named after its account."""

    def answer(headers: str, body: bytes) -> bytes:
        text = body.decode()
        if "AssumeRole" in text:
            account = re.search(r"iam%3A%3A(\d{12})", text)
            assert account
            row = f"<AccessKeyId>KEY{account[1]}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
            row += "<SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>"
            result = f"<AssumeRoleResult><Credentials>{row}</Credentials></AssumeRoleResult>"
            return http(200, f"<X>{result}<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></X>")
        more = "" if "NextToken" in text else "<nextToken>more</nextToken>"
        image = "<imagesSet><item><imageId>ami-1</imageId></item></imagesSet>"
        return http(200, f"<X><requestId>r</requestId>{image}{more}</X>")

    answering.answer = answer


def role(number: int) -> AwsAccount:
    account_id = f"{number:012}"
    return AwsAccount(account_id, role_arn=f"arn:aws:iam::{account_id}:role/amicopy")


def test_lists_of_two_accounts_that_take_turns_are_each_signed_as_their_own(answering: Answering) -> None:
    pages_of(answering)
    lists = [
        list_pages.listed(account, "eu-west-1", "describe_images", image_of) for account in (OWN, role(2), role(3))
    ]
    for _ in range(2):
        assert [next(images).ImageId for images in lists] == ["ami-1"] * 3
    assert keys_in(answering) == ["AKIASANDBOX000000000", "KEY000000000002", "KEY000000000003"] * 2


def test_calls_of_many_threads_are_each_signed_as_their_own(answering: Answering) -> None:
    pages_of(answering)
    wrong: list[str] = []

    def work(number: int) -> None:
        for _ in range(5):
            try:
                list(list_pages.listed(role(number), "eu-west-1", "describe_images", image_of))
            except errors.AwsError as error:
                wrong.append(str(error))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []
    keys = keys_in(answering)
    assert {key: keys.count(key) for key in keys} == {f"KEY{number:012}": 10 for number in range(8)}


def test_a_call_that_is_no_accounts_is_not_sent(answering: Answering) -> None:
    with pytest.raises(LookupError):
        sessions._shared("ec2", "eu-west-1", "patient").describe_regions()
    assert answering.asked == []


def assumed(sandbox: Control) -> list[str]:
    """The names of the sessions that were opened."""
    return [call["params"]["RoleSessionName"] for call in sandbox("calls") if call["action"] == "AssumeRole"]


def test_a_call_for_a_request_carries_its_number_in_the_sessions_name(sandbox: Control) -> None:
    unknown = {"region": "eu-west-1", "image_id": "ami-0123456789abcdef0"}
    for _ in range(2):
        ec2.describe_images(OTHER, region="eu-west-1", image_ids=["ami-0123456789abcdef0"])
        assert ec2.deregister_image(OTHER, **unknown, for_request=1234).outcome == "unknown"
        snapshot = {"region": "us-west-2", "snapshot_id": "snap-0123456789abcdef0"}
        assert ec2.delete_snapshot(OTHER, **snapshot, for_request=1234).outcome == "unknown"
        with pytest.raises(errors.NotFound):
            ec2.copy_image(OTHER, region="eu-west-1", parameters=CALL, client_token="t", for_request=1234)
        with pytest.raises(errors.NotFound):
            ec2.dry_run_copy_image(OTHER, region="eu-west-1", parameters=CALL, for_request=1234)
    assert assumed(sandbox) == ["amicopy", "amicopy-1234"]
    ec2.deregister_image(OTHER, **unknown, for_request=1235)
    assert assumed(sandbox)[2:] == ["amicopy-1235"]


def test_without_a_role_a_requests_number_changes_nothing(sandbox: Control) -> None:
    ec2.copy_image(OWN, region="eu-west-1", parameters=CALL, client_token="t", for_request=1234)
    assert assumed(sandbox) == []


@pytest.mark.parametrize("number", [None, 1, 2**63])
def test_a_sessions_name_fits_what_sts_takes(number: int | None) -> None:
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", credentials.session_name(number), re.ASCII)


def test_forgetting_an_account_has_it_entered_anew_and_no_other(answering: Answering) -> None:
    pages_of(answering)
    for account in (role(1), role(2)):
        ec2.describe_images(account, region="eu-west-1", image_ids=["ami-1"])
    sessions.forget(role(1))
    for account in (role(1), role(2)):
        ec2.describe_images(account, region="eu-west-1", image_ids=["ami-1"])
    entered = [body.decode() for _, body in answering.asked if b"AssumeRole" in body]
    assert ["000000000001" in body for body in entered] == [True, False, True]


def test_without_any_credentials_nothing_is_sent(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    settings.AWS_ENDPOINT = None
    sessions.forget_all()
    for account in (OWN, OTHER):
        with pytest.raises(errors.Denied) as raised:
            sts.identity(account)
        assert raised.value.code == "NoCredentialsError"
