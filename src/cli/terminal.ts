/** Text to people: results on standard output, everything else on standard error. */
import { writeSync } from "node:fs";

export function print(text: string): void {
  write(1, text + "\n");
}

export function printError(text: string): void {
  write(2, text + "\n");
}

/** Synchronous, so that nothing is lost at exit; a reader that has gone (`| head`) is no error. */
function write(descriptor: 1 | 2, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (thrown) {
      if (isBusy(thrown)) continue;
      return;
    }
  }
}

/** A pipe set to non-blocking by whoever shares it, and full at the moment. */
function isBusy(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && thrown.code === "EAGAIN";
}
