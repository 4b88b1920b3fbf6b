/** The filter's numbers against the kernel's own headers, where this machine has them. */
import { deepEqual, ok } from "node:assert/strict";
import { fileURLToPath } from "node:url";

const headers = [
  ["x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"],
  ["aarch64", "/usr/include/asm-generic/unistd.h"],
] as const;

const launcher = fileURLToPath(new URL("../../src/sandbox/launcher/", import.meta.url));
const DUMP = `
import json, sys
sys.path.insert(0, sys.argv[1])
import syscalls
print(json.dumps([[name, x86, arm] for name, _, x86, arm in syscalls.TABLE]))
`;

function present(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

async function table(): Promise<[name: string, x86: number | null, arm: number | null][]> {
  const { stdout } = await new Deno.Command("python3", {
    args: ["-I", "-S", "-B", "-c", DUMP, launcher],
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

for (const [machine, path] of headers) {
  Deno.test({
    name: `system call numbers of ${machine} are the kernel's` +
      (present(path) ? "" : " (skipped: no kernel headers)"),
    ignore: !present(path),
    async fn() {
      const header = await Deno.readTextFile(path);
      const official = new Map<string, number>();
      for (const [, name = "", number] of header.matchAll(/#define __NR(?:3264)?_(\w+)\s+(\d+)/g)) {
        official.set(name, Number(number));
      }
      const rows = (await table()).map(([name, x86, arm]) =>
        [name, machine === "x86_64" ? x86 : arm] as const
      );
      ok(rows.length > 150);
      // Calls younger than the header cannot be compared.
      const newest = Math.max(...official.values()) - 1;
      const wrong = rows.filter(([name, number]) =>
        (number ?? 0) < newest && (official.get(name) ?? null) !== number
      );
      deepEqual(wrong, []);
    },
  });
}
