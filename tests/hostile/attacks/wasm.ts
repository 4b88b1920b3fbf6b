/**
 * WebAssembly has nothing but what it imports. `main` returns 1 when it got what it wanted; the
 * numbers beside calls of WASI are those of its preview 1.
 */
import type { ErrorCode } from "../../../src/base/errors.ts";
import { type Attack, type AttackCode, fails, harmless, refused } from "../attack.ts";

const NO_CONTROL = "WebAssembly has nowhere to be free";

const asked = (wat: string): AttackCode =>
  refused(["bootstrap"], wat, { whole: true, noControl: NO_CONTROL });

const failsWith = (codes: readonly ErrorCode[], wat: string, more = {}): AttackCode =>
  fails(codes, ["bootstrap", "limits"], wat, { whole: true, ...more });

/** A library that imports one function of WASI, so that `main` can use it as it likes. */
const wasi = (name: string, type: string, main: string) =>
  asked(`(module
    (import "wasi_snapshot_preview1" "${name}" (func $it ${type}))
    (memory (export "memory") 1)
    (data (i32.const 512) "/etc/passwd")
    (func (export "_initialize"))
    (func (export "main") (result i32) ${main}))`);

const works = (call: string) => `(i32.eqz ${call})`;

export const wasmAttacks: readonly Attack[] = [
  {
    name: "import functions that nobody offers",
    code: {
      wasm: failsWith(
        ["invalid_code", "not_supported"],
        `(module (import "env" "system" (func $system (param i32) (result i32)))
          (func (export "main") (result i32) (call $system (i32.const 0))))`,
      ),
    },
  },
  {
    name: "import what the runtime's JavaScript has",
    code: {
      wasm: failsWith(
        ["invalid_code", "not_supported"],
        `(module (import "Deno" "exit" (func $exit (param i32)))
          (func (export "main") (result i32) (call $exit (i32.const 0)) (i32.const 1)))`,
      ),
    },
  },
  {
    name: "open files through WASI, by every descriptor",
    code: {
      wasm: wasi(
        "path_open",
        "(param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)",
        `(local $fd i32)
        (loop $next
          (if ${
          works(
            "(call $it (local.get $fd) (i32.const 1) (i32.const 512) (i32.const 11) (i32.const 0) " +
              "(i64.const 2) (i64.const 2) (i32.const 0) (i32.const 0))",
          )
        } (then (return (i32.const 1))))
          (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $fd) (i32.const 100))))
        (i32.const 0)`,
      ),
    },
  },
  {
    name: "find directories that were opened for it",
    code: {
      wasm: wasi(
        "fd_prestat_get",
        "(param i32 i32) (result i32)",
        works("(call $it (i32.const 3) (i32.const 0))"),
      ),
    },
  },
  {
    name: "read descriptors that are not its own",
    code: {
      wasm: wasi(
        "fd_read",
        "(param i32 i32 i32 i32) (result i32)",
        `(local $fd i32)
        (local.set $fd (i32.const 3))
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 256))
        (loop $next
          (if ${
          works("(call $it (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))")
        } (then (return (i32.const 1))))
          (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $fd) (i32.const 100))))
        (i32.const 0)`,
      ),
    },
  },
  {
    name: "see environment variables through WASI",
    code: {
      wasm: wasi(
        "environ_sizes_get",
        "(param i32 i32) (result i32)",
        `(drop (call $it (i32.const 0) (i32.const 4))) (i32.gt_u (i32.load (i32.const 0)) (i32.const 0))`,
      ),
    },
  },
  {
    name: "give WASI addresses outside its memory",
    code: {
      wasm: failsWith(
        ["function_error"],
        `(module
          (import "wasi_snapshot_preview1" "fd_write" (func $it (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (func (export "_initialize"))
          (func (export "main") (result i32)
            (i32.store (i32.const 0) (i32.const -16)) (i32.store (i32.const 4) (i32.const -1))
            (if (call $it (i32.const 1) (i32.const 0) (i32.const -1) (i32.const -4)) (then unreachable))
            (i32.const 1)))`,
      ),
    },
  },
  {
    name: "run into a trap",
    code: {
      wasm: failsWith(
        ["function_error"],
        `(module (func (export "main") (result i32) unreachable))`,
      ),
    },
  },
  {
    name: "read and write beyond its memory",
    code: {
      wasm: failsWith(
        ["function_error"],
        `(module (memory 1) (func (export "main") (result i32)
          (i32.store (i32.const -4) (i32.const 1)) (i32.const 1)))`,
      ),
    },
  },
  {
    name: "call a function of another type through a table",
    code: {
      wasm: failsWith(
        ["function_error"],
        `(module (type $t (func (param i64) (result i32))) (table 1 funcref)
          (func $other (result f64) (f64.const 1)) (elem (i32.const 0) $other)
          (func (export "main") (result i32) (call_indirect (type $t) (i64.const 1) (i32.const 0))))`,
      ),
    },
  },
  {
    name: "return text that lies outside its memory",
    code: {
      wasm: failsWith(
        ["function_error", "memory_limit_exceeded"],
        `(module (memory (export "memory") 1)
          (func (export "alloc") (param i32) (result i32) (i32.const 0))
          (func (export "main") (param i32 i32) (result i64) (i64.const -1)))`,
        { signature: "(input text) RETURNS text", arguments: ["x"] },
      ),
    },
  },
  {
    name: "loop without end, in WebAssembly",
    code: {
      wasm: failsWith(
        ["timeout"],
        `(module (func (export "main") (result i32) (loop $l (br $l)) (i32.const 1)))`,
        { options: "TIMEOUT 700ms" },
      ),
    },
  },
  {
    name: "loop without end while it is instantiated",
    code: {
      wasm: failsWith(
        ["timeout"],
        `(module (func $s (loop $l (br $l))) (start $s)
          (func (export "main") (result i32) (i32.const 1)))`,
        { options: "TIMEOUT 700ms" },
      ),
    },
  },
  {
    name: "recurse without end, in WebAssembly",
    code: {
      wasm: failsWith(
        ["function_error"],
        `(module (func $f (export "main") (result i32) (i32.add (call $f) (i32.const 1))))`,
      ),
    },
  },
  {
    name: "grow its own memory past the limit",
    code: {
      wasm: harmless(
        ["limits"],
        `(module (memory 1) (func (export "main") (result i32)
          (local $at i32)
          (loop $more
            (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (return (i32.const 0))))
            (memory.fill (i32.mul (i32.sub (memory.size) (i32.const 16)) (i32.const 65536))
              (i32.const 1) (i32.const 1048576))
            (br_if $more (i32.lt_u (memory.size) (i32.const 16384))))
          (i32.const 1)))`,
        { whole: true, options: "MEMORY 64MB TIMEOUT 10s", noControl: NO_CONTROL },
      ),
    },
  },
  {
    name: "declare a memory of four gigabytes",
    code: {
      wasm: failsWith(
        ["function_error", "memory_limit_exceeded", "invalid_code", "not_supported"],
        `(module (memory 65536) (func (export "main") (result i32)
          (memory.fill (i32.const 0) (i32.const 1) (i32.const -1)) (i32.const 1)))`,
        { options: "MEMORY 64MB" },
      ),
    },
  },
  {
    name: "declare a table of ten million entries, and grow it",
    code: {
      wasm: harmless(
        ["limits"],
        `(module (table 9000000 funcref) (func (export "main") (result i32)
          (loop $more (br_if $more (i32.ne (table.grow (ref.null func) (i32.const 100000)) (i32.const -1))))
          (i32.const 0)))`,
        { whole: true, options: "MEMORY 64MB TIMEOUT 5s", noControl: NO_CONTROL },
      ),
    },
  },
  {
    name: "flood the log through WASI",
    code: {
      wasm: harmless(
        ["supervisor"],
        `(module
          (import "wasi_snapshot_preview1" "fd_write" (func $it (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 64) "a line that helps nobody\\n")
          (func (export "_initialize"))
          (func (export "main") (result i32) (local $n i32)
            (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 25))
            (loop $next
              (drop (call $it (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
              (local.set $n (i32.add (local.get $n) (i32.const 1)))
              (br_if $next (i32.lt_u (local.get $n) (i32.const 200000))))
            (i32.const 0)))`,
        { whole: true, options: "TIMEOUT 20s", noControl: NO_CONTROL },
      ),
    },
  },
  {
    name: "end the process through WASI",
    code: {
      wasm: harmless(
        ["bootstrap"],
        `(module
          (import "wasi_snapshot_preview1" "proc_exit" (func $it (param i32)))
          (memory (export "memory") 1)
          (func (export "_initialize"))
          (func (export "main") (result i32) (call $it (i32.const 3)) (i32.const 0)))`,
        {
          whole: true,
          noControl: NO_CONTROL,
        },
      ),
    },
  },
];
