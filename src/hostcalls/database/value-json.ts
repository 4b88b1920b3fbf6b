/** Values as Postgres prints them, turned into JSON text as `to_jsonb` renders them. */

/** Turns the text of one value, never NULL, into JSON text. */
export type ToJson = (text: string) => string;

export const textToJson: ToJson = (text) => JSON.stringify(text);

export const booleanToJson: ToJson = (text) => text === "t" ? "true" : "false";

/** `NaN`, `Infinity` and `-Infinity` have no digits in JSON. */
export const numberToJson: ToJson = (text) => /^[NI]|^-I/.test(text) ? JSON.stringify(text) : text;

export const jsonToJson: ToJson = (text) => text;

const timestamp =
  /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:([+-]\d\d)(:\d\d(?::\d\d)?)?)?( BC)?$/;

/** ISO 8601, as far as it goes: `infinity` stays what it is. */
export const timestampToJson: ToJson = (text) => {
  const parts = timestamp.exec(text);
  if (parts === null) return JSON.stringify(text);
  const [, date, time, hours, minutes, era = ""] = parts;
  const zone = hours === undefined ? "" : `${hours}${minutes ?? ":00"}`;
  return `"${date}T${time}${zone}${era}"`;
};

/** An array's literal, `{1,2,NULL}`, perhaps with bounds before it: `[0:1]={1,2}`. */
export function arrayToJson(text: string, delimiter: string, element: ToJson): string {
  let at = text.startsWith("[") ? text.indexOf("=") + 1 : 0;
  const list = (): string => {
    at++; // {
    const items: string[] = [];
    while (at < text.length && text.charAt(at) !== "}") {
      items.push(item());
      if (text.charAt(at) === delimiter) at++;
    }
    at++; // }
    return `[${items.join(",")}]`;
  };
  const item = (): string => {
    const first = text.charAt(at);
    if (first === "{") return list();
    if (first === '"') return element(quoted());
    const from = at;
    while (at < text.length && text.charAt(at) !== delimiter && text.charAt(at) !== "}") at++;
    const bare = text.slice(from, at);
    return bare === "NULL" ? "null" : element(bare);
  };
  const quoted = (): string => {
    let value = "";
    for (at++; at < text.length; at++) {
      const char = text.charAt(at);
      if (char === '"') break;
      value += char === "\\" ? text.charAt(++at) : char;
    }
    at++; // "
    return value;
  };
  return list();
}

/** The texts of a composite's fields, `(1,"a b",)`; an empty one is NULL. */
export function compositeFields(text: string): (string | null)[] {
  const fields: (string | null)[] = [];
  let field: string | null = null;
  let isQuoted = false;
  for (let at = 1; at < text.length; at++) {
    const char = text.charAt(at);
    if (!isQuoted && (char === "," || char === ")")) {
      fields.push(field);
      field = null;
      if (char === ")") break;
    } else if (char === '"') {
      // Doubled inside quotes it is a character.
      if (isQuoted && text.charAt(at + 1) === '"') {
        field = (field ?? "") + text.charAt(++at);
      } else {
        isQuoted = !isQuoted;
        field ??= "";
      }
    } else {
      field = (field ?? "") + (char === "\\" ? text.charAt(++at) : char);
    }
  }
  return fields;
}
