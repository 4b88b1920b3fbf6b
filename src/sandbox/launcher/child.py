"""
What happens between fork and exec: an ordinary child becomes a confined one, in an order that
matters. What needs privilege comes first, then the loss of privilege, then Landlock, and the filter
last, as it forbids most of what stands before it.
"""
import os
import resource
import signal
import socket

import gate
import kernel
import landlock
import seccomp

_AT_EMPTY_PATH = 0x1000
# Under memory pressure the kernel takes functions first, not Postgres or the supervisor.
_OOM_SCORE = b"700"


class Prepared:
    """The parts of a launch that need not be computed after the fork."""

    def __init__(self, request, launcher_pid, landlock_abi):
        self.request = request
        self.launcher_pid = launcher_pid
        self.landlock_abi = landlock_abi
        self.argv = kernel.text_array(request["argv"])
        self.env = kernel.text_array(["%s=%s" % item for item in request["env"].items()])


def become(prepared, uid, cgroup, report):
    """
    Never returns if all goes well. Raises OSError with the step that failed in its message. `report`
    is the socket over which the launcher gets what it has to answer for.
    """
    request = prepared.request
    confine = request["confine"]
    step = "start a session"
    try:
        os.setsid()
        step = "reset signals"
        # An ignored signal stays ignored through exec. SIGXFSZ is left so: EFBIG serves better.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        step = "open the streams"
        _open_streams(request["output"], request["id"])
        step = "open the program"
        program = os.open(request["program"], os.O_PATH | os.O_CLOEXEC)
        ruleset = None
        if confine["landlock"]:
            step = "make the Landlock ruleset"
            ports = request["connectPorts"] if request["network"] == "proxy" else None
            if request["network"] == "none":
                ports = []
            ruleset = landlock.create(prepared.landlock_abi, request["files"], ports)
        step = "enter the directory"
        os.chdir(request["directory"])
        _prefer_as_victim()
        if cgroup is not None:
            step = "join the cgroup"
            cgroup.join()
        step = "set limits"
        program = _limit(request["limits"], program, own_user=uid is not None)
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
        if confine["seccomp"]:
            step = "install the system call filter"
            _install_filter(request, program, report)
        step = "execute %s" % request["program"]
        kernel.syscall("execveat", program, b"", prepared.argv, prepared.env, _AT_EMPTY_PATH)
    except OSError as error:
        raise OSError(error.errno, "cannot %s: %s" % (step, error)) from None


def _install_filter(request, program, report):
    def filter_with(unix_sockets):
        return seccomp.program(
            os.getpid(), program, request["network"], unix_sockets, request["ipv6"]
        )

    try:
        listener = seccomp.install(filter_with("ask"), listen=True)
    except OSError:
        # Somebody above listens already, a container's manager perhaps. `probe.py` tells.
        seccomp.install(filter_with("any"))
    else:
        gate.hand_over(listener, report)


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


def _limit(limits, program, own_user):
    """
    Returns the program's new descriptor. It is the first that RLIMIT_NOFILE forbids: the filter lets
    this number be executed, and once exec has closed it nothing can have this number again.
    """
    number = limits["openFiles"]
    os.dup2(program, number, inheritable=False)
    os.close(program)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits["fileBytes"],) * 2)
    if own_user:
        # Counted per user, so of no use where the supervisor and all instances are one.
        resource.setrlimit(resource.RLIMIT_NPROC, (limits["threads"],) * 2)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))
    return number


def _become_user(uid, directory):
    for entry in os.scandir(directory):
        os.chown(entry.path, uid, uid, follow_symlinks=False)
    os.chown(directory, uid, uid)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
