"""
Runs a command as on a machine that lacks some of the kernel's protections: the calls are refused as
such a kernel, or a container, refuses them, to the command and all it starts.

    python3 fake_machine.py landlock,seccomp,namespaces,users COMMAND...
"""
import ctypes
import errno
import os
import struct
import sys

X86 = os.uname().machine == "x86_64"

ABSENT, INVALID, FORBIDDEN = errno.ENOSYS, errno.EINVAL, errno.EPERM

LACKING = {
    "landlock": [(444, ABSENT), (445, ABSENT), (446, ABSENT)],
    # `prctl(PR_SET_SECCOMP)` is the older way, which nothing of ours uses.
    "seccomp": [(317 if X86 else 277, INVALID)],
    "namespaces": [(272 if X86 else 97, FORBIDDEN), (308 if X86 else 268, FORBIDDEN)],
    # setresuid, setresgid, setuid, setgid: root stays what it is.
    "users": [(number, FORBIDDEN) for number in ((117, 119, 105, 106) if X86 else (147, 149, 146, 144))],
}

LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERROR = 0x7FFF0000, 0x00050000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2


def instruction(code, value, on_true=0, on_false=0):
    return struct.pack("<HBBI", code, on_true, on_false, value)


def lack(names):
    program = instruction(LOAD, 0)
    for name in names:
        for number, code in LACKING[name]:
            program += instruction(JUMP_EQUAL, number, 0, 1) + instruction(RETURN, ERROR | code)
    program += instruction(RETURN, ALLOW)
    code = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    for words in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, MODE_FILTER, header, 0, 0)):
        arguments = [ctypes.c_ulong(w) if isinstance(w, int) else w for w in words]
        if libc.prctl(*arguments) != 0:
            raise OSError(ctypes.get_errno(), "prctl(%d)" % words[0])


lack(sys.argv[1].split(","))
os.execvp(sys.argv[2], sys.argv[2:])
