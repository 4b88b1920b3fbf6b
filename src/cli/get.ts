/** `orla get`: one value of the state file, for use in other commands: `psql "$(orla get sql)"`. */
import { s3SettingsOf } from "../server/s3-settings.ts";
import type { LocateOptions, StateField } from "./command-tree.ts";
import { type ExitCode, exitCodes } from "./exit-code.ts";
import { findNode, notRunningMessage } from "./running-node.ts";
import { print, printError } from "./terminal.ts";

export async function get(field: StateField, options: LocateOptions): Promise<ExitCode> {
  const sighting = await findNode(options);
  if (sighting.is === "running") {
    print(valueOf(field, sighting.state));
    return exitCodes.ok;
  }
  if (sighting.is === "absent") {
    printError(notRunningMessage(sighting.dataDir));
    return exitCodes.notRunning;
  }
  printError(`Orla (pid ${sighting.pid}) is starting or stopping; try again.`);
  return exitCodes.failed;
}

type State = Extract<Awaited<ReturnType<typeof findNode>>, { is: "running" }>["state"];

function valueOf(field: StateField, state: State): string {
  switch (field) {
    case "http":
      return state.http;
    case "sql":
      return state.sql;
    case "database-url":
      return state.databaseUrl;
    case "service-key":
      return state.serviceKey;
    case "anon-key":
      return state.anonKey;
    case "s3-endpoint":
      return s3SettingsOf(state).endpoint;
    case "s3-access-key":
      return s3SettingsOf(state).accessKeyId;
    case "s3-secret-key":
      return s3SettingsOf(state).secretAccessKey;
    case "pid":
      return String(state.pid);
    default:
      return field satisfies never;
  }
}
