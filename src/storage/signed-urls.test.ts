import assert from "node:assert/strict";
import { UrlSigner } from "./signed-urls.ts";

const signer = new UrlSigner("the service key");
const now = Date.UTC(2026, 0, 1);
const expires = now / 1000 + 60;
const signed = { method: "GET", bucket: "b", name: "a/ü.txt", expires } as const;
const query = () => new URLSearchParams(signer.sign(signed));
const changed = (name: string, value: string) => {
  const params = query();
  params.set(name, value);
  return params;
};

Deno.test("a signature is good for its method, object and time only", () => {
  assert.ok(signer.allows("GET", "b", "a/ü.txt", query(), now));
  assert.ok(signer.allows("HEAD", "b", "a/ü.txt", query(), now + 59_999));
  const refused: readonly Parameters<UrlSigner["allows"]>[] = [
    ["GET", "b", "a/ü.txt", query(), now + 60_000],
    ["PUT", "b", "a/ü.txt", query(), now],
    ["POST", "b", "a/ü.txt", query(), now],
    ["GET", "c", "a/ü.txt", query(), now],
    ["GET", "b", "a/u.txt", query(), now],
    ["GET", "b", "a/ü.txt", new URLSearchParams(), now],
    ["GET", "b", "a/ü.txt", changed("expires", String(expires + 1)), now],
    ["GET", "b", "a/ü.txt", changed("expires", "Infinity"), now],
    ["GET", "b", "a/ü.txt", changed("signature", ""), now],
    ["GET", "b", "a/ü.txt", changed("signature", "%"), now],
    ["GET", "b", "a/ü.txt", changed("signature", "A".repeat(43)), now],
    ["GET", "b", "a/ü.txt", changed("signature", `${query().get("signature")}AAAA`), now],
  ];
  for (const attempt of refused) assert.equal(signer.allows(...attempt), false, String(attempt));
  assert.equal(new UrlSigner("another key").allows("GET", "b", "a/ü.txt", query(), now), false);
});
