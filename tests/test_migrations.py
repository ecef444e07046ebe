"""A new version's tables serve the web server of the one before: columns come with a default of the database's own, and
none goes in the version that stops using it. So pages go on while the next version is put in."""

from collections.abc import Iterator

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.models import NOT_PROVIDED

# The last ones before this was promised.
BEFORE = {"copies": 38, "notify": 9, "api": 2, "web": 6, "audit": 4}
GOING = (migrations.RemoveField, migrations.RenameField, migrations.DeleteModel, migrations.RenameModel)


def operations() -> Iterator[tuple[str, object]]:
    """Those of the migrations since, with where they stand."""
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        if app in BEFORE and int(name.partition("_")[0]) > BEFORE[app]:
            yield from ((f"{app} {name}", operation) for operation in migration.operations)


def str_of(each: object) -> str:
    """The same in every process."""
    return each if isinstance(each, str) else type(each).__name__


@pytest.mark.parametrize(("where", "operation"), list(operations()), ids=str_of)
def test_the_web_server_of_before_can_write_its_rows(where: str, operation: object) -> None:
    assert not isinstance(operation, GOING), where
    if isinstance(operation, (migrations.AddField, migrations.AlterField)):
        field = operation.field
        if isinstance(field, models.ManyToManyField):
            return
        assert field.null or field.db_default is not NOT_PROVIDED, (
            f"{where}: {operation.model_name}.{operation.name} needs null=True or a db_default"
        )
