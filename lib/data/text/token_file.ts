/** Token files: the ids of a corpus, one after another, as in nanoGPT. @module */
import {
  assertFinite,
  assertInteger,
  assertOneOf,
  assertOptions,
  optionsOf,
  shown,
} from "@lionjs/base";
import { assertPlace, type Dataset } from "../batches/dataset.ts";
import { below, seeded } from "../batches/random.ts";
import { bytesOf, type ByteSource } from "../bytes/bytes_of.ts";

/** The type of the ids in a token file, little-endian. */
export type TokenType = "uint16" | "uint32";

/** The arrays that hold ids of each type. */
export const TOKEN_ARRAYS = { uint16: Uint16Array, uint32: Uint32Array };

/** Throws unless a value is a {@linkcode TokenType}. */
export function assertTokenType(type: TokenType): void {
  const given: unknown = type;
  if (typeof given === "string" && Object.hasOwn(TOKEN_ARRAYS, given)) return;
  const Kind = typeof given === "string" ? RangeError : TypeError;
  throw new Kind(
    `type should be "uint16" or "uint32", the type of the file's ids, got ${
      shown(given)
    }`,
  );
}

/** Options of {@linkcode tokenFile}. */
export interface TokenFileOptions {
  /**
   * Tokens per sequence; for `collateCausal`, whose labels are the next tokens,
   * one more than the model's input.
   */
  length: number;
  /** The type of the ids; nanoGPT's files have `"uint16"`. */
  type: TokenType;
  /**
   * Where sequences begin: each where the previous one ends (`"blocks"`), or
   * anywhere, as in nanoGPT (`"random"`).
   * @default "blocks"
   */
  offsets?: "blocks" | "random" | undefined;
  /** Seed of random offsets. @default 0 */
  seed?: number | undefined;
}

const OPTIONS = optionsOf<TokenFileOptions>()("length type offsets seed");

/**
 * Makes a dataset of the sequences in a token file from
 * {@linkcode writeTokenFile} or nanoGPT's `prepare.py`. Sequences are read when
 * needed, so the file may be larger than memory.
 *
 * With either kind of offsets, there are as many sequences as fit into the file
 * one after another. Random offsets depend on the seed and the index, so an
 * index has the same sequence in each epoch.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { tokenFile } from "@lionjs/lion/data";
 *
 * const path = await Deno.makeTempFile();
 * await Deno.writeFile(path, new Uint8Array(Uint16Array.of(7, 8, 9, 10, 11).buffer));
 * const sequences = await tokenFile(path, { length: 2, type: "uint16" });
 * assertEquals(sequences.size, 2);
 * assertEquals(await sequences.get(1), Int32Array.of(9, 10));
 * ```
 *
 * @param source The path, URL or bytes of the file.
 * @param options See {@linkcode TokenFileOptions}.
 * @returns The dataset, for `collateCausal` or `collateMasked`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value, or the file has a
 * fraction of a token at its end, or too few tokens for a sequence.
 */
export async function tokenFile(
  source: ByteSource,
  options: TokenFileOptions,
): Promise<Dataset<Int32Array>> {
  assertOptions("tokenFile", options, OPTIONS);
  const { length, type, offsets = "blocks", seed = 0 } = options;
  assertInteger("length", length, 1);
  assertTokenType(type);
  assertFinite("seed", seed);
  assertOneOf("offsets", offsets, ["blocks", "random"]);
  const Ids = TOKEN_ARRAYS[type];
  const width = Ids.BYTES_PER_ELEMENT;
  const bytes = await bytesOf(source);
  const count = bytes.size / width;
  if (!Number.isInteger(count)) {
    throw new RangeError(
      `${bytes.name} should have ${width} bytes for each token of type ${type}, got ${bytes.size} bytes`,
    );
  }
  if (count < length) {
    throw new RangeError(
      `${bytes.name} should have at least ${length} tokens, one sequence, got ${count}`,
    );
  }
  const size = Math.floor(count / length);
  const places = count - length + 1;
  return {
    size,
    async get(index) {
      assertPlace(index, size);
      const at = offsets === "blocks"
        ? index * length
        : below(places, seeded("token file", seed, index));
      const { buffer } = await bytes.read(at * width, length * width);
      const ids = Int32Array.from(new Ids(buffer));
      const wrong = ids.findIndex((id) => id < 0);
      if (wrong < 0) return ids;
      throw new RangeError(
        `${bytes.name} should have ids below 2^31, got a larger one at ${
          at + wrong
        }; is its type ${type}?`,
      );
    },
  };
}
