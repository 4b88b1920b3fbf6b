/** Tells the dialect's statements from everyone else's by their first words. */
import type { Piece } from "./split.ts";

export type Class =
  | { readonly kind: "plain" }
  /** In the dialect; `parser` reads it. */
  | { readonly kind: "edge"; readonly parser: StatementParser }
  /** In the dialect, but this release does not do it. */
  | { readonly kind: "unsupported"; readonly name: string; readonly position: number }
  /** `VERB EDGE` and then nothing of ours: no SQL either. */
  | { readonly kind: "unknown"; readonly expected: readonly string[] };

export type StatementParser =
  | "create"
  | "alter"
  | "drop"
  | "list"
  | "execute"
  | "rollback"
  | "warm"
  | "create_trigger"
  | "alter_trigger"
  | "drop_trigger"
  | "enable_trigger"
  | "disable_trigger"
  | "execute_trigger";

const plain: Class = { kind: "plain" };

/** What may follow `VERB EDGE`: the parser for it, or `null` when it is not supported yet. */
const edgeVerbs: Readonly<Record<string, Readonly<Record<string, StatementParser | null>>>> = {
  create: { function: "create", chain: null },
  alter: { function: "alter", chain: null },
  drop: { function: "drop", chain: null },
  execute: { function: "execute", chain: null },
  rollback: { function: "rollback" },
  list: { functions: "list", deployments: null, chains: null, triggers: "list", alerts: null },
  deploy: { function: null },
  undeploy: { function: null },
  warm: { function: "warm" },
};

export function classify(piece: Piece): Class {
  const { head } = piece;
  const verb = head[0] ?? "";
  const words = verb === "create" && head[1] === "or" && head[2] === "replace"
    ? [verb, ...head.slice(3)]
    : head;
  if (words[1] === "edge") return classifyEdgeVerb(piece, verb, words[2]);
  return classifyRest(piece, verb, words);
}

function classifyEdgeVerb(piece: Piece, verb: string, object: string | undefined): Class {
  const objects = Object.hasOwn(edgeVerbs, verb) ? edgeVerbs[verb] : undefined;
  if (objects === undefined) return plain;
  // EXECUTE edge and EXECUTE edge(1) run a prepared statement of that name.
  if (verb === "execute" && !isName(object)) return plain;
  if (object === undefined || !Object.hasOwn(objects, object)) {
    return { kind: "unknown", expected: Object.keys(objects).map((word) => word.toUpperCase()) };
  }
  const parser = objects[object] ?? null;
  if (parser !== null) return { kind: "edge", parser };
  return unsupported(piece, `${verb} edge ${object}`.toUpperCase());
}

function classifyRest(piece: Piece, verb: string, words: readonly string[]): Class {
  switch (verb) {
    case "grant":
    case "revoke":
      return piece.edgeTail === -1
        ? plain
        : unsupported(piece, `${verb.toUpperCase()} … ON EDGE FUNCTION`);
    case "explain":
    case "prepare":
      if (piece.edgeTail === -1) return plain;
      return unsupported(piece, `${verb.toUpperCase()} … EXECUTE EDGE FUNCTION`, piece.edgeTail);
    case "create":
      if (words[1] === "alert") return unsupported(piece, "CREATE ALERT");
      if (words[1] === "trigger" || (words[1] === "constraint" && words[2] === "trigger")) {
        if (piece.edgeTail === -1) return plain;
        if (words[1] === "constraint") {
          return unsupported(piece, "CREATE CONSTRAINT TRIGGER … EXECUTE EDGE FUNCTION");
        }
        return { kind: "edge", parser: "create_trigger" };
      }
      return plain;
    case "drop":
      if (words[1] === "alert" && words[2] !== undefined) return unsupported(piece, "DROP ALERT");
      if (words[1] === "trigger" && words[2] !== undefined && !piece.hasOn) {
        return { kind: "edge", parser: "drop_trigger" };
      }
      return plain;
    case "alter":
      if (words[1] === "trigger" && (words[3] === "set" || words[5] === "set")) {
        return { kind: "edge", parser: "alter_trigger" };
      }
      return plain;
    case "enable":
    case "disable":
      return words[1] === "trigger" ? { kind: "edge", parser: `${verb}_trigger` } : plain;
    case "execute":
      // EXECUTE trigger and EXECUTE trigger(1) run a prepared statement of that name.
      return words[1] === "trigger" && (isName(words[2]) || words[2] === "…")
        ? { kind: "edge", parser: "execute_trigger" }
        : plain;
    default:
      return plain;
  }
}

function unsupported(piece: Piece, name: string, position = piece.tokens.start): Class {
  return { kind: "unsupported", name, position };
}

function isName(head: string | undefined): boolean {
  return head !== undefined && /^[a-z_]/.test(head);
}
