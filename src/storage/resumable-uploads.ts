/**
 * Uploads that survive broken connections and dead nodes, by the tus protocol 1.0
 * (https://tus.io/protocols/resumable-upload). The server is @tus/server; what it gathers waits in a
 * directory of this node until it is whole, and then becomes an object.
 *
 * What was made an object stays there for a while without its bytes, as a file with a hole of its size:
 * a client that missed the last answer asks, and learns that nothing is left to send.
 */
import { join } from "node:path";
import type { FileStore } from "@tus/file-store";
import type { Server } from "@tus/server";
import { OrlaError, toOrlaError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import type { Objects } from "./objects.ts";
import { refusalOf } from "./resumable-request.ts";
import { diskFull, isFull } from "./disk-full.ts";

export interface ResumableUploadsOptions {
  readonly directory: string;
  /** Where HTTP requests for it arrive. */
  readonly path: string;
  readonly objects: Objects;
  readonly log: Logger;
}

/** For the whole of an upload, pauses included. */
const KEEP_MS = 7 * 24 * 3_600_000;

type Metadata = Readonly<Record<string, string | null>> | undefined;
type Waiting = {
  readonly id: string;
  readonly metadata?: Record<string, string | null> | undefined;
};

interface Protocol {
  readonly store: FileStore;
  readonly server: Server;
}

export class ResumableUploads {
  readonly #directory: string;
  readonly #path: string;
  readonly #objects: Objects;
  readonly #log: Logger;
  #protocol: Promise<Protocol> | undefined;

  private constructor({ directory, path, objects, log }: ResumableUploadsOptions) {
    this.#directory = directory;
    this.#path = path;
    this.#objects = objects;
    this.#log = log.with({ part: "storage" });
  }

  static async open(options: ResumableUploadsOptions): Promise<ResumableUploads> {
    await Deno.mkdir(options.directory, { recursive: true, mode: 0o700 });
    return new ResumableUploads(options);
  }

  async handle(request: Request): Promise<Response> {
    const refusal = refusalOf(request);
    if (refusal !== null) {
      await request.body?.cancel();
      return refusal;
    }
    const { server } = await this.#open();
    return await server.handleWeb(request);
  }

  /** Finishes what was whole when a node died, and removes what nobody went on with. */
  async sweep(): Promise<void> {
    const names = await Array.fromAsync(Deno.readDir(this.#directory), ({ name }) => name);
    if (names.length === 0) return;
    const { store, server } = await this.#open();
    for (const name of names.filter((name) => name.endsWith(".json"))) {
      try {
        const upload = await store.getUpload(name.slice(0, -".json".length));
        if (upload.size !== undefined && upload.offset === upload.size) await this.#finish(upload);
      } catch (error) {
        this.#log.warn("cannot finish an upload that is whole; trying again later", {
          upload: name,
          error,
        });
      }
    }
    await server.cleanUpExpiredUploads();
  }

  #open(): Promise<Protocol> {
    return this.#protocol ??= this.#load();
  }

  /** It takes 20 MB and a fifth of a second, which nodes without such uploads need not spend. */
  async #load(): Promise<Protocol> {
    const [{ FileStore }, { Server }] = await Promise.all([
      import("@tus/file-store"),
      import("@tus/server"),
    ]);
    const store = new FileStore({
      directory: this.#directory,
      expirationPeriodInMilliseconds: KEEP_MS,
    });
    const server = new Server({
      path: this.#path,
      datastore: store,
      relativeLocation: true,
      // Names the upload in the store too.
      namingFunction: () => crypto.randomUUID(),
      maxSize: (request, id) =>
        refusing(async () => {
          const written = request.headers.get("upload-metadata");
          if (request.method === "POST") return this.#limit(parseMetadata(written));
          return id === null ? 0 : this.#limit((await store.getUpload(id)).metadata);
        }),
      onUploadCreate: (_request, { metadata }) =>
        refusing(() => {
          targetOf(metadata);
          return Promise.resolve({});
        }),
      onResponseError: (_request, error) => isFull(error) ? shown(diskFull(error)) : undefined,
      onUploadFinish: (_request, upload) =>
        refusing(async () => {
          await this.#finish(upload);
          return {};
        }),
    });
    return { store, server };
  }

  #limit(metadata: Metadata): number {
    const { bucket, name } = targetOf(metadata);
    return this.#objects.maxSizeBytes(bucket, name);
  }

  async #finish({ id, metadata }: Waiting): Promise<void> {
    const path = join(this.#directory, id);
    await this.#objects.finish(
      id,
      targetOf(metadata),
      async () => (await Deno.open(path)).readable,
    );
    const { size } = await Deno.stat(path);
    await Deno.truncate(path, 0);
    await Deno.truncate(path, size);
  }
}

/** Who uploads names bucket and object in the metadata that tus has for it. */
function targetOf(metadata: Metadata) {
  const { bucket, name, filename, contentType, filetype } = metadata ?? {};
  const object = name ?? filename;
  if (typeof bucket !== "string" || typeof object !== "string") {
    throw new OrlaError("invalid_request", "Upload-Metadata must have bucket and name.");
  }
  return { bucket, name: object, contentType: contentType ?? filetype ?? null };
}

/** `key base64, key base64`; a value may be missing. */
function parseMetadata(header: string | null): Metadata {
  const entries = (header ?? "").split(",").map((pair) => pair.trim().split(" "));
  return Object.fromEntries(entries.map(([key = "", value = ""]) => [key, decode(value)]));
}

function decode(base64: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.fromBase64(base64));
  } catch (cause) {
    throw new OrlaError("invalid_request", "Upload-Metadata is not in Base64.", { cause });
  }
}

/** Errors as the tus server shows them to its client. */
async function refusing<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    // Its own have this already.
    if (typeof thrown === "object" && thrown !== null && "status_code" in thrown) throw thrown;
    throw shown(toOrlaError(thrown));
  }
}

function shown({ status, message }: OrlaError): { status_code: number; body: string } {
  return { status_code: status, body: `${message}\n` };
}
