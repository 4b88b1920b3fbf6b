/** Reaching what only the machine itself may reach. */
import { type Attack, type AttackCode, refused, type Wall } from "../attack.ts";

type Walls = AttackCode["walls"];
const POLICY: Walls = ["permissions", "egress", "landlock"];

/** Whether anything answers, or at least takes the connection. */
const fetches = (url: string, more: Partial<AttackCode> = {}, walls: Walls = POLICY) =>
  refused(
    walls,
    `const url = ${url};
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await response.body?.cancel();
    return response.status > 0 && response.headers.get("x-reached") === "yes";`,
    more,
  );

const NETWORK: Walls = ["egress", "landlock", "seccomp"];
const urlopen = (url: string, more: Partial<AttackCode> = {}) =>
  refused(
    NETWORK,
    `import urllib.request
url = ${url}
with urllib.request.urlopen(url, timeout=2) as response:
    return response.headers.get("x-reached") == "yes"`,
    more,
  );

/** Spellings of one address; \`%\` stands for the port. */
const LOOPBACK: readonly (readonly [name: string, host: string])[] = [
  ["by its address", "127.0.0.1"],
  ["by name", "localhost"],
  ["in another of its addresses", "127.9.8.7"],
  ["as one number", "2130706433"],
  ["in hexadecimal", "0x7f000001"],
  ["in octal", "0177.0.0.1"],
  ["in short", "127.1"],
  ["as the address of nobody", "0.0.0.0"],
  ["in full-width digits", "１２７.０.０.１"],
  ["with the dots of another alphabet", "127。0。0。1"],
];

const LISTENS_ON_V4 = "what listens has no such address";

/** IPv6 forms of it. Deno's own rules know only \`::\` and \`::1\`. */
const SIX: readonly (readonly [name: string, host: string])[] = [
  ["in IPv6", "[::1]"],
  ["as the IPv6 address of nobody", "[::]"],
  ["as an IPv4 address mapped into IPv6", "[::ffff:127.0.0.1]"],
  ["mapped and in hexadecimal", "[::ffff:7f00:1]"],
  ["in the compatible form of IPv6", "[::127.0.0.1]"],
  ["translated (NAT64)", "[64:ff9b::7f00:1]"],
];

const PRIVATE: readonly (readonly [name: string, host: string])[] = [
  ["the metadata of a cloud machine", "169.254.169.254"],
  ["a private network, 10/8", "10.0.0.1"],
  ["a private network, 172.16/12", "172.16.0.1"],
  ["a private network, 192.168/16", "192.168.0.1"],
  ["a carrier's network", "100.64.0.1"],
  ["a multicast group", "224.0.0.1"],
  ["a unique local IPv6 network", "[fd00::1]"],
  ["a link-local IPv6 network", "[fe80::1]"],
];

const quoted = (host: string) => `"http://${host}:" + target.port + "/"`;
const pyQuoted = (host: string) => `"http://${host}:%d/" % target["port"]`;

function toLoopback([name, host]: readonly [string, string]): Attack {
  const ascii = /^[\x20-\x7e]+$/.test(host);
  return {
    name: `reach loopback ${name}`,
    code: {
      javascript: fetches(quoted(host)),
      ...ascii ? { python: urlopen(pyQuoted(host)) } : {},
    },
  };
}

function toLoopbackSix([name, host]: readonly [string, string]): Attack {
  const noControl = LISTENS_ON_V4;
  return {
    name: `reach loopback ${name}`,
    code: {
      javascript: fetches(quoted(host), { noControl }),
      python: urlopen(pyQuoted(host), { noControl }),
    },
  };
}

function toPrivate([name, host]: readonly [string, string]): Attack {
  const noControl = "nobody is there";
  return {
    name: `reach ${name}`,
    code: {
      javascript: fetches(`"http://${host}/"`, { noControl }),
      python: urlopen(`"http://${host}/"`, { noControl }),
    },
  };
}

const MAY_REACH_REDIRECT = { options: "ALLOW_NET ('127.0.0.1:%redirect%')" };

const walls = (...more: readonly Wall[]): Walls => ["permissions", ...more];

export const networkAttacks: readonly Attack[] = [
  ...LOOPBACK.map(toLoopback),
  ...SIX.map(toLoopbackSix),
  ...PRIVATE.map(toPrivate),
  {
    name: "reach loopback by a name that resolves to the machine",
    code: {
      javascript: fetches(`"http://" + target.hostname + ":" + target.port + "/"`, {
        noControl: LISTENS_ON_V4,
      }),
      python: urlopen(`"http://%s:%d/" % (target["hostname"], target["port"])`, {
        noControl: LISTENS_ON_V4,
      }),
    },
  },
  {
    name: "reach loopback with user and password in the URL",
    code: {
      javascript: refused(
        POLICY,
        `const { hostname, port } = new URL("http://example.com@127.0.0.1:" + target.port);
        const socket = await Deno.connect({ hostname, port: Number(port) });
        socket.close();
        return true;`,
      ),
    },
  },
  {
    name: "be sent to loopback by a host it may reach",
    code: {
      javascript: fetches(`"http://127.0.0.1:" + target.redirectPort + "/"`, MAY_REACH_REDIRECT),
      python: urlopen(`"http://127.0.0.1:%d/" % target["redirectPort"]`, MAY_REACH_REDIRECT),
    },
  },
  {
    name: "reach the node's own HTTP port",
    code: {
      javascript: refused(
        POLICY,
        `const response = await fetch(target.http + "/healthz");
        return response.status === 200;`,
        { noControl: "no node is there" },
      ),
      python: refused(
        NETWORK,
        `import urllib.request
return urllib.request.urlopen(target["http"] + "/healthz").status == 200`,
        {
          noControl: "no node is there",
        },
      ),
    },
  },
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
    name: "lie to Node's modules about what a name resolves to",
    code: {
      javascript: refused(
        POLICY,
        `const net = await builtin("net");
        const lookup = (_name, options, done) =>
          options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);
        return await new Promise((resolve, reject) => {
          const socket = net.connect({ host: "example.com", port: target.port, lookup }, () => {
            socket.destroy(); resolve(true);
          });
          socket.on("error", reject);
        });`,
      ),
    },
  },
  {
    name: "make a request through Node's modules",
    code: {
      javascript: refused(
        POLICY,
        `const http = await builtin("http");
        return await new Promise((resolve, reject) => {
          http.get("http://127.0.0.1:" + target.port, (response) => { response.resume(); resolve(true); })
            .on("error", reject);
        });`,
      ),
    },
  },
  {
    name: "open a WebSocket to loopback",
    code: {
      javascript: refused(
        POLICY,
        `return await new Promise((resolve) => {
          const socket = new WebSocket("ws://127.0.0.1:" + target.port + "/");
          socket.onopen = () => { socket.close(); resolve(true); };
          socket.onerror = () => resolve(false);
        });`,
        { noControl: "what listens speaks no WebSocket" },
      ),
    },
  },
  {
    name: "receive events from loopback",
    code: {
      javascript: refused(
        POLICY,
        `return await new Promise((resolve) => {
          const source = new EventSource("http://127.0.0.1:" + target.port + "/events");
          source.onopen = () => { source.close(); resolve(true); };
          source.onerror = () => { source.close(); resolve(false); };
        });`,
        { noControl: "what listens sends no events" },
      ),
    },
  },
  {
    name: "go through a proxy of its own choice",
    code: {
      javascript: refused(
        POLICY,
        `
        const client = Deno.createHttpClient({ proxy: { url: "http://127.0.0.1:" + target.port } });
        const response = await fetch("http://example.com/", { client });
        return response.headers.get("x-reached") === "yes";`,
      ),
      python: refused(
        NETWORK,
        `import urllib.request
proxy = urllib.request.ProxyHandler({"http": "http://127.0.0.1:%d" % target["port"]})
with urllib.request.build_opener(proxy).open("http://example.com/", timeout=2) as response:
    return response.headers.get("x-reached") == "yes"`,
      ),
    },
  },
  {
    name: "name a proxy in the environment",
    code: {
      javascript: refused(
        ["bootstrap", "permissions", "egress"],
        `
        const process = (await builtin("process")).default;
        for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]) {
          process.env[name] = "http://127.0.0.1:" + target.port;
          Deno.env.set(name, "http://127.0.0.1:" + target.port);
        }
        const response = await fetch("http://example.invalid/");
        return response.headers.get("x-reached") === "yes";`,
      ),
      python: refused(
        NETWORK,
        `import os, urllib.request
for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
    os.environ[name] = "http://127.0.0.1:%d" % target["port"]
with urllib.request.urlopen("http://example.invalid/", timeout=2) as response:
    return response.headers.get("x-reached") == "yes"`,
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
  {
    name: "import code from the network",
    code: {
      javascript: refused(
        ["permissions"],
        `const url = "http://127.0.0.1:" + target.port + "/module.js";
        return (await import(url)).reached === true;`,
        { noControl: "Deno asks for a cache" },
      ),
    },
  },
  {
    name: "import a package at run time",
    code: {
      javascript: refused(
        ["permissions"],
        `const name = "npm:left-pad";
        return (await import(name)) !== undefined;`,
        { noControl: "the registry is elsewhere" },
      ),
    },
  },
];
