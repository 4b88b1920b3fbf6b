/** Server-sent events, from text to messages (HTML standard, section 9.2.6). */

export interface ServerEvent {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** A message nobody ends must not grow for ever. */
const MAX_MESSAGE_CHARACTERS = 8 << 20;

export class EventStreamParser {
  lastEventId = "";
  /** Milliseconds, when the server has said. */
  retryMs: number | undefined;
  readonly #onEvent: (event: ServerEvent) => void;
  #rest = "";
  #begun = false;
  #type = "";
  #data = "";

  constructor(onEvent: (event: ServerEvent) => void) {
    this.#onEvent = onEvent;
  }

  push(text: string): void {
    if (!this.#begun && text !== "") {
      this.#begun = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    const whole = this.#rest + text;
    let start = 0;
    for (let at = 0; at < whole.length; at++) {
      const code = whole.charCodeAt(at);
      if (code !== LF && code !== CR) continue;
      // What follows decides whether it is one line end or two.
      if (code === CR && at === whole.length - 1) break;
      this.#line(whole.slice(start, at));
      if (code === CR && whole.charCodeAt(at + 1) === LF) at++;
      start = at + 1;
    }
    this.#rest = whole.slice(start);
    if (this.#rest.length + this.#data.length > MAX_MESSAGE_CHARACTERS) {
      throw new RangeError("an event is too large");
    }
  }

  #line(line: string): void {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const skip = line.charCodeAt(colon + 1) === SPACE ? 2 : 1;
    const value = colon < 0 ? "" : line.slice(colon + skip);
    switch (field) {
      case "event":
        this.#type = value;
        break;
      case "data":
        this.#data += `${value}\n`;
        break;
      case "id":
        if (!value.includes("\0")) this.lastEventId = value;
        break;
      case "retry":
        if (/^\d{1,9}$/.test(value)) this.retryMs = Number(value);
        break;
    }
  }

  #dispatch(): void {
    const [type, data] = [this.#type || "message", this.#data];
    this.#type = this.#data = "";
    if (data === "") return;
    this.#onEvent({ type, data: data.slice(0, -1), lastEventId: this.lastEventId });
  }
}

const LF = 10;
const CR = 13;
const SPACE = 32;
