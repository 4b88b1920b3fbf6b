"""
JSON text of results.

The C encoder does what it can, which is nearly everything; what it refuses (decimals, dates, bytes,
NaN, sets …) goes through the slow one below, which also knows where in the result it stands when a
value has no form in JSON.
"""
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import json
import math
import os
import uuid


class _Slow(Exception):
    pass


def _leave(_value):
    raise _Slow


_fast = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_leave
).encode
_escaped = json.JSONEncoder(ensure_ascii=True).encode
_quote = json.encoder.encode_basestring


def encode(value):
    """For readers of JSON: NaN and the infinities, which it does not have, become null."""
    return _encode(value, _null)


def encode_typed(value):
    """For SQL to read as some type, whose numbers have NaN and the infinities, by name."""
    return _encode(value, _by_name)


def _encode(value, odd_number):
    try:
        text = _fast(value)
    except (_Slow, TypeError, ValueError):
        # ValueError: a number that is none, or a circle. TypeError: a key.
        text = "".join(_Encoder(odd_number).pieces(value, "result"))
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        # Half of a surrogate pair: JSON can say it in one way only.
        return _escape_surrogates(text).encode("utf-8")


def _escape_surrogates(text):
    return "".join(
        "\\u%04x" % ord(character) if "\ud800" <= character <= "\udfff" else character
        for character in text
    )


def _null(_number):
    return "null"


def _by_name(number):
    name = "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"
    return '"%s"' % name


class _Encoder:
    def __init__(self, odd_number):
        self._odd_number = odd_number
        self._open = set()

    def pieces(self, value, path):
        """Yields text. `path` names the value for its author: `result["items"][3]`."""
        if value is None:
            yield "null"
        elif value is True:
            yield "true"
        elif value is False:
            yield "false"
        elif isinstance(value, enum.Enum) and not isinstance(value, (str, int, float)):
            yield from self.pieces(value.value, path)
        elif isinstance(value, str):
            yield _quote(value)
        elif isinstance(value, int):
            yield _digits(value)
        elif isinstance(value, float):
            yield float.__repr__(value) if math.isfinite(value) else self._odd_number(value)
        elif isinstance(value, decimal.Decimal):
            yield self._decimal(value)
        elif isinstance(value, (bytes, bytearray, memoryview)):
            yield '"\\\\x%s"' % bytes(value).hex()
        elif isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
            yield _quote(value.isoformat())
        elif isinstance(value, datetime.timedelta):
            yield _quote(duration(value))
        elif isinstance(value, (uuid.UUID, os.PathLike)):
            yield _quote(str(value))
        else:
            yield from self._container(value, path)

    def _container(self, value, path):
        if id(value) in self._open:
            raise ValueError("%s contains itself, which JSON cannot say" % path)
        self._open.add(id(value))
        if isinstance(value, collections.abc.Mapping):
            yield from self._object(value.items(), path)
        elif isinstance(value, _ARRAYS):
            yield from self._array(value, path)
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
            yield from self._object(fields, path)
        else:
            yield from self.pieces(_converted(value, path), path)
        self._open.discard(id(value))

    def _object(self, items, path):
        separator = "{"
        for name, value in items:
            yield separator
            separator = ","
            key = _key(name, path)
            yield _quote(key)
            yield ":"
            yield from self.pieces(value, "%s[%s]" % (path, _escaped(key)))
        yield "{}" if separator == "{" else "}"

    def _array(self, items, path):
        separator = "["
        for index, value in enumerate(items):
            yield separator
            separator = ","
            yield from self.pieces(value, "%s[%d]" % (path, index))
        yield "[]" if separator == "[" else "]"

    def _decimal(self, value):
        if value.is_finite():
            # Without an exponent, as Postgres prints numerics, unless that were absurdly long.
            return format(value, "f") if abs(value.adjusted()) < 1000 else str(value)
        return self._odd_number(value if not value.is_snan() else decimal.Decimal("NaN"))


_ARRAYS = (
    list, tuple, set, frozenset, collections.deque,
    collections.abc.KeysView, collections.abc.ValuesView, collections.abc.ItemsView, range,
)


def _key(name, path):
    if isinstance(name, str):
        return name
    if name is None or isinstance(name, bool):
        return {None: "null", True: "true", False: "false"}[name]
    if isinstance(name, enum.Enum):
        return _key(name.value, path)
    if isinstance(name, (int, float, decimal.Decimal, uuid.UUID)):
        return str(name)
    if isinstance(name, (datetime.date, datetime.time)):
        return name.isoformat()
    raise TypeError("%s has a key of type %s, which JSON cannot say" % (path, _type_name(name)))


def _converted(value, path):
    # Scalars and arrays of numpy and its like; models of pydantic and its like.
    for method in ("tolist", "model_dump"):
        convert = getattr(value, method, None)
        if callable(convert) and not isinstance(value, type):
            return convert()
    raise TypeError("%s has type %s, which JSON cannot say" % (path, _type_name(value)))


def _type_name(value):
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else "%s.%s" % (
        kind.__module__, kind.__name__
    )


def _digits(value):
    try:
        return int.__repr__(value)
    except ValueError:
        # CPython refuses to print integers of more digits than 4300.
        return str(decimal.Decimal(value))


def duration(value):
    """ISO 8601, which Postgres reads as an interval."""
    seconds = decimal.Decimal(value.days * 86400 + value.seconds)
    seconds += decimal.Decimal(value.microseconds).scaleb(-6)
    return "PT%sS" % format(seconds, "f")
