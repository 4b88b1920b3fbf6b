/**
 * Asks a client for the password, so that libpq counts it as used: `dblink` demands that of everyone
 * but superusers.
 *
 * On a unix socket the password is asked for as it is: one round trip, nothing to overhear. Over TCP
 * by SCRAM-SHA-256, which proves it without telling. Its iteration count slows down guessing of weak
 * passwords; ours has 244 random bits, so one iteration is as good as 4096 and costs nothing.
 *
 * https://www.rfc-editor.org/rfc/rfc5802, https://www.postgresql.org/docs/18/sasl-authentication.html
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import {
  writeAuthenticationCleartext,
  writeAuthenticationSasl,
  writeAuthenticationSaslContinue,
  writeAuthenticationSaslFinal,
} from "../pgwire/backend.ts";
import { FieldReader } from "../pgwire/reader.ts";
import { ProtocolViolation } from "../pgwire/violation.ts";
import { MessageWriter } from "../pgwire/writer.ts";

/** What to send next, and whether the client has proved itself with the message just taken. */
export interface CheckStep {
  readonly send: Uint8Array;
  readonly outcome: "more" | "accepted" | "refused";
}

export interface PasswordCheck {
  /** The first request. */
  begin(): Uint8Array;
  /** Takes the body of the client's next password message. */
  step(body: Uint8Array): CheckStep;
}

const NOTHING = new Uint8Array(0);
const MECHANISM = "SCRAM-SHA-256";
const ITERATIONS = 1;

export function cleartextCheck(password: string): PasswordCheck {
  const expected = digest(password);
  return {
    begin() {
      const writer = new MessageWriter();
      writeAuthenticationCleartext(writer);
      return writer.take();
    },
    step(body) {
      const given = digest(new FieldReader(body).stringBytes());
      return { send: NOTHING, outcome: timingSafeEqual(given, expected) ? "accepted" : "refused" };
    },
  };
}

export function scramCheck(password: string): PasswordCheck {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const storedKey = digest(hmac(salted, "Client Key"));
  const serverKey = hmac(salted, "Server Key");
  let firstBare = "";
  let serverFirst = "";
  let channelHeader = "";

  const first = (body: Uint8Array): CheckStep => {
    const reader = new FieldReader(body);
    if (reader.string() !== MECHANISM) throw new ProtocolViolation("unknown SASL mechanism");
    const message = text(reader.bytes(reader.int32()));
    reader.finish();
    // gs2-cbind-flag "," [authzid] "," client-first-message-bare; "p=" needs the -PLUS mechanism.
    const match = /^([ny],[^,]*,)(n=[^,]*,r=([!-+\--~]+))$/.exec(message);
    const [, gs2Header, bare, nonce] = match ?? [];
    if (gs2Header === undefined || bare === undefined || nonce === undefined) {
      throw new ProtocolViolation("malformed SCRAM message");
    }
    channelHeader = gs2Header;
    firstBare = bare;
    serverFirst = `r=${nonce}${randomBytes(18).toString("base64")}` +
      `,s=${salt.toString("base64")},i=${ITERATIONS}`;
    const writer = new MessageWriter();
    writeAuthenticationSaslContinue(writer, serverFirst);
    return { send: writer.take(), outcome: "more" };
  };

  const final = (body: Uint8Array): CheckStep => {
    const message = text(body);
    const proofAt = message.lastIndexOf(",p=");
    const withoutProof = message.slice(0, proofAt);
    const nonce = serverFirst.slice(0, serverFirst.indexOf(","));
    const expected = `c=${Buffer.from(channelHeader).toString("base64")},${nonce}`;
    const proof = Buffer.from(message.slice(proofAt + 3), "base64");
    if (proofAt === -1 || withoutProof !== expected || proof.length !== storedKey.length) {
      throw new ProtocolViolation("malformed SCRAM message");
    }
    const signed = `${firstBare},${serverFirst},${withoutProof}`;
    const signature = hmac(storedKey, signed);
    const clientKey = proof.map((byte, index) => byte ^ (signature[index] as number));
    if (!timingSafeEqual(digest(clientKey), storedKey)) {
      return { send: NOTHING, outcome: "refused" };
    }
    const writer = new MessageWriter();
    writeAuthenticationSaslFinal(writer, `v=${hmac(serverKey, signed).toString("base64")}`);
    return { send: writer.take(), outcome: "accepted" };
  };

  return {
    begin() {
      const writer = new MessageWriter();
      writeAuthenticationSasl(writer, [MECHANISM]);
      return writer.take();
    },
    step: (body) => serverFirst === "" ? first(body) : final(body),
  };
}

function digest(value: string | Uint8Array): Buffer {
  return createHash("sha256").update(value).digest();
}

function hmac(key: Uint8Array, value: string): Buffer {
  return createHmac("sha256", key).update(value).digest();
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}
