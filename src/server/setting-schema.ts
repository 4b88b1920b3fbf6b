/** Reads one setting: a string from the environment or a flag, or a JSON value from the file. */
import { z } from "zod";

export const text = z.string().min(1);
export const optionalText = z.union([text, z.null()]);

const digits = z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]);
export const integer = (min: number, max: number) =>
  digits.pipe(z.number().int().min(min).max(max));

export const yesOrNo = z.union([
  z.boolean(),
  z.enum(["true", "false"]).transform((word) => word === "true"),
]);

/** Milliseconds: a plain number, or one with a unit. */
export function duration(minMs: number, maxMs: number): z.ZodType<number> {
  const units: Readonly<Record<string, number>> = {
    ms: 1,
    s: 1000,
    min: 60_000,
    h: 3_600_000,
    d: 86_400_000,
  };
  const withUnit = z.string().regex(/^\d+(\.\d+)?\s*(ms|s|min|h|d)$/).transform((written) => {
    const unit = written.replace(/^[\d.\s]+/, "");
    return parseFloat(written) * (units[unit] ?? 1);
  });
  return z.union([digits, withUnit]).pipe(z.number().min(minMs).max(maxMs));
}

export const postgresUrl = z.string().refine((written) =>
  /^postgres(ql)?:\/\//.test(written) && URL.canParse(written)
);

export const redisUrl = z.string().refine((written) =>
  /^rediss?:\/\//.test(written) && URL.canParse(written)
);
