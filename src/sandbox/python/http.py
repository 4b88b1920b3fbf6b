"""HTTP as the function's code sees it: the request it is given, the response it may return."""
import json
import re

from . import encode
from .arguments import header, params_of


class Request(dict):
    """
    Its fields can be read either way, `request["method"]` or `request.method`: method, url, headers
    (lower-case names), body (text), params (of the query and the path), user_id, user_email, user_role and
    session_id.
    """

    def __init__(self, head, body):
        # From a verified token.
        user = head.get("user") or {}
        super().__init__(
            method=head["method"],
            url=head["url"],
            headers=_joined(head["headers"]),
            body=body.decode("utf-8", "replace"),
            params=params_of(head),
            user_id=user.get("id"),
            user_email=user.get("email"),
            user_role=user.get("role") or head["role"],
            session_id=user.get("sessionId"),
        )
        self._bytes = body

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError("a request has no field %r" % name) from None

    def bytes(self):
        """The body as it came."""
        return self._bytes

    def text(self):
        return self["body"]

    def json(self):
        return json.loads(self._bytes)


def _joined(flat):
    """Repeated headers become one, as HTTP prescribes."""
    headers = {}
    for index in range(0, len(flat), 2):
        name, value = flat[index].lower(), flat[index + 1]
        separator = "; " if name == "cookie" else ", "
        headers[name] = headers[name] + separator + value if name in headers else value
    return headers


def payload_as_http(body, head, name):
    """A payload for code that wants requests: a POST of its JSON text."""
    return {
        "method": "POST",
        "url": "http://localhost/%s" % name,
        "headers": ["content-type", "application/json", "content-length", str(len(body))],
        "role": head["role"],
    }


class Response:
    """What a handler of any style may return to choose status and headers."""

    def __init__(self, body=None, status=200, headers=None):
        self.body = body
        self.status = status
        self.headers = headers

    @classmethod
    def json(cls, value, status=200, headers=None):
        fields = flat_headers(headers)
        if not header(fields, "content-type"):
            fields += ["content-type", "application/json"]
        return cls(encode.encode(value), status, list(zip(fields[::2], fields[1::2])))


def is_status_object(value):
    return isinstance(value, dict) and (_is_status(value.get("status")) or
                                        _is_status(value.get("statusCode")))


def _is_status(value):
    return isinstance(value, int) and not isinstance(value, bool)


def response_of(value):
    """A `Response`, or the `{status, headers, body}` that stands for one."""
    if isinstance(value, Response):
        return value
    status = value.get("status")
    if not _is_status(status):
        status = value["statusCode"]
    return Response(value.get("body"), status, value.get("headers"))


_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_VALUE = re.compile(r"[^\0\r\n\u0100-\U0010ffff]*").fullmatch


def flat_headers(headers):
    """From a mapping or pairs; a list as a value is several headers of the name."""
    flat = []
    pairs = headers.items() if hasattr(headers, "items") else headers or ()
    for name, value in pairs:
        for each in value if isinstance(value, (list, tuple)) else (value,):
            text = each if isinstance(each, str) else str(each)
            if not isinstance(name, str) or not _NAME(name) or not _VALUE(text):
                raise ValueError("a response cannot have the header %r: %r" % (name, text))
            flat += [name.lower(), text]
    return flat


def head_of(response):
    """Status and flat headers, checked."""
    if not _is_status(response.status) or not 200 <= response.status <= 599:
        raise ValueError("a status is 200 to 599, not %r" % (response.status,))
    return int(response.status), flat_headers(response.headers)
