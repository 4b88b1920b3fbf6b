"""
What happens between fork and exec: an ordinary child becomes a confined one, in an order that
matters. What needs privilege comes first, then the loss of privilege, then Landlock, and the filter
last, as it forbids most of what stands before it. A zygote's child goes the same way, to the entry of
an instance instead of a program.
"""
import os
import resource
import signal
import socket

import gate
import kernel
import landlock
import seccomp
import zygote

_AT_EMPTY_PATH = 0x1000
# Under memory pressure the kernel takes functions first, not Postgres or the supervisor.
_OOM_SCORE = b"700"


class Prepared:
    """The parts of a launch that need not be done after the fork. `parent` is the zygote or None."""

    def __init__(self, request, launcher_pid, landlock_abi, parent):
        self.request = request
        self.launcher_pid = launcher_pid
        if request.get("python") is None:
            self.target = _Program(request, landlock_abi)
        else:
            self.target = _Instance(request, landlock_abi, parent)


def _ruleset(request, landlock_abi, files):
    """Its descriptor, or None."""
    if not request["confine"]["landlock"]:
        return None
    ports = request["connectPorts"] if request["network"] == "proxy" else None
    if request["network"] == "none":
        ports = []
    return landlock.create(landlock_abi, files, ports)


class _Program:
    """Ends as a program of its own."""

    def __init__(self, request, landlock_abi):
        self._request = request
        self._landlock_abi = landlock_abi
        self._argv = kernel.text_array(request["argv"])
        self._env = kernel.text_array(["%s=%s" % item for item in request["env"].items()])
        self._filters = {
            unix_sockets: seccomp.template(
                exec_descriptor=request["limits"]["openFiles"], network=request["network"],
                unix_sockets=unix_sockets, ipv6=request["ipv6"],
            )
            for unix_sockets in ("ask", "any")
        }
        self._descriptor = None
        self.first_step = "open the program"
        self.last_step = "execute %s" % self._request["program"]

    def open(self, _report):
        # An ignored signal stays ignored through exec. SIGXFSZ is left so: EFBIG serves better.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        self._descriptor = os.open(self._request["program"], os.O_PATH | os.O_CLOEXEC)

    @property
    def directory(self):
        return self._request["directory"]

    def ruleset(self):
        return _ruleset(self._request, self._landlock_abi, self._request["files"])

    def settle(self, number):
        """
        Its descriptor becomes the first that RLIMIT_NOFILE forbids: the filter lets this number be
        executed, and once exec has closed it nothing can have this number again.
        """
        os.dup2(self._descriptor, number, inheritable=False)
        os.close(self._descriptor)
        self._descriptor = number

    def install_filter(self, report):
        pid = os.getpid()
        try:
            listener = seccomp.install(seccomp.for_process(self._filters["ask"], pid), listen=True)
        except OSError:
            # Somebody above listens already, a container's manager perhaps. `probe.py` tells.
            seccomp.install(seccomp.for_process(self._filters["any"], pid))
        else:
            gate.hand_over(listener, report)

    def begin(self, _report):
        kernel.syscall(
            "execveat", self._descriptor, b"", self._argv, self._env, _AT_EMPTY_PATH
        )

    def forked(self):
        pass


class _Instance:
    """
    Ends in the entry of a Python instance. What can be done before the fork is done there: pages that
    the zygote writes before it are shared, those that the child writes are its own.
    """

    def __init__(self, request, landlock_abi, parent):
        self._request = request
        self._parent = parent
        self._filter = seccomp.template(
            network=request["network"], unix_sockets="none", ipv6=request["ipv6"], shared_memory=False
        )
        self._embryo = None
        self.first_step = "connect to the supervisor"
        self.last_step = "enter the instance"
        self.directory = zygote.make_scratch(request)
        files = parent.files(request["files"], self.directory)
        self._ruleset = _ruleset(request, landlock_abi, files)

    def open(self, report):
        zygote.reset_signals()
        self._embryo = zygote.Embryo(self._request)
        connection = self._embryo.connection.fileno()
        zygote.close_all_but((connection, self._embryo.started, report.fileno(), self._ruleset))

    def ruleset(self):
        return self._ruleset

    def settle(self, number):
        pass  # Nothing is executed.

    def install_filter(self, _report):
        seccomp.install(seccomp.for_process(self._filter, os.getpid()))

    def begin(self, report):
        self._parent.start(
            self._embryo, self._request["env"], self._request["python"]["options"], report.close
        )

    def forked(self):
        if self._ruleset is not None:
            os.close(self._ruleset)


def become(prepared, uid, cgroup, report):
    """
    Never returns if all goes well. Raises OSError with the step that failed in its message. `report`
    is the socket over which the launcher gets what it has to answer for; it closes when all is done.
    """
    request = prepared.request
    target = prepared.target
    step = "start a session"
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        step = "open the streams"
        _open_streams(request["output"], request["id"])
        step = target.first_step
        target.open(report)
        step = "make the Landlock ruleset"
        ruleset = target.ruleset()
        step = "enter the directory"
        os.chdir(target.directory)
        _prefer_as_victim()
        if cgroup is not None:
            step = "join the cgroup"
            cgroup.join()
        step = "set limits"
        target.settle(request["limits"]["openFiles"])
        _limit(request["limits"], own_user=uid is not None)
        if uid is not None:
            step = "become user %d" % uid
            _become_user(uid, request["directory"])
        step = "drop capabilities"
        kernel.drop_capabilities()
        # After the change of user, which would clear it.
        step = "tie its life to the launcher's"
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != prepared.launcher_pid:
            os._exit(0)
        step = "set no_new_privs"
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if ruleset is not None:
            step = "enforce Landlock"
            landlock.restrict(ruleset)
        if request["confine"]["seccomp"]:
            step = "install the system call filter"
            target.install_filter(report)
        step = target.last_step
        target.begin(report)
    except OSError as error:
        raise OSError(error.errno, "cannot %s: %s" % (step, error)) from None


def _open_streams(path, launch_id):
    """
    Output and error output are two connections to the supervisor's socket, each opened with sixteen
    digits that say whose it is. It reads at its own pace and the launcher is in nobody's way.
    """
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(null, 0)
    for descriptor in (1, 2):
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(path)
        stream.sendall(b"%015d%d" % (launch_id, descriptor))
        os.dup2(stream.fileno(), descriptor)


def _prefer_as_victim():
    try:
        with open("/proc/self/oom_score_adj", "wb") as score:
            score.write(_OOM_SCORE)
    except OSError:
        pass  # Only a preference.


def _limit(limits, own_user):
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["fileBytes"],) * 2)
    if own_user:
        # Counted per user, so of no use where the supervisor and all instances are one.
        resource.setrlimit(resource.RLIMIT_NPROC, (limits["threads"],) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits["openFiles"],) * 2)


def _become_user(uid, directory):
    for path, _, files in os.walk(directory):
        os.chown(path, uid, uid)
        for name in files:
            os.chown(os.path.join(path, name), uid, uid, follow_symlinks=False)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # Execution would do so: its entries in /proc are its own user's again.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
