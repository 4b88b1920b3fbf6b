/** Clients as people use them: node:http, and curl where it is installed. */
import assert from "node:assert/strict";
import { Agent, request, type RequestOptions } from "node:http";
import { testCertificate } from "./testing/certificate.ts";
import type { TestFunction } from "./testing/in-process.ts";
import { anonKey, testGateway } from "./testing/test-gateway.ts";

const count: TestFunction = {
  name: "count",
  http: async (call) => ({
    body: new TextEncoder().encode(
      String(call.body === null ? 0 : (await new Response(call.body as BodyInit).bytes()).length),
    ),
  }),
};
const path = "/functions/v1/count";

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly localPort: number | undefined;
}

function send(options: RequestOptions, chunks: readonly string[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ headers: { apikey: anonKey }, ...options }, (response) => {
      const { localPort } = response.socket;
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => body += chunk);
      response.on("end", () => resolve({ status: response.statusCode, body, localPort }));
    });
    sent.on("error", reject);
    for (const chunk of chunks) sent.write(chunk);
    sent.end();
  });
}

Deno.test("node:http keeps its connection and sends chunks", async () => {
  await using gateway = testGateway([count]);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const options = { port: gateway.port, path, agent };
    const first = await send(options, []);
    const second = await send(options, []);
    assert.deepEqual([first.status, first.body], [200, "0"]);
    assert.equal(first.localPort, second.localPort);
    const chunked = await send({ ...options, method: "POST" }, ["ab", "c".repeat(100_000), "d"]);
    assert.deepEqual([chunked.status, chunked.body], [200, "100003"]);
  } finally {
    agent.destroy();
  }
});

const curlExists = await new Deno.Command("curl", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

async function curl(args: readonly string[]): Promise<string> {
  const { stdout } = await new Deno.Command("curl", {
    args: ["-s", "-H", `apikey: ${anonKey}`, ...args],
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: "curl uploads, is told when it is too much, asks for heads, and speaks HTTP/2" +
    (curlExists ? "" : " (skipped: needs curl)"),
  ignore: !curlExists,
  async fn() {
    const file = await Deno.makeTempFile();
    try {
      {
        await using gateway = testGateway([count]);
        const url = gateway.url + path;
        await Deno.truncate(file, 9_000_000);
        assert.equal(await curl(["--data-binary", `@${file}`, url]), "9000000");
        await Deno.truncate(file, 60_000_000);
        for (const more of [[], ["-H", "transfer-encoding: chunked"]]) {
          const told = await curl([
            "-w",
            " %{http_code}",
            ...more,
            "--data-binary",
            `@${file}`,
            url,
          ]);
          assert.match(told, /"payload_too_large".* 413$/);
        }
        assert.match(await curl(["-I", url]), /^HTTP\/1\.1 200 .*x-orla-execution-id/s);
      }
      await using secure = testGateway([count], { tls: testCertificate });
      const report = await curl([
        "--http2",
        "-k",
        "-w",
        " %{http_version} %{http_code}",
        "-d",
        "abc",
        `https://localhost:${secure.port}${path}`,
      ]);
      assert.equal(report, "3 2 200");
    } finally {
      await Deno.remove(file);
    }
  },
});
