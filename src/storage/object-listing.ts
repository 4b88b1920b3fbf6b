/** A page of a bucket's names, those below one folder as the folder alone. */
import { Buffer } from "node:buffer";
import type { StoredObject } from "./object-table.ts";

export interface ListRequest {
  readonly prefix: string;
  /** What ends a folder's name, such as `/`; `null` lists every object. */
  readonly delimiter: string | null;
  readonly from: ListPlace;
  /** Objects and folders together. */
  readonly limit: number;
}

/** Where a page begins: with this name, or right after it. */
export type ListPlace =
  | { readonly at: string }
  | { readonly after: string };

export interface Listing {
  readonly objects: readonly StoredObject[];
  /** With the delimiter at the end. */
  readonly folders: readonly string[];
  /** Where the next page begins; `null` when this is the last. */
  readonly next: string | null;
}

/** Names from `from` on, with the prefix, in the order of UTF-8 bytes. */
export type ReadPage = (from: string, limit: number) => Promise<readonly StoredObject[]>;

export async function listObjects(
  read: ReadPage,
  { prefix, delimiter, from, limit }: ListRequest,
): Promise<Listing> {
  const objects: StoredObject[] = [];
  const folders: string[] = [];
  const full = () => objects.length + folders.length >= limit;
  let place: string | null = startOf(from, prefix, delimiter);
  while (place !== null) {
    // One more than fits tells whether there is another page.
    const wanted = limit - objects.length - folders.length + 1;
    const page = await read(place, wanted);
    let next: string | null = null;
    for (const object of page) {
      if (next !== null && isBefore(object.name, next)) continue;
      if (full()) return { objects, folders, next: object.name };
      const folder = folderOf(object.name, prefix, delimiter);
      if (folder === null) objects.push(object);
      else folders.push(folder);
      next = folder === null ? nameAfter(object.name) : successor(folder);
      if (next === null) return { objects, folders, next };
    }
    place = page.length < wanted ? null : next;
  }
  return { objects, folders, next: null };
}

function startOf(from: ListPlace, prefix: string, delimiter: string | null): string | null {
  if ("at" in from) return from.at;
  // Whoever goes on after a folder has seen it.
  return folderOf(from.after, prefix, delimiter) === from.after
    ? successor(from.after)
    : nameAfter(from.after);
}

function folderOf(name: string, prefix: string, delimiter: string | null): string | null {
  if (delimiter === null || !name.startsWith(prefix)) return null;
  const end = name.indexOf(delimiter, prefix.length);
  return end === -1 ? null : name.slice(0, end + delimiter.length);
}

/** No name has control characters: nothing lies between a name and this. */
function nameAfter(name: string): string {
  return `${name}\u0001`;
}

/** The first text after all that begin with this one; `null` where none is. */
function successor(text: string): string | null {
  const points = Array.from(text, (character) => character.codePointAt(0) ?? 0);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  if (last === undefined) return null;
  // Surrogates are no characters.
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}

/** In the order of UTF-8 bytes. */
function isBefore(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
}
