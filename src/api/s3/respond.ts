/** What happens to a request of S3's: who signed it, what it asks for, and how errors are told. */
import type { Logger } from "../../base/log.ts";
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
  readonly log: Logger;
}

export async function respond(exchange: Exchange, api: S3Api): Promise<Response> {
  const { request: { method }, url, requestId } = exchange;
  const response = await perform(exchange, api).catch((thrown) => {
    const error = toS3Error(thrown);
    if (error.code === "InternalError") api.log.error("Request failed", { requestId, error });
    return s3ErrorResponse(error, { method, resource: new URL(url).pathname, requestId });
  });
  response.headers.set("x-amz-request-id", requestId);
  response.headers.set("x-request-id", requestId);
  return response;
}

async function perform(exchange: Exchange, { access, ...rest }: S3Api): Promise<Response> {
  const { request: { method, headers }, url, streamBody } = exchange;
  const request = readRequest(method, url, headers);
  const authorization = authenticate(request, access, Date.now());
  const sent = { request, authorization, access, stream: streamBody };
  return await operationFor(request).run({
    ...rest,
    ...{ request, exchange },
    payload: (maxBytes) => openPayload(sent, maxBytes),
  });
}
