/** What happens to a request of S3's: who signed it, what it asks for, and how errors are told. */
import type { Exchange } from "../../gateway/route.ts";
import type { S3Access } from "../../storage/s3-access.ts";
import { authenticate } from "./authenticate.ts";
import { operationFor } from "./operations.ts";
import { openPayload } from "./payload.ts";
import type { S3Storage } from "./s3-call.ts";
import { toS3Error } from "./s3-error.ts";
import { s3ErrorResponse } from "./s3-error-response.ts";
import { readRequest } from "./s3-request.ts";

export interface S3Api extends S3Storage {
  readonly access: S3Access;
}

export async function respond(exchange: Exchange, api: S3Api): Promise<Response> {
  const { request: { method }, url, requestId } = exchange;
  const response = await perform(exchange, api).catch((thrown) =>
    s3ErrorResponse(toS3Error(thrown), { method, resource: new URL(url).pathname, requestId })
  );
  response.headers.set("x-amz-request-id", requestId);
  response.headers.set("x-request-id", requestId);
  return response;
}

async function perform(exchange: Exchange, { access, ...storage }: S3Api): Promise<Response> {
  const { request: { method, headers }, url, streamBody } = exchange;
  const request = readRequest(method, url, headers);
  const authorization = authenticate(request, access, Date.now());
  const sent = { request, authorization, access, stream: streamBody };
  return await operationFor(request).run({
    ...storage,
    ...{ request, exchange },
    payload: (maxBytes) => openPayload(sent, maxBytes),
  });
}
