"""
The way out. The kernel lets an instance connect to the egress proxy and nowhere else; here every
connection that Python code makes is led through it, as `src/egress/egress-proxy.ts` wants it: sockets,
and with them `http.client`, `urllib`, `requests`, `ssl`, `smtplib`, and asyncio's streams.

Names are not looked up here. `getaddrinfo` answers with an address that stands for the name (of a range
nobody has), and the socket that connects to it gives the proxy the name.
"""
import asyncio.selector_events
import base64
import errno
import http.client
import ipaddress
import json
import os
import socket

from .call import current

# 240.0.0.0/4, reserved since 1989.
_FIRST_STAND_IN = 0xF0000001
# Enough for any function; one that asks for more names reuses the places of the first.
_STAND_INS = 65536
_MAX_ANSWER = 16 * 1024
# For sockets that do not block, whose connection is made at once all the same.
_CONNECT_SECONDS = 30

_INTERNET = (socket.AF_INET, socket.AF_INET6)
_connect = socket.socket.connect
_send_all = socket.socket.sendall
_recv = socket.socket.recv
_getaddrinfo = socket.getaddrinfo
_sock_connect = asyncio.selector_events.BaseSelectorEventLoop.sock_connect

_ERRORS = {
    "not_allowed": (PermissionError, errno.EACCES),
    "name_not_found": (socket.gaierror, socket.EAI_NONAME),
    "connect_failed": (ConnectionRefusedError, errno.ECONNREFUSED),
    "connect_timeout": (TimeoutError, errno.ETIMEDOUT),
}


class _Names:
    """Addresses that stand for names."""

    def __init__(self):
        self._by_name = {}
        self._by_address = {}
        self._count = 0

    def address_of(self, name):
        address = self._by_name.get(name)
        if address is None:
            address = socket.inet_ntoa((_FIRST_STAND_IN + self._count % _STAND_INS).to_bytes(4, "big"))
            self._count += 1
            self._by_name.pop(self._by_address.get(address), None)
            self._by_name[name] = address
            self._by_address[address] = name
        return address

    def name_of(self, address):
        return self._by_address.get(address, address)


class Tunnels:
    def __init__(self, port, token):
        self._proxy = ("127.0.0.1", port)
        self._names = _Names()
        credentials = base64.b64encode(("orla:%s" % token).encode()).decode()
        self._authorization = "Proxy-Authorization: Basic %s\r\n\r\n" % credentials

    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        if family not in (0, socket.AF_INET):
            raise socket.gaierror(socket.EAI_FAMILY, "connections go through IPv4 here")
        if isinstance(host, bytes):
            host = host.decode("idna" if not host.isascii() else "ascii")
        if host is not None and not _is_ipv4(host):
            host = self._names.address_of(host)
        return _getaddrinfo(host, port, socket.AF_INET, type, proto, flags & ~socket.AI_CANONNAME)

    def leads(self, connection, address):
        """Whether a connection to the address is one for the proxy to make."""
        return connection.family in _INTERNET and connection.type & 0xF == socket.SOCK_STREAM and (
            tuple(address[:2]) != self._proxy
        )

    def connect(self, connection, address):
        if not self.leads(connection, address):
            return _connect(connection, address)
        timeout = connection.gettimeout()
        if timeout == 0:
            connection.settimeout(_CONNECT_SECONDS)
        try:
            _connect(connection, self._proxy)
            _send_all(connection, self._request(address))
            answer = _answer()
            wanted = next(answer)
            while wanted:
                wanted = answer.send(_recv(connection, wanted))
        finally:
            connection.settimeout(timeout)

    async def connect_async(self, loop, connection, address):
        """On a loop, with a socket that does not block."""
        await _sock_connect(loop, connection, self._proxy)
        await loop.sock_sendall(connection, self._request(address))
        answer = _answer()
        wanted = next(answer)
        while wanted:
            wanted = answer.send(await loop.sock_recv(connection, wanted))

    def _request(self, address):
        host = self._names.name_of(address[0])
        try:
            host = host.encode("ascii").decode() if host.isascii() else host.encode("idna").decode()
        except UnicodeError:
            raise socket.gaierror(socket.EAI_NONAME, "%r is no host name" % host) from None
        if any(character <= " " or character == "\x7f" for character in host):
            raise socket.gaierror(socket.EAI_NONAME, "%r is no host name" % host)
        target = "%s:%d" % ("[%s]" % host if ":" in host else host, address[1])
        head = "CONNECT %s HTTP/1.1\r\nHost: %s\r\n" % (target, target)
        return (head + self._authorization).encode()


def _answer():
    """
    Reads the proxy's answer: yields how many bytes it wants next and is sent some, and yields 0 when the
    connection is there. One by one until the end of the head: what follows a good one is the host's.
    """
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = yield 1
        head += data
        if not data or len(head) > _MAX_ANSWER:
            raise ConnectionResetError(errno.ECONNRESET, "the way out was closed")
    lines = head.decode("latin-1").split("\r\n")
    if lines[0].split(" ")[1:2] == ["200"]:
        yield 0
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    left = min(int(fields.get("content-length", 0)), _MAX_ANSWER)
    body = b""
    while len(body) < left:
        data = yield left - len(body)
        if not data:
            break
        body += data
    raise _refusal(lines[0], body)


def _refusal(status_line, body):
    try:
        refused = json.loads(body)["error"]
        code, message = refused["code"], refused["message"]
    except (ValueError, KeyError, TypeError):
        code, message = None, status_line
    kind, number = _ERRORS.get(code, (ConnectionError, errno.ECONNABORTED))
    return kind(number, message)


def _is_ipv4(host):
    try:
        return isinstance(ipaddress.ip_address(host), ipaddress.IPv4Address)
    except ValueError:
        return False


def _traceparent():
    """A span of the call's own trace, where it has one. https://www.w3.org/TR/trace-context/"""
    call = current.get()
    trace = "" if call is None else call.execution_id.replace("-", "")
    if len(trace) != 32 or not trace.isalnum():
        trace = os.urandom(16).hex()
    return "00-%s-%s-01" % (trace, os.urandom(8).hex())


# Where nothing leads out, sockets are left to themselves and to the kernel.
_egress = None
_made = None


def open_way_out(egress):
    """`egress` is `{port, token}`, or `None` where nothing leads out."""
    global _egress
    if egress is not None:
        _egress = egress
        socket.has_ipv6 = False


def _tunnels():
    """Made when they are first wanted: most functions connect nowhere."""
    global _made
    if _made is None and _egress is not None:
        _made = Tunnels(_egress["port"], _egress["token"])
    return _made


def _connect_out(self, address):
    tunnels = _tunnels()
    if tunnels is None:
        return _connect(self, address)
    tunnels.connect(self, address)


def _connect_ex(self, address):
    try:
        _connect_out(self, address)
    except socket.gaierror:
        raise
    except OSError as error:
        return error.errno or errno.ECONNABORTED
    return 0


async def _sock_connect_out(self, sock, address):
    tunnels = _tunnels()
    if tunnels is None or not tunnels.leads(sock, address):
        return await _sock_connect(self, sock, address)
    await tunnels.connect_async(self, sock, address)


def _look_up(host, port, family=0, type=0, proto=0, flags=0):
    tunnels = _tunnels()
    look_up = _getaddrinfo if tunnels is None else tunnels.getaddrinfo
    return look_up(host, port, family, type, proto, flags)


def _address_of(host):
    return _look_up(host, None, socket.AF_INET)[0][4][0]


def prepare():
    """In the zygote."""
    socket.socket.connect = _connect_out
    socket.socket.connect_ex = _connect_ex
    socket.getaddrinfo = _look_up
    socket.gethostbyname = _address_of
    socket.gethostbyname_ex = lambda host: (host, [], [_address_of(host)])
    asyncio.selector_events.BaseSelectorEventLoop.sock_connect = _sock_connect_out
    _trace_requests()


def _trace_requests():
    end_headers = http.client.HTTPConnection.endheaders

    def endheaders(self, message_body=None, *, encode_chunked=False):
        if _egress is not None and not any(line.lower().startswith(b"traceparent:") for line in self._buffer):
            self.putheader("traceparent", _traceparent())
        end_headers(self, message_body, encode_chunked=encode_chunked)

    http.client.HTTPConnection.endheaders = endheaders
