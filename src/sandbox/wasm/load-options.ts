/** What the generated module hands its loader. */
export interface LoadOptions {
  /** The module. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** `console` of the instance, whose lines belong to the running call. */
  readonly log: { log(line: string): void; error(line: string): void };
}
