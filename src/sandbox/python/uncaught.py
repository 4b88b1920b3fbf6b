"""What escapes every call is logged, and no more: it may be a stray thread of a healthy function."""
import sys
import threading

from . import frames


class Uncaught:
    def __init__(self, logger, stacks):
        self._logger = logger
        self._stacks = stacks

    def watch(self):
        def in_thread(args):
            if args.exc_type is not SystemExit:
                name = "?" if args.thread is None else args.thread.name
                self.log("Uncaught exception in thread %s" % name, args.exc_value)

        def unraisable(args):
            self.log(args.err_msg or "Exception ignored", args.exc_value)

        threading.excepthook = in_thread
        sys.unraisablehook = unraisable

    def on_loop(self, _loop, context):
        """As a loop's exception handler."""
        self.log(context["message"], context.get("exception"))

    def log(self, what, error):
        text = what if error is None else "%s: %s" % (what, self._stacks.format(error))
        self._logger.write_current(frames.SEVERE, text)
