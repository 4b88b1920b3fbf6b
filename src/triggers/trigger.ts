/**
 * What a trigger is: the cause of a function's invocations, declared in SQL.
 *
 * *Synchronous* triggers (HTTP, BEFORE and INSTEAD OF on tables) answer whoever caused them.
 * *Asynchronous* ones (AFTER on tables, schedules, queues, uploads) put a job into the queue, in the
 * transaction that caused them where there is one, and are retried until they succeed or are dead.
 */
import { z } from "zod";

export const triggerKinds = ["database", "http", "schedule", "queue", "upload", "hook"] as const;

export type TriggerKind = typeof triggerKinds[number];

const base = {
  /** Never reused. */
  triggerId: z.string(),
  namespace: z.string(),
  name: z.string(),
  functionId: z.string(),
  enabled: z.boolean(),
  /** The role that made it, with whose rights asynchronous invocations run. */
  owner: z.string(),
  /** As `optionsOf` in trigger-options.ts has them by kind; absent ones have their defaults. */
  options: z.record(z.string(), z.unknown()),
  /** Of a webhook's sender. Never shown. */
  secret: z.string().nullable(),
};

const event = z.object({
  operation: z.enum(["insert", "update", "delete"]),
  columns: z.array(z.string()),
});

const argument = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("row"), row: z.enum(["new", "old"]) }),
  z.object({ kind: z.literal("column"), row: z.enum(["new", "old"]), column: z.string() }),
  z.object({
    kind: z.literal("literal"),
    value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
  }),
]);

export const triggerSchema = z.discriminatedUnion("kind", [
  z.object({
    ...base,
    kind: z.literal("database"),
    spec: z.object({
      timing: z.enum(["before", "after", "instead_of"]),
      events: z.array(event),
      /** As `regclass` prints it. */
      table: z.string(),
      forEach: z.enum(["row", "statement"]),
      when: z.string().nullable(),
    }),
    arguments: z.array(argument).nullable(),
  }),
  z.object({
    ...base,
    kind: z.literal("http"),
    spec: z.object({
      method: z.string(),
      path: z.string(),
      /** The path with the names of its parameters left out: what conflicts are found by. */
      route: z.string(),
      host: z.string().nullable(),
    }),
  }),
  z.object({ ...base, kind: z.literal("schedule"), spec: z.object({ schedule: z.string() }) }),
  z.object({ ...base, kind: z.literal("queue"), spec: z.object({ queue: z.string() }) }),
  z.object({ ...base, kind: z.literal("upload"), spec: z.object({ bucket: z.string() }) }),
  z.object({ ...base, kind: z.literal("hook"), spec: z.object({ hook: z.string() }) }),
]);

export type Trigger = z.infer<typeof triggerSchema>;

export type TriggerOf<Kind extends TriggerKind> = Extract<Trigger, { kind: Kind }>;
