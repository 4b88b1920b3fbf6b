"""One call inside the instance, from its frame to the end of all its work."""
import contextvars
import threading

from . import frames

# Which call is running: follows coroutines, callbacks, and the threads a call starts.
current = contextvars.ContextVar("call", default=None)


def current_id():
    call = current.get()
    return 0 if call is None else call.id


class CallCancelled(Exception):
    """Raised where a cancelled call waits for the platform."""

    def __init__(self):
        super().__init__("The caller went away or the call timed out")


class Call:
    __slots__ = (
        "id", "execution_id", "sent_at", "head", "begun", "running", "cancelled", "failed", "sender",
        "task", "body", "partial_lines", "waiting", "later", "_outbox", "_chunks", "_open_work", "_must_report",
        "_lock", "_over",
    )

    def __init__(self, call_id, head, outbox, over):
        self.id = call_id
        self.head = head
        self.execution_id = head["executionId"]
        self.sent_at = head["sentAt"]
        # Past the gate; its handler has been called.
        self.begun = self.running = False
        self.cancelled = self.failed = False
        self.sender = None
        # Of the asyncio loop, for coroutine handlers.
        self.task = None
        # Whole once it has arrived.
        self.body = None
        # Text printed so far of a line that has no end yet, by level.
        self.partial_lines = None
        # Callbacks for those who wait in this call and must hear of its cancellation.
        self.waiting = None
        # What a plain function has left for the time after its response.
        self.later = []
        self._outbox = outbox
        self._over = over
        self._chunks = None
        # The handler with its response is one piece of work; each `wait_until` is another.
        self._open_work = 1
        self._must_report = False
        self._lock = threading.Lock()

    @property
    def closed(self):
        """Its caller has got an answer or wants none: nothing more is sent."""
        return self.cancelled or self.failed

    def receive(self, chunk, ended):
        """A piece of the request's body. Returns whether the body is whole now."""
        if self.body is not None:
            return False
        if self._chunks is None:
            if ended:
                self.body = chunk
                return True
            self._chunks = []
        self._chunks.append(chunk)
        if not ended:
            return False
        self.body = b"".join(self._chunks)
        self._chunks = None
        return True

    def cancel(self):
        if self.cancelled:
            return
        self.cancelled = True
        self._chunks = None
        if self.sender is not None:
            self.sender.stop()
        with self._lock:
            waiting, self.waiting = self.waiting, None
        for callback in waiting or ():
            callback()

    def when_cancelled(self, callback):
        """Calls back at once if the call is cancelled already. Undone by `forget`."""
        with self._lock:
            if not self.cancelled:
                if self.waiting is None:
                    self.waiting = set()
                self.waiting.add(callback)
                return
        callback()

    def forget(self, callback):
        with self._lock:
            if self.waiting is not None:
                self.waiting.discard(callback)

    def add_work(self):
        with self._lock:
            self._open_work += 1

    def end_flags(self):
        """Flags for the frame that ends the response."""
        with self._lock:
            if self._open_work == 1:
                return 0
            self._must_report = True
            return frames.BACKGROUND

    def release(self):
        """One piece of work is over."""
        with self._lock:
            self._open_work -= 1
            if self._open_work > 0:
                return
        if self.cancelled or self._must_report:
            self._outbox.put(frames.DONE, 0, self.id)
        self._over(self)
