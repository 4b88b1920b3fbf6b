/**
 * What one attack is: an idea, how it looks in each language, what is to be seen, and which walls
 * stop it. The tables are in `attacks/`; `attack-list.ts` has them all.
 *
 * The source of an attack is the body of `attempt(target)`, which returns true when it got what it
 * wanted. An attack that works where nothing stops it (`control.test.ts`) is shown to be one.
 */
import type { ErrorCode } from "../../src/base/errors.ts";

export const attackLanguages = ["javascript", "wasm", "python"] as const;
export type AttackLanguage = typeof attackLanguages[number];

/** From the inside out, as docs/security.md calls and explains them. */
export const walls = {
  compiler: { short: "compiler", meaning: "It is refused when the function is created." },
  permissions: {
    short: "Deno",
    meaning: "Deno's permissions: no files, no programs, no connection but to the egress proxy.",
  },
  bootstrap: {
    short: "bootstrap",
    meaning: "Our code in the instance, hardened before any function is loaded.",
  },
  landlock: { short: "Landlock", meaning: "The kernel: files, TCP ports, signals." },
  seccomp: { short: "seccomp", meaning: "The kernel: system calls and kinds of sockets." },
  user: {
    short: "own user",
    meaning: "The kernel: every instance has a user id that nobody else has (level 2).",
  },
  limits: {
    short: "limits",
    meaning: "The kernel: memory, open files, processes and file sizes of the process.",
  },
  supervisor: {
    short: "supervisor",
    meaning: "The node believes no instance, counts what it sends, and ends it.",
  },
  egress: {
    short: "egress",
    meaning: "The egress proxy, which judges the address it is about to connect to.",
  },
  gateway: { short: "gateway", meaning: "The HTTP gateway, which writes every response itself." },
  database: { short: "Postgres", meaning: "Roles, privileges and policies of the database." },
} as const;
export type Wall = keyof typeof walls;

export type Seen =
  /** The call is answered: the attempt was refused, as an exception or a `false`. */
  | { readonly is: "refused" }
  /** The call fails with one of these. */
  | { readonly is: "fails"; readonly codes: readonly ErrorCode[] }
  /** The call is answered with what an honest function would have returned. */
  | { readonly is: "answered" }
  /** Either of the two: the function has done nothing but harm to itself. */
  | { readonly is: "harmless" }
  /** A client looks for itself. */
  | { readonly is: "watched"; readonly scenario: Scenario };

/** Throws when the attack had its way. */
export type Scenario = (scene: Scene) => Promise<void>;

export interface Scene {
  /** Base URL. */
  readonly http: string;
  readonly anonKey: string;
  /** Of the function under attack. */
  readonly url: string;
  /** Resident memory of the node itself. */
  nodeMegabytes(): number;
}

/** Where an attack is tried. */
export type Mode =
  /** All walls. */
  | "root"
  /** Without users of their own. */
  | "user"
  /** Without any wall of the kernel's. */
  | "bare"
  /** With one of the kernel's, see `each-wall.test.ts`. */
  | "alone";

export interface AttackCode {
  readonly source: string;
  /** The walls that stop it, the first one first. */
  readonly walls: readonly [Wall, ...Wall[]];
  readonly seen: Seen;
  /** The source is the whole function, not the body of `attempt`. */
  readonly whole?: boolean;
  /** In SQL; `%redirect%` stands for that port. */
  readonly options?: string;
  /** Of a module, with arguments for it. */
  readonly signature?: string;
  readonly arguments?: readonly unknown[];
  /** It succeeds there, as docs/security.md says. */
  readonly openIn?: readonly Mode[];
  /** Whether it succeeds there is up to the kernel's settings. */
  readonly dependsIn?: readonly Mode[];
  /** The function has ruined itself: later calls of it may fail. */
  readonly ruinsItself?: boolean;
  /** Why it is not tried where nothing stops it. */
  readonly noControl?: string;
}

export interface Attack {
  /** As in docs/security.md. */
  readonly name: string;
  readonly code: Readonly<Partial<Record<AttackLanguage, AttackCode>>>;
  /** The same through a hole in Deno's own permissions: its name in `tests/sandbox/attacks.js`. */
  readonly behindDeno?: readonly string[];
}

type Walls = AttackCode["walls"];
type More = Omit<AttackCode, "source" | "walls" | "seen">;

export function refused(walls: Walls, source: string, more: More = {}): AttackCode {
  return { source, walls, seen: { is: "refused" }, ...more };
}

export function fails(
  codes: readonly ErrorCode[],
  walls: Walls,
  source: string,
  more: More = {},
): AttackCode {
  return { source, walls, seen: { is: "fails", codes }, noControl: "it would never end", ...more };
}

export function answered(walls: Walls, source: string, more: More = {}): AttackCode {
  return { source, walls, seen: { is: "answered" }, noControl: "nothing is to be seen", ...more };
}

export function harmless(walls: Walls, source: string, more: More = {}): AttackCode {
  return { source, walls, seen: { is: "harmless" }, noControl: "nothing is to be seen", ...more };
}

export function watched(
  walls: Walls,
  source: string,
  scenario: Scenario,
  more: More = {},
): AttackCode {
  const seen = { is: "watched", scenario } as const;
  return { source, walls, seen, whole: true, noControl: "a client looks for itself", ...more };
}

/** What attacks aim at. All of it exists, so that a refusal is one. */
export interface Target {
  /** Process ids of the node, or of a stand-in that may be harmed. */
  readonly node: number;
  readonly parent: number;
  /** Another instance, and a file in its directory. */
  readonly sibling: number;
  readonly siblingFile: string;
  readonly runtimeDir: string;
  /** Holds secrets. */
  readonly secretFile: string;
  /** A file that does not exist, in a directory that everybody may write. */
  readonly newFile: string;
  /** Where nobody should get: a port, a unix socket, an abstract one, all listening. */
  readonly port: number;
  /** An HTTP server that sends on to `port`. */
  readonly redirectPort: number;
  readonly unixSocket: string;
  readonly abstractName: string;
  /** A name of this machine that is not `localhost`, and what it resolves to. */
  readonly hostname: string;
  readonly hostAddress: string;
  readonly uid: number;
  /** SHA-256, in hexadecimal, of what nobody in an instance may know. */
  readonly secretHashes: readonly string[];
}
