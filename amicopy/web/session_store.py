"""Django's sessions in the database, with columns that say whose they are: what `SESSION_ENGINE` names.

What a column says stands in the session itself, so it is written with it; `clearsessions` removes what has expired.
"""

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.utils.dateparse import parse_datetime

from amicopy.web.models import Session

BEGAN, SEEN, ADDRESS, BROWSER = "began_at", "seen_at", "address", "browser"
# What is kept of a sign-on at a provider, see `sign_on_sessions`.
SIGN_ON = "sign-on"


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = super().create_model_instance(data)
        assert isinstance(row, Session)  # noqa: S101, as get_model_class says
        row.person_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        row.began_at, row.seen_at = parse_datetime(data.get(BEGAN, "")), parse_datetime(data.get(SEEN, ""))
        row.address, row.browser = data.get(ADDRESS, ""), data.get(BROWSER, "")
        sign_on = data.get(SIGN_ON) or {}
        row.provider, row.sid = sign_on.get("provider", ""), sign_on.get("sid", "")
        return row
