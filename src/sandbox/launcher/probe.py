"""
What this machine really lets us enforce: each mechanism is tried in a child of its own, as a version
number or a file's presence says nothing about what a container forbids.
"""
import errno
import os
import resource
import signal
import socket

import cgroup
import kernel
import landlock
import seccomp

_CLONE_NEWUSER = 0x10000000
_MESSAGE_BYTES = 1024


def findings(uid):
    """For each mechanism `None` if it works, else why not; and Landlock's version."""
    return {
        "machine": None if kernel.supported else "no system call table for %s" % kernel.MACHINE,
        "noNewPrivileges": _in_a_child(_no_new_privileges),
        "seccomp": _in_a_child(_seccomp),
        "seccompListener": _in_a_child(_seccomp_listener),
        "landlock": _in_a_child(_landlock),
        "landlockAbi": landlock.abi(),
        "ownUser": _in_a_child(lambda: _own_user(uid)),
        "userNamespaces": _in_a_child(_user_namespaces),
        "cgroup": _cgroup(),
        "raiseLimits": _in_a_child(_raise_limits),
    }


def _in_a_child(attempt):
    reader, writer = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            attempt()
        except BaseException as error:
            os.write(writer, (str(error) or type(error).__name__).encode()[:_MESSAGE_BYTES])
        finally:
            os._exit(0)
    os.close(writer)
    message = os.read(reader, _MESSAGE_BYTES).decode("utf-8", "replace")
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return "the trial was ended by signal %d" % os.WTERMSIG(status)
    return message or None


def _no_new_privileges():
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)


def _seccomp():
    _no_new_privileges()
    seccomp.install(seccomp.program(os.getpid(), network="none"))
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        if error.errno == errno.EAFNOSUPPORT:
            return
        raise
    raise OSError("a filter was accepted, yet a socket it denies was opened")


def _seccomp_listener():
    _no_new_privileges()
    seccomp.install(seccomp.program(os.getpid(), unix_sockets="ask"), listen=True)


def _landlock():
    version = landlock.abi()
    if version == 0:
        raise OSError("the kernel is older than 5.13, has it switched off, or a container forbids it")
    _no_new_privileges()
    landlock.restrict(landlock.create(version, {}, []))
    try:
        os.open("/", os.O_RDONLY)
    except PermissionError:
        return
    raise OSError("a ruleset was accepted, yet a file it denies was opened")


def _own_user(uid):
    if os.getuid() != 0:
        raise OSError("the platform does not run as root")
    if uid is None:
        raise OSError("no range of user ids is configured")
    became, tell = os.pipe()
    until, hold = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(hold)
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.write(tell, b".")
            # Ends by itself where it cannot be killed: with us.
            os.read(until, 1)
        finally:
            os._exit(0)
    os.close(tell)
    if os.read(became, 1) != b".":
        raise OSError("this root may not become user %d" % uid)
    try:
        # A container may allow the one and not the other; then nothing could stop an instance.
        os.kill(pid, signal.SIGKILL)
    except PermissionError:
        raise OSError("this root may not kill what runs as another user") from None
    os.waitpid(pid, 0)


def _user_namespaces():
    kernel.syscall("unshare", _CLONE_NEWUSER)


def _cgroup():
    family, description = cgroup.find()
    return {"works": family is not None, "description": description}


def _raise_limits():
    """CAP_SYS_RESOURCE, which lets one user set another's limits."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, max(hard, 1) if hard != -1 else 1))
