"""System calls that Python's standard library does not wrap, through the C library."""
import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38

# Same number on both machines we run on, as for every call since Linux 5.0.
_OF_MACHINE = {
    "x86_64": {"capset": 126, "unshare": 272, "seccomp": 317, "execveat": 322},
    "aarch64": {"capset": 91, "unshare": 97, "seccomp": 277, "execveat": 281},
}
_SHARED = {
    "landlock_create_ruleset": 444,
    "landlock_add_rule": 445,
    "landlock_restrict_self": 446,
}

MACHINE = os.uname().machine
supported = MACHINE in _OF_MACHINE
_numbers = dict(_OF_MACHINE.get(MACHINE, {}), **_SHARED)


def syscall(name, *arguments):
    """Calls by name; integers, pointers and None are passed on. Raises OSError."""
    words = [
        ctypes.c_long(a) if isinstance(a, int) else (ctypes.c_void_p(None) if a is None else a)
        for a in arguments
    ]
    result = _libc.syscall(ctypes.c_long(_numbers[name]), *words)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, "%s: %s" % (name, os.strerror(code)))
    return result


def prctl(option, value):
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, "prctl(%d): %s" % (option, os.strerror(code)))


def drop_capabilities():
    """Empties all capability sets. With no_new_privs set, no later exec gets them back."""
    version_3 = 0x20080522
    header = (ctypes.c_uint32 * 2)(version_3, 0)
    empty = (ctypes.c_uint32 * 6)()
    syscall("capset", ctypes.byref(header), ctypes.byref(empty))


def text_array(items):
    """`char *[]` ending in NULL, for argv and envp."""
    array = (ctypes.c_char_p * (len(items) + 1))()
    array[:-1] = [os.fsencode(item) for item in items]
    return array
