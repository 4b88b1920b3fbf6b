/**
 * `SOURCE 'file:./hash.wasm'`: the file is here, on the client's side, so its contents are sent in its
 * place, as the function's code.
 */
import { fileURLToPath } from "node:url";
import { OrlaError } from "../base/errors.ts";
import { parseStatements } from "../sql/parse.ts";

export interface InlinedText {
  readonly text: string;
  /** Where a place in the sent text stands in the text that was written; both count from 1. */
  readonly writtenPosition: (sent: number) => number;
}

interface Replacement {
  /** Of `SOURCE 'file:…'`, in characters. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Whether there may be something to send along. */
export function mentionsFile(text: string): boolean {
  return /\bsource\b\s*=?\s*'file:/i.test(text);
}

/** Throws `invalid_option` for a file that cannot be read. Text that does not parse stays as it is. */
export async function inlineSources(text: string): Promise<InlinedText> {
  const replacements = mentionsFile(text) ? await findSources(text) : [];
  let sent = "";
  let from = 0;
  for (const { start, end, text: code } of replacements) {
    sent += text.slice(from, start) + code;
    from = end;
  }
  return {
    text: sent + text.slice(from),
    writtenPosition: (position) => writtenPosition(text, replacements, position),
  };
}

async function findSources(text: string): Promise<Replacement[]> {
  const replacements: Replacement[] = [];
  for (const statement of statementsOf(text)) {
    if (statement.kind !== "edge") continue;
    const { statement: { kind, ...fields } } = statement;
    if (kind !== "create_function" && kind !== "alter_function") continue;
    if (!("options" in fields)) continue;
    for (const { name, value, nameSpan, valueSpan } of fields.options) {
      if (name !== "SOURCE" || value.kind !== "string" || !/^file:/i.test(value.value)) continue;
      const clause = kind === "create_function" ? "AS" : "CODE =";
      const code = codeLiteral(await readSource(value.value));
      replacements.push({ start: nameSpan.start, end: valueSpan.end, text: `${clause} ${code}` });
    }
  }
  return replacements;
}

function statementsOf(text: string): ReturnType<typeof parseStatements> {
  try {
    return parseStatements(text);
  } catch (error) {
    // The server says it better.
    if (error instanceof OrlaError) return [];
    throw error;
  }
}

async function readSource(source: string): Promise<Uint8Array> {
  const place = source.slice("file:".length);
  try {
    return await Deno.readFile(place.startsWith("//") ? fileURLToPath(source) : place);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new OrlaError("invalid_option", `SOURCE '${source}' cannot be read: ${why}`, { cause });
  }
}

/** Binaries as base64, everything else as text, whatever quotes it holds. */
function codeLiteral(bytes: Uint8Array): string {
  if (bytes[0] === 0) return `'${bytes.toBase64()}'`;
  const text = new TextDecoder().decode(bytes);
  let tag = "$code$";
  for (let number = 1; text.includes(tag); number++) tag = `$code${number}$`;
  return `${tag}${text}${tag}`;
}

/** The protocol counts code points, the parser UTF-16 units. */
function writtenPosition(
  text: string,
  replacements: readonly Replacement[],
  position: number,
): number {
  const points = (part: string) => Array.from(part).length;
  let sentBefore = 0;
  let writtenBefore = 0;
  let from = 0;
  for (const { start, end, text: code } of replacements) {
    const kept = points(text.slice(from, start));
    if (position <= sentBefore + kept) break;
    sentBefore += kept;
    writtenBefore += kept;
    if (position <= sentBefore + points(code)) return writtenBefore + 1;
    sentBefore += points(code);
    writtenBefore += points(text.slice(start, end));
    from = end;
  }
  return writtenBefore + position - sentBefore;
}
