/** The HTTP triggers of a node: which request means which, and whether its sender may. */
import { BlockList, isIPv6 } from "node:net";
import { OrlaError } from "../../base/errors.ts";
import type { Caller, Cause, HttpCall, User } from "../../functions/call.ts";
import { type FunctionVersion, qualifiedName } from "../../functions/function.ts";
import type { FunctionsById } from "../functions-by-id.ts";
import { isCaptured, type PayloadCapture, redactedKeys } from "../payload-capture.ts";
import type { TriggerOf } from "../trigger.ts";
import type { TriggerDirectory } from "../trigger-directory.ts";
import { optionOf } from "../trigger-options.ts";
import { addressList } from "./address-list.ts";
import { recordRequest } from "./record-request.ts";
import { RouteTree } from "./route-tree.ts";
import { isSigned, type SignatureScheme, verifySignature } from "./signatures.ts";
import type { TokenVerifier } from "./tokens.ts";

/** A request, as far as it decides who may call. */
export interface TriggerRequest {
  readonly headers: Headers;
  /** Whole where `needsBody`; otherwise `null`. */
  readonly body: Uint8Array | null;
  /** Of the client, or of the nearest proxy that is not trusted. */
  readonly address: string;
  /** Whose platform key came with it. */
  readonly caller: Caller | undefined;
}

/** On whose behalf the function runs. */
export interface Admission {
  readonly caller: Caller;
  readonly user: User | null;
}

export interface HttpTriggerMatch {
  readonly cause: Cause;
  readonly params: Readonly<Record<string, string>>;
  /** The sender signs the body: it is needed before anything else. */
  readonly needsBody: boolean;
  /** The function as it is now; `undefined` when there is none any more. */
  version(): FunctionVersion | undefined;
  /** Throws `unauthorized` and `forbidden`. */
  admit(request: TriggerRequest): Admission | Promise<Admission>;
  /** Keeps the call for replay; `null` when that is not wanted. */
  readonly record: ((call: HttpCall) => void) | null;
}

export interface HttpTriggersOptions {
  readonly directory: TriggerDirectory;
  readonly functions: FunctionsById;
  readonly capture: PayloadCapture;
  /** Verifies what callers of AUTH = 'jwt' send. */
  readonly tokens: TokenVerifier;
}

/** What a route leads to; its options are read once. */
interface Destination {
  readonly trigger: TriggerOf<"http">;
  readonly cause: Cause;
  readonly needsBody: boolean;
  readonly isRecorded: boolean;
}

const anybody: Caller = { role: null, service: false };

export class HttpTriggers {
  readonly #options: HttpTriggersOptions;
  readonly #whitelists = new WeakMap<TriggerOf<"http">, BlockList>();
  #tree = new RouteTree<Destination>([]);

  constructor(options: HttpTriggersOptions) {
    this.#options = options;
    options.directory.onChange(() => this.#build());
    this.#build();
  }

  /** `undefined` when no trigger has this path. */
  match(
    method: string,
    host: string,
    path: string,
  ): HttpTriggerMatch | { readonly allow: readonly string[] } | undefined {
    if (this.#tree.size === 0) return undefined;
    const found = this.#tree.match(method, host, path);
    if (found === undefined) return undefined;
    if (found.found === "methods") return { allow: found.allow };
    const { trigger, cause, needsBody, isRecorded } = found.value;
    return {
      cause,
      params: found.params,
      needsBody,
      version: () => this.#options.functions.currentVersion(trigger.functionId),
      admit: (request) => this.#admit(trigger, request),
      record: isRecorded ? (call) => this.#record(trigger, call) : null,
    };
  }

  #record(trigger: TriggerOf<"http">, call: HttpCall): void {
    const request = recordRequest(call, redactedKeys(trigger));
    if (request === null) return;
    this.#options.capture.add(trigger, {
      executionId: call.executionId,
      eventId: null,
      shape: "request",
      input: JSON.stringify(request),
    });
  }

  #build(): void {
    this.#tree = new RouteTree(
      this.#options.directory.ofKind("http").filter(({ enabled }) => enabled).map((trigger) => ({
        ...{ host: trigger.spec.host, method: trigger.spec.method, path: trigger.spec.path },
        value: {
          trigger,
          cause: { triggerName: qualifiedName(trigger), eventId: null },
          needsBody: isSigned(String(optionOf(trigger, "AUTH"))),
          isRecorded: isCaptured(trigger),
        },
      })),
    );
  }

  #admit(
    trigger: TriggerOf<"http">,
    request: TriggerRequest,
  ): Admission | Promise<Admission> {
    this.#checkAddress(trigger, request.address);
    const auth = String(optionOf(trigger, "AUTH"));
    const admission = { caller: request.caller ?? anybody, user: null };
    switch (auth) {
      case "none":
        return admission;
      case "bearer_token":
      case "api_key":
        if (request.caller !== undefined && isGiven(auth, request.headers)) return admission;
        throw new OrlaError("unauthorized", "This needs an API key.", {
          hint: auth === "bearer_token"
            ? "Send it as `Authorization: Bearer <key>`."
            : "Send it as `apikey: <key>` or `x-api-key: <key>`.",
        });
      case "jwt":
        return this.#admitToken(trigger, request);
      default:
        this.#checkSignature(trigger, auth as SignatureScheme, request); // the other choices
        return admission;
    }
  }

  #checkAddress(trigger: TriggerOf<"http">, address: string): void {
    const allowed = optionOf(trigger, "IP_WHITELIST") as readonly string[]; // a list option
    if (allowed.length === 0) return;
    let list = this.#whitelists.get(trigger);
    if (list === undefined) this.#whitelists.set(trigger, list = addressList(allowed));
    if (list.check(address, isIPv6(address) ? "ipv6" : "ipv4")) return;
    throw new OrlaError("forbidden", `The address ${address} may not call this.`);
  }

  #checkSignature(
    trigger: TriggerOf<"http">,
    scheme: SignatureScheme,
    { headers, body }: TriggerRequest,
  ): void {
    if (trigger.secret === null) {
      throw new OrlaError("unauthorized", "The trigger has no SECRET to verify signatures with.");
    }
    verifySignature({ headers, body: body ?? new Uint8Array(), now: Date.now() }, {
      scheme,
      secret: trigger.secret,
      header: String(optionOf(trigger, "SIGNATURE_HEADER")),
      toleranceMs: Number(optionOf(trigger, "TOLERANCE")),
    });
  }

  /** Claims tell the function who it is; rights in the database stay an anonymous caller's. */
  async #admitToken(
    trigger: TriggerOf<"http">,
    { headers }: TriggerRequest,
  ): Promise<Admission> {
    const user = await this.#options.tokens.verify(headers.get("authorization"), {
      issuer: optionOf(trigger, "ISSUER") as string | null, // a text option
      audience: optionOf(trigger, "AUDIENCE") as readonly string[], // a list option
    });
    return { caller: anybody, user };
  }
}

/** In the header that was asked for: the platform takes its keys in any. */
function isGiven(auth: "bearer_token" | "api_key", headers: Headers): boolean {
  return auth === "bearer_token"
    ? /^bearer /i.test(headers.get("authorization") ?? "")
    : headers.has("apikey") || headers.has("x-api-key");
}
