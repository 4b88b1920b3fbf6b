/** Notices clients that go away while their call runs, and aborts the call. */
import { OrlaError } from "../base/errors.ts";
import type { ClientPresence } from "./http-call.ts";
import { CLIENT_WATCH_DELAY_MS } from "./limits.ts";
import { Overdue } from "./overdue.ts";

/** Short calls are over before anybody looks: see {@link CLIENT_WATCH_DELAY_MS}. */
export function watchClients(): Overdue<ClientPresence> {
  return new Overdue(CLIENT_WATCH_DELAY_MS, (call: ClientPresence) => {
    const leave = () => call.cancel(new OrlaError("cancelled", "The client went away."));
    const { signal } = call.request;
    if (signal.aborted) leave();
    else signal.addEventListener("abort", leave, { once: true });
  });
}
