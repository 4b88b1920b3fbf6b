/** `GET /api/v1/openapi.json`: the routes that exist, as OpenAPI 3.1 (https://spec.openapis.org/oas/v3.1.1). */
import { errorMeanings } from "../base/errors.ts";
import { jsonResponse } from "../gateway/payload-call.ts";
import type { Access, Route, RouteDescription } from "../gateway/route.ts";

/** A route whose answer describes `others` and itself. */
export function openApiRoute(others: readonly RouteDescription[], version: string): Route {
  const description: RouteDescription = {
    method: "GET",
    path: "/api/v1/openapi.json",
    access: "open",
    operation: {
      operationId: "openapi",
      summary: "This description",
      tags: ["health"],
      responses: { "200": { description: "An OpenAPI 3.1 document." } },
    },
  };
  const document = JSON.stringify(describe([...others, description], version));
  return {
    ...description,
    handle: ({ requestId }) => jsonResponse(document, ["x-request-id", requestId]),
  };
}

interface Document {
  readonly openapi: "3.1.1";
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly components: unknown;
}

export function describe(routes: readonly RouteDescription[], version: string): Document {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    // OpenAPI has no parameters of several segments.
    const path = route.path.replace(/\{[+*]/, "{");
    const item = paths[path] ??= pathItem(path);
    item[route.method.toLowerCase()] = {
      ...route.operation,
      security: security[route.access],
      responses: { ...errorResponses(route), ...route.operation.responses },
    };
  }
  return { openapi: "3.1.1", info: { title: "Orla", version }, paths, components };
}

function pathItem(path: string): Record<string, unknown> {
  const parameters = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  return parameters.length === 0 ? {} : { parameters };
}

/** `{}` among the alternatives means that no key may do as well. */
const security: Readonly<Record<Access, readonly unknown[]>> = {
  open: [],
  service: [{ bearer: [] }, { apikey: [] }, { xApiKey: [] }],
  function: [{ bearer: [] }, { apikey: [] }, { xApiKey: [] }, {}],
  signed: [{ sigv4: [] }],
};

function errorResponses(route: RouteDescription): Record<string, unknown> {
  if (route.access === "open") return {};
  // Its errors are S3's.
  if (route.access === "signed") return {};
  const error = { $ref: "#/components/responses/Error" };
  return route.access === "service"
    ? { "401": error, "403": error }
    : { "401": error, "403": error, "404": error, "default": error };
}

const components = {
  securitySchemes: {
    bearer: { type: "http", scheme: "bearer" },
    apikey: { type: "apiKey", in: "header", name: "apikey" },
    // OpenAPI has no word for signed requests; this is how AWS describes its own.
    sigv4: {
      type: "apiKey",
      in: "header",
      name: "Authorization",
      "x-amazon-apigateway-authtype": "awsSigv4",
    },
    xApiKey: { type: "apiKey", in: "header", name: "x-api-key" },
  },
  schemas: {
    Error: {
      type: "object",
      required: ["error", "code"],
      properties: {
        error: { type: "string", description: "What happened, for people." },
        code: { type: "string", enum: Object.keys(errorMeanings) },
        hint: { type: "string", description: "What to do about it." },
        detail: { type: "string", description: "Only for holders of the service key." },
        position: { type: "integer", description: "Offset in what was sent, from 0." },
      },
    },
  },
  responses: {
    Error: {
      description: "It went wrong. `Retry-After` says when a retry makes sense.",
      content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
    },
  },
};
