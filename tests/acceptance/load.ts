/** Constant load on one function: workers that send the next request when the last is answered. */
import { callFunction, type Node } from "./http-calls.ts";

export interface Answer {
  /** `performance.now()` when the request was sent, and when its last byte had come. */
  readonly sentAt: number;
  readonly endedAt: number;
  /** 0 when there was no answer. */
  readonly status: number;
  readonly body: string;
}

export interface Load {
  readonly answers: readonly Answer[];
  /** Resolves when so many more requests have been answered. */
  more(count: number): Promise<void>;
  /** Lets the requests under way end. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  readonly workers: number;
  /** The next call; a plain GET without it. */
  readonly request?: (n: number) => RequestInit;
}

export function startLoad(node: Node, name: string, options: LoadOptions): Load {
  const answers: Answer[] = [];
  const waiting = new Set<{ readonly count: number; readonly reached: () => void }>();
  let sent = 0;
  let stopping = false;

  const work = async () => {
    while (!stopping) {
      const sentAt = performance.now();
      let status = 0;
      let body: string;
      try {
        const response = await callFunction(node, name, options.request?.(sent++));
        body = await response.text();
        status = response.status;
      } catch (thrown) {
        body = String(thrown);
      }
      answers.push({ sentAt, endedAt: performance.now(), status, body });
      for (const waiter of waiting) {
        if (answers.length < waiter.count) continue;
        waiting.delete(waiter);
        waiter.reached();
      }
    }
  };
  const workers = Array.from({ length: options.workers }, work);
  return {
    answers,
    more: (count) =>
      new Promise((reached) => waiting.add({ count: answers.length + count, reached })),
    async stop() {
      stopping = true;
      await Promise.all(workers);
    },
  };
}

/** Empty when all is well: one line for each kind of answer that was not 200. */
export function failures(answers: readonly Answer[]): string[] {
  const kinds = new Map<string, number>();
  for (const { status, body } of answers) {
    if (status === 200) continue;
    const kind = `${status} ${body}`;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return [...kinds].map(([kind, count]) => `${count} × ${kind}`);
}
