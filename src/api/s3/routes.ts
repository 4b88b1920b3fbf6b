/**
 * `/storage/v1/s3`: the node's objects for clients of S3, in path style
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html).
 * Whoever has the key pair may do everything here. The path is a part of what clients sign: a proxy in
 * front must leave it, and the Host header, as they are.
 */
import type { Method, Route } from "../../gateway/route.ts";
import type { S3Api } from "./respond.ts";
import { S3_PATH } from "./s3-path.ts";

const summaries = {
  GET: "Read by S3's protocol",
  PUT: "Upload by S3's protocol",
  POST: "Upload in parts, or delete several, by S3's protocol",
  DELETE: "Delete by S3's protocol",
} as const satisfies Partial<Record<Method, string>>;

export function s3Routes(api: S3Api): readonly Route[] {
  return (["GET", "PUT", "POST", "DELETE"] as const).map((method) => ({
    method,
    path: `${S3_PATH}/{*path}`,
    access: "signed",
    operation: {
      operationId: `s3${method.charAt(0)}${method.slice(1).toLowerCase()}`,
      summary: summaries[method],
      tags: ["storage"],
      responses: { "default": { description: "As S3 has it, in XML." } },
    },
    handle: async (exchange) => {
      // Brings a parser of XML: who has no clients of S3 need not load it.
      const { respond } = await import("./respond.ts");
      return await respond(exchange, api);
    },
  }));
}
