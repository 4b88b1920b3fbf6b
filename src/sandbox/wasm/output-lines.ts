/** What a program prints, as lines for the log. */

/** A line without an end is given up to here. */
const MAX_LINE = 16 * 1024;

export class OutputLines {
  readonly #decoder = new TextDecoder();
  readonly #line: (text: string) => void;
  #rest = "";

  constructor(line: (text: string) => void) {
    this.#line = line;
  }

  write(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
    if (this.#rest.length > MAX_LINE) this.end();
  }

  end(): void {
    if (this.#rest !== "") this.#line(this.#rest);
    this.#rest = "";
  }
}
