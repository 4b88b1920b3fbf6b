/**
 * An S3-compatible server for tests: `s3rver`, in a process of its own, behind a gate that checks the
 * signatures, which `s3rver` does not do for version 4.
 */
import { fileURLToPath } from "node:url";
import type { S3Options } from "./s3-store.ts";
import { signatureProblem } from "./test-signatures.ts";

export interface TestS3 extends AsyncDisposable {
  readonly options: Omit<S3Options, "prefix">;
}

export async function startTestS3(): Promise<TestS3> {
  const directory = await Deno.makeTempDir();
  const server = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", "--no-lock", fileURLToPath(program), directory],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!said.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the S3 server ended: ${said}`);
    said += value;
  }
  const inner = `http://127.0.0.1:${said.trim()}`;
  const key = { region: "us-east-1", accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };
  const gate = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const body = await request.bytes();
      const problem = signatureProblem(request, body, key);
      if (problem !== undefined) {
        const xml =
          `<Error><Code>SignatureDoesNotMatch</Code><Message>${problem}</Message></Error>`;
        return new Response(xml, { status: 403, headers: { "content-type": "application/xml" } });
      }
      const { pathname, search } = new URL(request.url);
      const { method, headers } = request;
      const hasBody = method !== "GET" && method !== "HEAD";
      return await fetch(`${inner}${pathname}${search}`, {
        ...{ method, headers },
        ...hasBody ? { body } : {},
      });
    },
  );
  return {
    options: { ...key, endpoint: `http://127.0.0.1:${gate.addr.port}/bucket` },
    async [Symbol.asyncDispose]() {
      await gate.shutdown();
      server.kill("SIGKILL");
      await server.status;
      await reader.cancel();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

const program = new URL("./test-s3-server.ts", import.meta.url);
