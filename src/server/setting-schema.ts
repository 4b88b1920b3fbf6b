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

/** Names of modules, apart by commas or as a list; one that ends in `?` need not be there. */
export const moduleNames = z.union([
  z.string().transform((written) => written.split(",").map((name) => name.trim()).filter(Boolean)),
  z.array(z.string()),
]).pipe(z.array(z.string().regex(/^[A-Za-z_][\w.]*\??$/)));

const environmentPath = z.string().startsWith("/");
const environment = z.union([
  environmentPath.transform((path): { path: string; preload?: string[] | undefined } => ({ path })),
  z.strictObject({ path: environmentPath, preload: moduleNames.optional() }),
]);
const environments = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/).refine((name) => name !== "default"),
  environment,
);
export type PythonEnvironmentSettings = z.infer<typeof environments>;

/** `name=path` apart by commas, or an object, in JSON where it is text. */
export const pythonEnvironments: z.ZodType<PythonEnvironmentSettings> = z.union([
  z.string().transform((written, context) => {
    try {
      if (written.trim().startsWith("{")) return JSON.parse(written);
    } catch {
      context.addIssue("not JSON");
      return z.NEVER;
    }
    const pairs = written.split(",").map((pair) => pair.trim()).filter(Boolean);
    return Object.fromEntries(pairs.map((pair) => {
      const equals = pair.indexOf("=");
      return [pair.slice(0, Math.max(0, equals)), pair.slice(equals + 1)];
    }));
  }),
  z.record(z.string(), z.unknown()),
]).pipe(environments);

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

/** Bytes: a plain number, or one with a unit. */
export function size(minBytes: number, maxBytes: number): z.ZodType<number> {
  const units: Readonly<Record<string, number>> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 };
  const withUnit = z.string().regex(/^\d+(\.\d+)?\s*(B|KB|MB|GB)$/i).transform((written) => {
    const unit = written.replace(/^[\d.\s]+/, "").toUpperCase();
    return Math.round(parseFloat(written) * (units[unit] ?? 1));
  });
  return z.union([digits, withUnit]).pipe(z.number().min(minBytes).max(maxBytes));
}

export const redisUrl = z.string().refine((written) =>
  /^rediss?:\/\//.test(written) && URL.canParse(written)
);

export const httpUrl = z.string().refine((written) =>
  /^https?:\/\//.test(written) && URL.canParse(written)
);

/** Keys that came unprotected over a network would verify whatever somebody on it likes. */
export const keySetUrl = z.union([
  z.string().refine((written) => {
    if (!URL.canParse(written)) return false;
    const { protocol, hostname, username } = new URL(written);
    if (username !== "") return false;
    return protocol === "https:" || protocol === "file:" ||
      (protocol === "http:" && ["localhost", "127.0.0.1", "[::1]"].includes(hostname));
  }),
  z.null(),
]);

export const postgresUrl = z.string().refine((written) =>
  /^postgres(ql)?:\/\//.test(written) && URL.canParse(written)
);
