"""Statements that Django writes once and then only runs.

Writing the SQL of one costs Django up to ten times what running it costs, and those of a judgment's request are the same every time but for their
values. What is written here is what the queryset would have said, with the same checks of the database; only when it is written differs.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import cached_property
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

from django.db import DEFAULT_DB_ALIAS, connections, models
from django.db.models.expressions import Expression
from django.db.models.query import ModelIterable
from django.db.models.sql import InsertQuery, UpdateQuery

Row = TypeVar("Row", bound=models.Model)


class Given(Expression):
    """Stands in a queryset for a value that is given when the statement is run."""

    def __init__(self, name: str, field: models.Field[Any, Any] | None = None) -> None:
        super().__init__(output_field=field)
        self.name, self.kept_in = name, field

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        return "%s", [self]

    def value(self, values: dict[str, Any], connection: Any) -> Any:
        given = values[self.name]
        return self.kept_in.get_db_prep_save(given, connection) if self.kept_in else given


class _Statement:
    """SQL with gaps, made from `query` when it is first needed: a database has to be there."""

    def __init__(self, query: Callable[[], Any]) -> None:
        self.query = query

    @cached_property
    def written(self) -> tuple[Any, str, tuple[Any, ...]]:
        compiler = self.query().get_compiler(DEFAULT_DB_ALIAS)
        compiler.returning_fields = [compiler.query.get_meta().pk]  # of an insert
        sql = compiler.as_sql()
        return (compiler, *(sql[0] if isinstance(sql, list) else sql))

    def filled(self, values: dict[str, Any]) -> tuple[str, list[Any]]:
        _, sql, parts = self.written
        connection = connections[DEFAULT_DB_ALIAS]
        return sql, [part.value(values, connection) if isinstance(part, Given) else part for part in parts]

    def run(self, values: dict[str, Any], read: Callable[[Any], Any]) -> Any:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(*self.filled(values))
            return read(cursor)


class Select(Generic[Row]):
    """Rows, with what `select_related` and `annotate` add to them."""

    def __init__(self, queryset: Callable[[], models.QuerySet[Row]]) -> None:
        self.statement = _Statement(lambda: queryset().query)

    def __call__(self, **values: Any) -> list[Row]:
        compiler = copy(self.statement.written[0])
        compiler.connection = connections[DEFAULT_DB_ALIAS]  # this thread's
        compiler.as_sql = lambda: self.statement.filled(values)
        query = SimpleNamespace(get_compiler=lambda using: compiler)
        return list(ModelIterable(SimpleNamespace(db=DEFAULT_DB_ALIAS, query=query, _known_related_objects={})))  # type: ignore[arg-type]


class Update:
    """How many rows were changed. `changes` name their values as the fields, or are expressions."""

    def __init__(self, queryset: Callable[[], models.QuerySet[Any]], *fields: str, **changes: Any) -> None:
        def query() -> UpdateQuery:
            rows = queryset()
            made = cast(UpdateQuery, rows.query.chain(UpdateQuery))
            made.add_update_values({**{name: Given(name, rows.model._meta.get_field(name)) for name in fields}, **changes})
            return made

        self.statement = _Statement(query)

    def __call__(self, **values: Any) -> int:
        return int(self.statement.run(values, lambda cursor: cursor.rowcount))


class Insert(Generic[Row]):
    """Stores a new row as it is, and gives it its key."""

    def __init__(self, model: type[Row]) -> None:
        self.fields = [field for field in model._meta.concrete_fields if not field.primary_key]

        def query() -> InsertQuery:
            made = InsertQuery(model)
            gaps: Any = SimpleNamespace(**{field.attname: Given(field.attname, field) for field in self.fields})
            made.insert_values(self.fields, [gaps], raw=True)
            return made

        self.statement = _Statement(query)

    def __call__(self, row: Row) -> Row:
        values = {field.attname: field.pre_save(row, add=True) for field in self.fields}
        row.pk = self.statement.run(values, lambda cursor: cursor.fetchone()[0])
        return row
