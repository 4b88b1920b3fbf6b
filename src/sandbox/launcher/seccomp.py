"""
The system calls a function process may make, as a filter in classic BPF.

It denies what is listed in `syscalls.py`, looks at the arguments of the few calls that are needed in
one form and dangerous in another, and answers "no such call" to every number the list's author has
not seen. A filter cannot follow pointers: paths and addresses are Landlock's part. Nor can it count;
what a process may do once, and never again, it asks the launcher for (`gate.py`).
https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
"""
import ctypes
import errno
import socket
import struct

from kernel import MACHINE, syscall
from syscalls import DENIED, LAST_KNOWN, UNASSIGNED, number

_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# struct seccomp_data: nr, arch, instruction_pointer, args[6]; both machines are little-endian.
_NR, _ARCH = 0, 4


def _argument(index):
    """Offset of the low half. The kernel reads `int` arguments by that half alone."""
    return 16 + 8 * index


_LOAD, _JEQ, _JGE, _JSET, _AND, _RET = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW = 0x7FFF0000
ASK = 0x7FC00000
KILL = 0x80000000


def _error(code):
    return 0x00050000 | code


DENY = _error(errno.EPERM)
ABSENT = _error(errno.ENOSYS)


class Program:
    """Instructions in order; every jump is a short one forward, over a block."""

    def __init__(self):
        self._code = []

    def add(self, code, value, on_true=0, on_false=0):
        self._code.append(struct.pack("<HBBI", code, on_true, on_false, value & 0xFFFFFFFF))

    def block(self, name, body):
        """Runs `body`, a list of instructions that ends in a return, for calls of this name."""
        call = number(name)
        if call is None:
            return
        self.add(_JEQ, call, 0, len(body))
        for instruction in body:
            self.add(*instruction)

    def bytes(self):
        return b"".join(self._code)


def _only_if_one_of(index, values, otherwise=DENY, mask=None):
    """Allows if the argument, or what the mask leaves of it, is one of the values."""
    values = sorted(values)
    body = [(_LOAD, _argument(index))]
    if mask is not None:
        body.append((_AND, mask))
    for at, value in enumerate(values):
        body.append((_JEQ, value, len(values) - at, 0))
    return body + [(_RET, otherwise), (_RET, ALLOW)]


def _unless_set(index, bits):
    return [(_LOAD, _argument(index)), (_JSET, bits, 0, 1), (_RET, DENY), (_RET, ALLOW)]


_CLONE_THREAD = 0x00010000
# From <linux/sched.h>: NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_CLONE_NEW = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_AT_EMPTY_PATH = 0x1000
# A TCP connection made by sending, which Landlock's rule on connect() does not see.
_MSG_FASTOPEN = 0x20000000
_SOCKET_TYPE = 0xF
# MAP_SHARED and MAP_ANONYMOUS: memory that no limit on a process's own counts.
_SHARED_MEMORY = 0x21
# SO_ATTACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_CBPF and _EBPF: programs inside the kernel.
_SOCKET_PROGRAMS = (26, 50, 51, 52)

_PRCTL_ALLOWED = {
    "PR_GET_DUMPABLE": 3,
    "PR_SET_NAME": 15,
    "PR_GET_NAME": 16,
    "PR_SET_NO_NEW_PRIVS": 38,
    "PR_GET_NO_NEW_PRIVS": 39,
    "PR_SET_VMA": 0x53564D41,
}
_IOCTL_ALLOWED = {
    "TCGETS": 0x5401,
    "TIOCGWINSZ": 0x5413,
    "FIONREAD": 0x541B,
    "FIONBIO": 0x5421,
    "FIONCLEX": 0x5450,
    "FIOCLEX": 0x5451,
}


def program(
    pid, exec_descriptor=None, network="direct", unix_sockets="any", ipv6=False, shared_memory=True
):
    """
    The filter's bytes.

    pid: of the process itself, the only one it may signal.
    exec_descriptor: the only file it may execute; None for none. RLIMIT_NOFILE must be that number,
      so that it can never be opened again.
    network: "none", "direct" or "proxy". Proxy leaves no UDP: names are resolved by the proxy.
    unix_sockets: "any", "none", or "ask" for those the launcher lets pass; then it is asked for the
      execution too. Landlock cannot tell to whom one of them is connected.
    shared_memory: without files behind it. RLIMIT_DATA does not count it.
    """
    p = Program()
    p.add(_LOAD, _ARCH)
    p.add(_JEQ, _AUDIT_ARCH[MACHINE], 1, 0)
    p.add(_RET, KILL)
    p.add(_LOAD, _NR)
    # Also catches x86's second ABI, whose numbers have bit 30 set.
    p.add(_JGE, LAST_KNOWN + 1, 0, 1)
    p.add(_RET, ABSENT)
    first, last = UNASSIGNED[MACHINE]
    p.add(_JGE, first, 0, 2)
    p.add(_JGE, last + 1, 1, 0)
    p.add(_RET, ABSENT)
    _processes(p, pid, exec_descriptor, ASK if unix_sockets == "ask" else ALLOW)
    _sockets(p, network, {"any": ALLOW, "ask": ASK, "none": None}[unix_sockets], ipv6)
    if not shared_memory:
        p.block("mmap", [
            (_LOAD, _argument(3)),
            (_AND, _SHARED_MEMORY),
            (_JEQ, _SHARED_MEMORY, 0, 1),
            (_RET, DENY),
            (_RET, ALLOW),
        ])
    p.block("ioctl", _only_if_one_of(1, _IOCTL_ALLOWED.values(), _error(errno.ENOTTY)))
    p.block("prctl", _only_if_one_of(0, _PRCTL_ALLOWED.values(), _error(errno.EINVAL)))
    for name, answer in DENIED.items():
        p.block(name, [(_RET, ABSENT if answer == "absent" else DENY)])
    p.add(_RET, ALLOW)
    return p.bytes()


def _processes(p, pid, exec_descriptor, execute):
    # Threads only. The C library falls back to clone when clone3, whose flags lie behind a pointer,
    # is absent.
    p.block("clone", [
        (_LOAD, _argument(0)),
        (_JSET, _CLONE_NEW, 1, 0),
        (_JSET, _CLONE_THREAD, 1, 0),
        (_RET, DENY),
        (_RET, ALLOW),
    ])
    if exec_descriptor is None:
        p.block("execveat", [(_RET, DENY)])
    else:
        p.block("execveat", [
            (_LOAD, _argument(0)),
            (_JEQ, exec_descriptor, 0, 2),
            (_LOAD, _argument(4)),
            (_JEQ, _AT_EMPTY_PATH, 1, 0),
            (_RET, DENY),
            (_RET, execute),
        ])
    for name in ("kill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"):
        p.block(name, _only_if_one_of(0, [pid]))
    p.block("prlimit64", _only_if_one_of(0, [0, pid]))


def _sockets(p, network, unix, ipv6):
    internet = []
    if network != "none":
        internet = [socket.AF_INET] + ([socket.AF_INET6] if ipv6 else [])
    # The C library asks for the machine's own addresses when it sorts those of a name.
    netlink = [socket.AF_NETLINK] if network == "direct" else []
    kinds = [socket.SOCK_STREAM] + ([socket.SOCK_DGRAM] if network == "direct" else [])
    # Any other protocol, such as MPTCP, would pass by Landlock's rules on TCP.
    protocols = [0, socket.IPPROTO_TCP] + ([socket.IPPROTO_UDP] if network == "direct" else [])

    of_internet = (
        [(_LOAD, _argument(2))]
        + [(_JEQ, value, len(protocols) - at, 0) for at, value in enumerate(protocols)]
        + [(_RET, DENY)]
        + _only_if_one_of(1, kinds, DENY, _SOCKET_TYPE)
    )
    of_netlink = _only_if_one_of(2, [0])  # NETLINK_ROUTE
    body = [(_LOAD, _argument(0))]
    if unix is not None:
        body += [(_JEQ, socket.AF_UNIX, 0, 1), (_RET, unix)]
    for family in netlink:
        body += [(_JEQ, family, 0, len(of_netlink))] + of_netlink
    for family in internet:
        body += [(_JEQ, family, 0, len(of_internet))] + of_internet
    p.block("socket", body + [(_RET, _error(errno.EAFNOSUPPORT))])
    if network != "direct":
        # Direct name resolution binds UDP sockets; there Landlock alone forbids it for TCP.
        p.block("bind", [(_RET, DENY)])
    p.block("socketpair", _only_if_one_of(0, [socket.AF_UNIX]))
    p.block("sendto", _unless_set(3, _MSG_FASTOPEN))
    p.block("sendmsg", _unless_set(2, _MSG_FASTOPEN))
    p.block("sendmmsg", _unless_set(3, _MSG_FASTOPEN))
    p.block(
        "setsockopt",
        [
            (_LOAD, _argument(1)),
            (_JEQ, socket.SOL_SOCKET, 1, 0),
            (_RET, ALLOW),
            (_LOAD, _argument(2)),
        ]
        + [(_JEQ, option, 4 - at, 0) for at, option in enumerate(_SOCKET_PROGRAMS)]
        + [(_RET, ALLOW), (_RET, DENY)],
    )


# Stands for the process's own id in a program that is made before there is one. No id is as high.
_ANY_PID = 0x7E2D6A3F
_programs = {}


def template(**options):
    """
    A program for any process, by `for_process`. Made once: what a fork need not compute costs it
    neither time nor pages of its own.
    """
    key = tuple(sorted(options.items()))
    if key not in _programs:
        _programs[key] = program(_ANY_PID, **options)
    return _programs[key]


def for_process(program_bytes, pid):
    return program_bytes.replace(struct.pack("<I", _ANY_PID), struct.pack("<I", pid))


_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3
# Once the launcher has heard the question no signal interrupts it: asked twice it would be refused.
_WAIT_KILLABLE = 1 << 5  # Linux 5.19


def install(program_bytes, listen=False):
    """
    On the calling thread and what it executes. Needs no_new_privs. Returns the descriptor on which
    what the filter asks is to be answered, if that was wanted.
    """
    code = ctypes.create_string_buffer(program_bytes, len(program_bytes))
    header = struct.pack("<HxxxxxxQ", len(program_bytes) // 8, ctypes.addressof(code))
    if not listen:
        return syscall("seccomp", _SET_MODE_FILTER, 0, header)
    try:
        return syscall("seccomp", _SET_MODE_FILTER, _NEW_LISTENER | _WAIT_KILLABLE, header)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        return syscall("seccomp", _SET_MODE_FILTER, _NEW_LISTENER, header)
