/** Sockets of every other kind. */
import { type Attack, type AttackCode, refused, type Wall } from "../attack.ts";

type Walls = AttackCode["walls"];
const POLICY: Walls = ["permissions", "egress", "landlock"];
const NETWORK: Walls = ["egress", "landlock"];
const walls = (...more: readonly Wall[]): Walls => ["permissions", ...more];

export const socketAttacks: readonly Attack[] = [
  {
    name: "open a raw TCP connection",
    behindDeno: ["connectAnyPort", "connectFastOpen", "connectMultipath"],
    code: {
      javascript: refused(
        POLICY,
        `
        const socket = await Deno.connect({ hostname: "127.0.0.1", port: target.port });
        socket.close();
        return true;`,
      ),
      python: refused(
        NETWORK,
        `import socket
socket.create_connection(("127.0.0.1", target["port"]), 2).close()
return True`,
      ),
    },
  },
  {
    name: "connect without the interpreter's own sockets",
    code: {
      python: refused(
        ["landlock"],
        `import _socket
raw = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
_socket.socket.connect(raw, ("127.0.0.1", target["port"]))
raw.close()
return True`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "connect by calls of the C library",
    code: {
      python: refused(
        ["landlock"],
        `import ctypes, struct
libc = ctypes.CDLL(None, use_errno=True)
address = struct.pack("<H", 2) + struct.pack(">H", target["port"]) + bytes([127, 0, 0, 1]) + bytes(8)
return libc.connect(libc.socket(2, 1, 0), address, 16) == 0`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "open a TCP connection through Node's modules",
    code: {
      javascript: refused(
        POLICY,
        `const net = await builtin("net");
        return await new Promise((resolve, reject) => {
          const socket = net.connect(target.port, "127.0.0.1", () => { socket.destroy(); resolve(true); });
          socket.on("error", reject);
        });`,
      ),
    },
  },
  {
    name: "connect to a unix socket",
    behindDeno: ["connectByPath"],
    code: {
      javascript: refused(
        ["permissions", "seccomp"],
        `
        const socket = await Deno.connect({ transport: "unix", path: target.unixSocket });
        socket.close();
        return true;`,
      ),
      python: refused(
        ["seccomp"],
        `import socket
with socket.socket(socket.AF_UNIX) as s:
    s.connect(target["unixSocket"])
    return True`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "connect to a unix socket through Node's modules",
    code: {
      javascript: refused(
        ["permissions", "seccomp"],
        `const net = await builtin("net");
        return await new Promise((resolve, reject) => {
          const socket = net.connect(target.unixSocket, () => { socket.destroy(); resolve(true); });
          socket.on("error", reject);
        });`,
      ),
    },
  },
  {
    name: "connect to an abstract unix socket",
    behindDeno: ["connectAbstract"],
    code: {
      javascript: refused(
        ["permissions", "seccomp", "landlock"],
        `
        const socket = await Deno.connect({ transport: "unix", path: "\\0" + target.abstractName });
        socket.close();
        return true;`,
      ),
      python: refused(
        ["seccomp", "landlock"],
        `import socket
with socket.socket(socket.AF_UNIX) as s:
    s.connect("\\0" + target["abstractName"])
    return True`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "connect to an abstract unix socket through Node's modules",
    code: {
      javascript: refused(
        ["permissions", "seccomp", "landlock"],
        `const net = await builtin("net");
        return await new Promise((resolve, reject) => {
          const path = "\\0" + target.abstractName;
          const socket = net.connect({ path }, () => { socket.destroy(); resolve(true); });
          socket.on("error", reject);
        });`,
      ),
    },
  },
  {
    name: "listen on an abstract unix socket, for other instances",
    code: {
      javascript: refused(
        ["permissions", "seccomp"],
        `
        using listener = Deno.listen({ transport: "unix", path: "\\0orla-" + crypto.randomUUID() });
        return listener.addr.transport === "unix";`,
      ),
      python: refused(
        ["seccomp"],
        `import socket, uuid
with socket.socket(socket.AF_UNIX) as s:
    s.bind("\\0orla-%s" % uuid.uuid4())
    s.listen()
    return True`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "serve HTTP on an abstract unix socket",
    code: {
      javascript: refused(
        ["permissions", "seccomp"],
        `const http = await builtin("http");
        return await new Promise((resolve, reject) => {
          const server = http.createServer();
          server.on("error", reject);
          server.listen("\\0orla-" + crypto.randomUUID(), () => { server.close(); resolve(true); });
        });`,
      ),
    },
  },
  {
    name: "connect with the classes below Node's modules",
    code: {
      javascript: refused(
        POLICY,
        `
        const { TCP, TCPConnectWrap } = (await builtin("process")).default.binding("tcp_wrap");
        return await new Promise((resolve, reject) => {
          const tcp = new TCP(0);
          const request = new TCPConnectWrap(0);
          request.oncomplete = (status) => { tcp.close(); status === 0 ? resolve(true) : reject(new Error("status " + status)); };
          const status = tcp.connect(request, "127.0.0.1", target.port);
          if (status !== 0) reject(new Error("status " + status));
        });`,
        { noControl: "Deno may not have them" },
      ),
    },
  },
  {
    name: "send datagrams to loopback",
    behindDeno: ["datagramSocket"],
    code: {
      javascript: refused(
        walls("seccomp"),
        `const dgram = await builtin("dgram");
        return await new Promise((resolve, reject) => {
          const socket = dgram.createSocket("udp4");
          socket.on("error", reject);
          socket.send("hi", target.port, "127.0.0.1", (error) => {
            socket.close();
            error ? reject(error) : resolve(true);
          });
        });`,
      ),
      python: refused(
        ["seccomp"],
        `import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    return s.sendto(b"hi", ("127.0.0.1", target["port"])) == 2`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "ask a name server on loopback",
    code: {
      javascript: refused(
        walls("seccomp"),
        `
        const nameServer = { ipAddr: "127.0.0.1", port: target.port };
        const asked = Deno.resolveDns("example.com", "A", { nameServer });
        return await Promise.race([
          asked.then(() => true),
          new Promise((resolve) => setTimeout(() => resolve(true), 1000)),
        ]);`,
      ),
    },
  },
  {
    name: "listen on a port",
    behindDeno: ["listen"],
    code: {
      javascript: refused(
        walls("landlock", "seccomp"),
        `
        using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
        return listener.addr.port > 0;`,
      ),
      python: refused(
        ["seccomp", "landlock"],
        `import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    s.listen()
    return True`,
        { openIn: ["bare"] },
      ),
    },
  },
  {
    name: "listen on every address through Node's modules",
    code: {
      javascript: refused(
        walls("landlock", "seccomp"),
        `const http = await builtin("http");
        return await new Promise((resolve, reject) => {
          const server = http.createServer().listen(0, "0.0.0.0", () => { server.close(); resolve(true); });
          server.on("error", reject);
        });`,
      ),
    },
  },
  {
    name: "open raw and packet sockets",
    behindDeno: ["packetSocket", "rawSocket", "cryptoSocket", "virtualSocket", "ipv6Socket"],
    code: {
      python: refused(
        ["seccomp"],
        `import socket
for family, kind in ((socket.AF_PACKET, socket.SOCK_RAW), (socket.AF_INET, socket.SOCK_RAW),
                     (40, socket.SOCK_STREAM), (38, socket.SOCK_SEQPACKET), (16, socket.SOCK_RAW)):
    try:
        socket.socket(family, kind).close()
        return True
    except OSError:
        pass`,
        { openIn: ["bare"] },
      ),
    },
  },
];
