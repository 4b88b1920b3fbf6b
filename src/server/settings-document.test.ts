import assert from "node:assert/strict";
import { settingsDocument } from "./settings-document.ts";

const page = new URL("../../docs/settings.md", import.meta.url);

/** The formatter pads columns and wraps lines; what they say is what counts. */
const plain = (text: string) => text.replaceAll(/\s+/g, " ").replaceAll(/-{3,}/g, "---");

Deno.test("docs/settings.md says what the table says", async () => {
  const written = await Deno.readTextFile(page);
  assert.equal(
    plain(written),
    plain(settingsDocument()),
    "write it anew: bin/deno eval 'import { settingsDocument } from \"./src/server/" +
      "settings-document.ts\"; console.log(settingsDocument().trimEnd())' > docs/settings.md",
  );
});
