/** What the two directions of one session know together. */
import type { ErrorReport } from "../pgwire/backend.ts";
import { TransactionStatus } from "../pgwire/types.ts";
import { type Place, ReplyTracker } from "./reply-tracker.ts";
import type { Rewrite } from "./rewrite.ts";

export class SessionState {
  readonly tracker = new ReplyTracker();
  /** Before AuthenticationOk nothing is looked at, and nothing is held in memory. */
  authenticated = false;
  transactionStatus: number = TransactionStatus.idle;
  /** The server has said why it ends the session; nothing needs to be added. */
  fatalSeen = false;
  /** The client said good-bye, or just went. */
  clientEnded = false;
  /** ParameterStatus of the same names, as the server reports them. */
  clientEncoding = "UTF8";
  standardConformingStrings = true;
  /** By `session_authorization`: who logged in, whatever role is set now. */
  sessionUser: string | null = null;

  /** Texts changed in cycles that are not yet answered, oldest first. */
  readonly #rewrites: { place: Place; rewrite: Rewrite }[] = [];

  /** True when ending the session now interrupts nothing. */
  get idle(): boolean {
    return this.tracker.idle && this.transactionStatus === TransactionStatus.idle;
  }

  rewrote(place: Place, rewrite: Rewrite): void {
    this.#rewrites.push({ place, rewrite });
  }

  /** The text the server is answering, when it is one of ours. */
  answeredRewrite(): Rewrite | undefined {
    if (this.#rewrites.length === 0) return undefined;
    const { cycle, index } = this.tracker.answeredPlace;
    return this.#rewrites.find(({ place }) => place.cycle === cycle && place.index === index)
      ?.rewrite;
  }

  /** Forgets what the server has answered in full. */
  forgetAnswered(): void {
    const { cycle } = this.tracker.answeredPlace;
    while (this.#rewrites[0] !== undefined && this.#rewrites[0].place.cycle < cycle) {
      this.#rewrites.shift();
    }
  }
}

export function fatal(sqlState: string, message: string, hint?: string): ErrorReport {
  return { severity: "FATAL", sqlState, message, hint };
}
