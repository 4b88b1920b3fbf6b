/**
 * JSON Web Tokens of callers. HS256 is verified with the node's secret; tokens with other algorithms
 * with the keys of a JSON Web Key Set, as identity providers publish them. A key of either kind is never
 * used with an algorithm of the other, and `none` with no key at all.
 */
import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
} from "jose";
import { OrlaError } from "../../base/errors.ts";
import type { User } from "../../functions/call.ts";
import type { KeySet } from "./key-set.ts";

export interface TokenVerifierOptions {
  readonly secret: string | null;
  readonly keys: Pick<KeySet, "keyOf"> | null;
}

/** What a trigger asks of tokens beyond their signature. */
export interface TokenRules {
  readonly issuer: string | null;
  /** One of them; any where there are none. */
  readonly audience: readonly string[];
}

/** RFC 7518, section 3.1, and RFC 8037: all with a public key. */
const ASYMMETRIC = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
];

/** Clocks of those who issue tokens differ from ours by so much. */
const LEEWAY_SECONDS = 30;

export class TokenVerifier {
  readonly #secret: Uint8Array | null;
  readonly #keys: TokenVerifierOptions["keys"];

  constructor({ secret, keys }: TokenVerifierOptions) {
    this.#secret = secret === null ? null : new TextEncoder().encode(secret);
    this.#keys = keys;
  }

  /** Whoever the token is for. Throws `unauthorized`, and `unavailable` when the keys cannot be had. */
  async verify(authorization: string | null, rules: TokenRules): Promise<User> {
    if (this.#secret === null && this.#keys === null) {
      throw new OrlaError("unauthorized", "This node verifies no tokens.", {
        hint: "Its settings ORLA_JWT_SECRET and ORLA_JWKS_URL are both missing.",
      });
    }
    const token = /^bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) {
      throw new OrlaError("unauthorized", "This needs a JSON Web Token.", {
        hint: "Send it as `Authorization: Bearer <token>`.",
      });
    }
    try {
      return userOf(await this.#payloadOf(token, rules));
    } catch (cause) {
      if (cause instanceof OrlaError) throw cause;
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new OrlaError("unauthorized", `The token was refused: ${why}.`, { cause });
    }
  }

  async #payloadOf(token: string, { issuer, audience }: TokenRules): Promise<JWTPayload> {
    const claims = {
      clockTolerance: LEEWAY_SECONDS,
      ...issuer === null ? {} : { issuer },
      ...audience.length === 0 ? {} : { audience: [...audience] },
    };
    const isShared = decodeProtectedHeader(token).alg === "HS256";
    if (isShared && this.#secret !== null) {
      return (await jwtVerify(token, this.#secret, { ...claims, algorithms: ["HS256"] })).payload;
    }
    const keys = this.#keys;
    if (isShared || keys === null) {
      throw new errors.JOSEAlgNotAllowed("this node does not verify tokens of its algorithm");
    }
    const getKey: JWTVerifyGetKey = (header, input) => keys.keyOf(header, input);
    return (await jwtVerify(token, getKey, { ...claims, algorithms: ASYMMETRIC })).payload;
  }
}

function userOf(payload: JWTPayload): User {
  const text = (claim: string) => typeof payload[claim] === "string" ? payload[claim] : null;
  return {
    id: text("sub"),
    email: text("email"),
    role: text("role"),
    sessionId: text("session_id"),
  };
}
