import assert from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import { rewrittenText } from "./rewrite.ts";
import type { FunctionVersion, Language } from "../functions/function.ts";
import { withDefaults } from "../functions/options.ts";
import { createTranslator, edgeTranslator } from "./translate.ts";

const context = { standardConformingStrings: true, sessionUser: "me", refusal: null };

async function translated(text: string, refusal: string | null = null): Promise<string> {
  const rewrite = await edgeTranslator.translate(text, { ...context, refusal });
  assert.ok(rewrite, "there is an edge statement");
  assert.equal(rewrite.original, text);
  return rewrittenText(rewrite);
}

/** The command and definition of the one CALL in the text. */
async function callOf(text: string, refusal?: string): Promise<[string, Record<string, unknown>]> {
  const match = /CALL edge\.apply\('(\w+)', (\$\w+\$)(.*?)\2\)/s
    .exec(await translated(text, refusal));
  return [match?.[1] ?? "", JSON.parse(match?.[3] ?? "null")];
}

const code = "export default () => 1";

Deno.test("plain text stays as it is", async () => {
  for (const text of ["", "SELECT 'edge function'", "-- EDGE FUNCTION", "SELECT edge FROM edge"]) {
    assert.equal(await edgeTranslator.translate(text, context), null);
  }
});

Deno.test("what returns rows becomes a SELECT; the text around it is kept", async () => {
  assert.equal(
    await translated("/* a */ EXECUTE EDGE FUNCTION s.F(1, 'x;') ; SELECT 1"),
    `/* a */ SELECT "s"."f"(1, 'x;') ; SELECT 1`,
  );
  assert.equal(
    await translated("list edge functions where a = $1 -- c\n;"),
    "SELECT * FROM system.edge_functions WHERE a = $1 -- c\n;",
  );
  assert.equal(
    await translated("SELECT 1; LIST EDGE FUNCTIONS"),
    "SELECT 1; SELECT * FROM system.edge_functions",
  );
});

Deno.test("CREATE says everything, options complete", async () => {
  const [command, definition] = await callOf(
    `CREATE OR REPLACE EDGE FUNCTION s.f(a int, b text[]) RETURNS jsonb LANGUAGE js
     MEMORY 64MB AS $$${code}$$`,
  );
  assert.equal(command, "create_function");
  const { options, module, ...rest } = definition;
  assert.deepEqual(rest, {
    schema: "s",
    name: "f",
    position: 33,
    orReplace: true,
    language: "javascript",
    parameters: [{ name: "a", type: "int", position: 37 }, {
      name: "b",
      type: "text[]",
      position: 44,
    }],
    returns: "jsonb",
    returnsPosition: 62,
    code,
  });
  assert.equal((options as { memoryMb: number }).memoryMb, 64);
  assert.equal((options as { timeoutMs: number }).timeoutMs, 30_000);
  assert.match((module as { code: string }).code, /export default/);
});

Deno.test("DROP and ROLLBACK", async () => {
  assert.deepEqual(await callOf("DROP EDGE FUNCTION IF EXISTS a, b.c CASCADE"), ["drop_function", {
    names: [{ schema: null, name: "a", position: 30 }, { schema: "b", name: "c", position: 33 }],
    ifExists: true,
    behavior: "cascade",
  }]);
  assert.deepEqual(await callOf("ROLLBACK EDGE FUNCTION a TO VERSION 2"), ["rollback_function", {
    ...{ schema: null, name: "a", position: 24, version: 2, versionPosition: 37 },
  }]);
});

Deno.test("ALTER compiles for every case the database may find", async () => {
  const [, plain] = await callOf("ALTER EDGE FUNCTION f SET TIMEOUT = 1s");
  assert.deepEqual(plain["options"], { timeoutMs: 1000 });
  assert.equal("modules" in plain, false);
  const [, { modules }] = await callOf(
    "ALTER EDGE FUNCTION f SET CODE = $$function main(req: number) {}$$",
  );
  const outcomes = Object.entries(modules as Record<string, { style?: string; error?: unknown }>);
  assert.deepEqual(outcomes.map(([key, { style, error }]) => [key, error ? "error" : style]), [
    ["javascript", "error"],
    ["typescript", "fetch"],
    ["typescriptWithParameters", "main"],
    ["python", "error"],
  ]);
});

Deno.test("ALTER compiles for the language the function is known to have, with its parameters", async () => {
  const asked: [Language, number | null][] = [];
  const checked: [Language, readonly string[]][] = [];
  const known: FunctionVersion = {
    ...{ functionId: "1", versionId: "2", version: 1, namespace: "default", name: "f" },
    ...{ language: "python", returns: null, code: "", parameters: [{ name: "a", type: "text" }] },
    module: { code: "", sourceMap: null, style: "main" },
    options: withDefaults({ requirements: ["numpy"] }),
  };
  const translator = createTranslator(({ language, parameters, options }) => {
    asked.push([language, parameters?.length ?? null]);
    assert.deepEqual(options?.requirements, ["numpy"]);
    return { code: "", sourceMap: null, style: "main" };
  }, {
    current: (schema, name) => schema === "s" && name === "f" ? known : undefined,
    checkOptions: (language, { files }) => {
      checked.push([language, files]);
      return Promise.resolve();
    },
  });
  await translator.translate("ALTER EDGE FUNCTION s.f SET CODE = $$x$$", context);
  assert.deepEqual(asked, [["python", 1]]);
  await translator.translate("ALTER EDGE FUNCTION s.f SET FILES = ('a')", context);
  assert.deepEqual(checked, [["python", ["a"]]]);
});

Deno.test("a syntax error replaces the whole text, a wrong meaning only its statement", async () => {
  assert.match(
    await translated("SELECT 1; DROP EDGE FUNCTION; SELECT 2"),
    /^CALL edge\.apply\('raise_error', /,
  );
  assert.match(
    await translated("SELECT 1; ALTER EDGE FUNCTION f SET MEMORI = 1; SELECT 2"),
    /^SELECT 1; CALL edge\.apply\('raise_error', .*\); SELECT 2$/,
  );
});

Deno.test("code that stands there as written has its errors where they are", async () => {
  const broken = "export default () => ?;";
  const [, verbatim] = await callOf(`CREATE EDGE FUNCTION f LANGUAGE js AS $$${broken}$$`);
  assert.equal(verbatim["position"], 62);
  const [, escaped] = await callOf(
    `CREATE EDGE FUNCTION f LANGUAGE js AS 'let a = '''';${broken}'`,
  );
  assert.equal(escaped["position"], 40, "the beginning of the code");
});

Deno.test("a refused text is refused for its edge statement", async () => {
  const [command, error] = await callOf("SELECT 1; DROP EDGE FUNCTION f", "not like this");
  assert.equal(command, "raise_error");
  assert.deepEqual(error, { sqlstate: "0A000", message: "not like this", position: 11 });
  assert.equal(
    await edgeTranslator.translate("SELECT 'edge'", { ...context, refusal: "no" }),
    null,
  );
});

Deno.test("a compiler that fails unexpectedly fails the statement, not the gateway", async () => {
  const failing = createTranslator(() => Promise.reject(new Error("out of memory")));
  const rewrite = await failing.translate(
    `CREATE EDGE FUNCTION f LANGUAGE js AS '${code}'`,
    context,
  );
  assert.ok(rewrite);
  assert.match(rewrittenText(rewrite), /"sqlstate":"XX000","message":"out of memory"/);
  const busy = createTranslator(() => {
    throw new OrlaError("invalid_code", "too slow");
  });
  const text = `ALTER EDGE FUNCTION f SET CODE = '${code}'`;
  const altered = await busy.translate(text, context);
  assert.ok(altered);
  assert.match(rewrittenText(altered), /alter_function.*too slow/);
});
