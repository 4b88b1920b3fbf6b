import { s3AccessOf } from "../storage/s3-access.ts";
import type { Config } from "./config.ts";
import type { Keys } from "./keys.ts";

/** What no line of the log may hold. */
export function secretsOf(config: Config, keys: Keys): string[] {
  const passwordIn = (url: string | null) => url === null ? "" : new URL(url).password;
  return [
    ...[keys.serviceKey, keys.anonKey, keys.databasePassword],
    s3AccessOf(keys.serviceKey).secretAccessKey,
    ...[config.jwtSecret ?? "", config.s3SecretKey ?? ""],
    ...[config.databaseUrl, config.redisUrl].map(passwordIn).flatMap((
      password,
    ) => [password, decodeURIComponent(password)]),
  ];
}
