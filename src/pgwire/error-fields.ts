/**
 * The body of ErrorResponse and NoticeResponse: a list of one-letter fields. Values stay bytes, in
 * whatever encoding the session uses, so that patching one field cannot damage another.
 *
 * https://www.postgresql.org/docs/18/protocol-error-fields.html
 */
import { FieldReader } from "./reader.ts";
import type { MessageWriter } from "./writer.ts";

export const ErrorField = {
  severity: "S",
  /** The severity again, never translated. */
  severityCode: "V",
  sqlState: "C",
  message: "M",
  detail: "D",
  hint: "H",
  /** 1-based character of the query. */
  position: "P",
  internalPosition: "p",
  internalQuery: "q",
  where: "W",
  dataType: "d",
  file: "F",
  line: "L",
  routine: "R",
} as const;

export type ErrorFieldType = (typeof ErrorField)[keyof typeof ErrorField];

const utf8 = new TextDecoder();
const encoder = new TextEncoder();

export class ErrorFields {
  /** In the order they came. */
  readonly #fields: { type: number; value: Uint8Array }[] = [];

  /** @throws {ProtocolViolation} */
  static read(bytes: Uint8Array, start: number, end: number): ErrorFields {
    const fields = new ErrorFields();
    const reader = new FieldReader(bytes, start, end);
    for (;;) {
      const type = reader.byte();
      if (type === 0) break;
      fields.#fields.push({ type, value: reader.stringBytes() });
    }
    reader.finish();
    return fields;
  }

  get(type: ErrorFieldType): string | undefined {
    const code = type.charCodeAt(0);
    const field = this.#fields.find((candidate) => candidate.type === code);
    return field === undefined ? undefined : utf8.decode(field.value);
  }

  set(type: ErrorFieldType, value: string): this {
    const code = type.charCodeAt(0);
    const bytes = encoder.encode(value.replaceAll("\0", ""));
    const field = this.#fields.find((candidate) => candidate.type === code);
    if (field === undefined) this.#fields.push({ type: code, value: bytes });
    else field.value = bytes;
    return this;
  }

  delete(...types: readonly ErrorFieldType[]): this {
    for (const type of types) {
      const code = type.charCodeAt(0);
      const index = this.#fields.findIndex((candidate) => candidate.type === code);
      if (index !== -1) this.#fields.splice(index, 1);
    }
    return this;
  }

  write(writer: MessageWriter, messageType: number): void {
    writer.begin(messageType);
    for (const { type, value } of this.#fields) writer.byte(type).bytes(value).byte(0);
    writer.byte(0).end();
  }
}
