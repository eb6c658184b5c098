"""Great Expectations over DuckDB: rules in, outcomes out.

great-expectations 1.24.1 does not know DuckDB. Over duckdb-engine it needs two things, without which every
expectation fails silently: its connection must stay open (DuckDB drops a result with its connection), and its regular
expressions must be told
`regexp_matches`. `validate` raises on any exception that an expectation hides in `exception_info`, so a rule that
could not be evaluated never counts as a rule that failed, nor as one that passed. Data Docs are not used: they link
public CDNs.

The import costs 4-10 s and is made once, when the first rule is judged.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

from warehouse import connect


class UnjudgedError(RuntimeError):
    """An expectation could not be evaluated: a defect of the rule or of the relation, never a verdict."""


@dataclass(frozen=True)
class Rule:
    """One expectation. `type` and `kwargs` are Great Expectations' own (`expect_column_values_to_be_unique`).

    `name`: how the check is called in journal and report. `severity`: hold or warn. `expected`: text for people.
    `about`: the column, where the arguments do not say it.
    """

    type: str
    kwargs: dict[str, Any]
    name: str
    severity: str = "hold"
    expected: str = ""
    about: str | None = None

    @property
    def column(self) -> str | None:
        if self.about:
            return self.about
        if "column" in self.kwargs:
            return self.kwargs["column"]
        return ",".join(self.kwargs["column_list"]) if "column_list" in self.kwargs else None


@dataclass(frozen=True)
class Outcome:
    """What a rule saw. `observed`: text for people; counts, shares, sets of codes, never values that broke a rule."""

    rule: Rule
    success: bool
    observed: str
    result: dict[str, Any] = field(default_factory=dict)


class _Dialect(str):
    """A dialect name in the form of GX's own enumeration, which has no DuckDB."""

    value = property(str.__str__)


def _silence() -> None:
    logging.getLogger("great_expectations").setLevel(logging.ERROR)


@cache
def _gx() -> ModuleType:
    """Great Expectations, made to work on DuckDB and kept from the network."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    _silence()  # the import alone logs hundreds of lines
    import great_expectations as gx
    import great_expectations.execution_engine.sqlalchemy_execution_engine as engine
    import great_expectations.expectations.metrics.util as util
    import sqlalchemy as sa

    if not any(d == "duckdb" for d in engine._PERSISTED_CONNECTION_DIALECTS):
        engine._PERSISTED_CONNECTION_DIALECTS = (*engine._PERSISTED_CONNECTION_DIALECTS, _Dialect("duckdb"))

    known = util.get_dialect_regex_expression

    def regex_expression(column: Any, regex: str, dialect: Any, positive: bool = True) -> Any:
        expression = known(column, regex, dialect, positive)
        if expression is None:  # GX knows no regular expressions for this dialect; ours is DuckDB only
            expression = sa.func.regexp_matches(column, sa.literal(regex))
            expression = expression if positive else sa.not_(expression)
        return expression

    for module in list(sys.modules.values()):  # the metrics took the function over by name
        if getattr(module, "get_dialect_regex_expression", None) is known:
            module.get_dialect_regex_expression = regex_expression

    return gx


def _context(gx: ModuleType) -> Any:
    """A context in memory, without Data Docs, silent: what it has to say comes as results and exceptions."""
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    _silence()
    defaults = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    context = gx.get_context(mode="ephemeral", project_config=DataContextConfig(store_backend_defaults=defaults))
    context.variables.progress_bars = {"globally": False}
    return context


@contextmanager
def _quiet() -> Any:
    """GX draws progress bars with tqdm, and duckdb-engine wonders about lists; neither has a place in our logs."""
    before = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Did not recognize type")
            yield
    finally:
        if before is None:
            del os.environ["TQDM_DISABLE"]
        else:
            os.environ["TQDM_DISABLE"] = before


class Session:
    """A database in memory with views to judge; close it by leaving the `with` block.

    `setup`: SQL that attaches databases and makes views. `allow`: the folders that the views read; once the set-up
    has run, nothing else can be opened.
    """

    def __init__(self, setup: Iterable[str], allow: Sequence[Path] = ()):
        gx = _gx()
        self._gx = gx
        self._context = _context(gx)
        # GX opens engines of its own; a named database in memory is one and the same for all of them, as long as one
        # connection to it is open. `_keeper` is that connection.
        self._source = self._context.data_sources.add_sql(
            name="duckdb",
            connection_string=f"duckdb:///:memory:checks_{uuid4().hex}",
            create_temp_table=False,
            kwargs={"connect_args": {"config": {**connect.CLOSED, **connect.limits()}}},
        )
        self._keeper = self._source.get_engine().connect()
        for statement in (*setup, *connect.lock_statements(allow)):
            self._keeper.exec_driver_sql(statement)
        self._keeper.commit()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.close()
        self._source.get_engine().dispose()
        self._source.get_execution_engine().close()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query, for rules whose limits depend on data."""
        return [tuple(row) for row in self._keeper.exec_driver_sql(sql).fetchall()]

    def validate(self, relation: str, rules: Sequence[Rule]) -> list[Outcome]:
        """Judge one view. The outcomes stand in the order of the rules; raises UnjudgedError, naming rule and cause."""
        if not rules:
            return []
        suite = self._gx.ExpectationSuite(name=relation)
        # GX keeps one of two equal expectations, and rules may differ in severity alone.
        places: dict[str, list[int]] = {}
        for number, rule in enumerate(rules):
            places.setdefault(json.dumps([rule.type, rule.kwargs], sort_keys=True, default=str), []).append(number)
        for numbers in places.values():
            suite.add_expectation(self._expectation(rules[numbers[0]], numbers))
        with _quiet():
            asset = self._source.add_table_asset(name=relation, table_name=relation)
            batch = asset.add_batch_definition_whole_table("whole").get_batch()
            result = batch.validate(suite, result_format="SUMMARY")
        judged: dict[int, Outcome] = {}
        for r in result.results:
            for number in r.expectation_config.meta["numbers"]:
                rule = rules[number]
                _raise_hidden(rule, r.exception_info)
                judged[number] = Outcome(rule, bool(r.success), observed_text(r.result), dict(r.result))
        missing = [rules[n].name for n in range(len(rules)) if n not in judged]
        if missing:
            raise UnjudgedError(f"not evaluated: {', '.join(missing)}")
        return [judged[n] for n in range(len(rules))]

    def _expectation(self, rule: Rule, numbers: list[int]) -> Any:
        kind = getattr(self._gx.expectations, _camel(rule.type), None)
        if kind is None:
            raise UnjudgedError(f"{rule.name}: Great Expectations has no {rule.type}")
        return kind(**rule.kwargs, meta={"numbers": numbers})


def _raise_hidden(rule: Rule, info: dict[str, Any] | None) -> None:
    """GX puts an exception either flat into `exception_info` or below the id of the metric that raised it."""
    info = info or {}
    entries = [info] if "raised_exception" in info else [v for v in info.values() if isinstance(v, dict)]
    for entry in entries:
        if entry.get("raised_exception"):
            raise UnjudgedError(f"{rule.name} ({rule.column or 'table'}): {entry.get('exception_message')}")


def _camel(snake: str) -> str:
    return "".join(part.capitalize() for part in snake.split("_"))


def observed_text(result: dict[str, Any]) -> str:
    """The figures of a result as a short text. `partial_unexpected_list` is never shown: it holds values."""
    if result.get("unexpected_count") is not None and result.get("element_count") is not None:
        text = f"{result['unexpected_count']} / {result['element_count']}"
        nulls = result.get("missing_count")
        return f"{text} (NULL {nulls})" if nulls else text
    value = result.get("observed_value")
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"{len(value)}"
    if value is None and result.get("unexpected_count") is not None:
        return f"{result['unexpected_count']}"
    return "" if value is None else str(value)
