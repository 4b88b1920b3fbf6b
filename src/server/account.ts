/**
 * The user that the embedded Postgres runs as. Postgres refuses to run as root, so a node started
 * by root lends it the rights of `nobody`; any other node runs it with its own.
 */
import { OrlaError } from "../base/errors.ts";

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** `nobody` and its group on Linux; initdb wants a user that /etc/passwd knows. */
const NOBODY: Account = { uid: 65534, gid: 65534 };

/**
 * The account to spawn as, or `null` for our own. A cluster that exists keeps its owner, whatever
 * the rule for new ones is by then.
 */
export function chooseAccount(ownerOfCluster: Account | null): Account | null {
  const own = Deno.uid();
  if (own === 0) return ownerOfCluster ?? NOBODY;
  if (ownerOfCluster !== null && ownerOfCluster.uid !== own) {
    throw new OrlaError(
      "unavailable",
      `the database belongs to user id ${ownerOfCluster.uid}, and Orla runs as ${own}`,
      { hint: "Start Orla as the user who made the data directory, or choose another directory." },
    );
  }
  return null;
}

/** Whether the account can pass through the directory: asks the system, as that account. */
export async function canEnter(account: Account | null, directory: string): Promise<boolean> {
  const { success } = await runAs(account, "/bin/sh", ["-c", 'cd -- "$1"', "sh", directory]);
  return success;
}

export interface Ran {
  readonly success: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end with nothing of our environment. Throws when we may not change user. */
export async function runAs(
  account: Account | null,
  program: string,
  args: readonly string[],
  options: { readonly stdin?: string } = {},
): Promise<Ran> {
  try {
    const child = new Deno.Command(program, {
      args: [...args],
      cwd: "/",
      clearEnv: true,
      env: childEnvironment,
      ...account ?? {},
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const [output] = await Promise.all([child.output(), feed(child.stdin, options.stdin ?? "")]);
    const decoder = new TextDecoder();
    return {
      success: output.success,
      stdout: decoder.decode(output.stdout),
      stderr: decoder.decode(output.stderr),
    };
  } catch (cause) {
    if (account !== null && isRefusedSwitch(cause)) throw switchRefused(account, cause);
    if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotFound) {
      return { success: false, stdout: "", stderr: cause.message };
    }
    throw cause;
  }
}

/** A program that ends without reading breaks the pipe; its exit code tells what there is to tell. */
async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  await writer.write(new TextEncoder().encode(text)).catch(() => {});
  await writer.close().catch(() => {});
}

/** Server messages in English: we read some of them. No ORLA_ or DATABASE_ variable gets inside. */
export const childEnvironment = { PATH: "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" } as const;

/** EPERM, or EINVAL where the user is not mapped into this namespace; EACCES is about the program. */
function isRefusedSwitch(cause: unknown): boolean {
  return cause instanceof Error && /os error (1|22)\)/.test(cause.message);
}

function switchRefused(account: Account, cause: unknown): OrlaError {
  return new OrlaError(
    "unavailable",
    `Postgres does not run as root, and this machine does not let root become user ${account.uid}`,
    { cause, hint: "Start Orla as an ordinary user, or set DATABASE_URL to a Postgres elsewhere." },
  );
}
