/** Files of tokens, written while texts are read. @module */
import {
  assertInteger,
  assertIterable,
  assertOptions,
  assertPath,
  fingerprintOf,
  optionsOf,
  shown,
} from "@lionjs/base";
import {
  FileInUse,
  files,
  ifThere,
  lockFile,
  openPlain,
  writeAtomically,
} from "@lionjs/base/files";
import { fileBytes } from "../bytes/file_bytes.ts";
import type { ShardedStream } from "../records/sharded_stream.ts";
import { assertTokenType, TOKEN_ARRAYS, type TokenType } from "./token_file.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** A text, or a record with one. */
export type TextRecord = string | { readonly text: string };

/** Options of {@linkcode writeTokenFile}. */
export interface WriteTokenFileOptions {
  /** The tokenizer of the texts. */
  tokenizer: Pick<Tokenizer, "encode" | "vocabularySize">;
  /** The path of the file; an existing one is replaced when the new one is complete. */
  path: string;
  /** The id of the token after each text, a tokenizer's `specials.sep`. */
  separator: number;
  /** The type of the ids: `"uint16"` for at most 65,536 tokens. */
  type: TokenType;
}

const OPTIONS = optionsOf<WriteTokenFileOptions>()(
  "tokenizer path separator type",
);

/** Tokens that are written at once. */
const CHUNK = 2 ** 18;

/** Largest number of different tokens of a type. */
const LIMITS: Readonly<Record<TokenType, number>> = {
  uint16: 2 ** 16,
  uint32: 2 ** 31,
};

/** The name of the file that is locked by the process that writes shards. */
const LOCK = "lock";

/** A text of several scripts, whose tokens distinguish tokenizers. */
const PROBE = "The lion's 1,234 naïve cafés — лев, 獅子 🦁\n\tsleep tonight!";

/**
 * Writes the tokens of a corpus to a file for {@linkcode tokenFile}, with a
 * separator after each text. The file is like nanoGPT's `train.bin`: just ids,
 * one after another.
 *
 * Until all shards are done, finished ones are kept in a folder next to the
 * file, so that a call after an interruption continues with the interrupted
 * shard. Until then, the file is missing or the old one.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { byteTokenizer, tokenFile, writeTokenFile } from "@lionjs/lion/data";
 *
 * const path = `${await Deno.makeTempDir()}/train.bin`;
 * const tokenizer = byteTokenizer();
 * const count = await writeTokenFile(["ab", "c"], {
 *   tokenizer, path, separator: tokenizer.specials.sep, type: "uint16",
 * });
 * assertEquals(count, 5);
 * const sequences = await tokenFile(path, { length: 5, type: "uint16" });
 * assertEquals(tokenizer.decode(await sequences.get(0)), "abc");
 * ```
 *
 * @param texts The texts: in shards, as from `lineStream`, or an iterable,
 * which is read from its start after an interruption.
 * @param options See {@linkcode WriteTokenFileOptions}.
 * @returns Number of tokens in the file.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If the vocabulary is too large for the type, the
 * separator is not in it, or finished shards are from other texts, tokenizers
 * or options.
 * @throws {Error} If the file cannot be written, another process writes it, or
 * a text is not a string or cannot be encoded; the message names its shard and
 * place.
 */
export async function writeTokenFile(
  texts:
    | ShardedStream<TextRecord>
    | Iterable<TextRecord>
    | AsyncIterable<TextRecord>,
  options: WriteTokenFileOptions,
): Promise<number> {
  assertOptions("writeTokenFile", options, OPTIONS);
  const { tokenizer, path, separator, type } = options;
  assertPath("path", path);
  assertTokenType(type);
  assertTokenizer(tokenizer, type);
  assertInteger("separator", separator, 0, tokenizer.vocabularySize - 1);
  if (isSharded(texts)) await writeShards(texts, options);
  else {
    assertIterable("texts", texts);
    await writeAtomically(path, encoded(texts, "the texts", options));
  }
  const { size } = await files().stat(path);
  return size / TOKEN_ARRAYS[type].BYTES_PER_ELEMENT;
}

function assertTokenizer(
  tokenizer: WriteTokenFileOptions["tokenizer"],
  type: TokenType,
): void {
  const { encode, vocabularySize } = Object(tokenizer);
  if (typeof encode !== "function" || !Number.isInteger(vocabularySize)) {
    throw new TypeError(
      `tokenizer should be one such as byteTokenizer(), got ${
        shown(tokenizer)
      }`,
    );
  }
  if (vocabularySize <= LIMITS[type]) return;
  throw new RangeError(
    `type ${type} should hold the ids of ${vocabularySize} tokens, got room for ${
      LIMITS[type]
    }; use "uint32"`,
  );
}

function isSharded(texts: unknown): texts is ShardedStream<TextRecord> {
  const { shards, open } = Object(texts);
  return Array.isArray(shards) && typeof open === "function";
}

/** Writes each shard to a file of its own, then all of them to one. */
async function writeShards(
  stream: ShardedStream<TextRecord>,
  options: WriteTokenFileOptions,
): Promise<void> {
  const { path } = options;
  const folder = `${path}.parts`;
  await files().mkdir(folder, { recursive: true });
  const lock = await lockFile(`${folder}/${LOCK}`).catch((cause) => {
    if (!(cause instanceof FileInUse)) throw cause;
    throw new Error(`${path} is being written by ${cause.owner}`, { cause });
  });
  try {
    await assertSamePlan(folder, stream, options);
    const parts = stream.shards.map((_, i) => `${folder}/${i}.bin`);
    for (const [i, part] of parts.entries()) {
      if (await exists(part)) continue;
      const { name } = stream.shards[i]!;
      await writeAtomically(part, encoded(stream.open(i), name, options));
    }
    await writeAtomically(path, contentOf(parts));
    await removeParts(folder);
  } finally {
    await lock.release();
  }
  // Another process may have begun to write in the folder, which then stays.
  await files().rmdir(folder).catch(() => {});
}

async function removeParts(folder: string): Promise<void> {
  for (const name of await files().readdir(folder)) {
    if (name !== LOCK) await files().rm(`${folder}/${name}`);
  }
}

/**
 * Writes a plan of the parts into the folder, or throws if it has another plan.
 * Parts without a plan are removed, since a call may have ended while it
 * removed them.
 */
async function assertSamePlan(
  folder: string,
  { shards }: ShardedStream<TextRecord>,
  { tokenizer, separator, type }: WriteTokenFileOptions,
): Promise<void> {
  const plan = JSON.stringify({
    format: "lion token file parts, format 1",
    shards: shards.map(({ name }) => name),
    type,
    separator,
    tokenizer: { size: tokenizer.vocabularySize, probe: probeOf(tokenizer) },
  });
  const file = `${folder}/plan.json`;
  const before = await ifThere(textOf(file));
  if (before === undefined) {
    await removeParts(folder);
    return await writeAtomically(file, [new TextEncoder().encode(plan)]);
  }
  if (before === plan) return;
  throw new RangeError(
    `${file} should have the same shards, tokenizer, separator and type, got others; ` +
      "remove its folder to begin anew",
  );
}

async function textOf(path: string): Promise<string> {
  const file = await openPlain(path, "read");
  return await file.readFile("utf8").finally(() => file.close());
}

/** The fingerprint of a tokenizer's ids for {@linkcode PROBE}. */
function probeOf(tokenizer: WriteTokenFileOptions["tokenizer"]): number {
  let made: string;
  try {
    made = tokenizer.encode(PROBE).join();
  } catch {
    made = "cannot be encoded";
  }
  return fingerprintOf(made);
}

/** Whether there is a file at a path, and not a link. */
async function exists(path: string): Promise<boolean> {
  return (await ifThere(files().lstat(path)))?.isFile() ?? false;
}

/** The ids of texts, as bytes. */
async function* encoded(
  texts: AsyncIterable<TextRecord> | Iterable<TextRecord>,
  name: string,
  { tokenizer, separator, type }: WriteTokenFileOptions,
): AsyncGenerator<Uint8Array> {
  const ids = new TOKEN_ARRAYS[type](CHUNK);
  let filled = 0, place = 0;
  for await (const record of texts) {
    const text = typeof record === "string" ? record : Object(record).text;
    if (typeof text !== "string") {
      throw new TypeError(
        `${name} should have texts, or records with a text, got ${typeof record} at ${place}`,
      );
    }
    for (const id of [...idsOf(tokenizer, text, name, place), separator]) {
      ids[filled++] = id;
      if (filled < CHUNK) continue;
      yield new Uint8Array(ids.buffer);
      filled = 0;
    }
    place++;
  }
  yield new Uint8Array(ids.buffer, 0, filled * ids.BYTES_PER_ELEMENT);
}

function idsOf(
  tokenizer: WriteTokenFileOptions["tokenizer"],
  text: string,
  name: string,
  place: number,
): number[] {
  let ids: number[];
  try {
    ids = tokenizer.encode(text);
  } catch (cause) {
    throw new RangeError(
      `text ${place} of ${name} cannot be encoded: ${(cause as Error).message}`,
      { cause },
    );
  }
  const { vocabularySize } = tokenizer;
  const wrong = ids.find((id) => !(id >= 0 && id < vocabularySize));
  if (wrong === undefined) return ids;
  throw new RangeError(
    `tokenizer should give ids below ${vocabularySize}, got ${wrong} of text ${place} of ${name}`,
  );
}

/** The content of files, one after another. */
async function* contentOf(
  paths: readonly string[],
): AsyncGenerator<Uint8Array> {
  for (const path of paths) {
    const bytes = await fileBytes(path);
    for (let at = 0; at < bytes.size; at += 4 * CHUNK) {
      yield await bytes.read(at, Math.min(4 * CHUNK, bytes.size - at));
    }
  }
}
