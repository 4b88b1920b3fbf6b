"""Threads that run calls, one each: made when none is free, and kept."""
import queue
import threading

# A thread's stack is writable memory, which counts against the function's limit before it is used.
# CPython's own guard against deep recursion in C assumes a few hundred kilobytes.
STACK_BYTES = 1024 * 1024


class Workers:
    def __init__(self, run):
        """`run` is called with each item; it must not raise."""
        self._run = run
        self._queue = queue.SimpleQueue()
        # One is free from the start: the thread that will call `work`.
        self._idle = threading.Semaphore(1)
        self._count = 1

    def submit(self, item):
        """From one thread only."""
        if not self._idle.acquire(blocking=False):
            self._add()
        self._queue.put(item)

    def _add(self):
        try:
            threading.Thread(target=self.work, name="call-%d" % self._count, daemon=True).start()
            self._count += 1
        except (RuntimeError, MemoryError):
            # As many as the sandbox allows: the call waits for one of them.
            pass

    def work(self):
        """Makes a worker of the calling thread."""
        get = self._queue.get
        run = self._run
        while True:
            run(get())
            self._idle.release()
