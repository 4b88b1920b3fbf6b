/**
 * The node's secrets: made at the first start, kept in `<data dir>/keys.json` (0600). A service key
 * given in the configuration takes the place of the kept one and is never written down.
 */
import { join } from "node:path";
import { z } from "zod";
import { OrlaError } from "../base/errors.ts";
import { generateKey } from "../gateway/keys.ts";
import { readIfPresent, writePrivateFile } from "./private-file.ts";

const keysSchema = z.object({
  /** Administers, and calls anything. */
  serviceKey: z.string().min(1),
  /** Calls functions. */
  anonKey: z.string().min(1),
  /** Of the embedded Postgres' superuser. */
  databasePassword: z.string().min(1),
});

export type Keys = Readonly<z.infer<typeof keysSchema>>;

export interface LoadedKeys {
  readonly keys: Keys;
  /** Made just now: a database that exists already does not know the password. */
  readonly areNew: boolean;
}

/** Removing the file and starting again changes all keys. */
export async function loadKeys(dataDir: string, serviceKey: string | null): Promise<LoadedKeys> {
  const path = join(dataDir, "keys.json");
  const kept = await readIfPresent(path);
  const keys = kept === null ? makeKeys() : parseKeys(path, kept);
  if (kept === null) await writePrivateFile(path, JSON.stringify(keys, null, 2) + "\n");
  return { keys: serviceKey === null ? keys : { ...keys, serviceKey }, areNew: kept === null };
}

function makeKeys(): Keys {
  return {
    serviceKey: generateKey("service"),
    anonKey: generateKey("anon"),
    databasePassword: randomToken(),
  };
}

/** 192 random bits in letters that need no quoting in URLs and shells. */
function randomToken(): string {
  return Array.from(
    crypto.getRandomValues(new Uint8Array(24)),
    (byte) => byte.toString(16).padStart(2, "0"),
  ).join("");
}

function parseKeys(path: string, text: string): Keys {
  try {
    return keysSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new OrlaError("internal", `${path} is damaged: expected the keys Orla wrote there`, {
      cause,
      hint: "Restore it from a backup, or remove it to have new keys made.",
    });
  }
}
