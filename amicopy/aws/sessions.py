"""Clients for an account and Region: made once, shared by threads, never by processes.

An account with a role is entered by AssumeRole, with credentials that refresh themselves; the others use the ambient
ones.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import botocore.session
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.loaders import create_loader
from botocore.parsers import ResponseParserError
from django.conf import settings

from amicopy.aws.account import AwsAccount
from amicopy.aws.answers import CheckingParserFactory
from amicopy.aws.errors import NOT_AWS, UNREADABLE, Unavailable, translate

logger = logging.getLogger(__name__)

Service = Literal["ec2", "kms", "sts", "outposts", "s3", "sqs"]

# The key the sandbox knows; nothing at AWS answers to it.
SANDBOX_KEY = {"aws_access_key_id": "AKIASANDBOX000000000", "aws_secret_access_key": "sandbox"}
ROLE_SESSION_NAME = "amicopy"

# Worst case of the first, four reads and their pauses, stays under a task's time limit.
PATIENT = Config(
    connect_timeout=5,
    read_timeout=20,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=32,
    # AWS_ENDPOINT_URL in the environment must not redirect signed calls.
    ignore_configured_endpoint_urls=True,  # type: ignore[call-arg]  # newer than the stubs
    user_agent_extra="amicopy",
)
# For CopyImage: an error must speak of the only try. After a lost answer and a refused repetition nobody would know.
ONCE = PATIENT.merge(Config(retries={"total_max_attempts": 1}))
# For look-ups somebody waits for.
QUICK = PATIENT.merge(Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 1}))

_lock = threading.RLock()
_loader = create_loader()  # one for all sessions: EC2's model is large
_sessions: dict[AwsAccount, botocore.session.Session] = {}
_clients: dict[tuple[AwsAccount, Service, str, bool, bool], Any] = {}


def client(service: Service, account: AwsAccount, region: str, *, quick: bool = False, once: bool = False) -> Any:
    """botocore's client for a service in a Region of an account; `quick` gives up within a few seconds, `once` never
    sends a call again by itself."""
    key = (account, service, region, quick, once)
    with _lock:
        if key not in _clients:
            config = QUICK if quick else ONCE if once else PATIENT
            _clients[key] = _make(_session(account), service, region, config)
        return _clients[key]


def load() -> None:
    """Reads EC2's model, half a second's work, before a worker forks: its processes share it, and nothing else."""
    session = botocore.session.Session()
    session.register_component("data_loader", _loader)
    # Any key will do, for nothing is called; without one, botocore would go and look for one.
    session.set_credentials("none", "none")
    session.create_client("ec2", region_name="us-east-1", config=PATIENT)


def forget(account: AwsAccount) -> None:
    """Drops an account's session and clients, so that the next call gets new credentials."""
    with _lock:
        _sessions.pop(account, None)
        for key in [key for key in _clients if key[0] == account]:
            del _clients[key]


def forget_all() -> None:
    """Drops every session and client."""
    with _lock:
        _sessions.clear()
        _clients.clear()


@contextmanager
def typed_errors() -> Iterator[None]:
    """Turns whatever a call of botocore and reading its answer raise into the errors of `amicopy.aws.errors`."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from error
    except ResponseParserError as error:
        raise Unavailable(NOT_AWS, str(error)[:500]) from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        # Something AWS always sends is missing or of another form; or the mistake is ours, which only the log tells.
        logger.warning("An answer of AWS can't be read.", exc_info=True)
        raise Unavailable(UNREADABLE, f"{type(error).__name__}: {error}"[:500]) from error


def _make(session: botocore.session.Session, service: Service, region: str, config: Config) -> Any:
    return session.create_client(service, region_name=region, endpoint_url=settings.AWS_ENDPOINT, config=config)


def _session(account: AwsAccount) -> botocore.session.Session:
    if account not in _sessions:
        session = _ambient()
        if account.role_arn:
            source = _ambient()
            fetcher = AssumeRoleCredentialFetcher(
                client_creator=lambda service, **_: _make(source, "sts", home_region(account), QUICK),
                source_credentials=source.get_credentials(),
                role_arn=account.role_arn,
                extra_args={
                    "RoleSessionName": ROLE_SESSION_NAME,
                    **({"ExternalId": account.external_id} if account.external_id else {}),
                },
            )
            # botocore offers no public way to give a session credentials that refresh themselves.
            session._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
                method="assume-role", refresh_using=fetcher.fetch_credentials
            )
        _sessions[account] = session
    return _sessions[account]


def _ambient() -> botocore.session.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", _loader)
    session.register_component("response_parser_factory", CheckingParserFactory())
    if settings.AWS_ENDPOINT:
        session.set_credentials(SANDBOX_KEY["aws_access_key_id"], SANDBOX_KEY["aws_secret_access_key"])
    return session


def home_region(account: AwsAccount) -> str:
    """A Region every account of the partition has, for STS."""
    return {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1"}.get(
        account.partition, "us-east-1"
    )
