"""
Runs assignments and calls against nothing, in the zygote. CPython rewrites functions for speed as they
run: done here, the pages it writes are shared by all instances and the first call is a fast one. It
starts no thread, which no zygote may have, and leaves nothing behind.
"""
import asyncio
import contextlib
import json
import linecache
import os
import socket
import sys

from . import frames, logs
from .instance import Instance

_NAME = "orla_rehearsal"

# Plain and as a coroutine; what only coroutines can do without a thread of their own comes last.
_BODIES = (
    "main(a=None, b=None): print(a); return {'a': a, 'b': [b, 1.5]}",
    "handler(payload, sdk): return payload",
    "handler(request): return {'status': 200, 'headers': {'x-a': 'b'}, 'body': request.body}",
    "main(payload): raise ValueError(payload)",
    "main(payload): yield 'a'; yield 'b'",
)
_ASKING = """
async def main(payload):
    await kv.get("key")
    return await sdk.db.query_one("SELECT $1", [payload])
"""
_ROWS = {
    "command": "SELECT", "rowCount": 1, "fields": [{"name": "a", "type": "integer", "typeId": 1}],
    "rows": [[1]],
}
_COMMON = {"executionId": _NAME, "role": None, "sentAt": 1e15}
_HTTP = dict(
    _COMMON, kind="http", method="POST", url="http://localhost/?a=1",
    headers=["content-type", "application/json", "accept", "*/*"],
)
_CALLS = (
    (dict(_COMMON, kind="payload", shape="arguments"), b'[{"a": 1}, 2]'),
    (dict(_COMMON, kind="payload", shape="payload"), b'{"a": 1}'),
    (_HTTP, b'{"a": 1}'),
)
# CPython 3.11 rewrites a function after 8 calls, and takes a second look after some more.
_TIMES = 20
# Of the loop, after which a call with its questions is over.
_TURNS = 12
_ALL = 1 << 20
_ASSIGNMENT = {
    "style": None, "mode": "auto", "namespace": "default", "name": _NAME, "version": 0,
    "parameters": None, "returns": None, "memoryBytes": _ALL, "logBacklogBytes": _ALL,
    "maxResponseBytes": _ALL, "env": {},
}


def rehearse():
    for body in _BODIES:
        _perform("def " + body)
        _perform("async def " + body)
    _perform(_ASKING)


class _Inline:
    """Stands for the worker threads."""

    def __init__(self, run):
        self.submit = run


class _Peer:
    """The supervisor's end."""

    def __init__(self, connection):
        self._connection = connection
        self._decoder = frames.Decoder()

    def send(self, *frame):
        self._connection.sendall(frames.encode(*frame))

    def attend(self):
        """Takes what has come, and answers what was asked."""
        try:
            chunk = self._connection.recv(_ALL, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        for kind, _, call_id, payload in self._decoder.push(chunk):
            if kind == frames.HOST_CALL:
                value = _ROWS if b"db." in payload else None
                reply = payload[:4] + json.dumps({"value": value}).encode()
                self.send(frames.HOST_REPLY, frames.END, call_id, reply)


def _output(logger):
    stream = logs.Stream(frames.INFO, "<stdout>")
    stream.logger = logger
    return stream


def _perform(source):
    ours, theirs = socket.socketpair()
    main_module = sys.modules["__main__"]
    try:
        with ours, theirs, open(os.devnull, "wb") as started:
            instance = Instance(ours, started.fileno(), _Inline)
            with contextlib.redirect_stdout(_output(instance.logger)):
                _converse(source, instance, ours, _Peer(theirs))
    finally:
        sys.modules["__main__"] = main_module
        sys.modules.pop(_NAME, None)
        linecache.cache.pop(_NAME + ".py", None)


def _converse(source, instance, ours, peer):
    peer.send(frames.ASSIGN, 0, 0, json.dumps(_ASSIGNMENT).encode())
    instance.receive(ours.recv(_ALL))
    instance.load(_ASSIGNMENT, "/%s.py" % _NAME, source.encode())
    if instance.loop is None:
        for frame in _calls():
            peer.send(*frame)
            instance.receive(ours.recv(_ALL))
            peer.attend()
        return
    try:
        instance.loop.run_until_complete(_converse_on_loop(instance, ours, peer))
    finally:
        instance.loop.close()
        asyncio.set_event_loop(None)


async def _converse_on_loop(instance, ours, peer):
    for number, frame in enumerate(_calls()):
        peer.send(*frame)
        if number == 0:
            instance.take_over(ours.recv(_ALL))
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            peer.attend()


def _calls():
    for number in range(_TIMES * len(_CALLS)):
        head, body = _CALLS[number % len(_CALLS)]
        payload = frames.with_head(json.dumps(head).encode(), body)
        yield frames.CALL, frames.END, number + 1, payload
