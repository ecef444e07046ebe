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


LOADER = MigrationLoader(None)


def operations() -> Iterator[tuple[str, str, int]]:
    """Those of the migrations since: app, migration, and which of its operations."""
    for (app, name), migration in sorted(LOADER.disk_migrations.items()):
        if app in BEFORE and int(name.partition("_")[0]) > BEFORE[app]:
            yield from ((app, name, place) for place in range(len(migration.operations)))


@pytest.mark.parametrize(("app", "name", "place"), list(operations()))
def test_the_web_server_of_before_can_write_its_rows(app: str, name: str, place: int) -> None:
    operation = LOADER.disk_migrations[app, name].operations[place]
    assert not isinstance(operation, GOING)
    if not isinstance(operation, (migrations.AddField, migrations.AlterField)):
        return
    field = operation.field
    if isinstance(field, models.ManyToManyField) or field.null or field.db_default is not NOT_PROVIDED:
        return
    if isinstance(operation, migrations.AlterField):
        before = LOADER.project_state((app, name), at_end=False).models[app, operation.model_name_lower]
        assert not before.fields[operation.name].null, "a column that may be empty has to stay so"
        return
    pytest.fail(f"{operation.model_name}.{operation.name} needs null=True or a db_default")
