/** Going round the rules of outgoing traffic, with what speaks HTTP. */
import { type Attack, type AttackCode, refused } from "../attack.ts";

type Walls = AttackCode["walls"];
const POLICY: Walls = ["permissions", "egress", "landlock"];
const NETWORK: Walls = ["egress", "landlock"];

export const networkAttacks: readonly Attack[] = [
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
