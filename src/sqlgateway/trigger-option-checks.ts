/** What options of triggers say, beyond what the type of each can tell. */
import { OrlaError, toOrlaError } from "../base/errors.ts";
import type { OptionNode } from "../sql/ast.ts";
import { addressList } from "../triggers/http/address-list.ts";
import { parseHost } from "../triggers/http/host.ts";
import { signatureSchemes } from "../triggers/http/signatures.ts";
import { parseRate } from "../triggers/queue/rate.ts";
import { parseSchedule } from "../triggers/schedule/schedule.ts";
import { triggerOptions } from "../triggers/trigger-option-table.ts";
import { characterPosition } from "./rewrite.ts";

/** Values that no type alone can check. Returns all of them, in their one spelling. */
export function checkValues(
  written: readonly OptionNode[],
  options: Readonly<Record<string, unknown>>,
  secret: string | null | undefined,
): Readonly<Record<string, unknown>> {
  const at = <T>(name: string, check: () => T) =>
    placed(written.find((option) => option.name === name)?.valueSpan.start ?? 0, check);
  const { rate, timezone, ipWhitelist, host, signatureHeader } = options;
  if (typeof rate === "string") at("RATE", () => parseRate(rate));
  if (typeof timezone === "string") at("TIMEZONE", () => parseSchedule("@daily", timezone));
  if (Array.isArray(ipWhitelist)) at("IP_WHITELIST", () => addressList(ipWhitelist));
  if (typeof signatureHeader === "string") {
    at("SIGNATURE_HEADER", () => checkHeaderName(signatureHeader));
  }
  if (secret === "") at("SECRET", refuseEmptySecret);
  return typeof host === "string"
    ? { ...options, host: at("HOST", () => parseHost(host)) }
    : options;
}

/** What the database, which knows the trigger's AUTH, holds its other options against. */
export function authRequest(
  text: string,
  written: readonly OptionNode[],
  options: Readonly<Record<string, unknown>>,
  secret: string | null | undefined,
) {
  const meant = triggerOptions.flatMap(
    ({ name, field, auths, secret: isSecret, default: usual }) => {
      const value = isSecret === true ? secret ?? null : options[field];
      const isUsual = value === usual || (Array.isArray(value) && value.length === 0);
      return auths === undefined || isUsual || !isWritten(written, name) ? [] : [[name, auths]];
    },
  );
  return {
    signed: signatureSchemes,
    auths: Object.fromEntries(meant),
    positions: Object.fromEntries(
      written.map(({ name, nameSpan }) => [name, characterPosition(text, nameSpan.start)]),
    ),
  };
}

export function isWritten(written: readonly OptionNode[], name: string): boolean {
  return written.some((option) => option.name === name);
}

/** RFC 9110, section 5.6.2. */
function checkHeaderName(name: string): void {
  if (/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name)) return;
  throw new OrlaError("invalid_option", `"${name}" cannot be the name of a header`, {
    hint: "Write it as the sender does: 'x-shop-signature'.",
  });
}

function refuseEmptySecret(): never {
  throw new OrlaError("invalid_option", "SECRET is empty: anybody could sign with it", {
    hint: "It is the signing key that the sender shows.",
  });
}

/** Errors of what stands from `start` on point into it. */
export function placed<T>(start: number, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    const { code, message, hint, position = 0 } = toOrlaError(thrown);
    throw new OrlaError(code, message, {
      position: start + position,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}
