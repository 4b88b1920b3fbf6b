/** A real node, what is worth attacking around it, and one attack after another. */
import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import { type ErrorCode, errorMeanings } from "../../src/base/errors.ts";
import { openSession, type SqlSession } from "../acceptance/sql-session.ts";
import { familyOf } from "../processes.ts";
import { type OrlaProcess, type OrlaProcessOptions, startOrlaProcess } from "../orla.ts";
import type { AttackCode, AttackLanguage, Mode, Scene, Target } from "./attack.ts";
import { sourceOf } from "./attack-source.ts";
import { setUpTargets, type Targets } from "./targets.ts";

/** Longer than any TIMEOUT of an attack. */
const CALL_TIMEOUT_MS = 45_000;

/** Some refusals come as exceptions that escape every call, where no attempt can catch them. */
const REFUSAL = /NotCapable|PermissionDenied|EACCES|EPERM/;

export class NodeUnderAttack implements AsyncDisposable {
  readonly orla: OrlaProcess;
  readonly #session: SqlSession;
  readonly #targets: Targets;
  readonly #stack: AsyncDisposableStack;
  readonly mode: Mode;
  #fixed: Omit<Target, "newFile"> | undefined;
  #functions = 0;

  private constructor(
    mode: Mode,
    orla: OrlaProcess,
    session: SqlSession,
    targets: Targets,
    stack: AsyncDisposableStack,
  ) {
    this.mode = mode;
    this.orla = orla;
    this.#session = session;
    this.#targets = targets;
    this.#stack = stack;
  }

  static async start(mode: Mode, options: OrlaProcessOptions): Promise<NodeUnderAttack> {
    await using stack = new AsyncDisposableStack();
    const targets = stack.use(await setUpTargets());
    const orla = stack.use(
      await startOrlaProcess({
        ...options,
        env: { ORLA_IDLE_TIMEOUT: "500ms", ORLA_DRAIN_TIMEOUT: "5s", ...options.env },
      }),
    );
    const session = stack.use(await openSession(orla.sqlUrl));
    await session.rows(
      `CREATE EDGE FUNCTION neighbour LANGUAGE javascript MIN_INSTANCES 1 MAX_INSTANCES 1 AS $$
         let calls = 0;
         export const main = () => ({ calls: ++calls, pid: Deno.pid }) $$`,
    );
    return new NodeUnderAttack(mode, orla, session, targets, stack.move());
  }

  /** The neighbour's instance, which is to outlive everything. */
  async neighbour(): Promise<{ readonly calls: number; readonly pid: number }> {
    const response = await this.#post("neighbour", null);
    const text = await response.text();
    equal(response.status, 200, text);
    return JSON.parse(text);
  }

  /** Throws when the attack had its way, or was not answered as it should be. */
  async attack(language: AttackLanguage, code: AttackCode): Promise<void> {
    const name = `attack_${++this.#functions}`;
    const refusal = await this.#create(name, language, code);
    if (refusal !== null) return this.#judgeRefusal(code, refusal);
    await this.#judge(name, language, code);
    if (!code.ruinsItself && language !== "wasm") await this.#expectAgain(name, code);
  }

  /** What was reached or made since this was last asked. */
  harm(): string[] {
    return this.#targets.harm();
  }

  /** As the node itself tells. */
  async sandboxLevel(): Promise<unknown> {
    return await this.#session.value("SELECT (sandbox->>'level')::int FROM system.edge_nodes");
  }

  async expectHealth(): Promise<void> {
    const ready = await fetch(`${this.orla.http}/readyz`);
    equal(await ready.text(), '{"status":"ready"}');
    deepEqual(await this.#session.rows("SELECT 1 AS one"), [{ one: 1 }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  /** Why Postgres's client was told no. */
  async #create(
    name: string,
    language: AttackLanguage,
    code: AttackCode,
  ): Promise<pg.DatabaseError | null> {
    const source = sourceOf(language, code);
    const { redirectPort } = this.#targets;
    const options = code.options?.replace("%redirect%", String(redirectPort)) ?? "";
    const signature = language === "wasm" ? code.signature ?? "() RETURNS integer" : "";
    try {
      await this.#session.rows(
        `CREATE EDGE FUNCTION ${name} ${signature} LANGUAGE ${language} ${options} AS $code$${source}$code$`,
      );
      return null;
    } catch (thrown) {
      if (thrown instanceof pg.DatabaseError) return thrown;
      throw thrown;
    }
  }

  #judgeRefusal({ seen }: AttackCode, refusal: pg.DatabaseError): void {
    const expected = seen.is === "fails"
      ? seen.codes.map((code) => errorMeanings[code].sqlState)
      : [];
    ok(expected.includes(refusal.code ?? ""), `it cannot be created: ${refusal.message}`);
  }

  async #judge(name: string, language: AttackLanguage, code: AttackCode): Promise<void> {
    const { seen } = code;
    if (seen.is === "watched") return await seen.scenario(this.#scene(name));
    const fails = seen.is === "fails";
    const payload = language === "wasm" ? code.arguments ?? [] : { ...await this.#target(), fails };
    const response = await this.#post(name, payload);
    const answer: unknown = JSON.parse(await response.text());
    // WebAssembly says it with a number.
    const body = language === "wasm" && typeof answer === "number" ? { got: answer !== 0 } : answer;
    const told = JSON.stringify(body).slice(0, 600);
    const { error, code: errorCode } = answerOf(body);
    if (fails) {
      ok(errorCode !== undefined && seen.codes.includes(errorCode as ErrorCode), told);
      equal(response.status, errorMeanings[errorCode as ErrorCode].status, told);
      return;
    }
    if (seen.is === "refused" && errorCode === "function_error" && REFUSAL.test(told)) return;
    if (seen.is === "refused" && (code.dependsIn ?? []).includes(this.mode)) return;
    const succeeds = seen.is === "refused" && (code.openIn ?? []).includes(this.mode);
    if (seen.is === "harmless" && error !== undefined) {
      match(
        String(errorCode),
        /^(function_error|instance_crashed|memory_limit_exceeded|timeout|limit_exceeded)$/,
        told,
      );
      return;
    }
    equal(response.status, 200, told);
    if (seen.is === "harmless") notEqual(answerOf(body).got, true, told);
    else equal(answerOf(body).got, succeeds, told);
  }

  /** An instance that hangs or dies is replaced; on a busy machine that outlasts a short TIMEOUT. */
  async #expectAgain(name: string, { seen }: AttackCode): Promise<void> {
    let told = "";
    for (let tries = 0; tries < 5; tries++) {
      const response = seen.is === "watched"
        ? await fetch(`${this.#scene(name).url}?again`, { headers: { apikey: this.orla.anonKey } })
        : await this.#post(name, { again: true });
      const text = await response.text();
      if (text === '"again"' || text === "again") return;
      told = `${response.status} ${text}`;
    }
    throw new Error(`later calls of it fail: ${told}`);
  }

  #scene(name: string): Scene {
    const { http, anonKey, pid } = this.orla;
    return {
      http,
      anonKey,
      url: `${http}/functions/v1/${name}`,
      nodeMegabytes() {
        const status = Deno.readTextFileSync(`/proc/${pid}/status`);
        return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
      },
    };
  }

  async #post(name: string, payload: unknown): Promise<Response> {
    return await fetch(`${this.orla.http}/invoke/${name}`, {
      method: "POST",
      headers: { apikey: this.orla.anonKey },
      body: JSON.stringify(payload),
      signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
    });
  }

  async #target(): Promise<Target & { readonly http: string }> {
    this.#fixed ??= await this.#findTargets();
    return { ...this.#fixed, http: this.orla.http, newFile: this.#targets.newFile() };
  }

  async #findTargets(): Promise<Omit<Target, "newFile">> {
    const { pid, dataDir } = this.orla;
    const { pid: sibling } = await this.neighbour();
    const family = await familyOf(pid);
    const node = family.find(({ command }) => / start( |$)/.test(command))?.pid ?? pid;
    const launcher = family.find(({ command }) => command.includes("launcher/main.py"));
    const directory = await Deno.readLink(`/proc/${sibling}/cwd`);
    const { port, redirectPort, unixSocket, abstractName, hostname, hostAddress } = this.#targets;
    return {
      ...{ node, parent: launcher?.pid ?? node, sibling, siblingFile: join(directory, "started") },
      runtimeDir: (await Deno.readTextFile(join(dataDir, "orla.runtime"))).trim(),
      secretFile: join(dataDir, "keys.json"),
      ...{ port, redirectPort, unixSocket, abstractName, hostname, hostAddress },
      uid: Deno.uid() ?? 0,
      secretHashes: secretsOf(this.orla).map((secret) =>
        createHash("sha256").update(secret).digest("hex")
      ),
    };
  }
}

function secretsOf({ serviceKey, anonKey, databaseUrl }: OrlaProcess): string[] {
  return [serviceKey, anonKey, decodeURIComponent(new URL(databaseUrl).password)];
}

interface Answer {
  readonly got?: unknown;
  readonly error?: unknown;
  readonly code?: unknown;
}

function answerOf(body: unknown): Answer {
  return typeof body === "object" && body !== null ? body : {};
}
