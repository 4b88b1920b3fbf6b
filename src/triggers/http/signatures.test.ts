/** Against what the senders publish, and against themselves with one bit changed. */
import { createHmac } from "node:crypto";
import { throws } from "node:assert/strict";
import { type SignatureRules, type SignatureScheme, verifySignature } from "./signatures.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function verify(
  scheme: SignatureScheme,
  headers: Record<string, string>,
  body: string,
  rules: Partial<SignatureRules> & { readonly now?: number },
): void {
  const { now = 0, ...rest } = rules;
  verifySignature({ headers: new Headers(headers), body: bytes(body), now }, {
    scheme,
    secret: "",
    header: "x-signature",
    toleranceMs: 300_000,
    ...rest,
  });
}

Deno.test("github: the example of its manual", () => {
  const secret = "It's a Secret to Everybody";
  const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  verify("github", { "X-Hub-Signature-256": signature }, "Hello, World!", { secret });
  const refused = { code: "unauthorized" };
  throws(
    () => verify("github", { "X-Hub-Signature-256": signature }, "Hello, World", { secret }),
    refused,
  );
  throws(
    () => verify("github", { "X-Hub-Signature-256": signature }, "Hello, World!", { secret: "x" }),
    refused,
  );
  throws(() => verify("github", {}, "Hello, World!", { secret }), /x-hub-signature-256 is missing/);
});

Deno.test("slack: the example of its manual", () => {
  const secret = "8f742231b10e8888abcd99yyyzzz85a5";
  const body =
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
  const headers = {
    "X-Slack-Request-Timestamp": "1531420618",
    "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
  };
  const now = 1531420618_000 + 60_000;
  verify("slack", headers, body, { secret, now });
  throws(() => verify("slack", headers, body, { secret, now: now + 300_000 }), /too far from now/);
  throws(() => verify("slack", headers, `${body} `, { secret, now }), /does not fit/);
});

Deno.test("stripe: the header's times and several signatures, as its manual defines them", () => {
  const secret = "whsec_test_secret";
  const time = 1_700_000_000;
  const body = '{"id": "evt_test_webhook", "object": "event"}';
  const sign = (key: string, at: number) =>
    createHmac("sha256", key).update(`${at}.${body}`).digest("hex");
  const header = (value: string) => ({ "Stripe-Signature": value });
  const now = time * 1000;
  verify("stripe", header(`t=${time},v1=${sign(secret, time)}`), body, { secret, now });
  // While a secret is rolled there are two; v0 is a test mode's and counts for nothing.
  const rolled = `t=${time},v1=${sign("old", time)},v1=${sign(secret, time)},v0=x`;
  verify("stripe", header(rolled), body, { secret, now });
  const wrong = [
    `t=${time},v0=${sign(secret, time)}`,
    `t=${time + 1},v1=${sign(secret, time)}`,
    `v1=${sign(secret, time)}`,
    "",
    "garbage",
  ];
  for (const value of wrong) {
    throws(() => verify("stripe", header(value), body, { secret, now }), { code: "unauthorized" });
  }
  throws(() =>
    verify("stripe", header(`t=${time},v1=${sign(secret, time)}`), body, {
      secret,
      now: now + 301_000,
    })
  );
});

Deno.test("hmac: RFC 4231, test case 2, in hexadecimal and base64, in a header of one's own", () => {
  const hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  const base64 = btoa(
    String.fromCharCode(...(hex.match(/../g) ?? []).map((pair) => parseInt(pair, 16))),
  );
  const body = "what do ya want for nothing?";
  const rules = { secret: "Jefe", header: "X-Shop-Hmac" };
  for (const value of [hex, hex.toUpperCase(), `sha256=${hex}`, base64, base64.replace("=", "")]) {
    verify("hmac", { "x-shop-hmac": value }, body, rules);
  }
  throws(() => verify("hmac", { "x-shop-hmac": hex.replace("5", "4") }, body, rules));
});
