"""Payloads and arguments from what the caller sent."""
import urllib.parse

from . import values
from .errors import InvalidInput


class Inputs:
    """Reads the input of calls of one function, by its declared SQL parameters."""

    def __init__(self, parameters):
        self._parameters = parameters
        types = [parameter["type"] for parameter in parameters or ()]
        self._types = types
        self._names = [parameter["name"] for parameter in parameters or ()]
        self._needs_digits = any(map(values.needs_digits, types))
        # Loss-free only where a declared type can make use of it.
        self._parse = values.parse_exact if self._needs_digits else values.parse

    @property
    def declared(self):
        return self._parameters is not None

    @property
    def count(self):
        return len(self._types)

    def payload(self, call):
        """The one value that a payload handler gets."""
        head, body = call.head, call.body
        if head["kind"] == "http":
            return self._from_body(body, head, values.parse)
        if head["shape"] == "payload":
            return _json(body, values.parse) if body else None
        given = self._list(body)
        if not self.declared:
            return values.plain(given[0]) if given else None
        if len(self._types) == 1:
            return values.decode(given[0] if given else None, self._types[0])
        positional = self._positional(given)
        if None in self._names:
            return positional
        return dict(zip(self._names, positional))

    def arguments(self, call, arity):
        """The argument list of `main`; `arity` is how many parameters the code itself names."""
        head, body = call.head, call.body
        if head["kind"] == "payload" and head["shape"] == "arguments":
            given = self._list(body)
            if self.declared:
                return self._positional(given)
            return [values.plain(given[0]) if given else None]
        if head["kind"] == "http":
            value = self._from_body(body, head, self._parse)
        else:
            value = _json(body, self._parse) if body else None
        if not self.declared:
            value = values.plain(value)
            return value if isinstance(value, list) and arity > 1 else [value]
        path = head.get("params") or {}
        if self._is_keyed(value):
            named = {**value, **path}
            return self._positional([named.get(name) for name in self._names])
        # The path's parameters where they are declared, the body's values in the places that are left.
        left = [index for index, name in enumerate(self._names) if name not in path]
        given = dict(zip(left, self._placed(value, left)))
        return self._positional([
            path[name] if name in path else given.get(index) for index, name in enumerate(self._names)
        ])

    def _placed(self, value, places):
        """A value as positional arguments: an array's elements, or itself as the first."""
        if value is None:
            return []
        if isinstance(value, list) and (len(places) != 1 or self._takes_elements(value, places[0])):
            return value
        return [value]

    def _takes_elements(self, given, place):
        """One array for one parameter is its value when the parameter can hold an array."""
        kind = self._types[place]
        return len(given) == 1 and not kind.endswith("[]") and kind not in ("json", "jsonb")

    def _is_keyed(self, value):
        """An object is keyed by parameter names when it has no other key."""
        return isinstance(value, dict) and len(value) > 0 and all(key in self._names for key in value)

    def _positional(self, given):
        missing = len(self._types) - len(given)
        given = given[:len(self._types)] if missing <= 0 else given + [None] * missing
        return [values.decode(value, kind) for value, kind in zip(given, self._types)]

    def _list(self, body):
        given = _json(body, self._parse) if body else []
        if not isinstance(given, list):
            raise InvalidInput("arguments must be a JSON array")
        return given

    def _from_body(self, body, head, parse):
        if not body:
            return params_of(head) or None
        text = values.text_of(body)
        kind = header(head["headers"], "content-type").lower()
        try:
            return parse(text)
        except (ValueError, RecursionError) as error:
            # `curl -d` calls everything a form, so a form is only what is no JSON.
            if kind.startswith("application/x-www-form-urlencoded"):
                return dict(urllib.parse.parse_qsl(text, keep_blank_values=True))
            if kind.startswith("text/"):
                return text
            raise InvalidInput("The request body is not JSON: %s" % error) from None


def _json(body, parse):
    try:
        return parse(values.text_of(body))
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The input is not JSON: %s" % error) from None


def query_of(url):
    query = urllib.parse.urlsplit(url).query
    return dict(urllib.parse.parse_qsl(query, keep_blank_values=True)) if query else {}


def params_of(head):
    """The query's, and over them what the trigger's path took out of the URL."""
    return {**query_of(head["url"]), **(head.get("params") or {})}


def header(flat, wanted):
    """`wanted` is in lower case; names and values alternate in `flat`."""
    for index in range(0, len(flat), 2):
        if flat[index].lower() == wanted:
            return flat[index + 1]
    return ""
