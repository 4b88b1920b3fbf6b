"""The process as the function's code finds it."""
import os
import threading
import concurrent.futures
import contextvars


def install(assignment):
    os.environ.clear()
    for name, value in (assignment.get("env") or {}).items():
        os.environ[name] = value
    _follow_threads()


def _follow_threads():
    """What a call's threads print belongs to the call, too."""
    start = threading.Thread.start

    def start_in_context(self):
        context = contextvars.copy_context()
        run = self.run
        self.run = lambda: context.run(run)
        start(self)

    threading.Thread.start = start_in_context
    submit = concurrent.futures.ThreadPoolExecutor.submit

    def submit_in_context(self, task, /, *args, **options):
        return submit(self, contextvars.copy_context().run, task, *args, **options)

    concurrent.futures.ThreadPoolExecutor.submit = submit_in_context
