/** An error as S3 shows it. */
import type { S3Error } from "./s3-error.ts";
import { type XmlObject, xmlResponse } from "./xml.ts";

export interface ErrorPlace {
  /** The path that was asked for. */
  readonly resource: string;
  readonly requestId: string;
  readonly method: string;
}

export function s3ErrorResponse(
  error: S3Error,
  { resource, requestId, method }: ErrorPlace,
): Response {
  if (method === "HEAD") return new Response(null, { status: error.status });
  return xmlResponse("Error", errorBody(error, resource, requestId), { status: error.status });
}

export function errorBody(
  { code, message }: S3Error,
  resource: string,
  requestId: string,
): XmlObject {
  return { Code: code, Message: message, Resource: resource, RequestId: requestId };
}
