/** What a function may know about the call it runs for. */
import type { Assignment, CallHead } from "../../protocol/messages.ts";
import { currentCall } from "./call-scope.ts";

/** Names as in `system.edge_function_executions`. */
export interface ExecutionContext {
  readonly execution_id: string;
  readonly function_name: string;
  readonly namespace: string;
  readonly version: number;
  /** The trigger behind the call. */
  readonly trigger_name: string | null;
  /** The same each time an event is tried: what repetitions are recognised by. */
  readonly event_id: string | null;
  /** Of a job, from 1. */
  readonly attempt: number | null;
  /** From a verified token. */
  readonly user: {
    readonly id: string | null;
    readonly email: string | null;
    readonly role: string | null;
  } | null;
}

type Identity = Pick<Assignment, "namespace" | "name" | "version">;

let identity: Identity | undefined;

/** Before the function's code runs. */
export function setIdentity({ namespace, name, version }: Identity): void {
  identity = { namespace, name, version };
}

/** Of the call that is running; throws a `TypeError` while none is. */
export function getExecutionContext(): ExecutionContext {
  const call = currentCall();
  if (call === undefined) throw new TypeError("getExecutionContext() is for the time of a call");
  return contextOf(call.head);
}

export function contextOf(head: CallHead): ExecutionContext {
  // Calls come after the assignment.
  if (identity === undefined) throw new TypeError("there is no function yet");
  const { executionId, cause } = head;
  const user = head.kind === "http" ? head.user : undefined;
  return {
    execution_id: executionId,
    function_name: identity.name,
    namespace: identity.namespace,
    version: identity.version,
    trigger_name: cause?.triggerName ?? null,
    event_id: cause?.eventId ?? null,
    attempt: cause?.attempt ?? null,
    user: user === undefined ? null : { id: user.id, email: user.email, role: user.role },
  };
}
