/** The table of settings as a page for people: `docs/settings.md`, kept equal by a test. */
import type { Setting } from "./setting.ts";
import { settingList, type SettingName } from "./settings.ts";

export function settingsDocument(): string {
  const supported = settingList.filter(([, { unsupported }]) => unsupported === undefined);
  const future = settingList.filter(([, { unsupported }]) => unsupported !== undefined);
  return [
    "# Settings",
    "",
    "Each can be given as a flag of `orla start`, as an environment variable, or as a key of `orla.json` in",
    "the working directory (or of the file that `--config` names). A flag wins over the environment, which",
    "wins over the file. An unknown flag, key or `ORLA_…` variable stops the start with its name; so does a",
    "value that does not fit. An empty variable counts as not set. A path in the file starts from the file.",
    "",
    "| variable | flag | key in `orla.json` | default | what it is |",
    "| --- | --- | --- | --- | --- |",
    ...supported.map(row),
    "",
    "Known, and refused until their features are there:",
    "",
    ...future.map(([, { env, unsupported }]) => `- \`${env}\`: ${unsupported}.`),
    "",
  ].join("\n");
}

function row([name, setting]: readonly [SettingName, Setting]): string {
  const { env, flag, help, secret } = setting;
  const shown = setting.shownDefault ?? setting.default;
  const fallback = shown === null ? "–" : /\s/.test(String(shown)) ? shown : `\`${shown}\``;
  // A flag can be read by every user of the machine.
  const note = secret ? " Secret: prefer the variable." : "";
  const cells = [`\`${env}\``, `\`--${flag}\``, `\`${name}\``, fallback, `${help}.${note}`];
  return `| ${cells.join(" | ")} |`;
}
