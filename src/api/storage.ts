/** `/storage/v1/{bucket}/{object}`: objects, for holders of the service key or of a signed URL. */
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import { keyNeeded } from "../gateway/function-lookup.ts";
import { parseJson } from "../gateway/json-text.ts";
import { decodeText, jsonResponse } from "../gateway/payload-call.ts";
import type { Exchange, Operation, Route } from "../gateway/route.ts";
import type { Objects } from "../storage/objects.ts";
import { checkBucketName, checkObjectName } from "../storage/object-name.ts";
import type { StoredObject } from "../storage/object-table.ts";
import type { ResumableUploads } from "../storage/resumable-uploads.ts";
import { signedMethods, type UrlSigner } from "../storage/signed-urls.ts";
import { objectResponse } from "./object-response.ts";
import { readS3Events, type S3Object } from "./s3-events.ts";
import { formUploads } from "./storage-forms.ts";
import { listRequestOf } from "./storage-listing.ts";

export interface StorageApi {
  readonly objects: Objects;
  readonly signer: UrlSigner;
  readonly resumable: ResumableUploads;
  /** Adds the jobs of objects that another store tells of; how many jobs. */
  notify(objects: readonly S3Object[]): Promise<number>;
}

const PREFIX = "/storage/v1";
const OBJECT = `${PREFIX}/{bucket}/{+object}`;

/** A week, as S3 has it. */
const MAX_EXPIRY_SECONDS = 7 * 24 * 3600;

const signRequest = z.strictObject({
  object: z.string(),
  method: z.enum(signedMethods).default("GET"),
  expires_in: z.int().min(1).max(MAX_EXPIRY_SECONDS).default(3600),
});

export function storageRoutes(storage: StorageApi): readonly Route[] {
  const { objects } = storage;
  return [
    {
      method: "PUT",
      path: OBJECT,
      access: "function",
      operation: operation("putObject", "Upload an object", {
        "201": { description: "It is stored, and its triggers will be told." },
      }),
      handle: async (exchange) => {
        const { bucket, name } = targetOf(exchange);
        admit(exchange, storage, bucket, name);
        refuseConditions(exchange);
        const object = await objects.put({
          ...{ bucket, name },
          contentType: exchange.request.headers.get("content-type"),
          body: exchange.streamBody(objects.maxSizeBytes(bucket, name)),
        });
        return answer(exchange, 201, shown(object));
      },
    },
    {
      method: "GET",
      path: OBJECT,
      access: "function",
      operation: operation("getObject", "Download an object", {
        "200": { description: "The bytes, as an attachment." },
        "206": { description: "The range that was asked for." },
        "304": { description: "It is as `If-None-Match` says." },
        "416": { description: "There is no such range." },
      }),
      handle: async (exchange) => {
        const { bucket, name } = targetOf(exchange);
        admit(exchange, storage, bucket, name);
        return await objectResponse(objects, bucket, name, exchange);
      },
    },
    {
      method: "DELETE",
      path: OBJECT,
      access: "function",
      operation: operation("deleteObject", "Delete an object", {
        "204": { description: "It is gone." },
      }),
      handle: async (exchange) => {
        const { bucket, name } = targetOf(exchange);
        admit(exchange, storage, bucket, name);
        refuseConditions(exchange);
        if (!await objects.remove(bucket, name)) throw noObject(bucket, name);
        return new Response(null, {
          status: 204,
          headers: { "x-request-id": exchange.requestId },
        });
      },
    },
    {
      method: "GET",
      path: `${PREFIX}/{bucket}`,
      access: "service",
      operation: operation("listObjects", "List the objects of a bucket", {
        "200": { description: "`{objects, folders, next}`: a page of them, by name." },
      }),
      handle: async (exchange) => {
        const { objects: found, folders, next } = await objects.list(...listRequestOf(exchange));
        return answer(exchange, 200, { objects: found.map(shown), folders, next });
      },
    },
    {
      method: "POST",
      path: `${PREFIX}/{bucket}`,
      access: "service",
      operation: operation("uploadForm", "Upload the files of a form", {
        "201": { description: "`{objects}`: all of them, or none." },
      }),
      handle: async (exchange) => {
        const uploaded = await objects.putAll(formUploads(exchange, objects));
        return answer(exchange, 201, { objects: uploaded.map(shown) });
      },
    },
    {
      method: "POST",
      path: "/api/v1/storage/{bucket}/sign",
      access: "service",
      operation: operation("signUrl", "Make a URL that needs no key", {
        "200": { description: '`{"url", "expires_at"}`' },
      }),
      handle: async (exchange) => await signUrl(exchange, storage.signer),
    },
    {
      method: "POST",
      path: "/api/v1/storage/s3-events",
      access: "service",
      operation: operation("takeS3Events", "Take event notifications of an S3-compatible store", {
        "202": { description: '`{"jobs"}`: how many were added.' },
      }),
      handle: async (exchange) => {
        const found = readS3Events(parseJson(decodeText(await exchange.readBody())));
        return answer(exchange, 202, { jobs: await storage.notify(found) });
      },
    },
    ...resumableRoutes(storage),
  ];
}

function resumableRoutes({ resumable }: StorageApi): readonly Route[] {
  const route = (
    method: Route["method"],
    path: string,
    operationId: string,
    summary: string,
  ): Route => ({
    method,
    path: `${PREFIX}/tus${path}`,
    access: method === "OPTIONS" ? "open" : "service",
    operation: operation(operationId, summary, {
      "default": { description: "As the tus protocol 1.0 says." },
    }),
    handle: (exchange) => {
      const { request, url } = exchange;
      const hasBody = method === "POST" || method === "PATCH";
      // The server of the protocol holds uploads to their limits itself.
      const body = hasBody ? exchange.streamBody(Number.MAX_SAFE_INTEGER) : null;
      return resumable.handle(new Request(url, { method, headers: request.headers, body }));
    },
  });
  return [
    route("OPTIONS", "", "resumableOptions", "What resumable uploads can do"),
    route("POST", "", "beginResumable", "Begin a resumable upload (tus)"),
    route("HEAD", "/{upload}", "resumableOffset", "How much of a resumable upload is here"),
    route("PATCH", "/{upload}", "continueResumable", "Go on with a resumable upload"),
    route("DELETE", "/{upload}", "endResumable", "Give up a resumable upload"),
  ];
}

async function signUrl(exchange: Exchange, signer: UrlSigner): Promise<Response> {
  const parsed = signRequest.safeParse(parseJson(decodeText(await exchange.readBody())));
  if (!parsed.success) {
    throw new OrlaError("invalid_request", "The body does not say what to sign.", {
      detail: z.prettifyError(parsed.error),
      hint: 'Send {"object": …}, and if need be method and expires_in, in seconds.',
    });
  }
  const { object: name, method, expires_in } = parsed.data;
  const bucket = exchange.params["bucket"] ?? "";
  checkBucketName(bucket);
  checkObjectName(name);
  const expires = Math.floor(Date.now() / 1000) + expires_in;
  const path = [bucket, ...name.split("/")].map(encodeURIComponent).join("/");
  const url = new URL(`${PREFIX}/${path}`, exchange.url);
  url.search = signer.sign({ method, bucket, name, expires });
  return answer(exchange, 200, {
    url: url.href,
    expires_at: new Date(expires * 1000).toISOString(),
  });
}

function targetOf({ params }: Exchange): { bucket: string; name: string } {
  const [bucket = "", name = ""] = [params["bucket"], params["object"]];
  checkBucketName(bucket);
  checkObjectName(name);
  return { bucket, name };
}

/** Throws `unauthorized` and `forbidden`. */
function admit(
  { caller, headers, request, url }: Exchange,
  { signer }: StorageApi,
  bucket: string,
  name: string,
): void {
  if (caller?.service === true) return;
  const query = new URL(url).searchParams;
  if (signer.allows(request.method, bucket, name, query)) return;
  if (query.has("signature")) {
    throw new OrlaError("forbidden", "The URL's signature is not valid for this, or has expired.");
  }
  if (caller === undefined) throw keyNeeded(headers.foreignKey);
  throw new OrlaError("forbidden", "This needs the service key or a signed URL.");
}

/** What changes the meaning of a request (RFC 9110, sections 13.1 and 14.5), and is not understood here. */
const conditions = ["if-match", "if-none-match", "if-unmodified-since", "content-range"];

function refuseConditions({ request }: Exchange): void {
  const found = conditions.find((name) => request.headers.has(name));
  if (found === undefined) return;
  throw new OrlaError("not_supported", `${request.method} does not know the header ${found}.`, {
    hint: "Leave it out: the request is for the object as it is, and for all of it.",
  });
}

export function noObject(bucket: string, name: string): OrlaError {
  return new OrlaError("not_found", `There is no object ${name} in the bucket ${bucket}.`);
}

function shown({ bucket, name, size, contentType, etag, uploadedAt }: StoredObject) {
  return { bucket, name, size, contentType, etag, uploadedAt: uploadedAt.toISOString() };
}

function answer({ requestId }: Exchange, status: number, body: unknown): Response {
  return jsonResponse(JSON.stringify(body), ["x-request-id", requestId], status);
}

function operation(
  operationId: string,
  summary: string,
  responses: Operation["responses"],
): Operation {
  return { operationId, summary, tags: ["storage"], responses };
}
