/** A throw-away Valkey or Redis for tests, where one is installed (tools/install-test-programs.sh). */

export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  kill(): Promise<void>;
  /** On the same port, empty. */
  restart(): Promise<void>;
}

/** The name of the program, `null` where there is none. */
export function redisProgram(): string | null {
  const folders = ["/usr/bin", "/usr/local/bin", "/usr/sbin", "/opt/homebrew/bin"];
  for (const name of ["valkey-server", "redis-server"]) {
    for (const folder of folders) {
      try {
        if (Deno.statSync(`${folder}/${name}`).isFile) return name;
      } catch {
        // Not here.
      }
    }
  }
  return null;
}

export async function startTestRedis(): Promise<TestRedis> {
  const program = redisProgram() ?? "redis-server";
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const start = async (): Promise<Deno.ChildProcess> => {
    const child = new Deno.Command(program, {
      args: [
        ...["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        ...["--daemonize", "no"],
      ],
      cwd: "/",
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let output = "";
    while (!/ready to accept connections/i.test(output)) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`${program} did not start: ${output}`);
      output += value;
    }
    // The rest is read and forgotten, so that it never blocks.
    void (async () => {
      while (!(await reader.read()).done) { /* on */ }
    })();
    return child;
  };
  let child: Deno.ChildProcess | undefined = await start();
  const kill = async () => {
    child?.kill("SIGKILL");
    await child?.status;
    child = undefined;
  };
  return {
    url: `redis://127.0.0.1:${port}`,
    kill,
    restart: async () => {
      child = await start();
    },
    [Symbol.asyncDispose]: kill,
  };
}
