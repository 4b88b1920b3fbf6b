"""
The inside of host calls: asks the platform on behalf of the running call and hands out the answer.
What can be asked is in `src/functions/host-services.ts`.

Everything asks in one way, `ask`. In a thread it waits and returns the answer; where an asyncio loop
is running it returns an awaitable at once, so that `await sdk.db.query(…)` in a coroutine and
`sdk.db.query(…)` in a plain function are the same function.
"""
import asyncio
import json
import threading

from . import encode, frames, values
from .call import CallCancelled, current

_CHUNK_BYTES = 64 * 1024
_MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_running_loop = asyncio._get_running_loop


class HostError(Exception):
    """The platform did not do what was asked; `code` says why."""

    code = None
    hint = None


class DatabaseError(Exception):
    """Postgres did not do it: `code` is its SQLSTATE, the other fields are as Postgres names them."""

    code = severity = detail = hint = position = where = schema = table = column = None
    dataType = constraint = None


def failure(code, message):
    error = HostError(message)
    error.code = code
    return error


def _rebuild(fields):
    kind = DatabaseError if fields["name"] == "DatabaseError" else HostError
    error = kind(fields["message"])
    for name, value in fields.items():
        if name not in ("name", "message"):
            setattr(error, name, value)
    return error


class _Question:
    """One host call without an answer yet."""

    def __init__(self, convert, exact):
        self.id = 0
        self.chunks = []
        self.answered = False
        self._convert = convert
        self._exact = exact

    def answer(self):
        """Of the whole reply. Raises what the platform raised."""
        text = b"".join(self.chunks).decode("utf-8")
        reply = (values.parse_exact if self._exact else values.parse)(text)
        error = reply.get("error")
        if error is not None:
            raise _rebuild(error)
        value = reply.get("value")
        return value if self._convert is None else self._convert(value)


class _Blocking(_Question):
    def __init__(self, convert, exact):
        super().__init__(convert, exact)
        self._done = threading.Lock()
        self._done.acquire()

    def done(self):
        try:
            self._done.release()
        except RuntimeError:
            pass  # Answered and cancelled at once.

    def wait(self):
        self._done.acquire()


class _Awaited(_Question):
    def __init__(self, convert, exact, loop):
        super().__init__(convert, exact)
        self._loop = loop
        self.future = loop.create_future()

    def done(self):
        if _running_loop() is self._loop:
            self._finish()
            return
        try:
            self._loop.call_soon_threadsafe(self._finish)
        except RuntimeError:
            pass  # That loop is closed, and nobody waits there any more.

    def _finish(self):
        if not self.future.done():
            self.future.set_result(None)


class Awaitable:
    """An answer that is still to come. Who forgets the `await` is told so."""

    def __init__(self, host, call, pending, op):
        self._host = host
        self._call = call
        self._pending = pending
        self._op = op

    def __await__(self):
        return self._host.answer_of(self._call, self._pending).__await__()

    def __getattr__(self, name):
        raise TypeError("in a coroutine, write `await` before what asks for %s" % self._op)

    def __getitem__(self, name):
        return self.__getattr__(name)

    def __iter__(self):
        return self.__getattr__("__iter__")

    def __len__(self):
        return self.__getattr__("__len__")


class Host:
    def __init__(self, outbox):
        self._outbox = outbox
        self._lock = threading.Lock()
        self._last_id = 0
        self._questions = {}

    def ask(self, op, question, convert=None, exact=False):
        """
        `question` is the input of the operation. `convert` makes what the caller gets of the answer;
        with `exact` numbers reach it as `values.parse_exact` keeps them.
        """
        loop = _running_loop()
        if loop is None:
            pending = _Blocking(convert, exact)
            call = self._send(op, question, pending)
            pending.wait()
            return self._conclude(call, pending)
        pending = _Awaited(convert, exact, loop)
        return Awaitable(self, self._send(op, question, pending), pending, op)

    def replied(self, flags, payload):
        """From the thread that reads the channel."""
        host_id = frames.read_uint32(payload)
        question = self._questions.get(host_id)
        if question is None:
            return
        question.chunks.append(payload[4:])
        if flags & frames.END:
            self._questions.pop(host_id, None)
            question.answered = True
            question.done()

    async def answer_of(self, call, pending):
        try:
            # Shielded, so that the answer can be awaited again.
            await asyncio.shield(pending.future)
        except BaseException:
            self._drop(call, pending)
            raise
        return self._conclude(call, pending)

    def _send(self, op, question, pending):
        message = encode.encode({"op": op, "input": question})
        if len(message) > _MAX_MESSAGE_BYTES:
            raise failure("limit_exceeded", "%s was given more than 32 MiB" % op)
        call = current.get()
        with self._lock:
            self._last_id += 1
            host_id = pending.id = self._last_id
            self._questions[host_id] = pending
        if call is not None:
            call.when_cancelled(pending.done)
        prefix = frames.uint32(host_id)
        call_id = 0 if call is None else call.id
        for start in range(0, len(message), _CHUNK_BYTES):
            end = start + _CHUNK_BYTES
            flags = frames.END if end >= len(message) else 0
            self._outbox.put(frames.HOST_CALL, flags, call_id, prefix + message[start:end])
        return call

    def _drop(self, call, pending):
        self._questions.pop(pending.id, None)
        if call is not None:
            call.forget(pending.done)

    def _conclude(self, call, pending):
        answered = pending.answered
        self._drop(call, pending)
        if not answered:
            raise CallCancelled()
        return pending.answer()
