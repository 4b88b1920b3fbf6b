/** What a client of S3 has to be told to use a node's objects. */
import { S3_PATH } from "../api/s3/s3-path.ts";
import { type S3Access, s3AccessOf } from "../storage/s3-access.ts";
import type { NodeState } from "./state-file.ts";

export interface S3Settings extends S3Access {
  readonly endpoint: string;
}

export function s3SettingsOf(
  { http, serviceKey }: Pick<NodeState, "http" | "serviceKey">,
): S3Settings {
  return { endpoint: `${http}${S3_PATH}`, ...s3AccessOf(serviceKey) };
}
