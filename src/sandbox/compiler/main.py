"""
Reads the Python code of functions for CREATE EDGE FUNCTION, with the interpreter that will run it. It
compiles and never runs what it reads, and as compilers have holes too it first gives up all it does
not need: files but the library's, sockets, programs, memory without end.

Requests come as lines of JSON on standard input and are answered in order, a line of JSON each:

    {"code": …, "parameters": 2 | null, "requirements": […]}
        → {"style": "main"}
        → {"error": {"title": …, "message": …, "line": 3, "column": 7, "hint": …}}   column in UTF-16
        → {"missing": ["numpy>=2 (1.26.4 is installed)"]}

Whoever asks kills it when an answer takes too long. The end of standard input is its own.
Run with `python3 -I -B`, Python 3.9 or newer.
"""
import json
import os
import resource
import signal
import sys

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_LAUNCHER = os.path.join(os.path.dirname(_FOLDER), "launcher")
sys.path[:0] = [_FOLDER, _LAUNCHER]

import kernel  # noqa: E402
import landlock  # noqa: E402
import requirements  # noqa: E402
import seccomp  # noqa: E402
import syntax  # noqa: E402
import zygote  # noqa: E402

del sys.path[:2]

# Five megabytes of code, the most there is, become some 700 MB of syntax tree.
_MEMORY_BYTES = 1 << 30
_OPEN_FILES = 32


def _confine():
    """As far as it goes here: no function's code is run by it, so nothing of this is required."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    try:
        kernel.drop_capabilities()
        # Dies with whoever asks, even when that was killed.
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        version = landlock.abi()
        if version > 0:
            landlock.restrict(landlock.create(version, {"read": zygote.readable_paths()}, []))
        seccomp.install(
            seccomp.program(os.getpid(), None, "none", "none", shared_memory=False)
        )
    except (OSError, KeyError):
        pass


def _answer(request):
    missing = requirements.missing(request["requirements"])
    if missing:
        return {"missing": missing}
    try:
        return {"style": syntax.check(request["code"], request["parameters"])}
    except syntax.Mistake as mistake:
        return {"error": mistake.fields}
    except (MemoryError, RecursionError):
        return {"error": {
            "title": "SyntaxError", "message": "the code is nested too deeply, or too large",
            "line": 1, "column": 0, "hint": None,
        }}


def main():
    if sys.version_info < zygote.OLDEST:
        sys.exit("it is Python %d.%d" % sys.version_info[:2])
    _confine()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)


main()
