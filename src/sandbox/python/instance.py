"""Receives the supervisor's frames: imports the module once, then starts, feeds and cancels calls."""
import _thread
import asyncio
import contextvars
import json
import os
import socket
import sys
import threading
import urllib.parse

from . import environment, frames, logs, module
from .call import Call, current
from .errors import Stacks
from .function import Function
from .host import Host
from .outbox import Outbox
from .start_gate import StartGate
from .uncaught import Uncaught
from .workers import STACK_BYTES, Workers, most_workers

# As much as one wake-up can take off the socket: a full window of body chunks for a few calls.
_READ_BYTES = 64 * 1024
_exit = os._exit


def run(connection, started, options=None):
    """
    Becomes an instance; never returns. `connection` is the blocking socket to the supervisor, whose
    descriptor is now ours. `started` is a descriptor of the four-byte file of `start_gate.py`.
    `options` is reserved.
    """
    try:
        Instance(connection, started).serve()
    except BaseException as error:
        _end(error)


def _end(error=None):
    """Nothing of the function's runs any more: no `atexit`, no finalisers, no waiting for threads."""
    try:
        if error is not None:
            # What breaks the channel is the function's doing, and its author's to read.
            os.write(2, ("%s: %s\n" % (type(error).__name__, error)).encode("utf-8", "replace"))
    finally:
        _exit(1)


class Instance:
    """
    The main thread reads the channel until the assignment has come and then imports the module, while
    a thread reads on: code may ask the platform for something as it is imported. Afterwards the main
    thread becomes a worker among others, or runs the loop, which then reads the channel itself.
    """

    def __init__(self, connection, started, make_workers=Workers):
        self._connection = connection
        self._decoder = frames.Decoder()
        self._outbox = Outbox(connection)
        self.logger = logs.Logger(self._outbox)
        self._stacks = Stacks()
        self._uncaught = Uncaught(self.logger, self._stacks)
        self._calls = {}
        self._gate = StartGate(started, self._start, lambda: self._outbox.put(frames.PING, 0, 0))
        self._host = Host(self._outbox)
        self._workers = make_workers(self._run_in_thread)
        # Held by whoever handles frames, so that the reading can change hands.
        self._reading = threading.Lock()
        self._assignment = None
        self._function = None
        self.loop = None

    def serve(self):
        """Ends with the process, when the supervisor is gone."""
        while self._assignment is None:
            self.receive(self._connection.recv(_READ_BYTES))
        threading.stack_size(STACK_BYTES)
        self._workers.most = most_workers(self._assignment["memoryBytes"])
        # Not a `threading.Thread`: it is none of the function's threads, and costs less.
        _thread.start_new_thread(self._read, ())
        self._import(self._assignment)
        if self.loop is None:
            self._workers.work()
        self._serve_on_loop()

    def _read(self):
        """The channel's thread."""
        while True:
            try:
                chunk = self._connection.recv(_READ_BYTES)
                with self._reading:
                    if self.loop is not None:
                        self.loop.call_soon_threadsafe(self.take_over, chunk)
                        return
                    self.receive(chunk)
            except BaseException as error:
                _end(error)

    def take_over(self, chunk):
        """On the loop: from here on it reads the channel."""
        self._readable(chunk)
        self.loop.add_reader(self._connection, self._readable)

    def _readable(self, chunk=None):
        try:
            self.receive(chunk or self._connection.recv(_READ_BYTES, socket.MSG_DONTWAIT))
        except BlockingIOError:
            pass
        except BaseException as error:
            _end(error)

    def _serve_on_loop(self):
        while True:
            try:
                self.loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                # From a task or callback of the function's own. Its calls' are caught where they run.
                self._uncaught.log("Uncaught exception", error)

    def receive(self, chunk):
        if not chunk:
            _end()
        for kind, flags, call_id, payload in self._decoder.push(chunk):
            self._handle(kind, flags, call_id, payload)

    def _handle(self, kind, flags, call_id, payload):
        if kind == frames.CALL:
            self._call(call_id, flags, payload)
        elif kind == frames.HOST_REPLY:
            self._host.replied(flags, payload)
        elif kind == frames.BODY:
            self._body(call_id, flags, payload)
        elif kind == frames.CREDIT:
            call = self._calls.get(call_id)
            if call is not None and call.sender is not None:
                call.sender.grant(frames.read_uint32(payload))
        elif kind == frames.CANCEL:
            self._cancel(call_id)
        elif kind == frames.PING:
            self._outbox.put(frames.PONG, 0, call_id)
        elif kind == frames.PONG:
            self._gate.pong()
        elif kind == frames.ASSIGN:
            self._assign(json.loads(payload))

    # The assignment

    def _assign(self, assignment):
        self._assignment = assignment
        self.logger.open(assignment["logBacklogBytes"])

    def _import(self, assignment):
        path = urllib.parse.unquote(urllib.parse.urlsplit(assignment["url"]).path)
        self._stacks.folder = os.getcwd() + os.sep
        logs.install(self.logger, module.name_of(path))
        self._uncaught.watch()
        try:
            environment.install(assignment)
            with open(path, "rb") as file:
                source = file.read()
            self.load(assignment, path, source)
        except BaseException as error:
            self._outbox.put(frames.ERROR, 0, 0, self._stacks.describe(error))

    def load(self, assignment, path, source):
        """Without what changes the process beyond the function's own module."""
        loop = None
        if b"async" in source:
            # Before its code runs: what that makes of asyncio belongs to this loop.
            loop = asyncio.SelectorEventLoop()
            loop.set_exception_handler(self._uncaught.on_loop)
            asyncio.set_event_loop(loop)
        function = Function(
            assignment, path, source, self._host, self._outbox, self._uncaught.log
        )
        sys.stdout.flush()
        sys.stderr.flush()
        self._outbox.put(frames.READY, 0, 0)
        with self._reading:
            self._function = function
            if function.is_async:
                self.loop = loop or asyncio.SelectorEventLoop()
            self._gate.open()

    # Calls

    def _call(self, call_id, flags, payload):
        head, body = frames.split_head(payload)
        call = self._calls[call_id] = Call(call_id, json.loads(head), self._outbox, self._over)
        call.receive(body, flags & frames.END)
        self._gate.admit(call)

    def _body(self, call_id, flags, payload):
        call = self._calls.get(call_id)
        if call is None or call.cancelled:
            return
        if payload and not flags & frames.END:
            self._outbox.put(frames.CREDIT, 0, call_id, frames.uint32(len(payload)))
        if call.receive(payload, flags & frames.END) and call.begun:
            self._run(call)

    def _start(self, call):
        call.begun = True
        if call.body is not None:
            self._run(call)

    def _cancel(self, call_id):
        call = self._calls.get(call_id)
        if call is None:
            return
        call.cancel()
        if call.task is not None:
            call.task.cancel()
        elif not call.running:
            # Its body has not arrived, or it was never begun.
            call.release()

    def _over(self, call):
        self._calls.pop(call.id, None)

    def _run(self, call):
        call.running = True
        context = contextvars.Context()
        context.run(current.set, call)
        if self.loop is not None:
            call.task = context.run(self.loop.create_task, self._run_on_loop(call))
            # Not at the end of the coroutine: one that is cancelled early never begins.
            call.task.add_done_callback(lambda _: self._close(call), context=context)
            return
        self._workers.submit((context, call))

    def _run_in_thread(self, item):
        context, call = item
        context.run(self._run_here, call)

    def _run_here(self, call):
        try:
            if not call.cancelled:
                self._function.run(call)
        except BaseException as error:
            self._fail(call, error)
        if call.later:
            self._function.run_later(call)
        self._close(call)

    async def _run_on_loop(self, call):
        try:
            await self._function.run_on_loop(call)
        except BaseException as error:
            self._fail(call, error)

    def _close(self, call):
        logs.flush_partial_lines(call)
        call.release()

    def _fail(self, call, error):
        if call.closed:
            return
        call.failed = True
        description = self._stacks.describe(error)
        self._outbox.put(frames.ERROR, call.end_flags(), call.id, description)
