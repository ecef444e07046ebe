"""Constraints that Django's own classes can't say. Being schema, a migration may name them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import BaseConstraint, Model


class CompositeForeignKey(BaseConstraint):
    """A foreign key over several columns: `fields` of the model refer to `to_columns` of `to_table`, which need a
    unique constraint of their own. SQLite and PostgreSQL check it at each statement; forms don't."""

    def __init__(self, *, name: str, fields: Sequence[str], to_table: str, to_columns: Sequence[str]) -> None:
        self.fields, self.to_table, self.to_columns = tuple(fields), to_table, tuple(to_columns)
        super().__init__(name=name)

    def constraint_sql(self, model: Any, schema_editor: Any) -> str:
        """As a part of CREATE TABLE, which is how SQLite gets every constraint."""
        quote = schema_editor.quote_name
        columns = ", ".join(quote(model._meta.get_field(name).column) for name in self.fields)
        others = ", ".join(quote(column) for column in self.to_columns)
        to_table = quote(self.to_table)
        return f"CONSTRAINT {quote(self.name)} FOREIGN KEY ({columns}) REFERENCES {to_table} ({others})"

    def create_sql(self, model: Any, schema_editor: Any) -> str:
        """As a statement of its own, for PostgreSQL."""
        return f"ALTER TABLE {self._table(model, schema_editor)} ADD {self.constraint_sql(model, schema_editor)}"

    def remove_sql(self, model: Any, schema_editor: Any) -> str:
        """The opposite of `create_sql`."""
        return f"ALTER TABLE {self._table(model, schema_editor)} DROP CONSTRAINT {schema_editor.quote_name(self.name)}"

    def validate(self, model: type[Model], instance: Model, exclude: Any = None, using: str = "default") -> None:
        """Nothing: only the database looks."""

    def deconstruct(self) -> tuple[str, Sequence[Any], dict[str, Any]]:
        """For migrations, as Django asks for it."""
        path, args, kwargs = super().deconstruct()
        return path, args, {**kwargs, **self._parts()}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CompositeForeignKey):
            return NotImplemented
        return (self.name, self._parts()) == (other.name, other._parts())

    def __hash__(self) -> int:
        return hash((self.name, self.fields, self.to_table, self.to_columns))

    def _parts(self) -> dict[str, Any]:
        return {"fields": self.fields, "to_table": self.to_table, "to_columns": self.to_columns}

    def _table(self, model: Any, schema_editor: Any) -> str:
        return str(schema_editor.quote_name(model._meta.db_table))
