import { Logger as GraphileLogger } from "graphile-worker";
import type { Logger } from "../../base/log.ts";

/** What the library says, in our log. Failed jobs are told by ourselves, with what they were for. */
export function graphileLogger(log: Logger): GraphileLogger {
  return new GraphileLogger(() => (level, message) => {
    if (level === "error" && !message.startsWith("Failed task")) log.warn(message);
  });
}
