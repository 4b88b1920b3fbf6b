/** One thing that a node needs, looked at. */

export interface Check {
  readonly name: string;
  /** `notice` is worth knowing and keeps nothing from working. */
  readonly state: "ok" | "notice" | "problem";
  /** What was found, as a sentence without its full stop. */
  readonly says: string;
  /** What to do about it; there is one for everything that is not well. */
  readonly remedy?: string;
}

export function ok(name: string, says: string): Check {
  return { name, state: "ok", says };
}

export function notice(name: string, says: string, remedy: string): Check {
  return { name, state: "notice", says, remedy };
}

export function problem(name: string, says: string, remedy: string): Check {
  return { name, state: "problem", says, remedy };
}

export function messageOf(thrown: unknown): string {
  return thrown instanceof Error && thrown.message !== "" ? thrown.message : String(thrown);
}
