"""
The same for Python, which has no rules of its own: what is refused here was refused by the kernel.
Prints one line of JSON: by attack, true when it got what it wanted.
"""
import ctypes
import json
import os
import socket
import sys

target = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)


def connect(port):
    with socket.create_connection(("127.0.0.1", port), 1):
        return True


def abstract():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + target["abstractName"])
        return True


def ptrace():
    attached = libc.ptrace(0x4206, target["sibling"], None, None) == 0
    if attached:
        libc.ptrace(17, target["sibling"], None, None)
    return attached


def mount():
    """In namespaces of its own, where it would be root."""
    if libc.unshare(0x10020000) != 0:
        return False
    return libc.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0


def fork():
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return True


def made(path):
    with open(path, "w"):
        return True


ATTACKS = {
    "readPasswd": lambda: open("/etc/passwd").read() != "",
    "readSiblingFile": lambda: open(target["siblingFile"]).read() != "",
    "readParentEnviron": lambda: open("/proc/%d/environ" % target["parent"]).read() != "",
    "readSiblingMemory": lambda: open("/proc/%d/mem" % target["sibling"], "rb") is not None,
    "signalParent": lambda: os.kill(target["parent"], 0) is None,
    "signalSibling": lambda: os.kill(target["sibling"], 0) is None,
    "ptraceSibling": ptrace,
    "fork": fork,
    "startShell": lambda: os.system("true") == 0,
    "packetSocket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW) is not None,
    "datagramSocket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM) is not None,
    "connectAnyPort": lambda: connect(target["port"]),
    "connectProxyPort": lambda: connect(target["proxyPort"]),
    "connectAbstract": abstract,
    "writeTemporary": lambda: made(target["temporaryFile"]),
    "writeOwnDirectory": lambda: made("made"),
    # Last, as it changes what this process is.
    "mount": mount,
}

outcome = {}
for name, attack in ATTACKS.items():
    try:
        outcome[name] = attack()
    except OSError:
        outcome[name] = False
print(json.dumps(outcome))
