/** The package of sdk/ in the hands of others: Node without TypeScript, and programs in TypeScript. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { root } from "./docs/documents.ts";
import { type OrlaProcess, startOrlaProcess } from "./orla.ts";
import { installSdk } from "./sdk-package.ts";
import { openSession } from "./acceptance/sql-session.ts";

let orla: OrlaProcess;
let directory: string;
Deno.test.beforeAll(async () => {
  directory = await Deno.makeTempDir({ prefix: "orla-test-sdk-" });
  await installSdk(directory);
  orla = await startOrlaProcess();
});
Deno.test.afterAll(async () => {
  await orla?.[Symbol.asyncDispose]();
  await Deno.remove(directory, { recursive: true });
});

async function run(program: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    ...{ args: [...args], cwd: directory },
    env: { ORLA_URL: orla.http, ORLA_SERVICE_KEY: orla.serviceKey },
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout);
  assert.equal(code, 0, output + decoder.decode(stderr));
  return output;
}

async function node(source: string, ...flags: string[]): Promise<unknown> {
  const file = join(directory, "program.mjs");
  await Deno.writeTextFile(
    file,
    `import { OrlaClient, OrlaError } from "orla-client";
const { ORLA_URL: url, ORLA_SERVICE_KEY: apiKey } = process.env;
const orla = new OrlaClient({ url, apiKey });
const failure = (call) => call.then(() => null, (error) => error);
${source}`,
  );
  return JSON.parse(await run("node", [...flags, file]));
}

Deno.test("it holds what its users need, and depends on nothing", async () => {
  const home = join(directory, "node_modules/orla-client");
  const names = [...Deno.readDirSync(home)].map(({ name }) => name).sort();
  assert.deepEqual(names, ["LICENSE", "README.md", "dist", "package.json"]);
  const manifest = JSON.parse(await Deno.readTextFile(join(home, "package.json")));
  const { version } = JSON.parse(await Deno.readTextFile(join(root, "package.json")));
  assert.deepEqual([manifest.dependencies, manifest.version], [undefined, version]);
  for (const { name } of Deno.readDirSync(join(home, "dist"))) {
    const text = await Deno.readTextFile(join(home, "dist", name));
    const imported = [...text.matchAll(/from "([^"]+)"/g)].map(([, module]) => module);
    assert.deepEqual(imported.filter((module) => !/^\.\/[a-z]+\.(js|ts)$/.test(module ?? "")), []);
  }
  await assert.rejects(Deno.stat(join(root, "sdk/dist")), "nothing is left behind");
});

Deno.test("Node calls, sends, runs hooks and fails as it should", async () => {
  await using session = await openSession(orla.sqlUrl);
  await session.rows(`
    CREATE EDGE FUNCTION plus(a int, b int) RETURNS int LANGUAGE javascript AS $$
      export const main = (a, b) => a + b;
    $$;
    CREATE EDGE FUNCTION slow LANGUAGE javascript AS $$
      export const handler = () => new Promise((resolve) => setTimeout(resolve, 20_000));
    $$;
    CREATE TRIGGER sums ON HOOK 'sums' EXECUTE EDGE FUNCTION plus`);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const nobody = `http://127.0.0.1:${listener.addr.port}`;
  listener.close();
  assert.deepEqual(
    await node(`
      const missing = await failure(orla.functions.invoke("nobody"));
      const signal = AbortSignal.timeout(200);
      const aborted = await failure(orla.functions.invoke("slow", null, { signal }));
      const nobody = new OrlaClient({ url: "${nobody}", retries: 1 });
      const unreachable = await failure(nobody.hooks.run("sums"));
      const echo = await orla.functions.fetch("plus", "?a=1&b=1");
      const [{ status, result }] = await orla.hooks.run("sums", { a: 2, b: 2 });
      console.log(JSON.stringify([
        await orla.functions.invoke("plus", { a: 40, b: 2 }),
        await echo.text(),
        /^\\d+$/.test((await orla.queues.send("letters", { n: 1 })).jobId),
        [status, result],
        [missing instanceof OrlaError, missing.code, missing.status],
        aborted.name,
        [unreachable.code, unreachable.message],
      ]));`),
    [
      ...[42, "2", true, ["succeeded", 4]],
      ...[[true, "function_not_found", 404], "TimeoutError"],
      [
        "no_answer",
        `POST /api/v1/hooks/sums was not answered: connect ECONNREFUSED ${new URL(nobody).host}.`,
      ],
    ],
  );
});

Deno.test("50 MB stream through Node both ways, without being gathered", async () => {
  const seen = await node(
    `
    const PIECE = 65_536, PIECES = 800;
    let most = 0, left = PIECES;
    const weigh = async (count) => {
      if (count % 50 !== 0) return;
      gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
      most = Math.max(most, process.memoryUsage().arrayBuffers);
    };
    const source = new ReadableStream({
      async pull(stream) {
        if (left === 0) return stream.close();
        await weigh(--left);
        stream.enqueue(new Uint8Array(PIECE).fill(left));
      },
    });
    const { size } = await orla.storage.put("large", "film", source);
    let received = 0, count = 0;
    for await (const bytes of (await orla.storage.get("large", "film")).body) {
      received += bytes.length;
      await weigh(++count);
    }
    console.log(JSON.stringify({ size, received, most }));`,
    "--expose-gc",
  ) as { size: number; received: number; most: number };
  assert.deepEqual([seen.size, seen.received], [52_428_800, 52_428_800]);
  assert.ok(seen.most < 20 * 2 ** 20, `${seen.most} bytes were held at once`);
});

const CONSUMER = `
declare const key: string | undefined;
import { createClient, type HookResult, OrlaClient, OrlaError } from "orla-client";
const orla: OrlaClient = createClient("http://127.0.0.1:8000", key);
new OrlaClient({ url: "http://127.0.0.1:8000", apiKey: key, timeoutMs: 5_000 });
const sum: number = await orla.functions.invoke<number>("plus", [1, 2], { idempotent: true });
const { jobId }: { jobId: string } = await orla.queues.send("q", { sum }, { delayMs: 5, key: "a" });
const results: readonly HookResult[] = await orla.hooks.run("h", { jobId });
for (const result of results) {
  const text: string = result.status === "failed" ? result.error : String(result.result);
  if (text === "") throw new OrlaError("x", text);
}
const body: ReadableStream<Uint8Array> | null = (await orla.storage.get("b", "o")).body;
await orla.storage.put("b", "o", body ?? new Uint8Array(3), { contentType: "text/plain" });
await orla.storage.put("b", "o", new Blob(["text"]));
// @ts-expect-error: in milliseconds, and called so
await orla.queues.send("q", null, { delay: "5 s" });
// @ts-expect-error: what nobody named is unknown
(await orla.functions.invoke("plus", [])).toFixed();
`;

Deno.test("programs in TypeScript are checked against it, with the types of Node and of browsers", async () => {
  await Deno.writeTextFile(join(directory, "consumer.mts"), CONSUMER);
  const check = (...options: string[]) =>
    run(join(root, "node_modules/.bin/tsc"), [
      ...["consumer.mts", "--noEmit", "--strict", "--exactOptionalPropertyTypes"],
      ...["--skipDefaultLibCheck", "--target", "es2022", "--module", "nodenext", ...options],
    ]);
  const types = join(root, "node_modules/@types");
  await check("--lib", "es2023", "--typeRoots", types, "--types", "node");
  await check("--lib", "es2023,dom,dom.iterable,dom.asynciterable");
});
