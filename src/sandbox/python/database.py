"""
The database as functions see it: `sdk.db` and what `connect_to_database()` gives.

Every method works both ways, see `host.py`: it returns its result in a plain function, and something
to `await` in a coroutine.
"""
import dataclasses
import datetime
import decimal
import enum
import uuid

from . import encode, values
from .host import failure

# Integers beyond travel as text, as every reader of JSON has them right then.
_SAFE_INTEGER = 2 ** 53 - 1


class Result(list):
    """The rows, each a dict, and what else Postgres said."""

    command = None
    row_count = None
    fields = ()

    @property
    def rows(self):
        return self

    @property
    def rowCount(self):
        return self.row_count


def _result(value):
    fields = value["fields"]
    result = Result(_rows(fields, value["rows"]))
    result.command = value["command"]
    result.row_count = value["rowCount"]
    result.fields = fields
    return result


def _rows(fields, rows):
    names = [field["name"] for field in fields]
    types = [field["type"] for field in fields]
    return [
        {name: values.decode(value, kind) for name, value, kind in zip(names, row, types)}
        for row in rows
    ]


def _first(value):
    rows = _result(value)
    return rows[0] if rows else None


def _count(value):
    return value["rowCount"]


def parameter(value):
    """What a place in a statement is given."""
    if value is None or isinstance(value, (bool, str)) and not isinstance(value, enum.Enum):
        return value
    if isinstance(value, enum.Enum):
        return parameter(value.value)
    if isinstance(value, int):
        return int(value) if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(int(value))
    if isinstance(value, float):
        return float(value) if value - value == 0 else repr(float(value))
    if isinstance(value, (decimal.Decimal, uuid.UUID)):
        return str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "\\x" + bytes(value).hex()
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return encode.duration(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        # Perhaps of floats, whose NaN Postgres knows by name.
        return {"json": encode.encode_typed(value).decode()}
    if isinstance(value, dict) or dataclasses.is_dataclass(value) or hasattr(value, "tolist"):
        return {"json": encode.encode(value).decode()}
    raise TypeError("a value of type %s cannot be a parameter" % type(value).__name__)


def _parameters(given):
    if given is None:
        return None
    if isinstance(given, dict):
        return {name: parameter(value) for name, value in given.items()}
    if isinstance(given, (list, tuple)):
        return [parameter(value) for value in given]
    raise TypeError("parameters are a list, a tuple or a dict, not %s" % type(given).__name__)


def _columns(row):
    if not isinstance(row, dict):
        raise TypeError("a row is a dict of columns, not %s" % type(row).__name__)
    return {name: parameter(value) for name, value in row.items()}


def _where(where):
    return _columns(where) if isinstance(where, dict) else where


class Database:
    """Runs statements, each in a connection of its own unless a session is open."""

    def __init__(self, host, target):
        self._host = host
        self._target = target

    def query(self, sql, params=None):
        """Returns a `Result`. Places are written `$1`, `?` or `%s`, or `%(name)s` for a dict."""
        return self._ask("db.query", _result, sql=sql, params=_parameters(params))

    def query_one(self, sql, params=None):
        """The first row, `None` without any."""
        return self._ask("db.query", _first, sql=sql, params=_parameters(params))

    def insert(self, table, rows):
        """One row, a dict, or a list of them. Returns what was inserted, likewise."""
        if isinstance(rows, dict):
            return self._ask("db.insert", _first, table=table, rows=[_columns(rows)])
        return self._ask("db.insert", _result, table=table, rows=[_columns(row) for row in rows])

    def select(self, table, where=None, params=None):
        """`where` is a dict of columns, or SQL text with `params`."""
        return self._ask(
            "db.select", _result, table=table, where=_where(where), params=_parameters(params)
        )

    def update(self, table, set, where, params=None):
        """Returns how many rows were changed."""
        return self._ask(
            "db.update", _count,
            table=table, set=_columns(set), where=_where(where), params=_parameters(params),
        )

    def remove(self, table, where, params=None):
        """Returns how many rows were removed."""
        return self._ask(
            "db.remove", _count, table=table, where=_where(where), params=_parameters(params)
        )

    def transaction(self, isolation=None, read_only=None):
        """`with db.transaction() as tx:`, or `async with`. Commits, or rolls back on an exception."""
        options = {"isolation": isolation, "readOnly": read_only}
        return Transaction(self._host, self._target, options)

    def stream(self, sql, params=None):
        """Iterates over the rows of a large result, with `for` or `async for`."""
        return Rows(self._host, dict(self._target, sql=sql, params=_parameters(params)))

    queryOne = query_one

    def _ask(self, op, convert, **fields):
        return self._host.ask(op, _given(self._target, fields), convert, exact=True)


def _given(target, fields):
    return {**target, **{name: value for name, value in fields.items() if value is not None}}


class Transaction(Database):
    def __init__(self, host, target, options):
        super().__init__(host, target)
        self._outer = target
        self._options = options

    def __enter__(self):
        self._begun(self._host.ask("db.begin", _given(self._outer, self._options)))
        return self

    def __exit__(self, kind, error, traceback):
        self._host.ask(*self._ending(kind))

    async def __aenter__(self):
        self._begun(await self._host.ask("db.begin", _given(self._outer, self._options)))
        return self

    async def __aexit__(self, kind, error, traceback):
        await self._host.ask(*self._ending(kind))

    def _begun(self, value):
        self._target = {"session": value["session"]}

    def _ending(self, kind):
        op = "db.commit" if kind is None else "db.rollback"
        return op, {"session": self._target["session"]}

    def _ask(self, op, convert, **fields):
        if "session" not in self._target:
            raise failure("invalid_request", "a transaction is used with `with` or `async with`")
        return super()._ask(op, convert, **fields)


class Connection(Database):
    """
    What `connect_to_database()` gives: the same statements, all on one connection, until `release()`
    or the end of the call. In a coroutine it is to be awaited, or used with `async with`.
    """

    def __init__(self, host, target):
        super().__init__(host, None)
        self._opening = host.ask("db.open", target, self._opened)

    def _opened(self, value):
        self._target = {"session": value["session"]}
        return self

    def release(self):
        """Gives the connection back."""
        return self._host.ask("db.close", self._session())

    close = release

    def transaction(self, isolation=None, read_only=None):
        self._session()
        return super().transaction(isolation, read_only)

    def stream(self, sql, params=None):
        self._session()
        return super().stream(sql, params)

    def _ask(self, op, convert, **fields):
        self._session()
        return super()._ask(op, convert, **fields)

    def _session(self):
        if self._target is None:
            raise TypeError("in a coroutine, write `await connect_to_database()`")
        return self._target

    def __await__(self):
        return self._opening.__await__()

    def __enter__(self):
        self._session()
        return self

    def __exit__(self, *_):
        self.release()

    async def __aenter__(self):
        return await self

    async def __aexit__(self, *_):
        await self.release()


class Rows:
    """Rows of a cursor, about a megabyte of them at a time."""

    def __init__(self, host, question):
        self._host = host
        self._question = {name: value for name, value in question.items() if value is not None}

    def __iter__(self):
        opened = self._host.ask("db.cursor.open", self._question)
        cursor = {"cursor": opened["cursor"]}
        done = False
        try:
            while not done:
                page = self._host.ask("db.cursor.read", cursor, exact=True)
                done = page["done"]
                yield from _rows(opened["fields"], page["rows"])
        finally:
            if not done:
                self._host.ask("db.cursor.close", cursor)

    async def __aiter__(self):
        opened = await self._host.ask("db.cursor.open", self._question)
        cursor = {"cursor": opened["cursor"]}
        done = False
        try:
            while not done:
                page = await self._host.ask("db.cursor.read", cursor, exact=True)
                done = page["done"]
                for row in _rows(opened["fields"], page["rows"]):
                    yield row
        finally:
            if not done:
                await self._host.ask("db.cursor.close", cursor)
