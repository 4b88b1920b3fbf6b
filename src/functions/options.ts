/** A function's options: from what CREATE, ALTER or a JSON body says to {@link FunctionOptions}. */
import { closestName } from "../base/closest-name.ts";
import { OrlaError } from "../base/errors.ts";
import type { FunctionOptions } from "./function.ts";
import { defaultOptions, type OptionSpec, optionTable, type OptionType } from "./option-table.ts";
import { type ParsedValue, parseValue, type RawValue, ValueError } from "./option-value.ts";

/** One option as written. The SQL parser's `OptionNode` is one; without spans errors have no place. */
export interface RawOption {
  readonly name: string;
  readonly value: RawValue;
  readonly nameSpan?: { readonly start: number };
  readonly valueSpan?: { readonly start: number };
}

const specs: ReadonlyMap<string, OptionSpec> = new Map(
  optionTable.map((spec) => [spec.name, spec]),
);

/**
 * The options named, checked. `MEMORY = DEFAULT` sets the default.
 * Throws `invalid_option`, or `not_supported` for a valid option this release does not carry out.
 */
export function parseOptions(options: readonly RawOption[]): Partial<FunctionOptions> {
  const changes: { -readonly [Field in keyof FunctionOptions]?: ParsedValue } = {};
  for (const option of options) {
    const spec = specs.get(option.name);
    if (spec === undefined) throw unknownOption(option);
    if (spec.supported && isDefault(option.value)) {
      changes[spec.field] = defaultOptions[spec.field];
      continue;
    }
    const value = checkedValue(spec.type, option);
    if (!spec.supported) {
      throw new OrlaError("not_supported", `${option.name} is not supported yet`, {
        ...at(option.nameSpan),
        hint: `It would mean: ${spec.meaning}`,
      });
    }
    changes[spec.field] = value;
  }
  // The table pairs every field with the type of its values, which TypeScript cannot follow.
  const parsed = changes as Partial<FunctionOptions>;
  if (parsed.minInstances !== undefined && parsed.maxInstances !== undefined) {
    checkInstances(parsed.minInstances, parsed.maxInstances, options);
  }
  return { ...parsed, ...warmCache(parsed, options) };
}

/**
 * A size alone says that the cache is wanted, or with 0 that it is not. `false` switches it off whatever
 * the size; `true` and no instances contradict each other.
 */
function warmCache(
  { coldStartOptimization, warmCacheSize }: Partial<FunctionOptions>,
  options: readonly RawOption[],
): Partial<FunctionOptions> {
  const given = options.find(({ name }) => name === "WARM_CACHE_SIZE");
  if (given === undefined || warmCacheSize === undefined || isDefault(given.value)) return {};
  if (coldStartOptimization === undefined) return { coldStartOptimization: warmCacheSize > 0 };
  if (!coldStartOptimization || warmCacheSize > 0) return {};
  throw new OrlaError(
    "invalid_option",
    "COLD_START_OPTIMIZATION keeps one instance at least: WARM_CACHE_SIZE cannot be 0 with it",
    at(given.valueSpan),
  );
}

/** The options of a new function: those named, and defaults for the rest. */
export function parseAllOptions(options: readonly RawOption[]): FunctionOptions {
  const all = withDefaults(parseOptions(options));
  checkInstances(all.minInstances, all.maxInstances, options);
  return all;
}

export function withDefaults(changes: Partial<FunctionOptions>): FunctionOptions {
  return { ...defaultOptions, ...changes };
}

/**
 * Options from a JSON object, `{"memory": "256MB", "maxInstances": 4}`, by the same table. Names may
 * be in camelCase, snake_case or as in SQL.
 */
export function parseOptionsJson(
  json: Readonly<Record<string, unknown>>,
): Partial<FunctionOptions> {
  const options = Object.entries(json).map(([key, value]): RawOption => ({
    name: key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase(),
    value: rawFromJson(key, value),
  }));
  const names = options.map((option) => option.name);
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) throw new OrlaError("invalid_option", `${twice} is given twice`);
  return parseOptions(options);
}

function rawFromJson(key: string, value: unknown): RawValue {
  switch (typeof value) {
    case "number":
      return { kind: "number", text: String(value), unit: null };
    case "string":
      return { kind: "string", value };
    case "boolean":
      return { kind: "boolean", value };
    case "object":
      if (value === null) return { kind: "word", value: "null" };
      if (!Array.isArray(value)) return { kind: "string", value: JSON.stringify(value) };
      if (value.every((item) => typeof item === "string")) return { kind: "list", items: value };
  }
  throw new OrlaError("invalid_option", `${key} has a value that no option takes`);
}

/** What was written, by the option's type. Throws `invalid_option`. */
export function checkedValue(type: OptionType, option: RawOption): ParsedValue {
  const value = parseValue(type, option.value);
  if (!(value instanceof ValueError)) return value;
  throw new OrlaError("invalid_option", `${option.name} ${value.message}`, {
    ...at(option.valueSpan),
    ...(value.hint === undefined ? {} : { hint: value.hint }),
  });
}

/** The word, not the string 'default'. */
export function isDefault(value: RawValue): boolean {
  return value.kind === "word" && value.value === "default";
}

function checkInstances(min: number, max: number, options: readonly RawOption[]): void {
  if (min <= max) return;
  const culprit = options.find((option) => option.name === "MIN_INSTANCES") ??
    options.find((option) => option.name === "MAX_INSTANCES");
  throw new OrlaError(
    "invalid_option",
    `MIN_INSTANCES (${min}) must not be more than MAX_INSTANCES (${max})`,
    at(culprit?.valueSpan),
  );
}

function unknownOption(option: RawOption): OrlaError {
  if (option.name === "LANGUAGE" || option.name === "RETURNS" || option.name === "AS") {
    return new OrlaError("invalid_option", `${option.name} cannot be changed`, {
      ...at(option.nameSpan),
      hint: option.name === "AS"
        ? "New code is given by SET CODE = $$…$$."
        : "Use CREATE OR REPLACE EDGE FUNCTION.",
    });
  }
  const guess = closestName(option.name, specs.keys());
  return new OrlaError("invalid_option", `there is no option ${option.name}`, {
    ...at(option.nameSpan),
    ...(guess === undefined ? {} : { hint: `Did you mean ${guess}?` }),
  });
}

function at(span: { readonly start: number } | undefined): { position?: number } {
  return span === undefined ? {} : { position: span.start };
}
