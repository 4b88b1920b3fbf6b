import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import type { RawValue } from "./option-value.ts";
import { defaultOptions, optionTable } from "./option-table.ts";
import { parseAllOptions, parseOptions, parseOptionsJson, type RawOption } from "./options.ts";

const number = (text: string, unit: string | null = null): RawValue => ({
  kind: "number",
  text,
  unit,
});
const string = (value: string): RawValue => ({ kind: "string", value });
const word = (value: string): RawValue => ({ kind: "word", value });
const boolean = (value: boolean): RawValue => ({ kind: "boolean", value });
const list = (...items: string[]): RawValue => ({ kind: "list", items });

function option(name: string, value: RawValue): RawOption {
  return { name, value, nameSpan: { start: 10 }, valueSpan: { start: 20 } };
}

const accepted: ReadonlyArray<readonly [string, RawValue, object]> = [
  ["MEMORY", number("256", "MB"), { memoryMb: 256 }],
  ["MEMORY", number("256"), { memoryMb: 256 }],
  ["MEMORY", number("0.5", "gb"), { memoryMb: 512 }],
  ["MEMORY", number("16384", "KiB"), { memoryMb: 16 }],
  ["MEMORY", string("1 GB"), { memoryMb: 1024 }],
  ["MEMORY", word("default"), { memoryMb: 128 }],
  ["TIMEOUT", number("5000"), { timeoutMs: 5000 }],
  ["TIMEOUT", number("30", "s"), { timeoutMs: 30_000 }],
  ["TIMEOUT", number("1.5", "min"), { timeoutMs: 90_000 }],
  ["TIMEOUT", string("250ms"), { timeoutMs: 250 }],
  ["CONCURRENCY", number("1"), { concurrency: 1 }],
  ["MIN_INSTANCES", number("0"), { minInstances: 0 }],
  ["MAX_INSTANCES", number("1e2"), { maxInstances: 100 }],
  ["AUTH", word("none"), { auth: "none" }],
  ["AUTH", string("KEY"), { auth: "key" }],
  ["HANDLER", word("payload"), { handler: "payload" }],
  ["DESCRIPTION", string("Adds."), { description: "Adds." }],
  ["DESCRIPTION", word("null"), { description: null }],
  ["ENABLED", boolean(false), { enabled: false }],
  ["ENABLED", word("on"), { enabled: true }],
  ["ENABLED", string("false"), { enabled: false }],
  ["ALLOW_NET", list("Db.Example:5432", "db.example:5432"), { allowNet: ["db.example:5432"] }],
  ["DENY_NET", list("*", "[FD00::]/8"), { denyNet: ["*", "fd00::/8"] }],
];

for (const [name, value, expected] of accepted) {
  Deno.test(`option ${name} ${JSON.stringify(value)}`, () => {
    deepEqual(parseOptions([option(name, value)]), expected);
  });
}

const refused: ReadonlyArray<readonly [string, RawValue, string, string, hint?: string]> = [
  ["MEMORY", number("5", "KB"), "invalid_option", "MEMORY must be between 16MB and 4GB, got 5KB"],
  ["MEMORY", number("5", "GB"), "invalid_option", "MEMORY must be between 16MB and 4GB, got 5GB"],
  ["MEMORY", number("-64"), "invalid_option", "MEMORY must be between 16MB and 4GB, got -64"],
  [
    "MEMORY",
    number("20.5", "MB"),
    "invalid_option",
    "MEMORY must be a whole number of megabytes, got 20.5MB",
  ],
  [
    "MEMORY",
    number("64", "M"),
    "invalid_option",
    'MEMORY has no unit "M"',
    "Its units are B, KB, MB or GB.",
  ],
  ["MEMORY", word("big"), "invalid_option", "MEMORY takes a size such as 256MB, got big"],
  [
    "MEMORY",
    string("256 MB ?"),
    "invalid_option",
    "MEMORY takes a size such as 256MB, got '256 MB ?'",
  ],
  ["TIMEOUT", number("0"), "invalid_option", "TIMEOUT must be between 1ms and 15min, got 0"],
  ["TIMEOUT", number("1", "h"), "invalid_option", "TIMEOUT must be between 1ms and 15min, got 1h"],
  ["TIMEOUT", number("1", "MB"), "invalid_option", 'TIMEOUT has no unit "MB"'],
  [
    "TIMEOUT",
    boolean(true),
    "invalid_option",
    "TIMEOUT takes a duration such as 5000 (ms), 30s or 2min, got true",
  ],
  ["CONCURRENCY", number("0"), "invalid_option", "CONCURRENCY must be between 1 and 10000, got 0"],
  ["CONCURRENCY", number("1.5"), "invalid_option", "CONCURRENCY takes a whole number, got 1.5"],
  ["CONCURRENCY", number("5", "MB"), "invalid_option", "CONCURRENCY has no unit, got 5MB"],
  [
    "AUTH",
    word("non"),
    "invalid_option",
    "AUTH must be 'key' or 'none', got non",
    "Did you mean 'none'?",
  ],
  [
    "HANDLER",
    string("x"),
    "invalid_option",
    "HANDLER must be 'auto', 'request' or 'payload', got 'x'",
  ],
  ["ENABLED", number("1"), "invalid_option", "ENABLED takes true or false, got 1"],
  ["DESCRIPTION", word("x"), "invalid_option", "DESCRIPTION takes a string, got x"],
  [
    "DESCRIPTION",
    string("x".repeat(2001)),
    "invalid_option",
    "DESCRIPTION must have at most 2000 characters, got 2001",
  ],
  ["MEMROY", number("1"), "invalid_option", "there is no option MEMROY", "Did you mean MEMORY?"],
  ["COLOUR", word("red"), "invalid_option", "there is no option COLOUR"],
  ["LANGUAGE", word("js"), "invalid_option", "LANGUAGE cannot be changed"],
  ["SECRETS", list("a"), "not_supported", "SECRETS is not supported yet"],
  ["SECRETS", word("a"), "invalid_option", "SECRETS takes a list such as ('a', 'b'), got a"],
  [
    "ENV",
    string('{"A B": 1}'),
    "invalid_option",
    'ENV has the name "A B", which no environment variable can have',
  ],
  ["ENV", string('{"A": []}'), "invalid_option", "ENV has no text as the value of A"],
  ["ENV", string("[]"), "invalid_option", "ENV takes a JSON object in a string, got '[]'"],
  [
    "ALLOW_NET",
    list("db:5432", "10.0.0.1/8"),
    "invalid_option",
    "ALLOW_NET has a wrong entry: '10.0.0.1/8' has bits beyond its prefix: write '10.0.0.0/8'",
  ],
  [
    "DENY_NET",
    string("*"),
    "invalid_option",
    "DENY_NET takes a list such as ('api.internal:8080', '10.0.0.0/8'), got '*'",
  ],
  [
    "DENY_NET",
    list(...Array.from({ length: 501 }, (_, index) => `h${index}`)),
    "invalid_option",
    "DENY_NET has at most 500 entries, got 501",
  ],
  ["TRACING", boolean(true), "not_supported", "TRACING is not supported yet"],
  ["SAMPLING_RATE", number("1.0"), "not_supported", "SAMPLING_RATE is not supported yet"],
  ["SAMPLING_RATE", number("2"), "invalid_option", "SAMPLING_RATE must be between 0 and 1, got 2"],
  ["CACHE_TTL", number("300"), "not_supported", "CACHE_TTL is not supported yet"],
];

for (const [name, value, code, message, hint] of refused) {
  Deno.test(`option refused: ${message}`, () => {
    throws(() => parseOptions([option(name, value)]), (error) => {
      ok(error instanceof OrlaError);
      deepEqual([error.code, error.message], [code, message]);
      const ofName = code === "not_supported" || /^there is|cannot be/.test(message);
      equal(error.position, ofName ? 10 : 20);
      if (hint !== undefined) equal(error.hint, hint);
      return true;
    });
  });
}

Deno.test("every option this release lacks is refused, whatever its value", () => {
  const values = [number("1"), string("{}"), boolean(true), list("a")];
  for (const { name, supported } of optionTable) {
    if (supported) continue;
    const codes = values.map((value) => {
      try {
        parseOptions([option(name, value)]);
        return "accepted";
      } catch (error) {
        return error instanceof OrlaError ? error.code : "crashed";
      }
    });
    ok(codes.includes("not_supported"), name);
    deepEqual(codes.filter((code) => !["not_supported", "invalid_option"].includes(code)), []);
  }
});

Deno.test("a new function gets the defaults of the table", () => {
  deepEqual(parseAllOptions([]), defaultOptions);
  deepEqual(parseAllOptions([option("AUTH", word("none"))]), { ...defaultOptions, auth: "none" });
  const fields = optionTable.flatMap((spec) => spec.supported ? [spec.field] : []);
  deepEqual(fields.toSorted(), Object.keys(defaultOptions).toSorted());
});

Deno.test("MIN_INSTANCES stays within MAX_INSTANCES", () => {
  const min = option("MIN_INSTANCES", number("9"));
  throws(
    () => parseAllOptions([min]),
    /MIN_INSTANCES \(9\) must not be more than MAX_INSTANCES \(8\)/,
  );
  deepEqual(parseOptions([min]), { minInstances: 9 });
  throws(() => parseOptions([min, option("MAX_INSTANCES", number("2"))]), OrlaError);
});

Deno.test("WARM_CACHE_SIZE alone says whether there is a cache", () => {
  const size = (value: RawValue) => option("WARM_CACHE_SIZE", value);
  const cold = (value: boolean) => option("COLD_START_OPTIMIZATION", boolean(value));
  const warm = (warmCacheSize: number) => ({ coldStartOptimization: true, warmCacheSize });
  deepEqual(parseOptions([size(number("3"))]), warm(3));
  deepEqual(parseOptions([cold(true), size(number("100"))]), warm(100));
  deepEqual(parseOptions([size(number("0"))]), { coldStartOptimization: false, warmCacheSize: 0 });
  deepEqual(parseOptions([size(word("default"))]), { warmCacheSize: 1 });
  deepEqual(parseOptions([cold(true)]), { coldStartOptimization: true });
  const off = { coldStartOptimization: false, warmCacheSize: 3 };
  deepEqual(parseOptions([cold(false), size(number("3"))]), off);
  throws(() => parseOptions([cold(true), size(number("0"))]), /keeps one instance at least/);
});

Deno.test("options from JSON go through the same table", () => {
  deepEqual(
    parseOptionsJson({ memory: "256MB", maxInstances: 4, min_instances: 1, AUTH: "none" }),
    {
      memoryMb: 256,
      maxInstances: 4,
      minInstances: 1,
      auth: "none",
    },
  );
  deepEqual(parseOptionsJson({ description: null, enabled: true }), {
    description: null,
    enabled: true,
  });
  throws(() => parseOptionsJson({ memory: [1] }), /memory has a value that no option takes/);
  throws(() => parseOptionsJson({ memory: 64, MEMORY: 64 }), /MEMORY is given twice/);
  throws(() => parseOptionsJson({ secrets: ["a"] }), /SECRETS is not supported yet/);
});
