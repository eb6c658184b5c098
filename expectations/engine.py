"""Great Expectations over DuckDB: rules in, outcomes out.

great-expectations 1.24.1 does not know DuckDB. Over duckdb-engine it needs two things, without which every
expectation fails silently: its connection must stay open (DuckDB drops a result with its connection), and its regular
expressions must be told
`regexp_matches`. `validate` raises on any exception that an expectation hides in `exception_info`, so a rule that
could not be evaluated never counts as a rule that failed, nor as one that passed. Data Docs are not used: they link
public CDNs.

The import costs 4-10 s and is made once, when the first rule is judged. Of what GX does around a rule, the parts that
cost most are gone round: over the 69 batches of the demo city the arrival gate took 210 ms of processor time a batch,
and takes 70; the outcomes are the same.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    import great_expectations.core.id_dict as id_dict
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

    convert = id_dict.convert_to_json_serializable
    simple = {str, int, bool, type(None)}

    def as_json(data: dict[str, Any]) -> Any:
        """GX names a metric by its arguments, 70 times for each rule, and asks numpy about every value of theirs."""
        kinds = {type(x) for v in data.values() for x in (v if type(v) is list else (v,))}
        return data if kinds <= simple else convert(data)

    id_dict.convert_to_json_serializable = as_json
    return gx


@cache
def _context() -> Any:
    """The project that GX asks for wherever it is used: in memory, silent, without Data Docs, one for the process."""
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    _silence()
    defaults = InMemoryStoreBackendDefaults(init_temp_docs_sites=False)
    config = DataContextConfig(store_backend_defaults=defaults)
    context = _gx().get_context(mode="ephemeral", project_config=config)
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


@contextmanager
def _configured_once() -> Iterator[None]:
    """GX makes the configuration of an expectation, and the expectation of a configuration, anew by pydantic wherever
    a value of theirs is asked for: 66 times for each that is judged. None is changed meanwhile, so the first will do.
    """
    from great_expectations.expectations.expectation import Expectation
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    def once(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
        known: dict[int, tuple[Any, Any]] = {}

        def made(self: Any) -> Any:
            if id(self) not in known:  # kept with what was made of it, so that no other can take its id
                known[id(self)] = (self, make(self))
            return known[id(self)][1]

        return made

    configuration, expectation = Expectation.configuration, ExpectationConfiguration.to_domain_obj
    Expectation.configuration = property(once(configuration.fget))
    ExpectationConfiguration.to_domain_obj = once(expectation)
    try:
        yield
    finally:
        Expectation.configuration = configuration
        ExpectationConfiguration.to_domain_obj = expectation


class _Columns:
    """What GX asks an inspector for, answered by DESCRIBE: the dialect's own queries over the catalogue of PostgreSQL,
    which DuckDB imitates, cost 40 ms, more than all rules of a small batch. No rule asks for a type."""

    def __init__(self, connection: Any):
        self.dialect = connection.dialect
        self._connection = connection

    def get_columns(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:
        from sqlalchemy.types import NullType

        told = self._connection.exec_driver_sql(f"DESCRIBE {connect.quoted(str(table_name))}").fetchall()
        return [{"name": name, "type": NullType(), "nullable": True, "default": None} for name, *_ in told]

    def get_pk_constraint(self, table_name: str, schema: str | None = None) -> dict[str, Any]:
        return {"constrained_columns": [], "name": None}


class Session:
    """A database in memory with views to judge; close it by leaving the `with` block.

    `setup`: SQL that attaches databases and makes views. `allow`: the folders that the views read; once the set-up
    has run, nothing else can be opened.
    """

    def __init__(self, setup: Iterable[str], allow: Sequence[Path] = ()):
        self._gx = _gx()
        _context()
        import sqlalchemy as sa
        from great_expectations.execution_engine import SqlAlchemyExecutionEngine

        # the execution engine alone: GX writes its sources and assets as YAML whenever one is made, 25 ms each time
        self._engine = sa.create_engine(
            f"duckdb:///:memory:checks_{uuid4().hex}",
            connect_args={"config": {**connect.CLOSED, **connect.limits()}},
        )
        self._judge = SqlAlchemyExecutionEngine(engine=self._engine, create_temp_table=False)
        # A named database in memory is there as long as one connection to it is open. `_keeper` is that connection.
        self._keeper = self._engine.connect()
        self._judge._inspector = _Columns(self._keeper)
        for statement in (*setup, *connect.lock_statements(allow)):
            self._keeper.exec_driver_sql(statement)
        self._keeper.commit()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self._keeper.close()
        self._judge.close()
        self._engine.dispose()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query, for rules whose limits depend on data."""
        return [tuple(row) for row in self._keeper.exec_driver_sql(sql).fetchall()]

    def validate(self, relation: str, rules: Sequence[Rule]) -> list[Outcome]:
        """Judge one view. The outcomes stand in the order of the rules; raises UnjudgedError, naming rule and cause."""
        if not rules:
            return []
        from great_expectations.core.batch import Batch
        from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
        from great_expectations.validator.validator import Validator

        expectations = []
        # rules may differ in severity alone, and are judged once
        places: dict[str, list[int]] = {}
        for number, rule in enumerate(rules):
            places.setdefault(json.dumps([rule.type, rule.kwargs], sort_keys=True, default=str), []).append(number)
        for numbers in places.values():
            expectations.append(self._expectation(rules[numbers[0]], numbers).configuration)
        with _quiet(), _configured_once():
            data = SqlAlchemyBatchData(execution_engine=self._judge, table_name=relation, create_temp_table=False)
            validator = Validator(self._judge, batches=[Batch(data=data)], data_context=_context())
            results = validator.graph_validate(expectations, runtime_configuration={"result_format": "SUMMARY"})
        judged: dict[int, Outcome] = {}
        for r in results:
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
