/** Checks of the pages of a column before hyparquet reads them. @module */
import { type PageHeader, parsePageHeader } from "./page_header.ts";
import { checkRuns } from "./runs.ts";

/** The facts in the footer about one column of a row group. */
export interface ColumnChunk {
  readonly isCompressed: boolean;
  readonly isBoolean: boolean;
  /** Whether the column is not within a list or a struct. */
  readonly isFlat: boolean;
  /** Number of values, nulls included. */
  readonly values: number;
  /** The largest level of definition; `repetition` is the largest of repetition. */
  readonly definition: number;
  readonly repetition: number;
}

/**
 * The compressed part of a page, by its two lengths, and a check for it once
 * decompressed.
 */
export interface CompressedPage {
  readonly compressed: number;
  readonly uncompressed: number;
  /** Throws unless the bytes can be the decompressed part. */
  check(bytes: Uint8Array): void;
}

const [PLAIN_DICTIONARY, RLE, RLE_DICTIONARY] = [2, 3, 8];
const [DATA, DICTIONARY, DATA_2] = [0, 2, 3];

/**
 * Checks the pages of a column: that they lie within it, have as many values as
 * the footer says, and that runs of levels and of places in a dictionary have no
 * more. hyparquet trusts these, and would write runs of any length into memory.
 *
 * @returns The compressed parts of the pages, to be checked once decompressed.
 */
export function checkPages(
  bytes: Uint8Array,
  column: ColumnChunk,
): CompressedPage[] {
  const compressed: CompressedPage[] = [];
  let values = 0;
  // hyparquet reads all pages of lists and structs, but of other columns only
  // as many as it needs.
  const last = (at: number) =>
    at >= bytes.length - 1 || column.isFlat && values >= column.values;
  for (let at = 0; !last(at);) {
    const header = parsePageHeader(bytes, at);
    at = header.end + header.compressed;
    if (at > bytes.length) throw new Error("a page ends after its column");
    const page = bytes.subarray(header.end, at);
    if (header.type !== DICTIONARY) values += header.values;
    if (values > column.values) {
      throw new Error(`its pages have more than ${column.values} values`);
    }
    const levels = header.type === DATA_2
      ? checkLevels2(page, header, column)
      : 0;
    const check = (bytes: Uint8Array) => {
      if (header.type === DATA) checkData(bytes, header, column);
      else if (header.type === DATA_2) {
        const { values, nulls, encoding } = header;
        const present = values - nulls;
        checkValues(bytes, { ...column, values: present, encoding });
      } else checkDictionary(bytes, header);
    };
    if (!column.isCompressed) check(page.subarray(levels));
    else {
      compressed.push({
        compressed: header.compressed - levels,
        uncompressed: header.uncompressed - levels,
        check,
      });
    }
  }
  if (values === column.values) return compressed;
  throw new Error(`its pages have ${values} values for ${column.values}`);
}

/** Checks a dictionary, whose shortest values are bits. */
function checkDictionary(bytes: Uint8Array, { values }: PageHeader): void {
  if (values > 8 * bytes.length) {
    throw new Error(
      `a dictionary of ${bytes.length} bytes has ${values} values`,
    );
  }
}

/** Checks a page of version 1, in which all is compressed together. */
function checkData(
  bytes: Uint8Array,
  { values, encoding }: PageHeader,
  { definition, repetition, isBoolean }: ColumnChunk,
): void {
  let at = 0;
  const levels = (largest: number) => {
    if (largest === 0) return values;
    const start = at + 4;
    at = start + lengthAt(bytes, at);
    const run = { width: bitsOf(largest), values, wanted: largest };
    return checkRuns(bytes, start, bytes.length, run);
  };
  levels(repetition);
  const present = levels(definition);
  checkValues(bytes.subarray(at), { isBoolean, values: present, encoding });
}

/** Checks the levels of a page of version 2; returns how many bytes they take. */
function checkLevels2(
  bytes: Uint8Array,
  { values, levelBytes }: PageHeader,
  { definition, repetition }: ColumnChunk,
): number {
  const ends = levelBytes.repetition + levelBytes.definition;
  if (ends > bytes.length) throw new Error("levels end after their page");
  const run = (largest: number) => ({
    ...{ width: bitsOf(largest), values, wanted: largest },
  });
  if (repetition > 0) {
    checkRuns(bytes, 0, levelBytes.repetition, run(repetition));
  }
  if (definition > 0) {
    checkRuns(bytes, levelBytes.repetition, ends, run(definition));
  }
  return ends;
}

/** Checks the places in a dictionary, and bits in runs. */
function checkValues(
  bytes: Uint8Array,
  { values, encoding, isBoolean }: {
    readonly values: number;
    readonly encoding: number;
    readonly isBoolean: boolean;
  },
): void {
  const isDictionary = encoding === PLAIN_DICTIONARY ||
    encoding === RLE_DICTIONARY;
  if (values === 0) return;
  if (isBoolean && encoding === RLE) {
    const run = { width: 1, values, wanted: -1 };
    checkRuns(bytes, 4, bytes.length, run);
  } else if (isDictionary && !isBoolean) {
    const width = bytes[0] ?? 0;
    const run = { width, values, wanted: -1 };
    if (width > 0) checkRuns(bytes, 1, bytes.length, run);
  }
}

function lengthAt(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw new Error("a page ends early");
  return new DataView(bytes.buffer, bytes.byteOffset + at, 4)
    .getUint32(0, true);
}

/** Bits that numbers up to the largest take. */
function bitsOf(largest: number): number {
  return 32 - Math.clz32(largest);
}
