/** A DNS server that answers what a test wants, over UDP on loopback, and a resolver that asks it. */
import { createSocket } from "node:dgram";
import type { Resolver } from "../../src/egress/resolver.ts";

export interface DnsServer extends AsyncDisposable {
  readonly resolver: Resolver;
  /** Names asked for, in order. */
  readonly asked: string[];
  /** Each query takes the next list of addresses; the last one stays. */
  answer(name: string, ...lists: readonly (readonly string[])[]): void;
}

const TYPE_A = 1;
const TYPE_AAAA = 28;

export async function startDnsServer(): Promise<DnsServer> {
  const socket = createSocket("udp4");
  const answers = new Map<string, (readonly string[])[]>();
  const asked: string[] = [];
  socket.on("message", (query, from) => {
    const { name, type, end } = questionOf(query);
    if (type === TYPE_A) asked.push(name);
    const lists = answers.get(name);
    // One list for both types: the query for A, which comes first, does not use it up.
    const list = type === TYPE_AAAA && lists !== undefined && lists.length > 1
      ? lists.shift()
      : lists?.[0];
    socket.send(response(query, end, type, list), from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  const { port } = socket.address();
  const ask = async (name: string, type: "A" | "AAAA") => {
    const nameServer = { ipAddr: "127.0.0.1", port };
    return await Deno.resolveDns(name, type, { nameServer }).catch(() => []);
  };
  return {
    asked,
    resolver: {
      resolve: async (name) => [...await ask(`${name}.`, "A"), ...await ask(`${name}.`, "AAAA")],
    },
    answer: (name, ...lists) => void answers.set(name, [...lists]),
    [Symbol.asyncDispose]: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function questionOf(query: Uint8Array): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(new TextDecoder().decode(query.subarray(at + 1, at + 1 + length)));
    at += 1 + length;
  }
  return { name: labels.join(".").toLowerCase(), type: query[at + 2] ?? 0, end: at + 5 };
}

function response(
  query: Uint8Array,
  questionEnd: number,
  type: number,
  addresses: readonly string[] | undefined,
): Uint8Array {
  const fits = (text: string) => (type === TYPE_AAAA) === text.includes(":");
  const records = (addresses ?? []).filter(fits).map((text) => [
    ...[0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0],
    ...type === TYPE_A ? [0, 4, ...text.split(".").map(Number)] : [0, 16, ...v6Bytes(text)],
  ]);
  const noSuchName = addresses === undefined ? 3 : 0;
  const header = [query[0], query[1], 0x81, 0x80 | noSuchName, 0, 1, 0, records.length, 0, 0, 0, 0];
  const question = query.subarray(12, questionEnd);
  return new Uint8Array([...header.map(Number), ...question, ...records.flat()]);
}

/** Full groups, or `::` with groups around it. */
function v6Bytes(text: string): number[] {
  const [head = "", tail] = text.split("::");
  const groups = (part: string) =>
    part === "" ? [] : part.split(":").map((group) => parseInt(group, 16));
  const [left, right] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? [] : new Array<number>(8 - left.length - right.length).fill(0);
  return [...left, ...zeros, ...right].flatMap((group) => [group >> 8, group & 0xff]);
}
