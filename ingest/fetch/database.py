"""Payloads from a relational database through SQLAlchemy: a table or one SELECT, read only, in one transaction.

What was read is landed as JSON lines, `batchRows` rows a payload, in the form that docs/formats.md tells. Within the
transaction the rows are counted first, and as many must come. PostgreSQL and SQLite are tested; another engine that
SQLAlchemy knows is read alike, with what it has of timeouts. No message quotes a value, a password or the text of the
database's own complaint, which may quote both.
"""

from __future__ import annotations

import logging
import os
import random
import re
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, CursorResult, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from brain.errors import FetchError
from brain.settings import Settings
from ingest.contract import Query, Server
from ingest.fetch import FetchContext, Payload
from ingest.fetch.address import fill_in
from ingest.fetch.secret import read_secret

BACKOFF_SECONDS = 0.5  # first wait; it doubles with every try, up to
BACKOFF_CAP_SECONDS = 30.0
CONNECT_SECONDS = 10
GRACE_SECONDS = 2.0  # the server ends a statement first; only a server that is gone is cut off from here
INT64 = range(-(2**63), 2**63)
PASSWORD_KEYS = {"password", "passwd", "pwd", "passfile", "service"}
# PostgreSQL: types whose own text is exact where Python's objects are not (infinite dates, years beyond 9999)
TIMES = {1082: "date", 1083: "time", 1114: "timestamp", 1184: "timestamptz", 1186: "interval", 1266: "timetz"}
NUMERIC, JSONS = 1700, (114, 3802)


def fetch_database(server: Server, ctx: FetchContext) -> Iterator[Payload]:
    """The rows of a server's table or SELECT, in the order of its watermark column and key.

    Where there are none one empty payload comes. Raises FetchError: cannot connect, refused, table or column missing,
    locked, out of time, another number of rows than counted.
    """
    return _Fetch(server, ctx).run()


def address_of(server: Server, settings: Settings) -> str:
    """What names the table everywhere: engine, host, database, table; no user, no path of a machine."""
    url = _url(server, settings, server.name)
    database = url.database or ""
    if url.get_backend_name() == "sqlite":
        database = Path(database).name
    host = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
    query = server.query
    assert query is not None
    table = quote((f"{query.schema}." if query.schema else "") + query.table if query.table else f"query:{server.name}")
    if table.lower().endswith((".gz", ".zst", ".zip")):
        table = table.replace(".", "%2E")  # it is no archive
    return f"{url.get_backend_name()}://{host}/{quote(database)}/{table}"


class _Fetch:
    """One read: its connection, its clock, its account."""

    def __init__(self, server: Server, ctx: FetchContext):
        self.server, self.ctx = server, ctx
        self.where = f"{ctx.source.name}/{server.name}"
        assert server.query is not None
        self.query: Query = server.query
        self.url = _url(server, ctx.settings, self.where)
        self.backend = self.url.get_backend_name()
        self.address = address_of(server, ctx.settings)
        self.record = next(r for r in ctx.source.records if r.name == server.records[0])
        self.known = [r for r in ctx.source.records if r.name in server.records]
        self.deadline = 0.0
        self.password = read_secret(self.query.secret, ctx.settings, self.where) if self.query.secret else None

    def run(self) -> Iterator[Payload]:
        self.deadline = time.monotonic() + self.server.limit("deadlineSeconds")
        engine = self._engine()
        try:
            with self._connect(engine) as connection:
                yield from self._read(connection)
        finally:
            engine.dispose()

    # -- connection -----------------------------------------------------------------------------------------------

    def _engine(self) -> Engine:
        options: dict[str, Any] = {"poolclass": NullPool, "hide_parameters": True}
        url = self.url
        if self.backend == "sqlite":
            if not url.database or url.database == ":memory:":
                raise FetchError(f"{self.where}: location names no file", "write it as sqlite:////path/of/the.sqlite")
            url, options["creator"] = make_url("sqlite://"), self._open_sqlite
        if self.query.user:
            url = url.set(username=self.query.user, password=self.password)
        if self.backend == "postgresql":
            seconds = max(2, min(CONNECT_SECONDS, int(self.server.limit("timeoutSeconds"))))
            options |= {"use_native_hstore": False, "connect_args": {"connect_timeout": seconds}}
        try:
            engine = sa.create_engine(url, **options)
            engine.logger = _Silent("rows")  # SQLAlchemy's own writes every row where its messages are on
            return engine
        except (NoSuchModuleError, ModuleNotFoundError):
            hint = "install its Python driver beside the platform"
            raise FetchError(f"{self.where}: no driver for {url.drivername} is installed", hint) from None
        except (SQLAlchemyError, TypeError) as e:
            raise FetchError(f"{self.where}: location cannot be used ({type(e).__name__})", "check it") from None

    def _open_sqlite(self) -> sqlite3.Connection:
        """Read only by the engine itself; statements give up at the timeout, and wait no longer for a lock."""
        path = Path(str(self.url.database))
        limit = self.server.limit("timeoutSeconds")
        con = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=limit, isolation_level=None)
        con.execute("PRAGMA query_only = ON")
        con.set_progress_handler(lambda: time.monotonic() > self.give_up, 10_000)
        return con

    give_up = float("inf")

    @contextmanager
    def _connect(self, engine: Engine) -> Iterator[Connection]:
        """A connection in its one transaction, tried as often as the contract allows."""
        tries = int(self.server.limit("retries")) + 1
        connection: Connection | None = None
        for attempt in range(1, tries + 1):
            try:
                with self._patience():
                    connection = self._begin(engine)
                break
            except _Trouble as e:
                if not e.passing or attempt == tries:
                    times = f" ({attempt} tries)" if attempt > 1 else ""
                    raise FetchError(f"{self.where}: {e.what}{times}", e.hint) from None
                self._wait(attempt, e.what)
        assert connection is not None
        try:
            yield connection
        finally:
            with suppress(SQLAlchemyError, sqlite3.Error):
                connection.rollback()
            with suppress(SQLAlchemyError, sqlite3.Error):
                connection.close()

    def _begin(self, engine: Engine) -> Connection:
        connection = engine.connect()
        try:
            if self.backend == "sqlite":
                connection.exec_driver_sql("BEGIN")  # the first read fixes what is seen until the end
            elif self.backend == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                milliseconds = int(self.server.limit("timeoutSeconds") * 1000)
                # a lock is waited for half as long as anything else, so that it can be told from slowness
                for setting in (
                    f"statement_timeout = {milliseconds}",
                    f"lock_timeout = {max(1, milliseconds // 2)}",
                    "TimeZone = 'UTC'",
                    "DateStyle = 'ISO, YMD'",
                    "IntervalStyle = 'iso_8601'",
                ):
                    connection.exec_driver_sql(f"SET LOCAL {setting}")
                _exact_types(connection)
            elif self.backend in ("mysql", "mariadb"):
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
        except BaseException:
            connection.close()
            raise
        return connection

    def _wait(self, attempt: int, what: str) -> None:
        seconds = random.uniform(0, min(BACKOFF_CAP_SECONDS, BACKOFF_SECONDS * 2 ** (attempt - 1)))
        self.ctx.progress(f"{self.where}: {what}; next try in {seconds:.1f} s")
        if seconds > self._left():
            raise FetchError(f"{self.where}: {what}; waiting would pass the deadline", "run again later")
        time.sleep(seconds)

    # -- time -----------------------------------------------------------------------------------------------------

    def _left(self) -> float:
        """Seconds to the deadline; raises FetchError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise FetchError(
                f"{self.where}: not done within {self.server.limit('deadlineSeconds'):,.0f} s",
                "run again later, or raise limits.deadlineSeconds in the source file",
            )
        return left

    @contextmanager
    def _patience(self, connection: Connection | None = None) -> Iterator[None]:
        """One call of the database: within the timeout, and with complaints that a person can act on."""
        seconds = min(self.server.limit("timeoutSeconds"), self._left())
        self.give_up = time.monotonic() + seconds
        cut = threading.Event()
        timer = None
        descriptor = _descriptor(connection)
        if descriptor is not None:
            timer = threading.Timer(seconds + GRACE_SECONDS, _cut, (descriptor, cut))
            timer.daemon = True
            timer.start()
        try:
            yield
        except (DBAPIError, sqlite3.Error, UnicodeDecodeError) as e:
            self._left()
            if cut.is_set():
                raise _Trouble(f"no answer within {seconds:,.0f} s", None) from None
            raise self._trouble(e, seconds) from None
        finally:
            if timer is not None:
                timer.cancel()

    # -- rows -----------------------------------------------------------------------------------------------------

    def _read(self, connection: Connection) -> Iterator[Payload]:
        try:
            yield from self._payloads(connection)
        except _Trouble as e:
            raise FetchError(f"{self.where}: {e.what}", e.hint) from None

    def _payloads(self, connection: Connection) -> Iterator[Payload]:
        columns = self._columns(connection)
        rows, total = self._start(connection, columns)
        encode = msgspec.json.Encoder().encode_lines
        came = 0
        while True:
            with self._patience(connection):
                some = rows.fetchmany(self.query.batch_rows)
            if not some and came:
                break
            body = encode([dict(zip(columns, map(_plain, row), strict=True)) for row in some])
            if len(body) > self.server.limit("maxBytes"):
                raise FetchError(f"{self.where}: {len(some)} rows have more than maxBytes", "lower batchRows")
            payload = Payload(body, self._address(came, len(some)), 200, datetime.now(UTC), {}, total)
            came += len(some)
            paused = time.monotonic()
            yield payload
            self.deadline += time.monotonic() - paused  # the reader's own work is not the source's time
            if not some:
                break
        if came != total:
            raise FetchError(
                f"{self.where}: {total:,} rows were counted and {came:,} came",
                "nothing of this fetch is kept; run again, and if it repeats look at how the database isolates readers",
            )

    def _address(self, before: int, rows: int) -> str:
        told = {"since": self.ctx.since} if self.ctx.since and self.server.since_param else {}
        if rows:
            told |= {"rows": f"{before + 1}-{before + rows}"}
        return f"{self.address}?{urlencode(told)}" if told else self.address

    def _from(self) -> sa.FromClause:
        query = self.query
        if query.table:
            return sa.table(query.table, schema=query.schema)
        # a colon would begin the name of a parameter
        return sa.text(str(query.text).replace(":", "\\:")).columns().subquery("q")

    def _columns(self, connection: Connection) -> list[str]:
        """Columns to be read: all but those the contract does not take. What it cannot do without must be there."""
        with self._patience(connection):
            probe = sa.select(sa.literal_column("*")).select_from(self._from()).where(sa.false())
            found = list(map(str, connection.execute(probe).keys()))
        what = f"the table {self.query.table}" if self.query.table else "the query"
        twice = [c for c in found if found.count(c) > 1]
        if twice:
            raise FetchError(f"{self.where}: {what} has two columns {twice[0]}", "give them names of their own")
        needed = [f.physical for r in self.known if r.when is None for f in r.fields if f.required]
        needed += [(self.server.since_param,)] if self.server.since_param else []
        for names in needed:
            if not set(names) & set(found):
                raise FetchError(f"{self.where}: {what} has no column {names[0]}", "look at physicalName and `since`")
        taken = {n for r in self.known for f in r.fields for n in f.physical} | {self.server.since_param}
        ignored = {n for r in self.known for n in r.ignored} - taken
        return [c for c in found if c not in ignored]

    def _start(self, connection: Connection, columns: list[str]) -> tuple[CursorResult[Any], int]:
        """The running read and how many rows it must give, both of the same state."""
        rows = self._from()
        condition = self._since()
        count = sa.select(sa.func.count()).select_from(rows)
        read = sa.select(*map(sa.column, columns)).select_from(rows)
        if condition is not None:
            count, read = count.where(condition), read.where(condition)
        order = [self.server.since_param] if self.server.since_param else []
        for name in self.record.key:
            order += [n for n in self.record.field(name).physical if n in columns and n not in order][:1]
        read = read.order_by(*map(sa.column, order))
        with self._patience(connection):
            total = connection.execute(count).scalar_one()
        with self._patience(connection):
            options = {"stream_results": True, "max_row_buffer": self.query.batch_rows}
            return connection.execute(read, execution_options=options), int(total)

    def _since(self) -> sa.ColumnElement[bool] | None:
        """The watermark column is not before the mark, or nobody can say: rather rows again than a row never."""
        if not self.server.since_param or self.ctx.since is None:
            return None
        column = sa.column(self.server.since_param)
        mark = datetime.fromisoformat(self.ctx.since.removesuffix("Z"))
        mark = mark.replace(tzinfo=mark.tzinfo or UTC).astimezone(UTC)
        if self.backend == "postgresql":  # dates and times without zone are read as UTC there
            return column.is_(None) | (column >= sa.bindparam("mark", mark, sa.DateTime(timezone=True)))
        mark = mark.replace(tzinfo=None)
        if self.backend == "sqlite":  # text: the space sorts before the T of ISO 8601
            digits = f"{mark:%Y-%m-%d %H:%M:%S}" if mark.time() != mark.min.time() else f"{mark:%Y-%m-%d}"
            return column.is_(None) | (column >= sa.bindparam("mark", digits, sa.String())) | ~_sorts(column)
        return column.is_(None) | (column >= sa.bindparam("mark", mark, sa.DateTime()))

    # -- complaints -----------------------------------------------------------------------------------------------

    def _trouble(self, error: Exception, seconds: float) -> _Trouble:
        origin = getattr(error, "orig", None) or error
        text = str(origin).lower()
        code = getattr(origin, "pgcode", None) or getattr(origin, "sqlite_errorname", None) or ""
        if isinstance(error, UnicodeDecodeError):
            code = "encoding"
        elif code == "SQLITE_ERROR" or not code:
            code = next((c for needle, c in TEXTS if needle in text), code)
        secret, user = self.query.secret, self.query.user or self.url.username
        table = self.query.table or "one of the query"
        told: dict[str, tuple[str, str | None]] = {
            "refused": ("cannot be reached (connection refused)", "is it up, and are host and port right?"),
            "host": ("cannot be reached (unknown host)", "check the host in the source file"),
            "silent": ("cannot be reached (no answer)", "is it up, and may this machine reach it?"),
            "lost": ("the connection was lost", "nothing of this fetch is kept; run again later"),
            "file": (f"{self._file()} cannot be opened", "is the file there, and may this user read it?"),
            "password": (
                f"refuses user {user}" + (f" with the secret {secret}" if secret else ""),
                "check `auth` and the secret" if secret else "declare `auth`",
            ),
            "rights": (f"user {user} may not read the table {table}", "grant SELECT to this user, and nothing else"),
            "database": (f"has no database {self.url.database}", "check the source file"),
            "table": (f"has no table {table}", "check table, query and schema in the source file"),
            "column": ("the query names a column that is not there", "check the query in the source file"),
            "syntax": ("the database does not understand the query", "try the query there"),
            "writes": ("the query would write", "a source is only read"),
            "type": (f"the column {self.server.since_param} is no date or time", "check `since` in the source file"),
            "slow": (f"not done within {seconds:,.0f} s", "raise limits.timeoutSeconds, or index the watermark column"),
            "locked": ("somebody else holds a lock", "run again later"),
            "busy": ("takes no more connections", "run again later"),
            "broken": (f"{self._file()} is no sound database", "ask the source for it again"),
            "encoding": ("a text is not in the encoding that the database declares", "ask the source to mend it"),
        }
        kind = CODES.get(code) or (code if code in told else None)
        if kind is None:
            return _Trouble(f"the database fails ({code or type(origin).__name__})", "look at the log of the database")
        return _Trouble(*told[kind], passing=kind in PASSING)

    def _file(self) -> str:
        return Path(str(self.url.database)).name if self.backend == "sqlite" else "it"


class _Silent(logging.Logger):
    """Says nothing, whatever the level of all others is."""

    def isEnabledFor(self, level: int) -> bool:
        return False


class _Trouble(Exception):
    """A complaint of the database, told in our words. `passing`: another try may do."""

    def __init__(self, what: str, hint: str | None, passing: bool = False):
        super().__init__(what)
        self.what, self.hint, self.passing = what, hint, passing


PASSING = {"refused", "silent", "lost", "busy"}
CODES = {
    # PostgreSQL, appendix A of its manual
    "28P01": "password", "28000": "password", "3D000": "database", "42P01": "table", "3F000": "table",
    "42501": "rights", "42703": "column", "42601": "syntax", "42883": "type", "57014": "slow", "55P03": "locked",
    "57P01": "lost", "57P02": "lost", "08006": "lost", "53300": "busy", "57P03": "busy", "40001": "lost",
    "22021": "encoding", "25006": "writes", "0A000": "syntax",
    # SQLite, its list of result codes
    "SQLITE_CANTOPEN": "file", "SQLITE_AUTH": "rights", "SQLITE_PERM": "file", "SQLITE_BUSY": "locked",
    "SQLITE_LOCKED": "locked", "SQLITE_INTERRUPT": "slow", "SQLITE_NOTADB": "broken", "SQLITE_CORRUPT": "broken",
    "SQLITE_IOERR": "broken",
}  # fmt: skip
# Where no code comes: PostgreSQL while connecting, SQLite for all faults of a statement. First match counts.
TEXTS = (
    ("password authentication failed", "password"), ("no password supplied", "password"), ("pg_hba.conf", "password"),
    ("authentication failed", "password"), ("role ", "password"), ("database ", "database"),
    ("too many clients", "busy"), ("starting up", "busy"), ("shutting down", "busy"),
    ("could not translate host", "host"), ("name or service not known", "host"), ("connection refused", "refused"),
    ("no such file or directory", "refused"), ("timeout expired", "silent"), ("timed out", "silent"),
    ("server closed the connection", "lost"), ("ssl connection has been closed", "lost"),
    ("no such table", "table"), ("no such column", "column"), ("syntax error", "syntax"),
    ("could not decode", "encoding"),
)  # fmt: skip


def _url(server: Server, settings: Settings, where: str) -> URL:
    """The address with its ${VARIABLES}; raises FetchError for unknown ones and for passwords."""
    try:
        url = make_url(fill_in(server.location, settings, where))
    except (ArgumentError, ValueError):
        hint = "write it as sqlite:////path or engine+driver://host:port/database"
        raise FetchError(f"{where}: location is no SQLAlchemy address", hint) from None
    if url.password is not None or PASSWORD_KEYS & {k.lower() for k in url.query}:
        raise FetchError(f"{where}: a password stands in the address", "declare `auth` with a secret instead")
    return url


def _descriptor(connection: Connection | None) -> int | None:
    """The socket of a PostgreSQL connection."""
    driver = getattr(getattr(connection, "connection", None), "dbapi_connection", None)
    try:
        return driver.fileno() if driver is not None and hasattr(driver, "fileno") else None
    except Exception:  # a connection that is closed already
        return None


def _cut(descriptor: int, done: threading.Event) -> None:
    """Close a connection under the feet of whoever waits for it: a server that is gone answers to nothing else."""
    done.set()
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as s:
        s.shutdown(socket.SHUT_RDWR)


def _sorts(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a value of SQLite is text that sorts as the UTC times it means: ISO 8601 in full digits, without a zone
    or with that of UTC. 2026-9-3, 1.3.2026, numbers and other zones do not."""
    is_day = column.op("GLOB")(f"{_DAY}")
    is_time = column.op("GLOB")(f"{_DAY}[ T][0-2][0-9]:[0-5][0-9]*")
    zone = sa.func.replace(sa.func.substr(column, 17), "+00:00", "Z")
    return (sa.func.typeof(column) == "text") & (is_day | (is_time & sa.not_(zone.op("GLOB")("*[^0-9:.Z]*"))))


_DAY = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"


def _exact_types(connection: Connection) -> None:
    """Let PostgreSQL's own text of dates, times and numerics through, and JSON as it stands there."""
    driver = connection.connection.dbapi_connection
    if connection.dialect.driver != "psycopg2":
        return
    from psycopg2 import extensions

    def register(oids: Sequence[int], name: str, read: Callable[[str], Any]) -> None:
        made = extensions.new_type(tuple(oids), name, lambda text, _: None if text is None else read(text))
        extensions.register_type(made, driver)

    register([NUMERIC], "NUMERIC_TEXT", str)
    register([o for o in TIMES if TIMES[o] != "timestamptz"], "TIME_TEXT", _iso_text)
    register([o for o in TIMES if TIMES[o] == "timestamptz"], "UTC_TEXT", _utc_text)
    register(JSONS, "JSON_TEXT", _json_text)


def _iso_text(text: str) -> str:
    """`2026-06-30 08:00:00` with a T; nothing else of what the server writes is changed."""
    return re.sub(r"(?<=[0-9]) (?=[0-9])", "T", text, count=1)


def _utc_text(text: str) -> str:
    """`2026-06-30 08:00:00+00` as ISO 8601 with Z."""
    return _iso_text(re.sub(r"(?<=[0-9])\+00(?= BC$|$)", "Z", text))


def _json_text(text: str) -> msgspec.Raw:
    """JSON as it stands; a line end is white space there, and would end the line here."""
    return msgspec.Raw(re.sub(r"[\r\n]", " ", text).encode())


def _plain(value: Any) -> Any:
    """What the JSON encoder writes without loss, see docs/formats.md."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if value in INT64 else str(value)
    if isinstance(value, float):
        return value if isfinite(value) else "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() else _plain(float(value))
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, memoryview):
        return bytes(value)
    return value
