/**
 * Message type bytes of protocol 3. Some letters mean different things in the two directions, hence
 * two tables.
 */

const letter = (text: string): number => text.charCodeAt(0);

/** Client to server. */
export const Frontend = {
  bind: letter("B"),
  close: letter("C"),
  copyData: letter("d"),
  copyDone: letter("c"),
  copyFail: letter("f"),
  describe: letter("D"),
  execute: letter("E"),
  flush: letter("H"),
  functionCall: letter("F"),
  parse: letter("P"),
  /** Password, GSS and SASL answers share it. */
  password: letter("p"),
  query: letter("Q"),
  sync: letter("S"),
  terminate: letter("X"),
} as const;

/** Server to client. */
export const Backend = {
  authentication: letter("R"),
  backendKeyData: letter("K"),
  bindComplete: letter("2"),
  closeComplete: letter("3"),
  commandComplete: letter("C"),
  copyBothResponse: letter("W"),
  copyData: letter("d"),
  copyDone: letter("c"),
  copyInResponse: letter("G"),
  copyOutResponse: letter("H"),
  dataRow: letter("D"),
  emptyQueryResponse: letter("I"),
  errorResponse: letter("E"),
  functionCallResponse: letter("V"),
  negotiateProtocolVersion: letter("v"),
  noData: letter("n"),
  noticeResponse: letter("N"),
  notificationResponse: letter("A"),
  parameterDescription: letter("t"),
  parameterStatus: letter("S"),
  parseComplete: letter("1"),
  portalSuspended: letter("s"),
  readyForQuery: letter("Z"),
  rowDescription: letter("T"),
} as const;

/** The body of ReadyForQuery. */
export const TransactionStatus = {
  idle: letter("I"),
  inTransaction: letter("T"),
  failed: letter("E"),
} as const;
