/** Writes values into SQL text so that no setting of the session can change what they mean. */

/** `"name"`, whatever is in the name. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/**
 * A value as JSON in a dollar-quoted literal, ASCII throughout: right under any client encoding and
 * with `standard_conforming_strings` on or off.
 */
export function jsonLiteral(value: unknown): string {
  const json = JSON.stringify(value).replace(/[\u007f-\uffff]/g, escapeCharacter);
  let tag = "$orla$";
  for (let suffix = 1; json.includes(tag); suffix++) tag = `$orla${suffix}$`;
  return tag + json + tag;
}

function escapeCharacter(character: string): string {
  return "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0");
}
