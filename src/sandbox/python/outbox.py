"""Sends frames from any thread, in the order they were put, and never makes a caller wait."""
import socket
import threading

from . import frames

_DONT_WAIT = socket.MSG_DONTWAIT


class Outbox:
    """
    A frame goes out at once where the socket has room, which is nearly always. What does not fit is
    kept, and a thread of its own, made when it is first needed, sends it: bodies and host calls are
    bounded by credit, log lines by the logger, so what is kept stays small.
    """

    def __init__(self, connection):
        self._send = connection.send
        self._send_all = connection.sendall
        self._lock = threading.Lock()
        self._kept = []
        self._kept_bytes = 0
        self._writing = False
        self._closed = False
        self._wake = None

    @property
    def backlog_bytes(self):
        """Bytes not yet taken by the operating system."""
        return self._kept_bytes

    def put(self, kind, flags, call_id, payload=b""):
        data = frames.encode(kind, flags, call_id, payload)
        with self._lock:
            if self._closed:
                return
            if not self._writing:
                sent = self._try(data)
                if sent == len(data) or self._closed:
                    return
                data = data[sent:]
            self._kept.append(data)
            self._kept_bytes += len(data)
            if not self._writing:
                self._start_writing()

    def _try(self, data):
        try:
            return self._send(data, _DONT_WAIT)
        except BlockingIOError:
            return 0
        except OSError:
            # The reader of the same socket learns why and acts on it.
            self._closed = True
            return 0

    def _start_writing(self):
        self._writing = True
        if self._wake is None:
            self._wake = threading.Semaphore(0)
            try:
                threading.Thread(target=self._write, name="channel", daemon=True).start()
            except (RuntimeError, MemoryError):
                # No thread to be had: then everybody waits, which is better than losing frames.
                self._wake = None
                self._drain()
                return
        self._wake.release()

    def _write(self):
        while True:
            self._wake.acquire()
            while True:
                with self._lock:
                    if not self._take():
                        break
                self._send_taken()

    def _drain(self):
        while self._take():
            self._send_taken()

    def _take(self):
        self._kept_bytes = sum(map(len, self._kept))
        if not self._kept:
            self._writing = False
            return False
        self._taken = b"".join(self._kept)
        self._kept.clear()
        return True

    def _send_taken(self):
        try:
            self._send_all(self._taken)
        except OSError:
            self._closed = True
            self._kept.clear()
        self._taken = b""
