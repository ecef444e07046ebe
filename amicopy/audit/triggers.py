"""The triggers that make the history append-only in the database itself, on SQLite and PostgreSQL.

Installed by a migration. Nothing but the archive of old events and the tests' flush ever takes them off, and both put
them back in the same transaction.
"""

from collections.abc import Collection, Iterable, Iterator

from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "audit_auditevent"
MESSAGE = "audit events can not be changed or removed"

SQLITE = {
    "audit_no_update": f"BEFORE UPDATE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END",
    "audit_no_delete": f"BEFORE DELETE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END",
    # INSERT OR REPLACE deletes without firing the delete trigger unless recursive_triggers is on.
    "audit_no_replace": f"BEFORE INSERT ON {TABLE} WHEN EXISTS "  # noqa: S608, the names are constants
    f"(SELECT 1 FROM {TABLE} WHERE id = NEW.id OR hash = NEW.hash OR prev_hash = NEW.prev_hash) "
    f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END",
}
POSTGRESQL = {
    "audit_no_change": f"BEFORE UPDATE OR DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "audit_no_truncate": f"BEFORE TRUNCATE ON {TABLE} FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
}
FUNCTION = "audit_refuse"
FUNCTION_BODY = f" BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'restrict_violation'; END "
POSTGRESQL_FUNCTION = f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $${FUNCTION_BODY}$$"
# What PostgreSQL keeps of each trigger as `tgtype`, a sum of: 1 for each row, 2 before, 8 delete, 16 update,
# 32 truncate. https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_trigger.h
POSTGRESQL_TYPES = {"audit_no_change": 1 + 2 + 8 + 16, "audit_no_truncate": 2 + 32}
# Each trigger on the table with all that decides what it does; not those of constraints.
POSTGRESQL_THERE = f"""
    SELECT tgname, tgenabled = 'A', tgtype, tgqual IS NULL AND tgattr = '' AND tgnargs = 0 AND tgconstraint = 0,
           proname, prosrc, lanname, proconfig IS NULL
    FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid JOIN pg_language ON pg_language.oid = prolang
    WHERE tgrelid = '{TABLE}'::regclass AND NOT tgisinternal ORDER BY tgname
"""  # noqa: S608, a constant
POSTGRESQL_RULES = f"SELECT rulename FROM pg_rewrite WHERE ev_class = '{TABLE}'::regclass ORDER BY rulename"  # noqa: S608
SQLITE_THERE = f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{TABLE}' ORDER BY name"  # noqa: S608


def install(connection: BaseDatabaseWrapper) -> None:
    """Puts the triggers on the table of events; the ones that are there are replaced."""
    remove(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(POSTGRESQL_FUNCTION)
        for name, body in _triggers(connection).items():
            cursor.execute(f"CREATE TRIGGER {name} {body}")
            if connection.vendor == "postgresql":
                # ALWAYS: also under session_replication_role = replica.
                cursor.execute(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {name}")


def remove(connection: BaseDatabaseWrapper) -> None:
    """Takes the triggers off; whoever does this has to put them back in the same transaction."""
    on_table = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in _triggers(connection):
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")


def faults(connection: BaseDatabaseWrapper) -> list[str]:
    """What of the protection isn't as amicopy installs it, in words; empty when all is well. Not the names count but
    what a trigger does: one that was switched off, or whose function lets everything through, is a fault, and so is
    anything on the table that amicopy doesn't know."""
    look = _postgresql_faults if connection.vendor == "postgresql" else _sqlite_faults
    return sorted(set(look(connection)))


def _sqlite_faults(connection: BaseDatabaseWrapper) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(SQLITE_THERE)
        there = dict(cursor.fetchall())
    yield from _names(SQLITE.keys(), there.keys())
    for name, body in SQLITE.items():
        # SQLite keeps the statement to the letter.
        if name in there and there[name] != f"CREATE TRIGGER {name} {body}":
            yield f"{name} isn't as amicopy made it"


def _postgresql_faults(connection: BaseDatabaseWrapper) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL_THERE)
        there = {name: rest for name, *rest in cursor.fetchall()}
        cursor.execute(POSTGRESQL_RULES)
        yield from (f"the rule {name} isn't amicopy's" for (name,) in cursor.fetchall())
        cursor.execute("SHOW session_replication_role")
        (role,) = cursor.fetchone()
    if role != "origin":
        # The triggers fire all the same; foreign keys and others' triggers don't.
        yield f"session_replication_role is {role} and not origin, so foreign keys aren't looked at"
    yield from _names(POSTGRESQL.keys(), there.keys())
    for name, kind in POSTGRESQL_TYPES.items():
        if name not in there:
            continue
        always, found_kind, bare, *function = there[name]
        if not always:
            yield f"{name} is switched off, or fires only for some"
        if found_kind != kind or not bare or function[0] != FUNCTION:
            yield f"{name} isn't as amicopy made it"
        elif function[1:] != [FUNCTION_BODY, "plpgsql", True]:
            yield f"the function {FUNCTION} isn't as amicopy made it"


def _names(wanted: Iterable[str], there: Collection[str]) -> Iterator[str]:
    yield from (f"{name} is missing" for name in wanted if name not in there)
    yield from (f"the trigger {name} isn't amicopy's" for name in there if name not in set(wanted))


def _triggers(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return POSTGRESQL if connection.vendor == "postgresql" else SQLITE
