/** The documents that S3 speaks in, read and written. */
import { XMLBuilder, XMLParser } from "fast-xml-parser";
import { z } from "zod";
import { S3Error } from "./s3-error.ts";

export type XmlValue = string | number | boolean | XmlObject | readonly XmlObject[];
export interface XmlObject {
  readonly [name: string]: XmlValue | undefined;
}

const NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/";
export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

const parser = new XMLParser({
  ignoreAttributes: true,
  ignoreDeclaration: true,
  parseTagValue: false,
  // Numbered ones too: tags in quotes come so.
  htmlEntities: true,
  // Names may begin and end with spaces.
  trimValues: false,
  isArray: (name) => name === "Object" || name === "Part",
});
const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: "@" });

/** The content of the document's root. Throws `MalformedXML`. */
export function parseXml<T>(bytes: Uint8Array, root: string, schema: z.ZodType<T>): T {
  const parsed = z.object({ [root]: schema }).safeParse(readXml(bytes));
  const content = parsed.data?.[root];
  if (parsed.success && content !== undefined) return content;
  const problem = parsed.success ? "" : ` ${z.prettifyError(parsed.error)}`;
  throw new S3Error("MalformedXML", `The body is no ${root} document.${problem}`);
}

function readXml(bytes: Uint8Array): unknown {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // No document of S3 has one, and what it can do is never wanted.
    if (text.includes("<!DOCTYPE")) throw new Error("there is a document type");
    return parser.parse(text, true);
  } catch (cause) {
    throw new S3Error("MalformedXML", "The body is not XML.", { cause });
  }
}

/** Without the declaration. */
export function writeXml(root: string, content: XmlObject): string {
  const attributes = root === "Error" ? {} : { "@xmlns": NAMESPACE };
  return builder.build({ [root]: { ...attributes, ...content } });
}

export function xmlResponse(root: string, content: XmlObject, init: ResponseInit = {}): Response {
  const response = new Response(XML_DECLARATION + writeXml(root, content), init);
  response.headers.set("content-type", "application/xml");
  return response;
}
