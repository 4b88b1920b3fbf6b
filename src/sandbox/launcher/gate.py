"""
What a process may do once: execute its program, and then make one unix socket, the channel to the
supervisor. The filter has the kernel ask the launcher for both. Afterwards nobody listens any more,
and the kernel itself refuses with ENOSYS.

Without this a function that had escaped its runtime could talk to every unix socket on the machine
that is open to all, such as a database's: Landlock does not see their paths.
https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html#userspace-notification
"""
import array
import errno
import fcntl
import os
import socket
import struct

from syscalls import number

# _IOWR('!', 0, struct seccomp_notif) and _IOWR('!', 1, struct seccomp_notif_resp)
_RECEIVE = 0xC0502100
_ANSWER = 0xC0182101
_NOTIFICATION_BYTES = 80
_CONTINUE = 1


class Gate:
    def __init__(self, descriptor):
        self.descriptor = descriptor
        self._executed = False

    def answer(self):
        """To be called when the descriptor is readable. False once there is nothing left to ask."""
        notification = bytearray(_NOTIFICATION_BYTES)
        try:
            fcntl.ioctl(self.descriptor, _RECEIVE, notification)
            identity, call = struct.unpack_from("<Q8xi", notification)
            executes = call == number("execveat")
            allowed = executes != self._executed
            flags, error = (_CONTINUE, 0) if allowed else (0, -errno.EPERM)
            fcntl.ioctl(self.descriptor, _ANSWER, struct.pack("<QqiI", identity, 0, error, flags))
            self._executed |= executes
            return executes or not allowed
        except OSError as error:
            if error.errno == errno.ENOENT:
                return True  # It was killed while it asked, or has been interrupted and asks again.
            raise

    def close(self):
        os.close(self.descriptor)


def hand_over(descriptor, connection):
    """From the child, through the socket on which it also reports what failed."""
    rights = array.array("i", [descriptor])
    connection.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])


def receive(connection, size):
    """Bytes of a report, and a Gate if one came before them."""
    data, ancillary, _, _ = connection.recvmsg(size, socket.CMSG_SPACE(4))
    for level, kind, content in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            return data[1:], Gate(struct.unpack("i", content)[0])
    return data, None
