/** The peer does not speak the protocol. SQLSTATE 08P01. */
export class ProtocolViolation extends Error {
  override readonly name = "ProtocolViolation";
}
