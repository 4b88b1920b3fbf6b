"""Threads that run calls, one each: made when none is free, and kept."""
import queue
import sys
import threading

# A thread's stack is writable memory, which counts against the function's limit before it is used.
# CPython's guards against deep recursion in C let it use this much, measured with nested lists given to
# `repr`, `json.dumps`, `pickle.dumps`, `copy.deepcopy` and `==`: half as much is a crash.
STACK_BYTES = (1 if sys.version_info < (3, 12) else 2) << 20

# Of the function's memory, what stacks may take.
_STACKS_SHARE = 1 / 2


def most_workers(memory_bytes):
    """One needs no stack of its own."""
    return 1 + int(memory_bytes * _STACKS_SHARE) // STACK_BYTES


class Workers:
    def __init__(self, run):
        """`run` is called with each item; it must not raise."""
        # Changed when it is known.
        self.most = 1
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
        if self._count >= self.most:
            return
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
