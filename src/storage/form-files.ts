/** The files of a `multipart/form-data` body, one after the other, as they come. */
import { Readable } from "node:stream";
import { OrlaError } from "../base/errors.ts";

export interface FormFile {
  /** Without directories. */
  readonly fileName: string;
  readonly contentType: string | null;
  readonly body: ReadableStream<Uint8Array>;
}

const MAX_FILES = 100;
/** Fields that are no files are not looked at. */
const MAX_FIELDS = 100;
const MAX_FIELD_BYTES = 64 * 1024;

/** Each file must be read before the next is asked for. Throws `invalid_request`. */
export async function* formFiles(
  contentType: string,
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<FormFile> {
  const { Busboy } = await import("@fastify/busboy");
  const found: FormFile[] = [];
  let wake = () => {};
  let failure: unknown;
  let ended = false;
  const end = (thrown?: unknown) => {
    failure ??= thrown;
    ended = true;
    wake();
  };
  const parser = openParser(() =>
    Busboy({
      headers: { "content-type": contentType },
      limits: { files: MAX_FILES + 1, fields: MAX_FIELDS, fieldSize: MAX_FIELD_BYTES },
    })
  );
  const source = Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
  let current: Readable | undefined;
  parser.on("file", (_field, stream, fileName, _encoding, mimeType) => {
    current = stream as Readable;
    current.on("error", () => {});
    found.push({ fileName: fileName ?? "", contentType: mimeType, body: contentOf(current) });
    wake();
  });
  parser.on("finish", () => end());
  parser.on("error", (cause) => end(malformed(cause)));
  source.on("error", (thrown) => {
    end(thrown);
    // Whoever reads a file learns that it will not end.
    current?.destroy(thrown);
  });
  source.pipe(parser);
  try {
    for (let count = 1;; count++) {
      while (found.length === 0 && !ended) {
        await new Promise<void>((resolve) => wake = resolve);
      }
      const file = found.shift();
      if (failure !== undefined) throw failure;
      if (file === undefined) return;
      if (count > MAX_FILES) {
        throw new OrlaError("invalid_request", `The form has more than ${MAX_FILES} files.`);
      }
      yield file;
    }
  } finally {
    source.unpipe(parser);
    source.destroy();
  }
}

/** What the parser finds wrong is the client's mistake; what is ours stays as it is. */
function contentOf(stream: Readable): ReadableStream<Uint8Array> {
  async function* content(): AsyncGenerator<Uint8Array> {
    try {
      yield* stream;
    } catch (thrown) {
      throw thrown instanceof OrlaError ? thrown : malformed(thrown);
    }
  }
  return ReadableStream.from(content());
}

function openParser<T>(open: () => T): T {
  try {
    return open();
  } catch (cause) {
    throw malformed(cause);
  }
}

function malformed(cause: unknown): OrlaError {
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new OrlaError("invalid_request", `The body is no multipart form${why}.`, { cause });
}
