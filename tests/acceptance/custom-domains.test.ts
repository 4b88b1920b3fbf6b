/** Several domains on one node, with its own certificate and behind a proxy that has one. */
import assert from "node:assert/strict";
import { connect } from "node:http2";
import { fileURLToPath } from "node:url";
import { startOrlaProcess } from "../orla.ts";
import { rawRequest } from "./raw-request.ts";
import { openSession } from "./sql-session.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));

const TRIGGERS = `
  CREATE EDGE FUNCTION shop LANGUAGE javascript AS $$
    export default (request) => new Response("shop " + new URL(request.url).host);
  $$;
  CREATE EDGE FUNCTION tenant LANGUAGE javascript AS $$
    export default (request) => new Response("tenant " + new URL(request.url).host.split(".")[0]);
  $$;
  CREATE TRIGGER shop ON HTTP GET '/' HOST 'shop.test' EXECUTE EDGE FUNCTION shop;
  CREATE TRIGGER tenants ON HTTP GET '/' HOST '*.shop.test' EXECUTE EDGE FUNCTION tenant`;

Deno.test("with a certificate of its own, over HTTP/2 and HTTP/1.1", async () => {
  await using orla = await startOrlaProcess({
    env: { ORLA_TLS_CERT: fixture("shop.crt"), ORLA_TLS_KEY: fixture("shop.key") },
  });
  const session = await openSession(orla.sqlUrl);
  await session.rows(TRIGGERS);
  await session.close();
  const ca = await Deno.readTextFile(fixture("authority.crt"));
  const { port } = new URL(orla.http);
  const http2 = connect(`https://127.0.0.1:${port}`, { ca, servername: "shop.test" });
  const ask = (authority: string) =>
    new Promise<string>((resolve, reject) => {
      const stream = http2.request({ ":path": "/", ":authority": authority });
      let text = "";
      stream.setEncoding("utf8").on("data", (chunk) => text += chunk);
      stream.on("end", () => resolve(text)).on("error", reject).end();
    });
  try {
    assert.equal(await ask("shop.test"), "shop shop.test");
    assert.equal(await ask(`Ada.shop.test:${port}`), "tenant ada");
    assert.match(await ask("other.test"), /Nothing is served/);
  } finally {
    http2.destroy();
  }
  const tls = await Deno.connectTls({
    ...{ hostname: "127.0.0.1", port: Number(port), caCerts: [ca] },
    unsafelyDisableHostnameVerification: true,
  });
  await tls.write(
    new TextEncoder().encode("GET / HTTP/1.1\r\nhost: shop.test\r\nconnection: close\r\n\r\n"),
  );
  assert.match(await new Response(tls.readable).text(), /shop shop\.test$/);
});

Deno.test("behind a proxy that passes on the Host it got", async () => {
  await using orla = await startOrlaProcess();
  const session = await openSession(orla.sqlUrl);
  await session.rows(TRIGGERS);
  await session.close();
  const { host } = new URL(orla.http);
  const text = async (head: string) => (await rawRequest(orla.http, head)).text;
  assert.equal(await text("GET / HTTP/1.1\nhost: shop.test"), "shop shop.test");
  assert.equal(await text("GET / HTTP/1.1\nhost: ada.shop.test"), "tenant ada");
  // An absolute form is what the request is for, whatever its Host header says.
  assert.equal(
    await text(`GET http://shop.test/ HTTP/1.1\nhost: ${host}`),
    "shop shop.test",
  );
  // What anybody can write decides nothing.
  assert.match(
    await text(
      `GET / HTTP/1.1\nhost: ${host}\nx-forwarded-host: shop.test\nforwarded: host=shop.test`,
    ),
    /Nothing is served/,
  );
});
