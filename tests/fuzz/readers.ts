/** Readers of files: the time that they take, and what they make of damaged ones. @module */
import fc from "fast-check";
import { memoryBytes } from "../../lib/data/mod.ts";
import { concatenated } from "../../lib/base/byte_arrays.ts";
import { assertLinear } from "../data/growth.ts";
import { readMutant } from "../data/records/parquet_mutants.ts";
import {
  CHARACTERS,
  READERS,
  repeated,
} from "../data/records/reader_inputs.ts";
import { seeds } from "../subjects/draw.ts";
import type { Target } from "./target.ts";

/** Bytes of the shorter file. */
const SIZE = 2 ** 16;

/** A reader, and kinds of characters that its file has one after another, again and again. */
interface Repeated {
  readonly reader: string;
  readonly characters: readonly string[];
}

/** The time of readers for any repeated characters. */
export const readers: Target<Repeated> = {
  name: "readers",
  kind: "files",
  cases: () =>
    fc.record({
      reader: fc.constantFrom(...Object.keys(READERS)),
      characters: fc.array(fc.constantFrom(...Object.keys(CHARACTERS)), {
        minLength: 1,
        maxLength: 4,
      }),
    }, { noNullPrototype: true }),
  async run({ reader, characters }) {
    const { read, fileOf } = READERS[reader]!;
    const unit = concatenated(characters.map((name) => CHARACTERS[name]!));
    await assertLinear(`${reader} of ${characters}`, SIZE, (size) => {
      const file = memoryBytes(fileOf(repeated(unit, size)), "file");
      // Most files are refused, which takes its time too.
      return () => read(file).catch(() => {});
    });
    return {};
  },
};

/** Damaged Parquet files. */
export const parquet: Target<number> = {
  name: "parquet",
  kind: "files",
  cases: () => seeds,
  async run(seed) {
    await readMutant(seed);
    return {};
  },
};
