/** Decompression of gzip, of one member or of several after each other. @module */
import { importOptional } from "../../contract/optional_package.ts";
import { nodeModule } from "../../contract/node_module.ts";
import { GzipChecks } from "./gzip_checks.ts";

/**
 * Decompresses gzip. `DecompressionStream` would do, but fails at a second
 * member.
 *
 * @param name What errors call the bytes.
 * @param chunks The bytes.
 * @throws {SyntaxError} If they are cut or damaged.
 */
export async function* gunzipped(
  name: string,
  chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Uint8Array> {
  const reading = new Reading(chunks);
  try {
    const members = nodeModule("node:zlib")
      ? gunzippedByNode(reading)
      : gunzippedByFflate(reading);
    yield* members;
  } catch (cause) {
    if (reading.failed) throw reading.failed.error;
    throw new SyntaxError(
      `${name} should be gzip, and whole: ${
        (cause as Error).message
      }; download it again`,
      { cause },
    );
  } finally {
    await chunks.return(undefined);
  }
}

/** Chunks that remember whether reading them is what has failed. */
class Reading implements AsyncIterable<Uint8Array<ArrayBuffer>> {
  failed: { error: unknown } | undefined;
  readonly #chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>;

  constructor(chunks: AsyncGenerator<Uint8Array<ArrayBuffer>>) {
    this.#chunks = chunks;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    try {
      yield* this.#chunks;
    } catch (error) {
      this.failed = { error };
      throw error;
    }
  }
}

async function* gunzippedByNode(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const gunzip = nodeModule("node:zlib")!.createGunzip();
  const { pipeline, Readable } = nodeModule("node:stream")!;
  // Errors reach whoever iterates.
  pipeline(Readable.from(chunks), gunzip, () => {});
  for await (const chunk of gunzip) yield chunk;
}

/** Decompresses gzip where there is no Node, such as in a browser. */
export async function* gunzippedByFflate(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const { Gunzip } = await importOptional<typeof import("fflate")>(
    "gzip",
    "fflate",
    () => import.meta.resolve("fflate"),
  );
  const checks = new GzipChecks();
  let made: Uint8Array[] = [];
  const gunzip = new Gunzip((chunk) => {
    checks.made(chunk);
    made.push(chunk);
  });
  gunzip.onmember = (offset) => checks.ends(offset);
  for await (const chunk of chunks) {
    checks.read(chunk);
    gunzip.push(chunk, false);
    yield* made;
    made = [];
  }
  gunzip.push(new Uint8Array(0), true);
  yield* made;
  checks.ends();
}
