"""Clients for an account and Region. botocore's own are made once and shared by threads and accounts, never by
processes; what makes a call an account's is the signature, which each call gets of its own.

So memory grows with the Regions in use, not with the accounts; and connections to a Region serve all accounts.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache, partial
from typing import Any, Literal

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from django.conf import settings

from amicopy.aws import credentials, model
from amicopy.aws.account import AwsAccount
from amicopy.aws.answers import CheckingParserFactory
from amicopy.aws.errors import NOT_AWS, UNREADABLE, Unavailable, translate
from amicopy.aws.model import Service

logger = logging.getLogger(__name__)

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
Kind = Literal["patient", "once", "quick"]

# Clients of botocore kept at a time: 0.1 MB each, and 0.7 MB more for certificates once one speaks HTTPS. A worker that
# tracks and copies into every Region of a partition needs two for each; beyond the bound they are made anew, in 7 ms.
MOST_CLIENTS = 96

_lock = threading.RLock()
_loader = model.loader()
_signing_as: ContextVar[Credentials] = ContextVar("signing_as")


class AccountClient:
    """A client of botocore whose calls are signed as one account's. Its members are the client's own."""

    def __init__(self, client: Any, signed_as: Credentials) -> None:
        self._client, self._signed_as = client, signed_as

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._client, name)
        return partial(self._signed, member) if callable(member) else member

    def pages(self, operation: str, **query: Any) -> Iterator[Mapping[str, Any]]:
        """The pages of an operation's whole answer, each asked for when it is wanted."""
        pages = iter(self._client.get_paginator(operation).paginate(**query))
        while (page := self._signed(next, pages, None)) is not None:
            yield page

    def _signed(self, call: Callable[..., Any], *arguments: Any, **parameters: Any) -> Any:
        # Set for one call and never across a yield, so that calls of several accounts can take turns in a thread.
        token = _signing_as.set(self._signed_as)
        try:
            return call(*arguments, **parameters)
        finally:
            _signing_as.reset(token)


def client(
    service: Service,
    account: AwsAccount,
    region: str,
    *,
    quick: bool = False,
    once: bool = False,
    for_request: int | None = None,
) -> Any:
    """An AccountClient for a service in a Region of an account; `quick` gives up within a few seconds, `once` never
    sends a call again by itself, and `for_request` puts the request's number into the role session's name.

    Raises botocore's NoCredentialsError, as its calls raise botocore's errors: see `typed_errors`.
    """
    kind: Kind = "quick" if quick else "once" if once else "patient"
    signed_as = credentials.of(account, sts=partial(_sts, account), for_request=for_request)
    return AccountClient(_shared(service, region, kind), signed_as)


def load() -> None:
    """Reads EC2's model, half a second's work, before a worker forks: its processes share it, and nothing else."""
    with _lock:
        _session().create_client("ec2", region_name="us-east-1", config=PATIENT)


def forget(account: AwsAccount) -> None:
    """Has the account's next call get new credentials. Calls under way end with those they began with."""
    credentials.forget(account)


def forget_all() -> None:
    """Drops all credentials and clients."""
    credentials.forget_all()
    with _lock:
        _made.cache_clear()


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


def home_region(account: AwsAccount) -> str:
    """A Region every account of the partition has, for STS."""
    return {"aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1", "aws-eusc": "eusc-de-east-1"}.get(
        account.partition, "us-east-1"
    )


def _shared(service: Service, region: str, kind: Kind) -> Any:
    """botocore's client, the same for everybody. One that is dropped lives on until its last call has ended."""
    with _lock:
        return _made(service, region, kind)


@lru_cache(MOST_CLIENTS)
def _made(service: Service, region: str, kind: Kind) -> Any:
    config = {"patient": PATIENT, "once": ONCE, "quick": QUICK}[kind]
    return _session().create_client(service, region_name=region, endpoint_url=settings.AWS_ENDPOINT, config=config)


@cache
def _session() -> botocore.session.Session:
    session = botocore.session.Session()
    session.register_component("data_loader", _loader)
    session.register_component("response_parser_factory", CheckingParserFactory())
    session.register("before-sign", _sign)
    # Never signed with: without any, botocore would go and look for some.
    session.set_credentials("none", "none")
    return session


def _sign(**event: Any) -> None:
    """botocore signs with the credentials it finds here; a call that isn't an account's fails with LookupError."""
    event["request"].context.setdefault("signing", {})["request_credentials"] = _signing_as.get()


def _sts(account: AwsAccount, _service: str, **_keys: Any) -> AccountClient:
    """What AssumeRole of an account's role is called with."""
    return AccountClient(_shared("sts", home_region(account), "quick"), credentials.ambient())
