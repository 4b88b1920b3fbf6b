/** The examples of AWS's own specification, taken word for word. */
import assert from "node:assert/strict";
import { authenticate } from "./authenticate.ts";
import { openPayload } from "./payload.ts";
import type { S3ErrorCode } from "./s3-error.ts";
import { S3_PATH } from "./s3-path.ts";
import { readRequest, type S3Request } from "./s3-request.ts";
import { signedPaths } from "./signature.ts";

const access = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};
const at = Date.UTC(2013, 4, 24);
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const shared = { host: "examplebucket.s3.amazonaws.com", "x-amz-date": "20130524T000000Z" };

interface Example {
  readonly what: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signature: string;
}

const examples: readonly Example[] = [
  {
    ...{ what: "GET Object", method: "GET", path: "/test.txt" },
    headers: { ...shared, range: "bytes=0-9", "x-amz-content-sha256": EMPTY },
    signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  },
  {
    ...{ what: "PUT Object", method: "PUT", path: "/test%24file.text" },
    headers: {
      ...shared,
      date: "Fri, 24 May 2013 00:00:00 GMT",
      "x-amz-storage-class": "REDUCED_REDUNDANCY",
      "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    },
    signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  },
  {
    ...{ what: "GET Bucket Lifecycle", method: "GET", path: "/?lifecycle" },
    headers: { ...shared, "x-amz-content-sha256": EMPTY },
    signature: "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
  },
  {
    ...{ what: "List Objects", method: "GET", path: "/?max-keys=2&prefix=J" },
    headers: { ...shared, "x-amz-content-sha256": EMPTY },
    signature: "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
  },
];

const presigned = {
  ...{ what: "a presigned URL", method: "GET" },
  path: "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
    "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
    "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
    "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
  headers: { host: "examplebucket.s3.amazonaws.com" },
};

function requestOf({ method, path, headers }: Omit<Example, "what" | "signature">): S3Request {
  return readRequest(method, `https://s3${S3_PATH}${path}`, new Headers(headers));
}

function signed({ signature, headers, ...rest }: Example): S3Request {
  const names = Object.keys(headers).sort().join(";");
  const authorization = `AWS4-HMAC-SHA256 Credential=${access.accessKeyId}/20130524/us-east-1/s3/` +
    `aws4_request,SignedHeaders=${names},Signature=${signature}`;
  return requestOf({ ...rest, headers: { ...headers, authorization } });
}

for (const example of examples) {
  Deno.test(`${example.what}: the signature is right`, () => {
    const { signature, isPresigned } = authenticate(signed(example), access, at);
    assert.deepEqual([signature, isPresigned], [example.signature, false]);
  });
}

Deno.test("a presigned URL: the signature is right until it expires", () => {
  const request = requestOf(presigned);
  assert.equal(authenticate(request, access, at).isPresigned, true);
  assert.equal(authenticate(request, access, at + 86_400_000).isPresigned, true);
  refuses("AccessDenied", () => authenticate(request, access, at + 86_401_000));
  refuses("AccessDenied", () => authenticate(request, access, at - 901_000));
});

function refuses(code: S3ErrorCode, work: () => unknown): void {
  assert.throws(work, { name: "S3Error", code });
}

Deno.test("whatever is changed of a signed request, it is refused", () => {
  const [get] = examples;
  assert.ok(get);
  const other = (change: Partial<Example>) => signed({ ...get, ...change });
  const unlike: readonly Partial<Example>[] = [
    { method: "DELETE" },
    { path: "/test.txt2" },
    { path: "/test.txt/" },
    { path: "/test.txt?acl" },
    { headers: { ...get.headers, range: "bytes=0-10" } },
    { headers: { ...get.headers, host: "other.s3.amazonaws.com" } },
    { headers: { ...get.headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" } },
    { signature: get.signature.replace("f", "e") },
  ];
  for (const change of unlike) {
    refuses("SignatureDoesNotMatch", () => authenticate(other(change), access, at));
  }
  const secretAccessKey = `${access.secretAccessKey}x`;
  refuses(
    "SignatureDoesNotMatch",
    () => authenticate(signed(get), { ...access, secretAccessKey }, at),
  );
  refuses(
    "InvalidAccessKeyId",
    () => authenticate(signed(get), { ...access, accessKeyId: "x" }, at),
  );
  for (const minutes of [-16, 16]) {
    refuses("RequestTimeTooSkewed", () => authenticate(signed(get), access, at + minutes * 60_000));
  }
  for (const minutes of [-14, 14]) authenticate(signed(get), access, at + minutes * 60_000);
  const added = signed(get);
  added.headers.set("x-amz-meta-a", "b");
  refuses("AccessDenied", () => authenticate(added, access, at));
  for (const extra of ["&X-Amz-Expires=99", "&acl", "&x-amz-acl=public-read"]) {
    const request = () => requestOf({ ...presigned, path: presigned.path + extra });
    assert.throws(() => authenticate(request(), access, at), { name: "S3Error" }, extra);
  }
});

Deno.test("a path may be signed without the endpoint's, unless that could mean another", () => {
  assert.deepEqual(signedPaths(`${S3_PATH}/b/k`), [`${S3_PATH}/b/k`, "/b/k"]);
  assert.deepEqual(signedPaths(S3_PATH), [S3_PATH, "/"]);
  const nested = `${S3_PATH}${S3_PATH}/b/k`;
  assert.deepEqual(signedPaths(nested), [nested]);
  const notSigned = readRequest("GET", `https://s3${S3_PATH}/b/k`, new Headers());
  refuses("AccessDenied", () => authenticate(notSigned, access, at));
});

Deno.test("a signature that does not cover the body says so", () => {
  const { "x-amz-content-sha256": _, ...headers } = examples[0]?.headers ?? {};
  const signature = "f".repeat(64);
  const bare = signed({ what: "", method: "GET", path: "/test.txt", headers, signature });
  refuses("InvalidRequest", () => authenticate(bare, access, at));
});

const unclear: readonly (readonly [S3ErrorCode, string])[] = [
  ["AuthorizationHeaderMalformed", "Bearer key"],
  ["AuthorizationHeaderMalformed", "AWS AKIAIOSFODNN7EXAMPLE:signature="],
  ["AuthorizationHeaderMalformed", "AWS4-HMAC-SHA256"],
  ["AuthorizationHeaderMalformed", "AWS4-HMAC-SHA256 Credential=a/20130524/us/s3/aws4_request"],
  [
    "AuthorizationHeaderMalformed",
    `AWS4-HMAC-SHA256 Credential=a/20130525/us/s3/aws4_request,SignedHeaders=host,Signature=${EMPTY}`,
  ],
  [
    "AuthorizationHeaderMalformed",
    `AWS4-HMAC-SHA256 Credential=a/20130524/us/s3/aws4_request,SignedHeaders=date,Signature=${EMPTY}`,
  ],
  [
    "AuthorizationHeaderMalformed",
    `AWS4-HMAC-SHA256 Credential=a/20130524/us/iam/aws4_request,SignedHeaders=host,Signature=${EMPTY}`,
  ],
];

Deno.test("an authorization that is none says what is wrong with it", () => {
  for (const [code, authorization] of unclear) {
    const request = requestOf({
      ...{ method: "GET", path: "/a/b", headers: { ...shared, authorization } },
    });
    refuses(code, () => authenticate(request, access, at));
  }
  for (const change of ["X-Amz-Expires=0", "X-Amz-Expires=604801", "X-Amz-Expires=1h"]) {
    const path = presigned.path.replace("X-Amz-Expires=86400", change);
    refuses(
      "AuthorizationQueryParametersError",
      () => authenticate(requestOf({ ...presigned, path }), access, at),
    );
  }
});

const streamed = {
  "content-encoding": "aws-chunked",
  host: "s3.amazonaws.com",
  "x-amz-date": "20130524T000000Z",
  "x-amz-decoded-content-length": "66560",
  "x-amz-storage-class": "REDUCED_REDUNDANCY",
};

interface StreamedExample extends Example {
  readonly chunks: readonly string[];
  /** After the last chunk. */
  readonly end: string;
}

const inChunks: readonly StreamedExample[] = [
  {
    ...{ what: "chunks", method: "PUT", path: "/examplebucket/chunkObject.txt" },
    headers: {
      ...streamed,
      "content-length": "66824",
      "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    },
    signature: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    chunks: [
      "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
      "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
      "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ],
    end: "",
  },
  {
    ...{ what: "chunks and a trailer", method: "PUT", path: "/examplebucket/chunkObject.txt" },
    headers: {
      ...streamed,
      "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
      "x-amz-trailer": "x-amz-checksum-crc32c",
    },
    signature: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    chunks: [
      "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
      "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
      "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ],
    end: "x-amz-checksum-crc32c:sOO8/Q==\r\n" +
      "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n",
  },
];

function wrapped({ chunks, end }: StreamedExample): string {
  const sizes = [65_536, 1024, 0];
  const pieces = sizes.map((size, index) =>
    `${size.toString(16)};chunk-signature=${chunks[index]}\r\n` +
    (size === 0 ? "" : `${"a".repeat(size)}\r\n`)
  );
  return `${pieces.join("")}${end}\r\n`;
}

async function bodyOf(example: StreamedExample, text: string): Promise<string> {
  const request = signed(example);
  const authorization = authenticate(request, access, at);
  const stream = () => new Blob([text]).stream();
  const { body } = await openPayload({ request, authorization, access, stream }, 100_000);
  return await new Response(body).text();
}

for (const example of inChunks) {
  Deno.test(`a body in ${example.what}: all signatures are right`, async () => {
    assert.equal(await bodyOf(example, wrapped(example)), "a".repeat(66_560));
  });

  Deno.test(`a body in ${example.what}: none of them is forgotten`, async () => {
    const text = wrapped(example);
    const signatures = [...text.matchAll(/signature[=:]([0-9a-f])/g)];
    assert.equal(signatures.length, example.end === "" ? 3 : 4);
    for (const { index } of signatures) {
      const at = index + "signature=".length;
      const digit = text[at] === "0" ? "1" : "0";
      const forged = text.slice(0, at) + digit + text.slice(at + 1);
      await assert.rejects(bodyOf(example, forged), { code: "SignatureDoesNotMatch" });
    }
    const other = text.replace("aaa\r\n", "aab\r\n");
    await assert.rejects(bodyOf(example, other), { code: "SignatureDoesNotMatch" });
    await assert.rejects(bodyOf(example, text.slice(0, -2)), { code: "IncompleteBody" });
    await assert.rejects(bodyOf(example, `${text}x`), { code: "InvalidRequest" });
  });
}
