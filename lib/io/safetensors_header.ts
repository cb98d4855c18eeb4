/**
 * The header of a safetensors file, which says where each tensor is.
 *
 * Source: https://github.com/huggingface/safetensors#format
 *
 * @module
 */
import { shown } from "@lionjs/base";
import type { Source } from "@lionjs/base/files";

/** Bytes per element of each dtype that is supported. */
export const ELEMENT_BYTES = {
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  U8: 1,
  I8: 1,
  BOOL: 1,
} as const;

/** The safetensors format's name for a dtype. */
export type Dtype = keyof typeof ELEMENT_BYTES;

export interface Entry {
  /** The tensor's name, unique in the file. */
  readonly name: string;
  readonly dtype: Dtype;
  /** The shape; elements are row-major. */
  readonly shape: number[];
  /** Offset of the tensor's first byte, counted from the end of the header. */
  readonly begin: number;
  /** Offset one past the tensor's last byte. */
  readonly end: number;
}

export interface Header {
  /** The tensors in the order of their bytes, which have no gaps. */
  readonly entries: Entry[];
  /** Metadata of the file, arbitrary texts by name. */
  readonly metadata: Record<string, string>;
}

/** Largest size of a header, that of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;

/** The opening bracket of each level of a header: the header, a tensor, and its shape. */
const LEVELS = "{{[";

/** The highest rank of tfjs. */
const MAX_RANK = 6;

/** The key under which a header holds its metadata; no tensor may have this name. */
export const METADATA = "__metadata__";

/** Reads the header at the start of a source, and checks all of it. */
export async function readHeader(source: Source): Promise<Header> {
  const { name: file, size } = source;
  if (size < 8) {
    throw new RangeError(
      `${file} should begin with a header's length in 8 bytes, got ${size} bytes`,
    );
  }
  const { buffer } = await source.read(8);
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const available = size - 8;
  if (length > available || length > MAX_HEADER_BYTES) {
    throw new RangeError(
      `${file} should have a header of at most ${
        Math.min(available, MAX_HEADER_BYTES)
      } bytes, got a length of ${length}; is it a whole safetensors file?`,
    );
  }
  const header = parseJson(await source.read(length), file);
  const metadata = header[METADATA] ?? {};
  if (!isStringRecord(metadata)) {
    throw new TypeError(
      `${file} should have strings in its ${METADATA}, got ${shown(metadata)}`,
    );
  }
  const entries = Object.keys(header)
    .filter((name) => name !== METADATA)
    .map((name) => checkedEntry(name, header[name], file))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  assertContiguous(entries, available - length, file);
  return { entries, metadata };
}

/** Encodes a header and its length, padded to a multiple of 8 bytes. */
export function encodeHeader(
  entries: readonly Entry[],
  metadata?: Record<string, string>,
): Uint8Array {
  const described = entries.map(({ name, dtype, shape, begin, end }) => [
    name,
    { dtype, shape, data_offsets: [begin, end] },
  ]);
  const json = new TextEncoder().encode(
    JSON.stringify({ [METADATA]: metadata, ...Object.fromEntries(described) }),
  );
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(" ".charCodeAt(0));
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

/** Whether a value is an object of strings. */
export function isStringRecord(
  value: unknown,
): value is Record<string, string> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === "string");
}

function parseJson(bytes: Uint8Array, file: string): Record<string, unknown> {
  try {
    if (bytes[0] !== "{".charCodeAt(0)) {
      throw new SyntaxError('it does not begin with "{"');
    }
    const json = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    scan(json);
    return JSON.parse(json);
  } catch (cause) {
    throw new SyntaxError(
      `${file} should have a header of JSON in UTF-8: ${
        (cause as Error).message
      }; is it a safetensors file?`,
      { cause },
    );
  }
}

/**
 * Throws for what `JSON.parse` accepts, but a header must not have: duplicate
 * names in an object, and other nesting, which can cost minutes and gigabytes.
 */
function scan(json: string): void {
  const names: Set<string>[] = [];
  let string = "";
  for (let i = 0; i < json.length; i++) {
    switch (json[i]) {
      case "{":
      case "[":
        if (json[i] !== LEVELS[names.length]) {
          throw new SyntaxError(`"${json[i]}" at ${i} is out of place`);
        }
        names.push(new Set());
        break;
      case "}":
      case "]":
        names.pop();
        break;
      case '"': {
        const begin = i++;
        while (i < json.length && json[i] !== '"') {
          i += json[i] === "\\" ? 2 : 1;
        }
        string = json.slice(begin, i + 1);
        break;
      }
      case ":": {
        const name: string = JSON.parse(string);
        if (names.at(-1)?.has(name)) {
          throw new SyntaxError(`${shown(name)} occurs twice`);
        }
        names.at(-1)?.add(name);
      }
    }
  }
}

function checkedEntry(name: string, value: unknown, file: string): Entry {
  const where = `${file}: tensor ${shown(name)}`;
  const { dtype, shape, data_offsets: offsets } = Object(value);
  if (
    typeof dtype !== "string" || !isNumbers(shape) || !isNumbers(offsets) ||
    offsets.length !== 2
  ) {
    throw new TypeError(
      `${where} should have a dtype (a string), a shape (numbers) and data_offsets (two numbers), got ${
        shown(value)
      }`,
    );
  }
  if (!isDtype(dtype)) {
    throw new RangeError(
      `${where} should have a dtype of ${
        Object.keys(ELEMENT_BYTES).join(", ")
      }, got ${shown(dtype)}; convert it first`,
    );
  }
  if (shape.length > MAX_RANK) {
    throw new RangeError(
      `${where} should have at most ${MAX_RANK} axes, as in tfjs, got ${shape.length}`,
    );
  }
  if (![...shape, ...offsets].every((x) => Number.isSafeInteger(x) && x >= 0)) {
    throw new RangeError(
      `${where} should have sizes and offsets that are integers from 0 to 2^53 - 1, got shape ${
        shown(shape)
      } and data_offsets ${shown(offsets)}`,
    );
  }
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, size) => product * size, 1) *
    ELEMENT_BYTES[dtype];
  if (end - begin !== bytes) {
    throw new RangeError(
      `${where} should span ${bytes} bytes, as ${dtype} of shape ${
        shown(shape)
      }, got data_offsets ${shown(offsets)}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) &&
    value.every((item) => typeof item === "number");
}

function isDtype(dtype: string): dtype is Dtype {
  return Object.hasOwn(ELEMENT_BYTES, dtype);
}

/** Throws unless the sorted entries cover every byte exactly once. */
function assertContiguous(
  entries: readonly Entry[],
  dataBytes: number,
  file: string,
): void {
  let next = 0;
  for (const { name, begin, end } of entries) {
    const where = `${file}: tensor ${shown(name)}`;
    if (begin !== next) {
      throw new RangeError(
        `${where} should begin at byte ${next} of the data, where the one before it ends, got ${begin}`,
      );
    }
    if (end > dataBytes) {
      throw new RangeError(
        `${where} should end within the ${dataBytes} bytes of data, got ${end}; is the file whole?`,
      );
    }
    next = end;
  }
  if (next !== dataBytes) {
    throw new RangeError(
      `${file} should hold ${next} bytes of data for its tensors, got ${dataBytes}`,
    );
  }
}
