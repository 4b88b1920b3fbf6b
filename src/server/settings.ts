/**
 * Every setting of `orla start`, once: the command line's help, the documentation and the reader of
 * the configuration (config.ts) all come from this table, in its order.
 *
 * A setting listed as `unsupported` is one the platform will have; setting it is refused, so that
 * nobody relies on what is not there.
 */
import { instanceSettings } from "./instance-settings.ts";
import { nodeSettings } from "./node-settings.ts";
import { serviceSettings } from "./service-settings.ts";
import type { Setting } from "./setting.ts";

export const settings = { ...nodeSettings, ...instanceSettings, ...serviceSettings } as const;

export type SettingName = keyof typeof settings;
export type SettingValues = {
  readonly [K in SettingName]: (typeof settings)[K] extends Setting<infer T> ? T : never;
};

/** The table as a list, for help and documentation. */
export const settingList: ReadonlyArray<readonly [SettingName, Setting]> =
  // The keys are the literal's own: nothing else can be added to a frozen `as const` object.
  (Object.keys(settings) as SettingName[]).map((name) => [name, settings[name] as Setting]);
