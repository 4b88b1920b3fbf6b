/** The operations `kv.*` of `functions/host-services.ts`. */
import { z } from "zod";
import { OrlaError } from "../../base/errors.ts";
import type { HostCallContext } from "../../functions/host-services.ts";
import type { Operation } from "../host-services.ts";
import { parseInput } from "../input.ts";
import { canonicalJson } from "./canonical-json.ts";
import { type KeyValueStore, MAX_KEY_BYTES } from "./key-value-store.ts";

/** A store of small values: what is larger belongs into a table. */
const MAX_VALUE_BYTES = 1024 * 1024;
const MAX_TTL_SECONDS = 100 * 366 * 24 * 60 * 60;
const DEFAULT_PAGE = 100;
const MAX_PAGE = 1000;

const bytesOf = (text: string) => new TextEncoder().encode(text).length;
const cleanText = z.string()
  .refine((text) => !text.includes("\0") && text.isWellFormed(), "must be text without NUL")
  .refine((text) => bytesOf(text) <= MAX_KEY_BYTES, {
    error: (issue) => `has ${bytesOf(String(issue.input))} bytes; the limit is ${MAX_KEY_BYTES}`,
  });
const key = cleanText.refine((text) => text !== "", "must not be empty");
const json = z.unknown();
const ttl = z.number().positive("must be more than 0 seconds").max(MAX_TTL_SECONDS).optional();

const onlyKey = z.strictObject({ key });
const setInput = z.strictObject({ key, value: json, ttl });
const incrementInput = z.strictObject({
  key,
  by: z.int("must be a whole number below 2^53").default(1),
  ttl,
});
const compareAndSetInput = z.strictObject({ key, expected: json.optional(), value: json, ttl });
const listInput = z.strictObject({
  prefix: cleanText.default(""),
  after: cleanText.default(""),
  limit: z.int().min(1).max(MAX_PAGE).default(DEFAULT_PAGE),
});

export function keyValueOperations(store: KeyValueStore): Readonly<Record<string, Operation>> {
  const operation = <T>(
    op: string,
    schema: z.ZodType<T>,
    work: (namespace: string, input: T) => Promise<string>,
  ): Operation =>
  async (input, { version }: HostCallContext) =>
    await work(version.namespace, parseInput(op, schema, input));

  return {
    "kv.get": operation("kv.get", onlyKey, async (namespace, { key }) => {
      const value = await store.get(namespace, key);
      return value === null ? "null" : `{"value":${value}}`;
    }),
    "kv.set": operation("kv.set", setInput, async (namespace, { key, value, ttl }) => {
      await store.set(namespace, key, valueText("kv.set", value), milliseconds(ttl));
      return "null";
    }),
    "kv.delete": operation(
      "kv.delete",
      onlyKey,
      async (namespace, { key }) => JSON.stringify(await store.delete(namespace, key)),
    ),
    "kv.increment": operation(
      "kv.increment",
      incrementInput,
      async (namespace, { key, by, ttl }) => {
        const sum = await store.increment(namespace, key, by, milliseconds(ttl));
        if (sum !== null) return String(sum);
        throw new OrlaError(
          "invalid_request",
          `kv.increment: the value of ${
            JSON.stringify(key)
          } is no integer, or would go beyond 2^53`,
        );
      },
    ),
    "kv.compareAndSet": operation(
      "kv.compareAndSet",
      compareAndSetInput,
      async (namespace, { key, expected, value, ttl }) => {
        const old = expected === undefined ? null : canonicalJson(expected);
        const text = valueText("kv.compareAndSet", value);
        return JSON.stringify(
          await store.compareAndSet(namespace, key, old, text, milliseconds(ttl)),
        );
      },
    ),
    "kv.list": operation("kv.list", listInput, async (namespace, { prefix, after, limit }) => {
      const keys = await store.list(namespace, prefix, after, limit + 1);
      const page = keys.slice(0, limit);
      return JSON.stringify({ keys: page, next: keys.length > limit ? page.at(-1) : null });
    }),
  };
}

function valueText(op: string, value: unknown): string {
  if (value === undefined) throw new OrlaError("invalid_request", `${op}: there is no value`);
  const text = canonicalJson(value);
  const bytes = bytesOf(text);
  if (bytes <= MAX_VALUE_BYTES) return text;
  throw new OrlaError(
    "limit_exceeded",
    `${op}: the value has ${bytes} bytes as JSON; the limit is ${MAX_VALUE_BYTES}`,
  );
}

function milliseconds(ttl: number | undefined): number | null {
  return ttl === undefined ? null : ttl * 1000;
}
