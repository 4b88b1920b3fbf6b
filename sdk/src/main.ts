/** What the package offers. */
export { type ClientOptions, createClient, OrlaClient } from "./client.ts";
export { type ClientErrorCode, OrlaError } from "./error.ts";
export type { FunctionRequest, Functions, InvokeOptions } from "./functions.ts";
export type { HookResult, Hooks } from "./hooks.ts";
export type { Message, MessageOptions, Queues, SendOptions } from "./queues.ts";
export type { GetOptions, PutOptions, SignOptions, Storage, StoredObject } from "./storage.ts";
export type { CallOptions } from "./transport.ts";
