"""Sends one body as `body` frames, never further ahead of its reader than the credit it has."""
import asyncio
import threading

from . import frames


class BodySender:
    """
    `grant` and `stop` come from the thread that reads the channel. `send` waits for credit as its call
    runs: on the asyncio loop, which is that thread, or by blocking a worker thread.
    """

    def __init__(self, outbox, call):
        self._outbox = outbox
        self._call = call
        self._credit = frames.INITIAL_CREDIT
        self._changed = threading.Condition(threading.Lock())
        self._event = asyncio.Event() if call.task is not None else None
        self._stopped = False

    def grant(self, size):
        with self._changed:
            self._credit += size
            self._notify()

    def stop(self):
        """Sends no more."""
        with self._changed:
            self._stopped = True
            self._notify()

    def _notify(self):
        self._changed.notify_all()
        if self._event is not None:
            self._event.set()

    async def send(self, data):
        """Returns whether more is wanted."""
        offset = 0
        while offset < len(data) and not self._stopped:
            await self._wait_for_credit()
            if not self._stopped:
                offset += self._put(data, offset)
        if self._event is not None:
            # What never waits would keep the loop from everything else.
            await asyncio.sleep(0)
        return not self._stopped

    def end(self):
        if not self._call.closed:
            self._outbox.put(frames.BODY, frames.END | self._call.end_flags(), self._call.id)

    async def _wait_for_credit(self):
        if self._event is None:
            with self._changed:
                while self._credit <= 0 and not self._stopped:
                    self._changed.wait()
            return
        while self._credit <= 0 and not self._stopped:
            self._event.clear()
            await self._event.wait()

    def _put(self, data, offset):
        with self._changed:
            size = min(len(data) - offset, self._credit, frames.CHUNK_BYTES)
            self._credit -= size
        self._outbox.put(frames.BODY, 0, self._call.id, data[offset:offset + size])
        return size
