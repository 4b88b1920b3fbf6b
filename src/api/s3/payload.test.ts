import assert from "node:assert/strict";
import { checksums } from "./checksums.ts";
import { openPayload } from "./payload.ts";
import { readRequest } from "./s3-request.ts";

const access = { accessKeyId: "a", secretAccessKey: "s" };
const authorization = {
  ...{ accessKeyId: "a", day: "20130524", region: "us-east-1", time: "20130524T000000Z" },
  ...{ signedHeaders: [], signature: "", validSeconds: 900 },
};

async function read(
  headers: Readonly<Record<string, string>>,
  { text = "123456789", query = "" } = {},
) {
  const isPresigned = query !== "";
  const defaults: Record<string, string> = isPresigned
    ? {}
    : { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" };
  const request = readRequest(
    "PUT",
    `http://h/storage/v1/s3/b/k${query}`,
    new Headers({ ...defaults, ...headers }),
  );
  const stream = () => new Blob([text]).stream();
  const { body, checksumHeaders } = await openPayload({
    ...{ request, access, stream },
    authorization: { ...authorization, isPresigned },
  }, 1000);
  return { content: await new Response(body).text(), headers: checksumHeaders() };
}

/** Of "123456789", as the catalogues of checksums have them. */
const known: Readonly<Record<string, string>> = {
  crc32: "cbf43926",
  crc32c: "e3069283",
  crc64nvme: "ae8b14860a799888",
  sha1: "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
  sha256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
};

Deno.test("every checksum is known, in a header and in a trailer", async () => {
  assert.deepEqual(Object.keys(known), Object.keys(checksums));
  for (const [algorithm, digits] of Object.entries(known)) {
    const name = `x-amz-checksum-${algorithm}`;
    const right = Uint8Array.fromHex(digits).toBase64();
    const wrong = Uint8Array.fromHex(digits.replace(/.$/, (digit) => digit === "0" ? "1" : "0"))
      .toBase64();
    assert.deepEqual(await read({ [name]: right }), {
      content: "123456789",
      headers: { [name]: right },
    });
    await assert.rejects(read({ [name]: wrong }), { code: "BadDigest" }, algorithm);
    const streamed = {
      "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      "x-amz-decoded-content-length": "9",
      "x-amz-trailer": name,
    };
    const trailer = (value: string) => `9\r\n123456789\r\n0\r\n${name}:${value}\r\n\r\n`;
    assert.equal((await read(streamed, { text: trailer(right) })).content, "123456789");
    await assert.rejects(read(streamed, { text: trailer(wrong) }), { code: "BadDigest" });
    const missing = "9\r\n123456789\r\n0\r\n\r\n";
    await assert.rejects(read(streamed, { text: missing }), { code: "BadDigest" });
    const another = trailer(right).replace(name, "x-amz-meta-a");
    await assert.rejects(read(streamed, { text: another }), { code: "InvalidRequest" });
  }
});

const refused: readonly (readonly [string, Readonly<Record<string, string>>, string])[] = [
  ["another MD5", { "content-md5": "XUFAKrxLKna5cZ2REBfFkg==" }, "BadDigest"],
  ["an MD5 that is none", { "content-md5": "XUFAKrxLKna5cZ2REBfF" }, "InvalidDigest"],
  ["a checksum that is none", { "x-amz-checksum-crc32": "$" }, "InvalidDigest"],
  [
    "another body than signed",
    { "x-amz-content-sha256": "0".repeat(64) },
    "XAmzContentSHA256Mismatch",
  ],
  ["a hash of another kind", { "x-amz-content-sha256": "STREAMING-AWS4-ECDSA" }, "NotImplemented"],
  ["a trailer nobody knows", { "x-amz-trailer": "x-amz-checksum-crc128" }, "NotImplemented"],
  [
    "pieces of unknown length",
    { "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER" },
    "MissingContentLength",
  ],
  [
    "pieces that are too much",
    {
      "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
      "x-amz-decoded-content-length": "1001",
    },
    "payload_too_large",
  ],
];

for (const [what, headers, code] of refused) {
  Deno.test(`refused: ${what}`, () => assert.rejects(read(headers), { code }));
}

Deno.test("what was signed before there was a body says nothing about it", async () => {
  const url = (checksum: string) => ({ query: `?x-amz-checksum-crc32=${checksum}` });
  assert.deepEqual((await read({}, url("AAAAAA%3D%3D"))).headers, {});
  assert.equal((await read({}, url("y%2FQ5Jg%3D%3D"))).content, "123456789");
  await assert.rejects(read({}, url("BAAAAA%3D%3D")), { code: "BadDigest" });
  await assert.rejects(read({ "x-amz-checksum-crc32": "AAAAAA==" }), { code: "BadDigest" });
});
