/** A disk, or what one may have of it, that has no more room. */
import { OrlaError } from "../base/errors.ts";

export function isFull(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown &&
    (thrown.code === "ENOSPC" || thrown.code === "EDQUOT");
}

export function diskFull(cause: unknown): OrlaError {
  return new OrlaError("unavailable", "This node's disk is full.", {
    cause,
    hint: "Its operator must make room where objects are kept.",
  });
}
