/** The fields of what Orla answers. Whatever else answered in its place is found out here. */
import { OrlaError } from "./error.ts";

export class Answer {
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    if (typeof value !== "object" || value === null) {
      throw unexpected("an object");
    }
    this.#fields = { ...value };
  }

  value(name: string): unknown {
    return this.#fields[name];
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== "string") throw unexpected(`a text "${name}"`);
    return value;
  }

  number(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== "number") throw unexpected(`a number "${name}"`);
    return value;
  }

  date(name: string): Date {
    const date = new Date(this.text(name));
    if (Number.isNaN(date.getTime())) throw unexpected(`a time "${name}"`);
    return date;
  }

  list(name: string): readonly unknown[] {
    const value = this.#fields[name];
    if (!Array.isArray(value)) throw unexpected(`a list "${name}"`);
    return value;
  }
}

function unexpected(what: string): OrlaError {
  return new OrlaError("unexpected_answer", `The answer should have had ${what}.`);
}
