/** Inputs of host calls come from untrusted functions: each is checked against its schema first. */
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";

/** Throws `invalid_request` with the place and the reason. */
export function parseInput<T>(op: string, schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const place = issue === undefined || issue.path.length === 0 ? "" : ` ${issue.path.join(".")}:`;
  throw new OrlaError("invalid_request", `${op}:${place} ${issue?.message ?? "invalid input"}`);
}
