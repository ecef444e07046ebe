"""No way to change or remove an event: not through the model, the queryset, raw SQL, a truncate nor Django's
admin."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import path
from pytest_django import Settings

from amicopy.audit import triggers
from amicopy.audit.models import AppendOnly, AuditEvent
from tests.audit.writing import write

pytestmark = pytest.mark.django_db
SQLITE = connection.vendor == "sqlite"

MODEL_WAYS: dict[str, Callable[[AuditEvent], Any]] = {
    "save": lambda event: event.save(),
    "save of one field": lambda event: event.save(update_fields=["actor"]),
    "save of a copy with the same key": lambda event: AuditEvent(pk=event.pk, actor="x").save(),
    "save of a new one": lambda event: AuditEvent(actor="x").save(),
    "delete": lambda event: event.delete(),
    "update": lambda event: AuditEvent.objects.update(actor="x"),
    "update of some": lambda event: AuditEvent.objects.filter(pk=event.pk).update(actor="x"),
    "delete of all": lambda event: AuditEvent.objects.all().delete(),
    "fast delete": lambda event: AuditEvent.objects.all()._raw_delete("default"),
    "bulk update": lambda event: AuditEvent.objects.bulk_update([event], ["actor"]),
    "bulk create": lambda event: AuditEvent.objects.bulk_create([AuditEvent(actor="x")]),
    "create": lambda event: AuditEvent.objects.create(actor="x"),
    "get or create": lambda event: AuditEvent.objects.get_or_create(actor="x"),
    "update or create": lambda event: AuditEvent.objects.update_or_create(actor="x"),
    "base manager": lambda event: AuditEvent._base_manager.filter(pk=event.pk).update(actor="x"),
}
COLUMNS = ", ".join(str(field.column) for field in AuditEvent._meta.fields if field.column != "id")
SAME = f"SELECT id, {COLUMNS} FROM {triggers.TABLE} WHERE id = %s"
STATEMENTS = {
    "update": "UPDATE audit_auditevent SET actor = 'x' WHERE id = %s",
    "update of a key": "UPDATE audit_auditevent SET id = id + 1000 WHERE id = %s",
    "delete": "DELETE FROM audit_auditevent WHERE id = %s",
}
SQLITE_STATEMENTS = {
    "replace": f"INSERT OR REPLACE INTO audit_auditevent (id, {COLUMNS}) {SAME}",
    "replace into": f"REPLACE INTO audit_auditevent (id, {COLUMNS}) {SAME}",
    "replace by hash": f"INSERT OR REPLACE INTO audit_auditevent ({COLUMNS}) {SAME.replace('id, ', '', 1)}",
    "upsert": f"INSERT INTO audit_auditevent (id, {COLUMNS}) {SAME} ON CONFLICT (id) DO UPDATE SET actor = 'x'",
    "update or replace": "UPDATE OR REPLACE audit_auditevent SET actor = 'x' WHERE id = %s",
}
POSTGRESQL_STATEMENTS = {
    "upsert": f"INSERT INTO audit_auditevent (id, {COLUMNS}) {SAME} ON CONFLICT (id) DO UPDATE SET actor = 'x'",
    "truncate": "TRUNCATE audit_auditevent -- %s",
    "truncate with cascade": "TRUNCATE audit_auditevent RESTART IDENTITY CASCADE -- %s",
    "as a replica": "SET LOCAL session_replication_role = replica; DELETE FROM audit_auditevent WHERE id = %s",
    "truncate as a replica": "SET LOCAL session_replication_role = replica; TRUNCATE audit_auditevent -- %s",
    "merge": "MERGE INTO audit_auditevent e USING (SELECT 1) s ON e.id = %s WHEN MATCHED THEN DELETE",
}
STATEMENTS |= SQLITE_STATEMENTS if SQLITE else POSTGRESQL_STATEMENTS

# What somebody could add to amicopy; here it is this module's `urlpatterns`.
admin = AdminSite()
# The admin's own log has no table here. It is written before anything is deleted and would refuse in our place.
admin.register(
    AuditEvent,
    fields=("actor",),
    list_display=("id", "actor"),
    list_editable=("actor",),
    log_deletions=lambda *args: None,
)
urlpatterns = [path("admin/", admin.urls)]
# way -> (page of the admin, what is sent to it); {} stands for an event's id.
ADMIN_WAYS: dict[str, tuple[str, dict[str, str]]] = {
    "change": ("{}/change/", {"actor": "x"}),
    "add": ("add/", {"actor": "x"}),
    "delete": ("{}/delete/", {"post": "yes"}),
    "delete the selected": ("", {"action": "delete_selected", "_selected_action": "{}", "post": "yes"}),
    "change in the list": (
        "",
        {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-id": "{}", "form-0-actor": "x", "_save": "Save"},
    ),
}


def unchanged(event: AuditEvent) -> bool:
    found = AuditEvent.objects.get()
    return {**vars(found), "_state": None} == {**vars(event), "_state": None}


@pytest.mark.parametrize("way", MODEL_WAYS)
def test_the_model_refuses(way: str) -> None:
    event = AuditEvent.objects.get(pk=write().pk)
    with pytest.raises(AppendOnly):
        MODEL_WAYS[way](AuditEvent.objects.get(pk=event.pk))
    assert unchanged(event)


def test_djangos_admin_is_not_installed(client: Client) -> None:
    assert not apps.is_installed("django.contrib.admin")
    client.force_login(User.objects.create_superuser("root"))
    for address in ("/admin/", "/admin/audit/auditevent/", "/admin/audit/auditevent/1/delete/"):
        assert client.get(address).status_code == 404, address


@pytest.mark.parametrize("way", ADMIN_WAYS)
def test_djangos_admin_is_refused_where_somebody_installs_it(way: str, client: Client, settings: Settings) -> None:
    engine = settings.TEMPLATES[0]
    settings.TEMPLATES = [{**engine, "APP_DIRS": True, "OPTIONS": {**engine["OPTIONS"], "loaders": None}}]
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.contrib.admin.apps.SimpleAdminConfig"]
    settings.ROOT_URLCONF = __name__
    client.force_login(User.objects.create_superuser("root"))
    event = AuditEvent.objects.get(pk=write().pk)
    page, sent = ADMIN_WAYS[way]
    address = f"/admin/audit/auditevent/{page.format(event.pk)}"
    assert client.get(address).status_code == 200
    with pytest.raises(AppendOnly):
        client.post(address, {name: value.format(event.pk) for name, value in sent.items()})
    assert unchanged(event)


def refused(sql: str) -> None:
    event = AuditEvent.objects.get(pk=write(data={"reason": "50 %"}).pk)
    with pytest.raises(DatabaseError, match=triggers.MESSAGE), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, [event.pk])
    assert unchanged(event)


@pytest.mark.parametrize("sql", STATEMENTS.values(), ids=STATEMENTS)
def test_the_database_refuses(sql: str) -> None:
    refused(sql)


if SQLITE:

    @pytest.mark.parametrize("sql", SQLITE_STATEMENTS.values(), ids=SQLITE_STATEMENTS)
    def test_sqlite_refuses_without_recursive_triggers(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA recursive_triggers=OFF")
            try:
                refused(sql)
            finally:
                cursor.execute("PRAGMA recursive_triggers=ON")


@pytest.mark.django_db(transaction=True)
def test_djangos_flush_is_refused_while_the_triggers_are_there() -> None:
    event = AuditEvent.objects.get(pk=write().pk)
    flush = connection.ops.__class__.execute_sql_flush
    statements = connection.ops.sql_flush(no_style(), [triggers.TABLE])
    with pytest.raises(DatabaseError, match=triggers.MESSAGE):
        flush(connection.ops, statements)
    assert unchanged(event)


def test_the_triggers_are_there_after_the_migrations_and_their_absence_is_noticed() -> None:
    assert triggers.faults(connection) == []
    triggers.remove(connection)
    assert triggers.faults(connection) == sorted(f"{name} is missing" for name in triggers._triggers(connection))
    triggers.install(connection)
    assert triggers.faults(connection) == []


def run(*statements: str) -> list[str]:
    """The faults while these changes of the database's owner are in force; they are rolled back."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        found = triggers.faults(connection)
        transaction.set_rollback(True)
    assert triggers.faults(connection) == []
    return found


SQLITE_WAYS: dict[str, tuple[str, ...]] = {
    "does nothing": (
        "DROP TRIGGER audit_no_delete",
        "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_auditevent BEGIN SELECT 1; END",
        "audit_no_delete isn't as amicopy made it",
    ),
    "never fires": (
        "DROP TRIGGER audit_no_delete",
        f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit_auditevent WHEN 0 "
        f"BEGIN SELECT RAISE(ABORT, '{triggers.MESSAGE}'); END",
        "audit_no_delete isn't as amicopy made it",
    ),
    "is somebody's": (
        "CREATE TRIGGER mine BEFORE UPDATE ON audit_auditevent BEGIN SELECT RAISE(IGNORE); END",
        "the trigger mine isn't amicopy's",
    ),
}
RULE = "CREATE RULE r AS ON INSERT TO audit_auditevent DO INSTEAD NOTHING"
NOTHING = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$"
ALWAYS = "ALTER TABLE audit_auditevent ENABLE ALWAYS TRIGGER audit_no_change"
DROP = "DROP TRIGGER audit_no_change ON audit_auditevent"
REFUSE = "EXECUTE FUNCTION audit_refuse()"
POSTGRESQL_WAYS: dict[str, tuple[str, ...]] = {
    "a function that does nothing": (
        NOTHING.replace("CREATE FUNCTION nothing", "CREATE OR REPLACE FUNCTION audit_refuse"),
        "the function audit_refuse isn't as amicopy made it",
    ),
    "a function with settings": (
        "ALTER FUNCTION audit_refuse() SET check_function_bodies = off",
        "the function audit_refuse isn't as amicopy made it",
    ),
    "another function": (
        NOTHING,
        DROP,
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit_auditevent FOR EACH ROW "
        "EXECUTE FUNCTION nothing()",
        ALWAYS,
        "audit_no_change isn't as amicopy made it",
    ),
    "on updates only": (
        DROP,
        f"CREATE TRIGGER audit_no_change BEFORE UPDATE ON audit_auditevent FOR EACH ROW {REFUSE}",
        ALWAYS,
        "audit_no_change isn't as amicopy made it",
    ),
    "on one column": (
        DROP,
        f"CREATE TRIGGER audit_no_change BEFORE UPDATE OF actor OR DELETE ON audit_auditevent FOR EACH ROW {REFUSE}",
        ALWAYS,
        "audit_no_change isn't as amicopy made it",
    ),
    "on a condition": (
        DROP,
        "CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON audit_auditevent FOR EACH ROW "
        f"WHEN (OLD.id < 0) {REFUSE}",
        ALWAYS,
        "audit_no_change isn't as amicopy made it",
    ),
    "switched off": (
        "ALTER TABLE audit_auditevent DISABLE TRIGGER audit_no_change",
        "audit_no_change is switched off, or fires only for some",
    ),
    "that a replica would skip": (
        "ALTER TABLE audit_auditevent ENABLE TRIGGER audit_no_change",
        "audit_no_change is switched off, or fires only for some",
    ),
    "somebody's": (
        NOTHING,
        "CREATE TRIGGER mine BEFORE INSERT ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION nothing()",
        "the trigger mine isn't amicopy's",
    ),
    "a rule": (RULE, "the rule r isn't amicopy's"),
    "a replication role": (
        "SET LOCAL session_replication_role = replica",
        "session_replication_role is replica and not origin, so foreign keys aren't looked at",
    ),
}
OTHER_TRIGGERS = SQLITE_WAYS if SQLITE else POSTGRESQL_WAYS


@pytest.mark.parametrize("way", OTHER_TRIGGERS)
def test_a_protection_that_does_something_else_is_found(way: str) -> None:
    *statements, words = OTHER_TRIGGERS[way]
    assert run(*statements) == [words]
