"""
Landlock: what a process may do with files, TCP ports, signals and abstract sockets, decided by
the process itself, for good, without any privilege. https://docs.kernel.org/userspace-api/landlock.html

Each kernel knows a version ("ABI") of it; what an older one lacks is left out, and `covers` says so.
Not covered by any: stat, chmod, chown, xattr, connecting to a unix socket by path, UDP. The seccomp
filter forbids those of them that change something.
"""
import os
import stat
import struct

from kernel import syscall

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_DIR = 1 << 4
REMOVE_FILE = 1 << 5
MAKE_DIR = 1 << 7
MAKE_REG = 1 << 8
REFER = 1 << 13
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15
# What may be said of something that is no directory.
_OF_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

_RIGHTS = {
    "execute": EXECUTE | READ_FILE,
    "read": READ_FILE | READ_DIR,
    "write": READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE,
    # Files and directories can be made, renamed and removed; no links, devices or sockets.
    "own": READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | MAKE_REG | MAKE_DIR | REMOVE_FILE
    | REMOVE_DIR | REFER,
}

BIND_TCP = 1 << 0
CONNECT_TCP = 1 << 1
SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0
SCOPE_SIGNAL = 1 << 1

_RULE_PATH_BENEATH = 1
_RULE_NET_PORT = 2
_CREATE_RULESET_VERSION = 1


def abi():
    """0 where the kernel has none or a container forbids it."""
    try:
        return syscall("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def covers(version):
    return {
        "files": version >= 1,
        "truncate": version >= 3,
        "tcp": version >= 4,
        "devices": version >= 5,
        "signals": version >= 6,
    }


def handled_files(version):
    rights = (1 << 13) - 1
    if version >= 2:
        rights |= REFER  # links and renames between directories
    if version >= 3:
        rights |= TRUNCATE
    if version >= 5:
        rights |= IOCTL_DEV
    return rights


def create(version, paths, connect_ports):
    """
    A ruleset's descriptor, for `restrict`. `paths` maps execute|read|write|own to lists of paths;
    those that do not exist grant nothing. `connect_ports` is None for any.
    """
    files = handled_files(version)
    net = scoped = 0
    if version >= 4:
        net = BIND_TCP if connect_ports is None else BIND_TCP | CONNECT_TCP
    if version >= 6:
        scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL
    attributes = struct.pack("<QQQ", files, net, scoped)
    # Kernels refuse a size they do not know only if what lies beyond is not zero.
    ruleset = syscall("landlock_create_ruleset", attributes, len(attributes), 0)
    for kind, rights in _RIGHTS.items():
        for path in paths.get(kind, ()):
            _allow_path(ruleset, path, rights & files)
    if net & CONNECT_TCP:
        for port in connect_ports:
            rule = struct.pack("<QQ", CONNECT_TCP, port)
            syscall("landlock_add_rule", ruleset, _RULE_NET_PORT, rule, 0)
    return ruleset


def restrict(ruleset):
    """Of the calling thread and what it executes. Needs no_new_privs. Closes the ruleset."""
    syscall("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)


def _allow_path(ruleset, path, rights):
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_A_FILE
        rule = struct.pack("<Qi", rights, descriptor)
        syscall("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
