/**
 * The types of a database, by their ids, as far as results have needed them. Types of the system never
 * change; others are asked for again after a while, as people may have changed them.
 */
import { z } from "zod";
import type { Queryable } from "../../catalog/queryable.ts";
import {
  arrayToJson,
  booleanToJson,
  compositeFields,
  jsonToJson,
  numberToJson,
  textToJson,
  timestampToJson,
  type ToJson,
} from "./value-json.ts";

/** Types with lower ids come with Postgres. */
const FIRST_USER_TYPE = 16384;
const USER_TYPE_TTL_MS = 30_000;

/** Look like arrays, are printed like none. */
const OLD_VECTORS = new Set([22, 30]);

const QUERY = `
  SELECT t.oid::text AS id, format_type(t.oid, -1) AS name, t.typtype AS kind,
    CASE WHEN t.typcategory = 'A' THEN t.typelem::text END AS element, t.typdelim AS delimiter,
    nullif(t.typbasetype, 0)::text AS base,
    CASE WHEN t.typtype = 'c' THEN (
      SELECT jsonb_agg(jsonb_build_array(a.attname, a.atttypid::text) ORDER BY a.attnum)
      FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) END AS attributes
  FROM pg_type t WHERE t.oid = ANY ($1::oid[])`;

const id = z.string().transform(Number);
const typeRow = z.object({
  id,
  name: z.string(),
  kind: z.string(),
  element: id.nullable(),
  delimiter: z.string(),
  base: id.nullable(),
  attributes: z.array(z.tuple([z.string(), id])).nullable(),
});

type TypeRow = z.infer<typeof typeRow>;

interface KnownType extends TypeRow {
  readonly until: number;
}

const byName: Readonly<Record<string, ToJson>> = {
  boolean: booleanToJson,
  smallint: numberToJson,
  integer: numberToJson,
  bigint: numberToJson,
  real: numberToJson,
  "double precision": numberToJson,
  numeric: numberToJson,
  json: jsonToJson,
  jsonb: jsonToJson,
  "timestamp without time zone": timestampToJson,
  "timestamp with time zone": timestampToJson,
};

export class TypeCatalog {
  readonly #database: Queryable;
  readonly #now: () => number;
  readonly #types = new Map<number, KnownType>();

  constructor(database: Queryable, now: () => number = () => performance.now()) {
    this.#database = database;
    this.#now = now;
  }

  /** Makes these types, and those they are made of, known to the other methods. */
  async load(ids: readonly number[]): Promise<void> {
    const now = this.#now();
    for (let missing = this.#missing(ids, now); missing.length > 0;) {
      const { rows } = await this.#database.query(QUERY, [missing]);
      const found = z.array(typeRow).parse(rows);
      for (const type of found) {
        const until = type.id < FIRST_USER_TYPE ? Infinity : now + USER_TYPE_TTL_MS;
        this.#types.set(type.id, { ...type, until });
      }
      missing = this.#missing(found.flatMap(partsOf), now);
    }
  }

  nameOf(typeId: number): string {
    return this.#types.get(typeId)?.name ?? "unknown";
  }

  isArray(typeId: number): boolean {
    const type = this.#types.get(typeId);
    if (type === undefined) return false;
    return type.base === null ? isArray(type) : this.isArray(type.base);
  }

  /** The type and what it is made of must have been loaded. */
  toJson(typeId: number): ToJson {
    const type = this.#types.get(typeId);
    if (type === undefined) return textToJson; // dropped meanwhile
    const { base, element, attributes, delimiter } = type;
    if (base !== null) return this.toJson(base);
    if (element !== null && isArray(type)) {
      const elementToJson = this.toJson(element);
      return (text) => arrayToJson(text, delimiter, elementToJson);
    }
    if (attributes !== null) return (text) => this.#compositeToJson(text, attributes);
    return byName[type.name] ?? textToJson;
  }

  #compositeToJson(text: string, attributes: readonly (readonly [string, number])[]): string {
    const fields = compositeFields(text);
    if (fields.length !== attributes.length) return textToJson(text); // changed meanwhile
    const members = attributes.map(([name, typeId], index) => {
      const field = fields[index] ?? null;
      return `${JSON.stringify(name)}:${field === null ? "null" : this.toJson(typeId)(field)}`;
    });
    return `{${members.join(",")}}`;
  }

  #missing(ids: readonly number[], now: number): number[] {
    return [...new Set(ids)].filter((typeId) => {
      const known = this.#types.get(typeId);
      return known === undefined || known.until < now;
    });
  }
}

function isArray({ element, id }: TypeRow): boolean {
  return element !== null && element !== 0 && !OLD_VECTORS.has(id);
}

function partsOf({ element, base, attributes }: TypeRow): number[] {
  return [element, base, ...attributes?.map(([, typeId]) => typeId) ?? []]
    .filter((part): part is number => part !== null && part !== 0);
}
