import assert from "node:assert/strict";
import { certificate, createRig, listenOn, type Rig, serveOn } from "../egress/rig.ts";
import { PythonInstance } from "./python-instance.ts";

/** What a request was like when it arrived. */
const echo = async (request: Request) => {
  const { pathname, search } = new URL(request.url);
  return Response.json({
    method: request.method,
    path: pathname + search,
    host: request.headers.get("host"),
    traceparent: request.headers.get("traceparent"),
    credentials: request.headers.get("proxy-authorization"),
    body: await request.text(),
  });
};

function start(rig: Rig, code: string, interpreter?: string): Promise<PythonInstance> {
  const { token } = rig.admit();
  const egress = { port: rig.proxy.port, token };
  return PythonInstance.start({
    code,
    egress,
    ...(interpreter === undefined ? {} : { interpreter }),
  });
}

/** Debian's interpreter may have it where another has not. */
function hasRequests(interpreter: string): boolean {
  try {
    return new Deno.Command(interpreter, { args: ["-I", "-c", "import requests"], stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

const withRequests = ["python3", "/usr/bin/python3"].find(hasRequests);

/** Python: `fetch(url)` is a coroutine. */
const fetchByAsyncio = `
import asyncio
from urllib.parse import urlsplit
async def fetch(url):
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port, ssl=context if parts.scheme == "https" else None)
    writer.write(f"POST {parts.path}?{parts.query} HTTP/1.0\\r\\nHost: {parts.netloc}\\r\\nContent-Length: 5\\r\\ntraceparent: 00-1-1-01\\r\\n\\r\\nhello".encode())
    text = (await reader.read()).decode()
    writer.close()
    return json.loads(text.split("\\r\\n\\r\\n", 1)[1])`;

interface Client {
  readonly code: string;
  readonly interpreter?: string;
}

const clients: Readonly<Record<string, Client>> = {
  "urllib": {
    code: `
import urllib.request
def main(url):
    with urllib.request.urlopen(url, data=b"hello", context=context if url[4] == "s" else None) as response:
        return json.load(response)
`,
  },
  "http.client": {
    code: `
import http.client
from urllib.parse import urlsplit
def main(url):
    parts = urlsplit(url)
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, context=context, timeout=5)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    connection.request("POST", parts.path + "?" + parts.query, body=b"hello", headers={"Content-Type": "text/plain"})
    return json.loads(connection.getresponse().read())
`,
  },
  "sockets": {
    code: `
import socket
from urllib.parse import urlsplit
def main(url):
    parts = urlsplit(url)
    s = socket.create_connection((parts.hostname, parts.port), timeout=5)
    if parts.scheme == "https": s = context.wrap_socket(s, server_hostname=parts.hostname)
    s.sendall(f"POST {parts.path}?{parts.query} HTTP/1.0\\r\\nHost: {parts.netloc}\\r\\nContent-Length: 5\\r\\ntraceparent: 00-1-1-01\\r\\n\\r\\nhello".encode())
    return json.loads(s.makefile().read().split("\\n\\n", 1)[1])
`,
  },
  "asyncio": { code: `${fetchByAsyncio}\nmain = fetch` },
  "asyncio in a thread": {
    code: `${fetchByAsyncio}\ndef main(url): return asyncio.run(fetch(url))`,
  },
  ...(withRequests === undefined ? {} : {
    "requests": {
      interpreter: withRequests,
      code: `
import requests
def main(url):
    return requests.post(url, data=b"hello", verify=authority, timeout=5).json()
`,
    },
  }),
};

const prelude = `
import json, os, ssl
authority = os.getcwd() + "/authority.crt"
open(authority, "w").write(${JSON.stringify(certificate.authority)})
context = ssl.create_default_context(cafile=authority)
`;

for (const [title, { code, interpreter }] of Object.entries(clients)) {
  Deno.test(`${title} goes out through the proxy, with TLS and without`, async () => {
    await using plain = serveOn("127.0.0.2", echo);
    await using secure = serveOn("127.0.0.2", echo, certificate);
    await using rig = await createRig();
    rig.dns.answer("shop.test", ["127.0.0.2"]);
    await using instance = await start(rig, prelude + code, interpreter);
    for (const [scheme, { port }] of [["http", plain], ["https", secure]] as const) {
      const seen = await instance.payload(`${scheme}://shop.test:${port}/a%20b?c=d`) as Record<
        string,
        unknown
      >;
      const { traceparent, ...rest } = seen;
      assert.match(String(traceparent), /^00-[0-9a-f]+-[0-9a-f]+-01$/);
      assert.deepEqual(rest, {
        method: "POST",
        path: "/a%20b?c=d",
        host: `shop.test:${port}`,
        credentials: null,
        body: "hello",
      });
    }
    assert.deepEqual(rig.dns.asked, ["shop.test", "shop.test"]);
  });
}

Deno.test("what may not be reached says why", async () => {
  await using rig = await createRig();
  rig.dns.answer("inside.test", ["10.0.0.1"]);
  const closed = listenOn("127.0.0.2", () => Promise.resolve());
  await closed[Symbol.asyncDispose]();
  await using instance = await start(
    rig,
    `
import errno, http.client, socket, urllib.request
def main(host, port):
    try:
        socket.create_connection((host, port), timeout=5)
    except OSError as error:
        with socket.socket() as s:
            try: code = s.connect_ex((host, port))
            except socket.gaierror: code = "gaierror"
        try: urllib.request.urlopen(f"http://{host}:{port}/")
        except urllib.error.URLError as wrapped: assert type(wrapped.reason) is type(error), wrapped
        except (ValueError, http.client.InvalidURL): pass
        return [type(error).__name__, str(error), code if isinstance(code, str) else errno.errorcode[code]]
`,
  );
  const cases: [host: string, port: number, kind: string, message: RegExp, code: string][] = [
    ["inside.test", 80, "PermissionError", /10\.0\.0\.1 is a private address/, "EACCES"],
    ["127.0.0.1", 5432, "PermissionError", /127\.0\.0\.1/, "EACCES"],
    ["localhost", 5432, "PermissionError", /127\.0\.0\.1|localhost/, "EACCES"],
    ["169.254.169.254", 80, "PermissionError", /169\.254\.169\.254/, "EACCES"],
    ["::1", 80, "PermissionError", /::1/, "EACCES"],
    ["nowhere.test", 80, "gaierror", /nowhere\.test/, "gaierror"],
    ["127.0.0.2", closed.port, "ConnectionRefusedError", /./, "ECONNREFUSED"],
    ["a b", 80, "gaierror", /no host name/, "gaierror"],
    ["a\r\nHost: evil", 80, "gaierror", /no host name/, "gaierror"],
  ];
  for (const [host, port, kind, message, code] of cases) {
    const [name, text, number] = await instance.payload([host, port]) as string[];
    assert.deepEqual([name, number], [kind, code], `${host}: ${text}`);
    assert.match(text ?? "", message);
  }
});

Deno.test("a server that speaks first loses nothing, and sockets that do not block connect too", async () => {
  await using rig = await createRig();
  rig.dns.answer("mail.test", ["127.0.0.2"]);
  await using server = listenOn("127.0.0.2", async (connection) => {
    await connection.write(new TextEncoder().encode("220 hello\r\nmore"));
    const buffer = new Uint8Array(10);
    const count = await connection.read(buffer);
    await connection.write(buffer.subarray(0, count ?? 0));
  });
  await using instance = await start(
    rig,
    `
import select, socket
def main(port):
    with socket.create_connection(("mail.test", port)) as s:
        first = s.recv(100)
        while len(first) < 15: first += s.recv(100)
        s.sendall(b"bye")
        last = s.recv(100)
    free = socket.socket()
    free.setblocking(False)
    try: free.connect(("mail.test", port))
    except BlockingIOError: select.select([], [free], [], 5)
    assert free.getblocking() is False
    select.select([free], [], [], 5)
    greeting = free.recv(9)
    free.close()
    return [first, last, greeting, socket.gethostbyname("mail.test") == socket.gethostbyname("mail.test")]
`,
  );
  const hex = (text: string) =>
    "\\x" +
    [...new TextEncoder().encode(text)].map((b) => b.toString(16).padStart(2, "0")).join("");
  assert.deepEqual(await instance.payload(server.port), [
    hex("220 hello\r\nmore"),
    hex("bye"),
    hex("220 hello"),
    true,
  ]);
});

Deno.test("a proxy that is gone is a connection error, not a hang", async () => {
  const rig = await createRig();
  await using instance = await start(
    rig,
    `
import urllib.request
def main():
    try: urllib.request.urlopen("http://shop.test/", timeout=5)
    except urllib.error.URLError as error: return type(error.reason).__name__
`,
  );
  await rig[Symbol.asyncDispose]();
  assert.equal(await instance.payload(null), "ConnectionRefusedError");
});
