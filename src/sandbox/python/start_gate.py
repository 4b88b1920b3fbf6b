"""
Lets calls start in order, and makes it certain afterwards which ones did. The four bytes of the file
`started`, the pause for calls that have waited long and the supervisor's part are described in
`src/sandbox/javascript/start-gate.ts`, whose rules these are.
"""
import collections
import os
import time

from . import frames

# Longer than a healthy instance is ever busy, short beside any time-out.
STALE_AFTER_MS = 100

_pwrite = os.pwrite
_time = time.time


class StartGate:
    def __init__(self, started, start, ping):
        """`started` is a descriptor, `start` is called with each call, `ping` asks the supervisor."""
        self._started = started
        self._start = start
        self._ping = ping
        self._held = collections.deque()
        self._state = "closed"

    def open(self):
        """The module is imported: calls may start."""
        self._state = "open"
        self._release(False)

    def admit(self, call):
        self._held.append(call)
        if self._state == "open":
            self._release(False)

    def pong(self):
        """Everything sent before our ping has been read."""
        if self._state == "asking":
            self._state = "open"
            self._release(True)

    def _release(self, confirmed):
        held = self._held
        while held:
            call = held[0]
            if not call.cancelled:
                if not confirmed and _time() * 1000 - call.sent_at > STALE_AFTER_MS:
                    self._state = "asking"
                    self._ping()
                    return
                _pwrite(self._started, frames.uint32(call.id), 0)
                self._start(call)
            held.popleft()
