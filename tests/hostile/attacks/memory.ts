/** Taking all of the memory. */
import type {} from "../../../src/base/errors.ts";
import { type Attack, type AttackCode, fails } from "../attack.ts";

const SMALL = "MEMORY 48MB TIMEOUT 30s";

const exhausted = (source: string, more: Partial<AttackCode> = {}) =>
  fails(["memory_limit_exceeded"], ["limits", "supervisor"], source, { options: SMALL, ...more });

export const memoryAttacks: readonly Attack[] = [
  {
    name: "fill the memory with objects",
    code: {
      javascript: exhausted(
        `const kept = []; for (;;) kept.push({ at: kept.length, text: "x" + kept.length });`,
      ),
      python: exhausted(`kept = []
while True:
    kept.append([len(kept)])`),
    },
  },
  {
    name: "fill the memory with buffers",
    code: {
      javascript: exhausted(
        `const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1));`,
      ),
      python: exhausted(`kept = []
while True:
    kept.append(bytearray(b"x" * (1 << 20)))`),
    },
  },
  {
    name: "fill the memory with strings",
    code: {
      javascript: exhausted(`const kept = [];
        for (let n = 0;; n++) kept.push(JSON.stringify(new Array(1 << 16).fill(n)));`),
      python: exhausted(`kept = []
while True:
    kept.append("x" * (1 << 20) + str(len(kept)))`),
    },
  },
  {
    name: "fill the memory with a string that doubles",
    code: {
      javascript: fails(
        ["memory_limit_exceeded", "function_error"],
        ["limits"],
        `
        let text = "x".repeat(1024);
        for (;;) { text += text; text.charCodeAt(text.length - 1); JSON.stringify(text); }`,
        {
          options: SMALL,
        },
      ),
      python: exhausted(`text = "x"
while True:
    text += text`),
    },
  },
  {
    name: "grow a WebAssembly memory",
    code: {
      javascript: exhausted(`const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
        for (;;) { memory.grow(64); new Uint8Array(memory.buffer).fill(1); }`),
    },
  },
  {
    name: "share buffers that are never given back",
    code: {
      javascript: exhausted(`const kept = [];
        for (;;) { const b = new SharedArrayBuffer(1 << 20); new Uint8Array(b).fill(1); kept.push(b); }`),
    },
  },
  {
    name: "keep blobs outside the engine's heap",
    code: {
      javascript: exhausted(`const kept = [];
        for (;;) kept.push(new Blob([new Uint8Array(1 << 20).fill(kept.length)]));`),
    },
  },
  {
    name: "keep a million timers and promises",
    code: {
      javascript: exhausted(`for (let n = 0;; n++) {
          setTimeout(() => n, 1e9);
          new Promise(() => {}).then(() => n);
        }`),
    },
  },
  {
    name: "unpack a bomb",
    code: {
      javascript: exhausted(`const zlib = await import("node:zlib");
        let bomb = new Uint8Array(8 << 20);
        for (let n = 0; n < 2; n++) bomb = zlib.gzipSync(bomb);
        const kept = [];
        for (;;) kept.push(zlib.gunzipSync(zlib.gunzipSync(bomb)).fill(1));`),
      python: exhausted(`import zlib
bomb = zlib.compress(b"\\0" * (8 << 20))
kept = []
while True:
    kept.append(bytearray(zlib.decompress(bomb)))`),
    },
  },
  {
    name: "recurse without end",
    code: {
      javascript: fails(
        ["function_error"],
        ["limits"],
        `
        const deeper = (n) => deeper(n + 1) + 1; return deeper(0) > 0;`,
      ),
      python: fails(
        ["function_error"],
        ["limits"],
        `def deeper(n):
    return deeper(n + 1) + 1
return deeper(0) > 0`,
      ),
    },
  },
  {
    name: "recurse where the engine does not count",
    code: {
      javascript: fails(
        ["function_error", "memory_limit_exceeded"],
        ["limits"],
        `
        let nested = "[".repeat(1e6) + "]".repeat(1e6);
        return JSON.parse(nested) !== null && JSON.stringify(JSON.parse(nested)) !== "";`,
      ),
      python: fails(
        ["function_error", "instance_crashed", "memory_limit_exceeded"],
        ["limits"],
        `import sys
sys.setrecursionlimit(1 << 30)
def deeper(n):
    return deeper(n + 1) + 1
return deeper(0) > 0`,
      ),
    },
  },
];
