/** Going around the way out: what is left when the bootstrap's part of it is undone. */
import { equal, match } from "node:assert/strict";
import { test, version } from "../runtime/rig.ts";
import { startFunctionRig } from "./function-rig.ts";
import { serveOn } from "./rig.ts";

test("without the bootstrap's help there is no connection to anything but the proxy", async () => {
  let reached = 0;
  await using server = serveOn("127.0.0.1", () => new Response(`${++reached}`));
  await using open = serveOn("127.0.0.2", () => new Response(`${++reached}`));
  await using rig = await startFunctionRig();
  // A name that the platform does not see in the code leaves Node's sockets as they are.
  const direct = version(`export const main = async ([host, port]) => {
    const { default: net } = await import("node:" + "net");
    return await new Promise((resolve) => {
      try {
        const socket = net.connect({ host, port });
        socket.on("connect", () => { socket.destroy(); resolve("connected"); });
        socket.on("error", (error) => resolve(error.code ?? error.name));
      } catch (error) { resolve(error.name); }
    });
  }`);
  const attempts: [string, number][] = [
    ...[["127.0.0.1", server.port], ["127.0.0.2", open.port], ["localhost", server.port]],
    ...[["::1", server.port], ["::ffff:127.0.0.1", server.port], ["0.0.0.0", server.port]],
    ...[["127.0.0.2", rig.egress.port], ["localhost", rig.egress.port]],
  ] as [string, number][];
  for (const [host, port] of attempts) {
    match(
      String(await rig.payload(direct, [host, port])),
      /^(EPERM|EACCES|NotCapable)$/,
      `${host}:${port}`,
    );
  }
  equal(await rig.payload(direct, ["127.0.0.1", rig.egress.port]), "connected");
  equal(reached, 0);
});

test("the proxy itself is no help without a token", async () => {
  await using server = serveOn("127.0.0.1", () => new Response("inside"));
  await using rig = await startFunctionRig();
  const speak = version(`export const main = async ([port, text]) => {
    const { default: net } = await import("node:" + "net");
    const socket = net.connect(port, "127.0.0.1");
    socket.end(text);
    let answer = "";
    for await (const chunk of socket) answer += chunk;
    return answer;
  }`);
  const request = (more: string) =>
    `GET http://127.0.0.1:${server.port}/ HTTP/1.1\r\n${more}Connection: close\r\n\r\n`;
  const said = async (more: string) =>
    String(await rig.payload(speak, [rig.egress.port, request(more)])).split("\r\n")[0];
  equal(await said(""), "HTTP/1.1 407 Proxy Authentication Required");
  equal(
    await said("Proxy-Authorization: Bearer guess\r\n"),
    "HTTP/1.1 407 Proxy Authentication Required",
  );
});

test("nothing listens, and nothing asks a name server", async () => {
  await using rig = await startFunctionRig();
  const refused = await rig.payload(
    version(`export const main = async (port) => {
      const attempts = {
        listen: () => Deno.listen({ port: 0 }),
        listenAtProxy: () => Deno.listen({ hostname: "127.0.0.1", port }),
        resolve: () => Deno.resolveDns("example.com", "A"),
        resolveAt: () => Deno.resolveDns("example.com", "A", { nameServer: { ipAddr: "127.0.0.1", port: 53 } }),
        unix: () => Deno.connect({ transport: "unix", path: "socket" }),
      };
      const said = {};
      for (const [name, attempt] of Object.entries(attempts)) {
        try { await attempt(); said[name] = "works"; }
        catch (error) { said[name] = error.name; }
      }
      return said;
    }`),
    rig.egress.port,
  ) as Record<string, string>;
  const { listenAtProxy, ...others } = refused;
  match(listenAtProxy ?? "", /^(AddrInUse|PermissionDenied|NotCapable)$/);
  for (const [name, error] of Object.entries(others)) equal(error, "NotCapable", name);
});

test("no variable of the environment sends requests elsewhere", async () => {
  let reached = 0;
  await using server = serveOn("127.0.0.1", () => new Response(`${++reached}`));
  await using rig = await startFunctionRig();
  const proxy = `http://127.0.0.1:${server.port}`;
  const names = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "NODE_USE_ENV_PROXY",
  ];
  const code = version(
    `export const main = async (proxy) => {
      for (const name of ${JSON.stringify(names)}) {
        Deno.env.set(name, proxy);
        process.env[name] = proxy;
      }
      try { return (await fetch("http://nowhere.test/")).status; }
      catch (error) { return error.message; }
    }`,
    { env: Object.fromEntries(names.map((name) => [name, proxy])) },
  );
  match(String(await rig.payload(code, proxy)), /the name nowhere\.test has no address/);
  equal(reached, 0);
});
