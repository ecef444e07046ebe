"""Who is calling: access keys, and STS (GetCallerIdentity, AssumeRole, DecodeAuthorizationMessage).

moto would take any key, role and ExternalId; here they must be the catalogue's. Temporary keys live in
memory: after a restart they are answered as expired, as AWS answers old ones.
"""

import base64
import json
import secrets
import string
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from werkzeug.wrappers import Response

from amicopy.sandbox.catalogue import ACCOUNTS
from amicopy.sandbox.errors import Refused

# What the catalogue says of an account's roles.
ROLES = ("RoleArn", "ReadOnlyRoleArn")


@dataclass(frozen=True)
class Identity:
    """A caller: account, ARN and user id as GetCallerIdentity shows them; lasting keys have no `token`."""

    account: str
    arn: str
    user_id: str
    token: str = ""
    # By a role that only looks: nothing else is allowed, see `policies`.
    read_only: bool = False
    expires: float = float("inf")


LASTING = {
    account["AccessKeyId"]: Identity(number, f"arn:aws:iam::{number}:user/amicopy", "AIDASANDBOX000000000")
    for number, account in ACCOUNTS.items()
    if "AccessKeyId" in account
}
sessions: dict[str, Identity] = {}


def identify(access_key: str, token: str) -> Identity:
    """Whose access key it is. Raises Refused for an unknown or expired one, or a wrong session token."""
    identity = LASTING.get(access_key) or sessions.get(access_key)
    if identity is None and not access_key.startswith("ASIA"):
        raise Refused("AuthFailure", "AWS was not able to validate the provided access credentials")
    if identity is None or identity.expires < time.time():
        raise Refused("RequestExpired", "Request has expired.")
    if identity.token != token:
        raise Refused("AuthFailure", "AWS was not able to validate the provided access credentials")
    return identity


def answer(caller: Identity, action: str, params: dict[str, str], *, request_id: str) -> Response:
    """Answers an STS call. Raises Refused."""
    if action == "GetCallerIdentity":
        result = {"Arn": caller.arn, "UserId": caller.user_id, "Account": caller.account}
        return rendered(action, xml(result), request_id=request_id)
    if action == "AssumeRole":
        return rendered(action, assume_role(caller, params), request_id=request_id)
    if action == "DecodeAuthorizationMessage":
        return rendered(
            action, xml({"DecodedMessage": decoded(params.get("EncodedMessage", ""))}), request_id=request_id
        )
    raise Refused("InvalidAction", f"The sandbox doesn't know the action {action} of STS.")


def assume_role(caller: Identity, params: dict[str, str]) -> str:
    """Opens a session and returns AssumeRole's result as XML. Raises Refused."""
    arn, name = params.get("RoleArn", ""), params.get("RoleSessionName", "")
    seconds = int(params.get("DurationSeconds", "3600"))
    if not 900 <= seconds <= 43200 or not 2 <= len(name) <= 64:
        raise Refused("ValidationError", "DurationSeconds must be 900 to 43200, RoleSessionName 2 to 64 long.")
    account = next((number for number, row in ACCOUNTS.items() if arn in (row.get(kind) for kind in ROLES)), None)
    if account is None or ACCOUNTS[account]["ExternalId"] != params.get("ExternalId"):
        raise Refused(
            "AccessDenied",
            f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {arn}",
        )
    key = "ASIA" + "".join(secrets.choice(string.ascii_uppercase + "234567") for _ in range(16))
    role = arn.rsplit("/", 1)[-1]
    session = Identity(
        account=account,
        arn=f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        user_id=f"AROASANDBOX000000000:{name}",
        token="sandbox-session-" + secrets.token_hex(32),
        read_only=arn == ACCOUNTS[account].get("ReadOnlyRoleArn"),
        expires=time.time() + seconds,
    )
    sessions[key] = session
    credentials = {
        "AccessKeyId": key,
        "SecretAccessKey": "sandbox-" + secrets.token_hex(16),
        "SessionToken": session.token,
        "Expiration": datetime.fromtimestamp(session.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    user = {"AssumedRoleId": session.user_id, "Arn": session.arn}
    return f"<Credentials>{xml(credentials)}</Credentials><AssumedRoleUser>{xml(user)}</AssumedRoleUser>"


def decoded(message: str) -> str:
    """What an encoded authorization message says. Here it is JSON in Base64, for a fault rule's `message` to hold."""
    try:
        return json.dumps(json.loads(base64.urlsafe_b64decode(message)))
    except ValueError:
        raise Refused("InvalidAuthorizationMessageException", "Message is not valid") from None


def xml(values: dict[str, str]) -> str:
    """Elements, one a value."""
    return "".join(f"<{name}>{escape(value)}</{name}>" for name, value in values.items())


def rendered(action: str, result: str, *, request_id: str) -> Response:
    """An answer in the query protocol."""
    body = (
        f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>{result}</{action}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
    )
    return Response(body, content_type="text/xml")
