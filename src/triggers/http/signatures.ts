/**
 * Signatures of webhooks, as their senders define them. All are HMAC-SHA-256 of the body's bytes:
 *
 * - `hmac`: hexadecimal or base64 in a header, with or without `sha256=` before it
 * - `github`: `X-Hub-Signature-256: sha256=<hex>`
 *   (https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries)
 * - `stripe`: `Stripe-Signature: t=<time>,v1=<hex>[,v1=…]` over `<time>.<body>`
 *   (https://docs.stripe.com/webhooks#verify-manually)
 * - `slack`: `X-Slack-Signature: v0=<hex>` over `v0:<time>:<body>`, with `X-Slack-Request-Timestamp`
 *   (https://api.slack.com/authentication/verifying-requests-from-slack)
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { OrlaError } from "../../base/errors.ts";

export const signatureSchemes = ["hmac", "stripe", "github", "slack"] as const;
export type SignatureScheme = typeof signatureSchemes[number];

export interface SignedRequest {
  readonly headers: { get(name: string): string | null };
  readonly body: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface SignatureRules {
  readonly scheme: SignatureScheme;
  readonly secret: string;
  /** Where `hmac` finds the signature. */
  readonly header: string;
  /** How old a signed time may be; schemes without one do not look at it. */
  readonly toleranceMs: number;
}

export function isSigned(auth: string): auth is SignatureScheme {
  return signatureSchemes.some((scheme) => scheme === auth);
}

/** Throws `unauthorized`, saying what is missing but never what would be right. */
export function verifySignature(request: SignedRequest, rules: SignatureRules): void {
  switch (rules.scheme) {
    case "hmac":
      return requireOneOf([required(request, rules.header)], digest(rules, [request.body]));
    case "github":
      return requireOneOf(
        [required(request, "x-hub-signature-256")],
        digest(rules, [request.body]),
      );
    case "stripe": {
      const parts = required(request, "stripe-signature").split(",").map((part) => part.split("="));
      const valuesOf = (name: string) =>
        parts.filter(([key]) => key?.trim() === name).map(([, ...value]) => value.join("="));
      const [time = ""] = valuesOf("t");
      requireRecent(time, request.now, rules.toleranceMs);
      return requireOneOf(valuesOf("v1"), digest(rules, [`${time}.`, request.body]));
    }
    case "slack": {
      const time = required(request, "x-slack-request-timestamp");
      requireRecent(time, request.now, rules.toleranceMs);
      const signature = required(request, "x-slack-signature");
      if (!signature.startsWith("v0=")) throw refused("X-Slack-Signature has no version v0");
      return requireOneOf([signature.slice(3)], digest(rules, [`v0:${time}:`, request.body]));
    }
  }
}

function digest({ secret }: SignatureRules, parts: readonly (string | Uint8Array)[]): Uint8Array {
  const hmac = createHmac("sha256", secret);
  for (const part of parts) hmac.update(part);
  return hmac.digest();
}

function required({ headers }: SignedRequest, name: string): string {
  const value = headers.get(name);
  if (value === null || value === "") throw refused(`the header ${name} is missing`);
  return value;
}

function requireRecent(time: string, now: number, toleranceMs: number): void {
  const at = /^\d{1,12}$/.test(time) ? Number(time) * 1000 : NaN;
  if (!(Math.abs(now - at) <= toleranceMs)) throw refused("its time is too far from now");
}

function requireOneOf(candidates: readonly string[], expected: Uint8Array): void {
  if (!candidates.some((candidate) => equals(candidate, expected))) {
    throw refused("the signature does not fit");
  }
}

function equals(text: string, expected: Uint8Array): boolean {
  const value = text.trim().replace(/^sha256=/i, "");
  const bytes = /^[0-9a-f]{64}$/i.test(value)
    ? new Uint8Array(value.match(/../g)?.map((pair) => parseInt(pair, 16)) ?? [])
    : fromBase64(value);
  return bytes !== undefined && bytes.length === expected.length &&
    timingSafeEqual(bytes, expected);
}

function fromBase64(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) return undefined;
  return Uint8Array.from(
    atob(text.replaceAll("-", "+").replaceAll("_", "/")),
    (character) => character.charCodeAt(0),
  );
}

function refused(why: string): OrlaError {
  return new OrlaError("unauthorized", `The request's signature was refused: ${why}.`);
}
