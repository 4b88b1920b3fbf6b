/** What the `orla` command's exit codes mean, the same for every command. */
export const exitCodes = {
  /** It did what was asked. */
  ok: 0,
  /** It could not: the message says why. */
  failed: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** `orla doctor`: functions are confined less than is required. */
  belowLevel: 2,
  /** No Orla runs with this data directory. */
  notRunning: 3,
} as const;

export type ExitCode = typeof exitCodes[keyof typeof exitCodes];
