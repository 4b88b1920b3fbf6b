/** A trigger's options: from what CREATE and ALTER say to values by field. */
import { closestName } from "../base/closest-name.ts";
import { OrlaError } from "../base/errors.ts";
import type { ParsedValue } from "../functions/option-value.ts";
import { checkedValue, isDefault, type RawOption } from "../functions/options.ts";
import type { TriggerKind } from "./trigger.ts";
import { triggerOptions } from "./trigger-option-table.ts";

const byName = new Map(triggerOptions.map((spec) => [spec.name, spec]));

export interface ParsedTriggerOptions {
  /** Without defaults, by field. */
  readonly options: Readonly<Record<string, ParsedValue>>;
  /** Given by SECRET; `undefined` when that is not there. */
  readonly secret: string | null | undefined;
}

/** `kind` is unknown in ALTER, where the database checks it. Throws `invalid_option`. */
export function parseTriggerOptions(
  raw: readonly RawOption[],
  kind: TriggerKind | null,
): ParsedTriggerOptions {
  const options: Record<string, ParsedValue> = {};
  let secret: string | null | undefined;
  for (const option of raw) {
    const { name, nameSpan } = option;
    const spec = byName.get(name);
    if (spec === undefined || (kind !== null && !spec.kinds.includes(kind))) {
      throw noSuchOption(name, kind, nameSpan?.start);
    }
    const value = isDefault(option.value) ? spec.default : checkedValue(spec.type, option);
    if (spec.secret === true) secret = value === null ? null : String(value);
    else options[spec.field] = value;
  }
  return { options, secret };
}

/** The option's value in a trigger, or its default. */
export function optionOf(
  trigger: { readonly options: Readonly<Record<string, unknown>> },
  name: string,
): unknown {
  const spec = byName.get(name);
  if (spec === undefined) throw new Error(`there is no trigger option ${name}`);
  return trigger.options[spec.field] ?? spec.default;
}

function noSuchOption(
  name: string,
  kind: TriggerKind | null,
  position: number | undefined,
): OrlaError {
  const known = triggerOptions.filter(({ kinds }) => kind === null || kinds.includes(kind));
  const guess = closestName(name, known.map((spec) => spec.name));
  const place = position === undefined ? {} : { position };
  const elsewhere = byName.get(name);
  if (kind !== null && elsewhere !== undefined) {
    return new OrlaError("invalid_option", `a ${kind} trigger has no option ${name}`, {
      ...place,
      hint: `It belongs to ${elsewhere.kinds.join(", ")} triggers.`,
    });
  }
  return new OrlaError("invalid_option", `there is no trigger option ${name}`, {
    ...place,
    ...(guess === undefined ? {} : { hint: `Did you mean ${guess}?` }),
  });
}
