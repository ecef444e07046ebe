"""Rows by plain SQL, for what every poll asks.

Putting a statement together with Django's means, and working out how to read its columns, costs several times what
answering it does, and is the same each time.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Model

Row = TypeVar("Row", bound=Model)
Reader = tuple[int, Sequence[Callable[..., Any]], Any]


def rows(model: type[Row], where: str, parameters: Sequence[int | str]) -> list[Row]:
    """The whole rows of a model's table that fit. `where` is SQL of our own, with an order where that matters."""
    statement, names, readers = _reading(model)
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} WHERE {where}", parameters)
        found = [list(values) for values in cursor.fetchall()]
    for values in found:
        for index, functions, column in readers:
            for read in functions:
                values[index] = read(values[index], column, connection)
    return [model.from_db(connection.alias, names, values) for values in found]


@cache
def _reading(model: type[Model]) -> tuple[str, list[str], list[Reader]]:
    """The statement without its WHERE, the fields it asks for, and how to read those that the database stores in
    another form, such as JSON."""
    meta = model._meta
    columns = [field.get_col(meta.db_table) for field in meta.concrete_fields]
    converters = model._default_manager.all().query.get_compiler(connection=connection).get_converters(columns)
    asked = ", ".join(f'"{field.column}"' for field in meta.concrete_fields)
    readers = [(index, functions, column) for index, (functions, column) in converters.items()]
    return f"SELECT {asked} FROM {meta.db_table}", [field.attname for field in meta.concrete_fields], readers  # noqa: S608
