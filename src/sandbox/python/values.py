"""
Arguments at the SQL seam: they arrive as `to_jsonb` renders them, with their declared types. The
table of types is in docs/sql.md. Nothing is lost on the way: integers are `int` of any size, numerics
`Decimal`.
"""
import decimal
import json

from .errors import InvalidInput

Decimal = decimal.Decimal


class _Digits(float):
    """A number with a fraction that still knows how it was written."""

    __slots__ = ("text",)

    def __new__(cls, text):
        number = float.__new__(cls, text)
        number.text = text
        return number


# CPython refuses to make integers of more digits than 4300, because it takes quadratic time.
_LONGEST_INTEGER = 4000


def _integer(text):
    return int(text) if len(text) <= _LONGEST_INTEGER else Decimal(text)


def _refuse(name):
    raise ValueError("%s is no JSON" % name)


_plain = json.JSONDecoder(parse_constant=_refuse).decode
_exact = json.JSONDecoder(parse_constant=_refuse, parse_float=_Digits, parse_int=_integer).decode


def parse(text):
    """JSON from outside. Raises ValueError, or RecursionError where it is nested too deeply."""
    return _plain(text)


def parse_exact(text):
    """For `decode`, which knows where the digits of a fraction matter."""
    return _exact(text)


def text_of(body):
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("The request body is not UTF-8: %s" % error) from None


_ALIASES = {
    "int2": "smallint", "int": "integer", "int4": "integer", "int8": "bigint", "float4": "real",
    "float8": "double precision", "float": "double precision", "decimal": "numeric",
}
_FLOATS = ("real", "double precision")
_INTEGERS = ("smallint", "integer", "bigint")


def _base_type(kind):
    """Without its modifier: `numeric(10,2)` is a numeric."""
    base = kind.partition("(")[0]
    return _ALIASES.get(base, base)


def needs_digits(kind):
    """Whether `decode` wants the value from `parse_exact`."""
    while kind.endswith("[]"):
        kind = kind[:-2]
    base = _base_type(kind)
    return base not in _WITHOUT_DIGITS


# Fractions of these are floats at most.
_WITHOUT_DIGITS = frozenset(_INTEGERS + _FLOATS + (
    "json", "jsonb", "text", "character varying", "character", "boolean", "uuid", "bytea", "date",
    "timestamp without time zone", "timestamp with time zone", "time without time zone", "interval",
))


def decode(value, kind):
    """Turns one parsed argument into what the function sees."""
    # Booleans are integers in Python, and nowhere else.
    if value is None or value is True or value is False:
        return value
    if kind.endswith("[]"):
        if not isinstance(value, list):
            return _widen(value)
        element = kind[:-2]
        # A dimension more is an array within the array; its type is written the same.
        return [decode(item, kind if isinstance(item, list) else element) for item in value]
    base = _base_type(kind)
    if base in _INTEGERS:
        if isinstance(value, str):
            return _or_text(int, value)
        # Over HTTP anything may come; 3.0 is still a whole number.
        return int(value) if isinstance(value, float) and value.is_integer() else plain(value)
    if base in _FLOATS:
        if isinstance(value, (str, int, float)):
            return _or_text(float, value)
        return plain(value)
    if base == "numeric":
        return _numeric(value)
    if base == "bytea":
        return _bytes(value) if isinstance(value, str) else plain(value)
    if base in ("json", "jsonb"):
        return plain(value)
    return _widen(value)


def _numeric(value):
    if isinstance(value, _Digits):
        return Decimal(value.text)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, (list, dict)):
        return plain(value)
    try:
        return Decimal(value)
    except decimal.InvalidOperation:
        return value


def _or_text(convert, text):
    try:
        return convert(text)
    except ValueError:
        return text


def _bytes(text):
    """The text itself when it is no hexadecimal bytea."""
    if not text.startswith("\\x"):
        return text
    try:
        return bytes.fromhex(text[2:])
    except ValueError:
        return text


def plain(value):
    """What JSON alone would have made of it: json and jsonb mean just that."""
    return _map_digits(value, float)


def _widen(value):
    """Where no type says more (composites, domains): fractions that a float does not hold stay exact."""
    return _map_digits(value, _exactly)


def _exactly(number):
    exact = Decimal(number.text)
    return float(number) if Decimal(repr(float(number))) == exact else exact


def _map_digits(value, convert):
    kind = type(value)
    if kind is _Digits:
        return convert(value)
    # In place: it is ours, just parsed, and nobody else has it.
    if kind is list:
        for index, item in enumerate(value):
            if type(item) in _CONVERTIBLE:
                value[index] = _map_digits(item, convert)
    elif kind is dict:
        for name, item in value.items():
            if type(item) in _CONVERTIBLE:
                value[name] = _map_digits(item, convert)
    return value


_CONVERTIBLE = frozenset((_Digits, list, dict))
