/** Messages a server writes. */
import { ErrorField, ErrorFields } from "./error-fields.ts";
import { Backend } from "./types.ts";
import { MessageWriter } from "./writer.ts";

export type Severity = "ERROR" | "FATAL" | "WARNING" | "NOTICE" | "INFO";

export interface ErrorReport {
  readonly severity: Severity;
  readonly sqlState: string;
  readonly message: string;
  readonly detail?: string | undefined;
  readonly hint?: string | undefined;
  /** 1-based character of the query. */
  readonly position?: number | undefined;
}

export interface Column {
  readonly name: string;
  /** `pg_type.oid`. */
  readonly typeOid: number;
  /** `pg_type.typlen`: −1 for a variable length. */
  readonly typeLength: number;
}

/** `sslmode` and the like are settled by one byte instead of a message. */
export const TLS_ACCEPTED = new Uint8Array(["S".charCodeAt(0)]);
export const TLS_REFUSED = new Uint8Array(["N".charCodeAt(0)]);

export const OID_TEXT = 25;

const AUTH_OK = 0;
const AUTH_CLEARTEXT = 3;
const AUTH_SASL = 10;
const AUTH_SASL_CONTINUE = 11;
const AUTH_SASL_FINAL = 12;

export function writeError(writer: MessageWriter, report: ErrorReport): void {
  const fields = new ErrorFields()
    .set(ErrorField.severity, report.severity)
    .set(ErrorField.severityCode, report.severity)
    .set(ErrorField.sqlState, report.sqlState)
    .set(ErrorField.message, report.message);
  if (report.detail) fields.set(ErrorField.detail, report.detail);
  if (report.hint) fields.set(ErrorField.hint, report.hint);
  if (report.position !== undefined) fields.set(ErrorField.position, String(report.position));
  const isError = report.severity === "ERROR" || report.severity === "FATAL";
  fields.write(writer, isError ? Backend.errorResponse : Backend.noticeResponse);
}

/** One ErrorResponse by itself. */
export function errorResponse(report: ErrorReport): Uint8Array<ArrayBuffer> {
  const writer = new MessageWriter();
  writeError(writer, report);
  return writer.take();
}

export function writeAuthenticationOk(writer: MessageWriter): void {
  writer.begin(Backend.authentication).int32(AUTH_OK).end();
}

export function writeAuthenticationCleartext(writer: MessageWriter): void {
  writer.begin(Backend.authentication).int32(AUTH_CLEARTEXT).end();
}

export function writeAuthenticationSasl(
  writer: MessageWriter,
  mechanisms: readonly string[],
): void {
  writer.begin(Backend.authentication).int32(AUTH_SASL);
  for (const mechanism of mechanisms) writer.string(mechanism);
  writer.byte(0).end();
}

export function writeAuthenticationSaslContinue(writer: MessageWriter, data: string): void {
  writer.begin(Backend.authentication).int32(AUTH_SASL_CONTINUE).text(data).end();
}

export function writeAuthenticationSaslFinal(writer: MessageWriter, data: string): void {
  writer.begin(Backend.authentication).int32(AUTH_SASL_FINAL).text(data).end();
}

export function writeParameterStatus(writer: MessageWriter, name: string, value: string): void {
  writer.begin(Backend.parameterStatus).string(name).string(value).end();
}

export function writeBackendKeyData(
  writer: MessageWriter,
  processId: number,
  key: Uint8Array,
): void {
  writer.begin(Backend.backendKeyData).int32(processId).bytes(key).end();
}

/** Tells a client which minor version to use, and which `_pq_.` options are unknown here. */
export function writeNegotiateProtocolVersion(
  writer: MessageWriter,
  minor: number,
  unknownOptions: readonly string[],
): void {
  // The newest supported version, as a whole (3.minor), since Postgres 18; libpq reads both forms.
  writer.begin(Backend.negotiateProtocolVersion).int32(3 << 16 | minor);
  writer.int32(unknownOptions.length);
  for (const option of unknownOptions) writer.string(option);
  writer.end();
}

export function writeReadyForQuery(writer: MessageWriter, status: number): void {
  writer.begin(Backend.readyForQuery).byte(status).end();
}

/** Columns in text format. */
export function writeRowDescription(writer: MessageWriter, columns: readonly Column[]): void {
  writer.begin(Backend.rowDescription).int16(columns.length);
  for (const { name, typeOid, typeLength } of columns) {
    // No table, no column number, no type modifier, text format.
    writer.string(name).int32(0).int16(0).int32(typeOid).int16(typeLength).int32(-1).int16(0);
  }
  writer.end();
}

export function writeDataRow(writer: MessageWriter, values: readonly (string | null)[]): void {
  writer.begin(Backend.dataRow).int16(values.length);
  for (const value of values) writer.value(value);
  writer.end();
}

export function writeCommandComplete(writer: MessageWriter, tag: string): void {
  writer.begin(Backend.commandComplete).string(tag).end();
}

export function writeEmptyQueryResponse(writer: MessageWriter): void {
  writer.begin(Backend.emptyQueryResponse).end();
}
