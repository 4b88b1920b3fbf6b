/**
 * What only a process that is already running can forbid itself, for good: to execute a program and
 * to make a unix socket, of which starting and connecting needed one each.
 *
 * The launcher's own filter (`launcher/seccomp.py`) is in force already; the kernel applies both.
 * Landlock does not see whose unix socket is connected to, so without this a function that had
 * escaped Deno could reach every socket on the machine that is open to all, such as a database's.
 */

// <linux/filter.h>, <linux/seccomp.h>, <asm/unistd.h>
const LOAD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const ERROR = 0x00050000;
const EPERM = 1;
const EAFNOSUPPORT = 97;
const NUMBER_OFFSET = 0;
const FIRST_ARGUMENT_OFFSET = 16;
const AF_UNIX = 1;
const SET_MODE_FILTER = 1n;
/** Every thread, not only this one. */
const ALL_THREADS = 1n;

const calls = Deno.build.arch === "x86_64"
  ? { socket: 41, execveat: 322, seccomp: 317 }
  : { socket: 198, execveat: 281, seccomp: 277 };

type Instruction = readonly [code: number, onTrue: number, onFalse: number, value: number];

// The launcher's filter ends whatever comes through another machine's system calls.
const filter: readonly Instruction[] = [
  [LOAD, 0, 0, NUMBER_OFFSET],
  [JUMP_IF_EQUAL, 5, 0, calls.execveat],
  [JUMP_IF_EQUAL, 4, 0, calls.seccomp],
  [JUMP_IF_EQUAL, 0, 2, calls.socket],
  [LOAD, 0, 0, FIRST_ARGUMENT_OFFSET],
  [JUMP_IF_EQUAL, 2, 0, AF_UNIX],
  [RETURN, 0, 0, ALLOW],
  [RETURN, 0, 0, ERROR | EPERM],
  [RETURN, 0, 0, ERROR | EAFNOSUPPORT],
];

const INSTRUCTION_BYTES = 8;

/** Needs the permission for foreign functions. Throws if the kernel refuses. */
export function tighten(): void {
  const libc = Deno.dlopen("libc.so.6", {
    syscall: { parameters: ["i64", "i64", "i64", "buffer"], result: "i64" },
  });
  const code = new DataView(new ArrayBuffer(filter.length * INSTRUCTION_BYTES));
  filter.forEach(([operation, onTrue, onFalse, value], index) => {
    const at = index * INSTRUCTION_BYTES;
    code.setUint16(at, operation, true);
    code.setUint8(at + 2, onTrue);
    code.setUint8(at + 3, onFalse);
    code.setUint32(at + 4, value, true);
  });
  const program = new BigUint64Array([
    BigInt(filter.length),
    Deno.UnsafePointer.value(Deno.UnsafePointer.of(code)),
  ]);
  const result = libc.symbols.syscall(
    BigInt(calls.seccomp),
    SET_MODE_FILTER,
    ALL_THREADS,
    program,
  );
  libc.close();
  if (result !== 0n) throw new Error("the kernel did not accept the filter of system calls");
}
