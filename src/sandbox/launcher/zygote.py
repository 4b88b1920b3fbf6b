"""
The launcher as a *zygote*: run by the interpreter of a Python environment, it has everything imported
before the first instance is wanted, so that an instance is a fork of it and not a start. Where the
launcher proper executes a program at the end of `child.become`, a zygote's child calls the instance's
entry, confined just the same.

What a fork inherits and an execution would have ended is put away here: descriptors, the environment,
the launcher's own modules, and random numbers that all instances would otherwise draw alike.

What is needed of the folder it loads (`src/sandbox/python`, as package `_orla`):
    preload.load()                            imports what every instance needs; before the first fork
    instance.run(connection, started, options)   in the child: the connected channel as a blocking
        socket, the descriptor of the four-byte file `started`, a dict. Never returns.
The child's working directory is its scratch directory, which is HOME and TMPDIR too; nothing else can
be written, and the module lies in a directory above it that can only be read. No descriptor is open
but these and the three streams. Signals have their default effect, SIGXFSZ and SIGPIPE are
ignored as in any Python, the cyclic garbage collector is on.
"""
import gc
import importlib
import importlib.util
import os
import signal
import socket
import sys
import sysconfig
import types

PACKAGE = "_orla"

# Of what lies around the launcher's main module; a function's modules may have the same names.
_OWN_MODULES = ("cgroup", "child", "gate", "kernel", "landlock", "probe", "seccomp", "syscalls", "zygote")

# The loader's list of libraries, entropy, time zones by name, and certificates, which are public.
_SYSTEM_FILES = (
    "/etc/ld.so.cache", "/dev/urandom", "/usr/share/zoneinfo", "/usr/lib/ssl", "/usr/share/ca-certificates",
    "/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
)
_NULL = "/dev/null"


OLDEST = (3, 9)


class Unsafe(Exception):
    """This environment cannot be forked from."""


class Zygote:
    def __init__(self, folder, preload):
        """`preload` lists modules; one that ends in `?` need not be there."""
        if sys.version_info < OLDEST:
            raise Unsafe("it is Python %d.%d, and functions need %d.%d" % (sys.version_info[:2] + OLDEST))
        # This file's folder, from which nothing more is to be imported.
        own = sys.path.pop(0)
        for name in _OWN_MODULES:
            sys.modules.pop(name, None)
        self.problems = []
        _load_package(folder)
        importlib.import_module(PACKAGE + ".preload").load()
        self._run = importlib.import_module(PACKAGE + ".instance").run
        for name in preload:
            self._preload(name)
        threads = len(os.listdir("/proc/self/task"))
        if threads > 1:
            raise Unsafe(
                "importing %s started threads, and a process with threads cannot be forked; preload less"
                % ", ".join(name.rstrip("?") for name in preload)
            )
        self.readable = [path for path in readable_paths() if path != own] + [folder]
        # Something of the standard library that every user of an instance must be able to open.
        self._probe = os.__file__
        gc.collect()

    def _preload(self, name):
        optional = name.endswith("?")
        name = name.rstrip("?")
        try:
            if optional and importlib.util.find_spec(name) is None:
                return
            importlib.import_module(name)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self.problems.append("cannot preload %s: %s: %s" % (name, type(error).__name__, error))

    def files(self, files, scratch):
        """The rights of an instance: those asked for and the interpreter's own."""
        return {
            "execute": files["execute"],
            "read": files["read"] + self.readable,
            "write": files["write"] + [_NULL],
            "own": [scratch],
        }

    def start(self, embryo, environment, options, done):
        """In the confined child: becomes an instance, for good. Calls `done` when nothing can fail."""
        os.environ.clear()
        os.environ.update(environment)
        _check_readable(self._probe)
        sys.argv = [""]
        sys.modules["__main__"] = types.ModuleType("__main__")
        _forget()
        gc.enable()
        done()
        self._run(embryo.connection, embryo.started, options)


class Embryo:
    """What an instance holds before it is confined, as it could not get it afterwards."""

    def __init__(self, request):
        directory = request["directory"]
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.connection.connect(os.path.join(directory, "socket"))
        self.started = os.open(os.path.join(directory, "started"), os.O_WRONLY | os.O_CLOEXEC)


def make_scratch(request):
    """The instance's working directory, with a link to each of its files."""
    scratch = os.path.join(request["directory"], "scratch")
    os.mkdir(scratch, 0o700)
    for name, target in request["python"]["links"].items():
        link = os.path.join(scratch, name)
        os.makedirs(os.path.dirname(link), 0o700, exist_ok=True)
        os.symlink(target, link)
    return scratch


def close_all_but(kept):
    """What an execution would have closed: the supervisor's line to the zygote before all."""
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor > 2 and descriptor not in kept:
            try:
                os.close(descriptor)
            except OSError:
                pass  # The one that listed them.


def reset_signals():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


def _load_package(folder):
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    package = sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)


def readable_paths():
    """What may be imported later, with the libraries that it may load."""
    paths = [path for path in sys.path if path]
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        paths.append(sysconfig.get_paths()[name])
    with open("/proc/self/maps") as maps:
        libraries = {line.split(None, 5)[5].strip() for line in maps if ".so" in line}
    paths += [os.path.dirname(os.path.realpath(library)) for library in libraries]
    paths += _SYSTEM_FILES
    # A rule for a directory is one for all below it. `/` would be a rule for everything.
    existing = sorted({os.path.realpath(path) for path in paths if os.path.exists(path)} - {"/"})
    return [
        path for path in existing
        if not any(path.startswith(other + os.sep) for other in existing)
    ]


def _check_readable(path):
    """Says now what would otherwise fail at some later import."""
    try:
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError as error:
        what = "users other than the interpreter's owner may not read its library, %s" % path
        raise OSError(error.errno, what) from None


def _forget():
    """What libraries keep of the zygote. `random` sees to itself; numpy's old generator does not."""
    numbers = sys.modules.get("numpy.random")
    if numbers is not None:
        numbers.seed()
    files = sys.modules.get("tempfile")
    if files is not None:
        files.tempdir = None
