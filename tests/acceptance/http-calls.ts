/** Calls of functions over HTTP, as a holder of the anon key. */
import type { OrlaProcess } from "../orla.ts";

export type Node = Pick<OrlaProcess, "http" | "anonKey">;

export function functionUrl(node: Node, name: string): string {
  return `${node.http}/functions/v1/${name}`;
}

export async function callFunction(
  node: Node,
  name: string,
  init: RequestInit = {},
): Promise<Response> {
  const headers = new Headers(init.headers);
  headers.set("apikey", node.anonKey);
  return await fetch(functionUrl(node, name), { ...init, headers });
}

/** Calls with JSON arguments; the answer must be 200 and is JSON. */
export async function callJson(node: Node, name: string, ...args: unknown[]): Promise<unknown> {
  const response = await callFunction(node, name, { method: "POST", body: JSON.stringify(args) });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${name} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}
