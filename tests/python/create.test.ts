/** CREATE EDGE FUNCTION … LANGUAGE python on a whole node: what is refused, with which words, and what runs. */
import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { openSession, type SqlSession } from "../acceptance/sql-session.ts";
import { type OrlaProcess, startOrlaProcess } from "../orla.ts";
import { familyOf, survivors } from "../processes.ts";

let orla: OrlaProcess;
let session: SqlSession;
let home: string;

Deno.test.beforeAll(async () => {
  home = await Deno.makeTempDir({ prefix: "orla-python-" });
  await Deno.chmod(home, 0o755);
  const { success } = await new Deno.Command("/usr/bin/python3", {
    args: ["-m", "venv", "--without-pip", `${home}/lab`],
  }).output();
  ok(success, "python3 -m venv");
  // A distribution that is there: what importlib.metadata looks for.
  const [packages] = [...Deno.readDirSync(`${home}/lab/lib`)].map(({ name }) =>
    `${home}/lab/lib/${name}/site-packages`
  );
  await Deno.mkdir(`${packages}/thing-1.4.2.dist-info`);
  await Deno.writeTextFile(
    `${packages}/thing-1.4.2.dist-info/METADATA`,
    "Metadata-Version: 2.1\nName: thing\nVersion: 1.4.2\n",
  );
  await Deno.writeTextFile(`${packages}/thing.py`, "answer = 42\n");
  await Deno.mkdir(`${home}/files`, { mode: 0o755 });
  await Deno.writeTextFile(`${home}/files/model.txt`, "a model", { mode: 0o644 });
  await Deno.writeTextFile(`${home}/files/secret.txt`, "hidden", { mode: 0o600 });
  orla = await startOrlaProcess({
    env: {
      ORLA_PYTHON_ENVS: JSON.stringify({ lab: { path: `${home}/lab`, preload: ["thing"] } }),
      ORLA_FILES_DIR: `${home}/files`,
    },
  });
  session = await openSession(orla.sqlUrl);
});

Deno.test.afterAll(async () => {
  await session.close();
  await orla[Symbol.asyncDispose]();
  await Deno.remove(home, { recursive: true });
});

Deno.test("a function in Python answers in SQL and over HTTP", async () => {
  await session.rows(`CREATE EDGE FUNCTION add(a int, b int) RETURNS int LANGUAGE python AS $$
def main(a, b):
    return a + b
$$`);
  deepEqual(await session.rows("SELECT add(2, 3)"), [{ add: 5 }]);
  const answer = await fetch(`${orla.http}/functions/v1/add`, {
    method: "POST",
    headers: { apikey: orla.anonKey, "content-type": "application/json" },
    body: `{"a": 20, "b": 22}`,
  });
  equal(await answer.text(), "42");
});

Deno.test("syntax errors have line, column and caret", async () => {
  const sql = "CREATE EDGE FUNCTION broken LANGUAGE python AS $$\ndef main(x):\n  y = = 1\n$$";
  const { code, message, detail, position } = await session.failure(sql);
  equal(code, "42601");
  match(message, /SyntaxError in function broken, line 3, column 7: invalid syntax/);
  equal(detail, "  y = = 1\n      ^");
  equal(position, `${sql.indexOf("= 1") + 1}`);
});

Deno.test("other mistakes in the code are told before it runs", async () => {
  const cases: readonly [code: string, message: RegExp, hint: RegExp][] = [
    ["return 1", /SyntaxError.*'return' outside function/, /^$/],
    ["  def main(x): pass", /IndentationError.*unexpected indent/, /begin at the start/],
    ["def mian(x): pass", /has no handler/, /main instead of mian/],
    ["class main: pass", /main is a class/, /must be a function/],
    ["main = 3", /main is not a function/, /must be a function/],
    ["def main(a, b, c): pass", /takes 3 arguments.*declares 1 parameter/, /declared parameters/],
    ["def main(*, a): pass", /keyword argument a/, /default/],
    ["def main(x): print 'x'", /Missing parentheses|invalid syntax/, /^$|Python 3/],
    [`def main(x): return ${"(".repeat(500)}`, /too many nested parentheses/, /^$/],
    [`def main(x): return ${"-".repeat(200_000)}1`, /nested too deeply|crash/, /./],
  ];
  for (const [code, message, hint] of cases) {
    const error = await session.failure(
      `CREATE EDGE FUNCTION bad(a int) RETURNS int LANGUAGE python AS $code$${code}$code$`,
    );
    match(error.message, message);
    if (!message.source.includes("nested too deeply")) match(error.hint ?? "", hint);
  }
});

Deno.test("ALTER … SET CODE is read as Python, in the transaction that makes the function too", async () => {
  await session.rows("CREATE EDGE FUNCTION number LANGUAGE python AS $$def main(): return 1$$");
  await session.rows("ALTER EDGE FUNCTION number SET CODE = $$def main(): return 2$$");
  deepEqual(await session.rows("SELECT number() AS v"), [{ v: 2 }]);
  const { message } = await session.failure(
    "ALTER EDGE FUNCTION number SET CODE = $$def main(: 3$$",
  );
  match(message, /SyntaxError in function number, line 1/);
  await session.rows(`BEGIN`);
  await session.rows("CREATE EDGE FUNCTION fresh LANGUAGE python AS $$def main(): return 1$$");
  await session.rows("ALTER EDGE FUNCTION fresh SET CODE = $$def main(): return 2$$");
  deepEqual(await session.rows("SELECT fresh() AS v"), [{ v: 2 }]);
  await session.rows("ROLLBACK");
});

Deno.test("PYTHON_ENV chooses an environment, and an unknown one is refused", async () => {
  await session.rows(`CREATE EDGE FUNCTION in_lab LANGUAGE python PYTHON_ENV 'lab'
    REQUIREMENTS ('thing>=1.4,<2') AS $$
import sys, thing
def main():
    return [sys.prefix, thing.answer]
$$`);
  deepEqual(await session.rows("SELECT in_lab() AS v"), [{ v: [`${home}/lab`, 42] }]);
  const unknown = await session.failure(
    "CREATE EDGE FUNCTION f LANGUAGE python PYTHON_ENV 'lap' AS $$def main(): pass$$",
  );
  match(unknown.message, /no Python environment lap/);
  match(unknown.hint ?? "", /Did you mean lab\?/);
  const alter = await session.failure("ALTER EDGE FUNCTION in_lab SET PYTHON_ENV = 'other'");
  match(alter.message, /no Python environment other/);
  match(alter.hint ?? "", /default, lab/);
});

Deno.test("REQUIREMENTS that the environment does not meet are refused, all at once", async () => {
  const { message, hint } = await session.failure(
    `CREATE EDGE FUNCTION f LANGUAGE python PYTHON_ENV 'lab'
    REQUIREMENTS ('thing==2.*', 'no-such-thing', 'thing~=1.4.1', 'thing!') AS $$def main(): pass$$`,
  );
  match(
    message,
    /environment lab lacks thing==2\.\* \(1\.4\.2 is installed\), no-such-thing \(not/,
  );
  match(message, /, thing! \(not understood/);
  match(hint ?? "", /lab\/bin\/python3 -m pip install/);
});

Deno.test("FILES are looked for at once, and read when the function runs", async () => {
  await session.rows(`CREATE EDGE FUNCTION reads LANGUAGE python FILES ('model.txt') AS $$
def main():
    return [open("model.txt").read(), open("${home}/files/model.txt").read()]
$$`);
  deepEqual(await session.rows("SELECT reads() AS v"), [{ v: ["a model", "a model"] }]);
  const cases: [files: string, message: RegExp][] = [
    ["'nothing.txt'", /"nothing.txt".* does not exist/],
    ["'../files/model.txt'", /is no name of a file/],
    ["'/etc/passwd'", /is no name of a file/],
    ["''", /is no name of a file/],
  ];
  if (Deno.uid() === 0) cases.push(["'secret.txt'", /cannot be read by instances/]);
  for (const [files, message] of cases) {
    const error = await session.failure(
      `CREATE EDGE FUNCTION f LANGUAGE python FILES (${files}) AS $$def main(): pass$$`,
    );
    match(error.message, message);
  }
  const inScript = await session.failure(
    "CREATE EDGE FUNCTION f LANGUAGE js FILES ('model.txt') AS $$export default () => 1$$",
  );
  match(inScript.message, /FILES are for functions in Python/);
});

Deno.test("killed, the node leaves no process of Python's", async () => {
  const other = await startOrlaProcess();
  const client = await openSession(other.sqlUrl);
  try {
    await client.rows(`CREATE EDGE FUNCTION waits LANGUAGE python AS $$
import time
def main(seconds):
    time.sleep(seconds)
$$`);
    await client.rows("SELECT waits('0')");
    const running = fetch(`${other.http}/functions/v1/waits`, {
      method: "POST",
      headers: { apikey: other.anonKey },
      body: "60",
    });
    const lost = rejects(running);
    const family = await familyOf(other.pid);
    const python = family.filter(({ command }) => command.includes("launcher/main.py"));
    ok(python.length >= 2, "the launcher, the zygote and its instances");
    await other.stop("SIGKILL");
    await lost;
    const until = performance.now() + 10_000;
    while ((await survivors(family)).length > 0) {
      if (performance.now() > until) throw new Error(JSON.stringify(await survivors(family)));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await client.close().catch(() => {});
    await other[Symbol.asyncDispose]();
  }
});
