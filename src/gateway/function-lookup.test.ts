import assert from "node:assert/strict";
import { OrlaError } from "../base/errors.ts";
import { FunctionLookup } from "./function-lookup.ts";

const named = (name: string) => [{ namespace: "default", name }];

Deno.test("a name that memory does not know is asked of the database, once at a time", async () => {
  const asked: string[] = [];
  let answer = Promise.withResolvers<undefined>();
  const lookup = new FunctionLookup({
    find: () => undefined,
    resolve: (_, name) => {
      asked.push(name);
      return answer.promise;
    },
    sync: () => Promise.resolve(),
  });
  const questions = [lookup.resolve(named("a")), lookup.resolve(named("a"))];
  assert.deepEqual(asked, ["a"]);
  answer.resolve(undefined);
  await Promise.all(questions);
  await lookup.resolve(named("a"));
  assert.deepEqual(asked, ["a", "a"]);

  answer = Promise.withResolvers();
  const many = Array.from({ length: 16 }, (_, i) => lookup.resolve(named(`f${i}`)));
  await assert.rejects(
    lookup.resolve(named("one more")),
    (error) => error instanceof OrlaError && error.code === "overloaded",
  );
  answer.resolve(undefined);
  await Promise.all(many);
});
