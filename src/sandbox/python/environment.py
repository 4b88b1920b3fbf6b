"""The process as the function's code finds it."""
import concurrent.futures
import contextvars
import os
import sys
import threading

from . import network


def install(assignment):
    # Not `update`, which costs three times the memory.
    for name, value in assignment["env"].items():
        os.environ[name] = value
    # The files that lie beside the code may be modules.
    sys.path.append(os.getcwd())
    network.open_way_out(assignment.get("egress"))


def prepare():
    """In the zygote. What a call's threads print belongs to the call, too."""
    start = threading.Thread.start

    def start_in_context(self):
        context = contextvars.copy_context()
        run = self.run

        def run_or_report():
            try:
                run()
            except SystemExit:
                pass
            except BaseException:
                # Here, and not where the thread ends, its call is known.
                report = threading.ExceptHookArgs((*sys.exc_info(), self))
                threading.excepthook(report)

        self.run = lambda: context.run(run_or_report)
        start(self)

    threading.Thread.start = start_in_context
    submit = concurrent.futures.ThreadPoolExecutor.submit

    def submit_in_context(self, task, /, *args, **options):
        return submit(self, contextvars.copy_context().run, task, *args, **options)

    concurrent.futures.ThreadPoolExecutor.submit = submit_in_context
