/** A row: one question about performance, answered for Orla and its peers in the same run. */
import type { LoadGenerator } from "./load.ts";
import type { RowReport } from "./report.ts";

export interface RowContext {
  /** Fewer and shorter turns: shows that everything works, and roughly where it stands. */
  readonly quick: boolean;
  /** Measure the peers alone. */
  readonly peersOnly: boolean;
  readonly load: LoadGenerator;
  /** Progress for whoever waits. */
  progress(message: string): void;
}

export interface Row {
  readonly name: string;
  readonly question: string;
  run(context: RowContext): Promise<RowReport>;
}
