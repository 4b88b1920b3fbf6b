"""
`print`, `logging`, `warnings` and `sys.stderr` write log lines of the call that is running.

What is printed becomes one log line per write that ends in a newline, so that a text of several lines
printed at once stays together; a line without an end is kept until it is flushed or its call is over.
"""
import io
import logging
import sys
import threading
import warnings

from . import frames
from .call import current, current_id

# One line's UTF-8 must fit a frame with room to spare, and a log is no place for documents.
MAX_LINE = 64 * 1024


class _Line:
    """What has been printed of a line; of one that does not end, the beginning."""

    __slots__ = ("pieces", "length")

    def __init__(self):
        self.pieces = []
        self.length = 0

    def add(self, text):
        if self.length < MAX_LINE:
            self.pieces.append(text[:MAX_LINE])
        self.length += len(text)

    def take(self):
        text = "".join(self.pieces)
        length = self.length
        self.pieces.clear()
        self.length = 0
        return text, length


class Logger:
    def __init__(self, outbox):
        self._outbox = outbox
        self._max_backlog = 0
        self._dropped = 0
        self._lock = threading.Lock()

    def open(self, max_backlog_bytes):
        """Lines are dropped, and counted, while more than this many bytes wait for the supervisor."""
        self._max_backlog = max_backlog_bytes

    def write(self, level, text, call_id, length=0):
        """`length` is that of the whole, where the text is only its beginning."""
        with self._lock:
            if self._outbox.backlog_bytes > self._max_backlog:
                self._dropped += 1
                return
            dropped, self._dropped = self._dropped, 0
        if dropped:
            message = "%d log lines were dropped: they came faster than they could be kept" % dropped
            self._send(frames.WARN, message, 0)
        self._send(level, text, call_id, length)

    def write_current(self, level, text):
        """A line of the call that is running."""
        self.write(level, text, current_id())

    def _send(self, level, text, call_id, length=0):
        length = max(length, len(text))
        if length > MAX_LINE:
            text = "%s… (%d characters)" % (text[:MAX_LINE], length)
        self._outbox.put(frames.LOG, level, call_id, text.encode("utf-8", "backslashreplace"))


class Stream(io.TextIOBase):
    """Stands for `sys.stdout` or `sys.stderr`."""

    encoding = "utf-8"
    errors = "backslashreplace"

    # From the assignment on.
    logger = None

    def __init__(self, level, name):
        self._level = level
        self._name = name
        self._lock = threading.Lock()
        # Outside any call.
        self._partial = _Line()
        self._bytes = None

    @property
    def name(self):
        return self._name

    @property
    def buffer(self):
        if self._bytes is None:
            self._bytes = _Bytes(self)
        return self._bytes

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        if text:
            call = current.get()
            ended = text[-1] == "\n"
            with self._lock:
                line = self._line_of(call)
                if not ended:
                    line.add(text)
                    return len(text)
                line.add(text[:-1])
                whole, length = line.take()
            self.logger.write(self._level, whole, 0 if call is None else call.id, length)
        return len(text)

    def flush(self):
        call = current.get()
        with self._lock:
            line = self._line_of(call)
            if line.length == 0:
                return
            text, length = line.take()
        self.logger.write(self._level, text, 0 if call is None else call.id, length)

    def log(self, level, text):
        """A whole line at a level of its own."""
        self.logger.write_current(level, text)

    def _line_of(self, call):
        if call is None:
            return self._partial
        lines = call.partial_lines
        if lines is None:
            lines = call.partial_lines = {}
        line = lines.get(self._level)
        if line is None:
            line = lines[self._level] = _Line()
        return line


class _Bytes(io.RawIOBase):
    """`sys.stdout.buffer`, for those who write bytes."""

    def __init__(self, stream):
        self._stream = stream

    def writable(self):
        return True

    def write(self, data):
        data = bytes(data)
        self._stream.write(data.decode("utf-8", "backslashreplace"))
        return len(data)

    def flush(self):
        self._stream.flush()


_BY_SEVERITY = (
    (logging.ERROR, frames.SEVERE), (logging.WARNING, frames.WARN), (logging.INFO, frames.INFO),
)


def _level_of(record):
    for severity, level in _BY_SEVERITY:
        if record.levelno >= severity:
            return level
    return frames.DEBUG


class _Handler(logging.Handler):
    """Of the root logger until the function configures its own."""

    own_name = None

    def emit(self, record):
        try:
            text = self.format(record)
            if record.name not in ("root", self.own_name):
                text = "%s: %s" % (record.name, text)
            _error.log(_level_of(record), text)
        except Exception:
            self.handleError(record)


_output = Stream(frames.INFO, "<stdout>")
_error = Stream(frames.SEVERE, "<stderr>")
_handler = _Handler()


def prepare():
    """In the zygote: everything that can be there before there is a function."""
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    configure = logging.basicConfig

    def basic_config(**options):
        # Ours is only there as long as the function has none, so it must not count as one.
        if root.handlers == [_handler]:
            root.removeHandler(_handler)
        configure(**options)

    logging.basicConfig = basic_config
    write = logging.StreamHandler.emit

    def emit(self, record):
        # A line keeps its level although it goes through a stream that has but one.
        if isinstance(self.stream, Stream):
            try:
                self.stream.log(_level_of(record), self.format(record))
            except Exception:
                self.handleError(record)
        else:
            write(self, record)

    logging.StreamHandler.emit = emit

    def show_warning(message, category, filename, lineno, file=None, line=None):
        text = warnings.formatwarning(message, category, filename, lineno, line)
        stream = sys.stderr if file is None else file
        if isinstance(stream, Stream):
            stream.log(frames.WARN, text.rstrip("\n"))
        else:
            stream.write(text)

    warnings.showwarning = show_warning


def install(logger, own_name):
    """`own_name` is the name of the function's module: its logger needs no mention in its own log."""
    _output.logger = _error.logger = logger
    sys.stdout, sys.stderr = _output, _error
    _handler.own_name = own_name
    logging.getLogger().addHandler(_handler)


def flush_partial_lines(call):
    """To be called in the context of the call when its handler is done."""
    if call.partial_lines is not None:
        _output.flush()
        _error.flush()
