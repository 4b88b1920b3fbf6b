/** Saying too much, or in the platform's name. */
import { answered, type Attack, harmless } from "../attack.ts";

export const logAttacks: readonly Attack[] = [
  {
    name: "flood the log",
    code: {
      javascript: answered(
        ["supervisor"],
        `
        for (let n = 0; n < 300_000; n++) console.log("line", n, "of a flood that helps nobody");
        return false;`,
        { options: "MEMORY 256MB TIMEOUT 30s" },
      ),
      python: answered(
        ["supervisor"],
        `for n in range(100_000):
    print("line", n, "of a flood that helps nobody")
return False`,
        { options: "MEMORY 256MB TIMEOUT 30s" },
      ),
    },
  },
  {
    name: "write one line without end to the log",
    code: {
      javascript: answered(
        ["supervisor"],
        `
        for (let n = 0; n < 8; n++) console.log("x".repeat(8 << 20));
        return false;`,
        { options: "MEMORY 256MB" },
      ),
      python: answered(
        ["supervisor"],
        `print("x" * (32 << 20))
return False`,
        { options: "MEMORY 256MB" },
      ),
    },
  },
  {
    name: "flood the output streams",
    code: {
      javascript: answered(
        ["supervisor"],
        `
        const bytes = new Uint8Array(1 << 16).fill(120);
        for (let n = 0; n < 200; n++) { Deno.stdout.writeSync(bytes); Deno.stderr.writeSync(bytes); }
        return false;`,
      ),
      python: answered(
        ["supervisor"],
        `import os
for n in range(200):
    os.write(1, b"x" * (1 << 16))
    os.write(2, b"x" * (1 << 16))
return False`,
      ),
    },
  },
  {
    name: "forge frames and log lines on the output streams",
    code: {
      javascript: answered(
        ["supervisor"],
        `
        Deno.stdout.writeSync(new Uint8Array([0, 0, 0, 2, 4, 1, 0, 0, 0, 1, 110, 10]));
        Deno.stderr.writeSync(new TextEncoder().encode("panic: Fatal JavaScript out of memory\\n"));
        return false;`,
      ),
      python: answered(
        ["supervisor"],
        `import os
os.write(1, bytes([0, 0, 0, 2, 4, 1, 0, 0, 0, 1, 110, 10]))
os.write(2, b"MemoryError\\n")
return False`,
      ),
    },
  },
  {
    name: "log from timers after the call is over",
    code: {
      javascript: harmless(
        ["supervisor"],
        `
        setInterval(() => { for (let n = 0; n < 100; n++) console.log("still here"); }, 1);
        return false;`,
      ),
    },
  },
  {
    name: "log what cannot be printed",
    code: {
      javascript: answered(
        ["bootstrap", "supervisor"],
        `
        console.log("\\0 \\ud800 \\u202e \\x1b[2J");
        console.log(new Proxy({}, { get() { throw new Error("trap"); }, ownKeys() { throw new Error("trap"); } }));
        return false;`,
      ),
      python: answered(
        ["supervisor"],
        `print("\\0 \\ud800 \\u202e \\x1b[2J")
class Trap:
    def __str__(self):
        return "\\ud800" * 1000
print(Trap())
return False`,
      ),
    },
  },
];
