"""Values of many rows that one statement writes."""

from collections.abc import Mapping
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Model
from django.db.models.sql.compiler import SQLCompiler


class ValueOfEach(Expression):
    """A column's value in an UPDATE of rows of which each gets its own, by primary key; all of the rows must be in
    `values`.

    Django's Case says the same, of an object for each row that is copied and resolved by itself: ten times the work.
    """

    def __init__(self, model: type[Model], column: str, values: Mapping[int, Any]) -> None:
        super().__init__(output_field=model._meta.get_field(column))  # type: ignore[arg-type]  # no relation
        self.key, self.values = str(model._meta.pk.column), values

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> tuple[str, tuple[Any, ...]]:
        """The expression as SQL, and what is put into it."""
        stored = self.output_field.get_db_prep_save
        pairs = [(pk, stored(value, connection)) for pk, value in self.values.items()]
        key = connection.ops.quote_name(self.key)
        case = f"CASE {key} {'WHEN %s THEN %s ' * len(pairs)}END"
        if connection.features.requires_casted_case_in_updates:
            # PostgreSQL takes a case of nulls for one of texts.
            case = f"CAST({case} AS {self.output_field.cast_db_type(connection)})"
        return case, tuple(each for pair in pairs for each in pair)
