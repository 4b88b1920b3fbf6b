"""Describes whatever a function raised: own file, own lines, nothing of the platform."""
import json
import os
import traceback

from .frames import ProtocolLimit

# A message longer than this helps nobody; three of them must fit a frame.
MAX_TEXT = 16 * 1024

_PLATFORM = os.path.dirname(os.path.abspath(__file__)) + os.sep


class InvalidInput(Exception):
    """The caller's input does not fit: its fault, not the function's."""


class ResponseTooLarge(Exception):
    """Known to be refused, so not sent."""


# Codes of the platform that an instance may claim.
_CLAIMS = {
    InvalidInput: "invalid_request",
    ResponseTooLarge: "response_too_large",
    ProtocolLimit: "limit_exceeded",
}


class Stacks:
    """Knows which frames are the author's."""

    def __init__(self):
        # The working directory, where files deployed with the code lie.
        self.folder = None

    def describe(self, error):
        """The JSON of an `error` frame."""
        try:
            return self._describe(error)
        except MemoryError:
            return b'{"name":"MemoryError","message":"out of memory"}'
        except BaseException:
            # Not even its description can be trusted.
            return json.dumps({"name": "Error", "message": "an unreadable exception"}).encode()

    def format(self, error):
        summary = traceback.TracebackException(type(error), error, error.__traceback__)
        self._clean(summary, set())
        return "".join(summary.format()).rstrip("\n")

    def _describe(self, error):
        description = {"name": _clip(type(error).__name__), "message": _clip(_message_of(error))}
        claim = _CLAIMS.get(type(error))
        if claim is None:
            description["stack"] = _clip_middle(self.format(error))
            # As of errors of Postgres. Whether it is a SQLSTATE, the supervisor sees.
            code = getattr(error, "code", None)
            if isinstance(code, str) and len(code) == 5:
                description["sqlState"] = code
        else:
            description["code"] = claim
        return json.dumps(description).encode()

    def _clean(self, summary, seen):
        if summary is None or id(summary) in seen:
            return
        seen.add(id(summary))
        if summary.stack is not None:
            own = [frame for frame in map(self._own, summary.stack) if frame is not None]
            # Without frames there is no heading for them either.
            summary.stack = traceback.StackSummary.from_list(own) if own else None
        self._clean(summary.__cause__, seen)
        self._clean(summary.__context__, seen)
        for part in getattr(summary, "exceptions", None) or ():
            self._clean(part, seen)

    def _own(self, frame):
        name = frame.filename
        if name.startswith(_PLATFORM):
            return None
        if self.folder is not None and name.startswith(self.folder):
            frame.filename = os.path.relpath(name, self.folder)
            return frame
        return None if os.path.isabs(name) or name.startswith("<frozen ") else frame


def _message_of(error):
    if isinstance(error, SystemExit):
        return "the code called sys.exit(%s)" % ("" if error.code is None else repr(error.code))
    if isinstance(error, KeyError) and len(error.args) == 1:
        return repr(error.args[0])
    return str(error)


def _clip(text):
    return text if len(text) <= MAX_TEXT else "%s… (%d characters)" % (text[:MAX_TEXT], len(text))


def _clip_middle(text):
    """Python's stacks say the most important thing last."""
    if len(text) <= MAX_TEXT:
        return text
    return "%s\n  … (%d characters)\n%s" % (text[:2048], len(text), text[2048 - MAX_TEXT:])
