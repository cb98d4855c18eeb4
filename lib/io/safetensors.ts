/**
 * Tensors in safetensors files, the format in which PyTorch's models are
 * shared.
 *
 * Source: https://github.com/huggingface/safetensors#format
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  assertNamed,
  assertOneOf,
  assertOptions,
  assertPath,
  optionsOf,
  shown,
} from "@lionjs/base";
import {
  bytesSource,
  fileSource,
  type Source,
  withFile,
  writeAtomically,
} from "@lionjs/base/files";
import { fromBfloat16, toBfloat16 } from "./bfloat16.ts";
import { fromFloat16, toFloat16 } from "./float16.ts";
import { assertInt8, INT8_ROWS, type Int8Tensor, SCALE } from "./int8.ts";
import {
  type Dtype,
  ELEMENT_BYTES,
  encodeHeader,
  type Entry,
  isStringRecord,
  METADATA,
  readHeader,
} from "./safetensors_header.ts";

/** The content of a safetensors file. */
export interface Safetensors {
  /** The tensors by name, in the file's order; the caller disposes of them. */
  readonly tensors: Map<string, tf.Tensor>;
  /** Metadata of the file, arbitrary texts by name. */
  readonly metadata: Record<string, string>;
}

/** Options of {@linkcode writeSafetensors}. */
export interface WriteSafetensorsOptions {
  /** Metadata of the file, arbitrary texts by name. */
  metadata?: Record<string, string> | undefined;
  /**
   * The type to which float32 is rounded, to the nearest value, ties to even.
   * F16 is infinite beyond 65504. @default "F32"
   */
  precision?: "F32" | "F16" | "BF16" | undefined;
}

const WRITE_OPTIONS = optionsOf<WriteSafetensorsOptions>()(
  "metadata precision",
);

/**
 * Reads a safetensors file, one tensor at a time.
 *
 * F32, F16 and BF16 become float32, exactly; I64, I32, U8 and I8 become int32, and
 * BOOL becomes bool.
 *
 * @example From memory, as in a browser
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readSafetensors } from "@lionjs/lion/io";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const header = '{"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}';
 * const file = new Uint8Array([
 *   ...new Uint8Array(new BigUint64Array([BigInt(header.length)]).buffer),
 *   ...new TextEncoder().encode(header),
 *   ...[7, 255],
 * ]);
 * const { tensors } = await readSafetensors(file);
 * assertEquals([...await tensors.get("x")!.data()], [7, 255]);
 * ```
 *
 * @param source The path of a file, or its bytes.
 * @returns The tensors and metadata.
 * @throws {SyntaxError} If the header is not JSON, or repeats a name.
 * @throws {TypeError} If a field of the header is missing or has the wrong
 * type.
 * @throws {RangeError} If the header does not match the data, a dtype is not
 * supported, or a value does not fit.
 */
export async function readSafetensors(
  source: string | URL | Uint8Array,
): Promise<Safetensors> {
  if (source instanceof Uint8Array) return await read(bytesSource(source));
  assertFile("readSafetensors's source", source);
  return await withFile(
    source,
    async (file) => await read(await fileSource(file, String(source))),
  );
}

/**
 * Writes tensors to a safetensors file, one at a time.
 *
 * float32 becomes the option's precision, int32 becomes I32, and bool becomes
 * BOOL. What `quantizeInt8` returns becomes two tensors: I8 of its name, and F32 of
 * its name with `.scale`, one for each row; the metadata then has `quantization`:
 * "int8-row-symmetric". The file appears only when complete; until then, and after
 * an error, an existing file is unchanged.
 *
 * @example Writing and reading
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { readSafetensors, writeSafetensors } from "@lionjs/lion/io";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeSafetensors(path, { x: tf.tensor2d([[1, 0.5, -2]]) }, {
 *   metadata: { format: "pt" },
 *   precision: "BF16",
 * });
 * const { tensors, metadata } = await readSafetensors(path);
 * assertEquals(await tensors.get("x")!.array(), [[1, 0.5, -2]]);
 * assertEquals(metadata, { format: "pt" });
 * ```
 *
 * @param target The path of the file; an existing one is replaced.
 * @param tensors The tensors by name.
 * @param options See {@linkcode WriteSafetensorsOptions}.
 * @throws {TypeError} If a tensor has another dtype, the metadata is not an
 * object of strings, or an option is unknown.
 * @throws {RangeError} If the precision is unknown, or a tensor is named
 * `__metadata__` or as the scales of another.
 * @throws {Error} If the file cannot be written; `cause` says why.
 */
export async function writeSafetensors(
  target: string | URL,
  tensors:
    | ReadonlyMap<string, tf.Tensor | Int8Tensor>
    | Readonly<Record<string, tf.Tensor | Int8Tensor>>,
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  assertOptions("writeSafetensors", options, WRITE_OPTIONS);
  assertFile("writeSafetensors's target", target);
  assertNamed("writeSafetensors's tensors", tensors);
  if (tensors instanceof tf.Tensor) {
    throw new TypeError(
      `writeSafetensors's tensors should be tensors by name, got ${
        shown(tensors)
      }`,
    );
  }
  const { metadata, precision = "F32" } = options;
  assertOneOf("writeSafetensors's precision", precision, [
    "F32",
    "F16",
    "BF16",
  ]);
  if (metadata !== undefined && !isStringRecord(metadata)) {
    throw new TypeError(
      `writeSafetensors's metadata should be an object of strings, got ${
        shown(metadata)
      }`,
    );
  }
  const named: [string, tf.Tensor | Int8Tensor][] = tensors instanceof Map
    ? [...tensors]
    : Object.entries(tensors);
  const placed = place(named, precision);
  const isInt8 = placed.some(({ dtype }) => dtype === "I8");
  const described = isInt8
    ? { ...metadata, quantization: INT8_ROWS }
    : metadata;
  await writeAtomically(
    target,
    chunks(encodeHeader(placed, described), placed),
  );
}

/** Throws unless a value is a path or a file URL. */
function assertFile(name: string, file: string | URL): void {
  if (!(file instanceof URL)) assertPath(name, file);
}

async function read(source: Source): Promise<Safetensors> {
  const { entries, metadata } = await readHeader(source);
  const tensors = new Map<string, tf.Tensor>();
  try {
    for (const entry of entries) {
      const bytes = await source.read(entry.end - entry.begin);
      tensors.set(entry.name, decode(entry, bytes, source.name));
    }
  } catch (error) {
    tf.dispose([...tensors.values()]);
    throw error;
  }
  return { tensors, metadata };
}

function decode(
  { name, dtype, shape }: Entry,
  bytes: Uint8Array<ArrayBuffer>,
  file: string,
): tf.Tensor {
  const { buffer } = bytes;
  const reject = (expected: string, value: number | bigint) => {
    throw new RangeError(
      `${file}: tensor ${
        shown(name)
      }, of ${dtype}, should hold ${expected}, got ${value}`,
    );
  };
  switch (dtype) {
    case "F32":
      return tf.tensor(new Float32Array(buffer), shape);
    case "F16":
      return tf.tensor(fromFloat16(buffer), shape);
    case "BF16":
      return tf.tensor(fromBfloat16(new Uint16Array(buffer)), shape);
    case "I64": {
      const words = new Int32Array(buffer);
      const values = Int32Array.from(
        { length: words.length / 2 },
        (_, i) => words[2 * i]!,
      );
      // An int64 fits into int32 if its upper word repeats the sign of the lower one.
      const large = values.findIndex((low, i) =>
        words[2 * i + 1] !== low >> 31
      );
      if (large >= 0) {
        reject("integers of 32 bits", new BigInt64Array(buffer)[large]!);
      }
      return tf.tensor(values, shape, "int32");
    }
    case "I32":
      return tf.tensor(new Int32Array(buffer), shape, "int32");
    case "U8":
      return tf.tensor(new Int32Array(bytes), shape, "int32");
    case "I8":
      return tf.tensor(new Int32Array(new Int8Array(buffer)), shape, "int32");
    case "BOOL": {
      const other = bytes.find((value) => value > 1);
      if (other !== undefined) reject("0 and 1", other);
      return tf.tensor(bytes, shape, "bool");
    }
  }
}

/** A part of a file: what its header says of it, but for its place, and its bytes. */
interface Described extends Omit<Entry, "begin" | "end"> {
  readonly bytes: () => Promise<ArrayBufferView> | ArrayBufferView;
}

type Placed = Entry & Described;

/** Assigns byte ranges to tensors, wider dtypes first, so that all are aligned. */
function place(
  tensors: readonly [name: string, tensor: tf.Tensor | Int8Tensor][],
  precision: Dtype,
): Placed[] {
  const names = new Set(tensors.map(([name]) => name));
  const described = tensors.flatMap(([name, tensor]) => {
    if (name === METADATA) {
      throw new RangeError(
        `writeSafetensors's tensors should not be named "${METADATA}"; pass metadata as an option`,
      );
    }
    if (tensor instanceof tf.Tensor || !Object(tensor).scale) {
      return [ofTensor(name, tensor as tf.Tensor, precision)];
    }
    if (names.has(name + SCALE)) {
      throw new RangeError(
        `writeSafetensors's tensors should not be named as the scales of another, got ${
          shown(name + SCALE)
        }`,
      );
    }
    return ofInt8(name, tensor);
  });
  described.sort((a, b) =>
    ELEMENT_BYTES[b.dtype] - ELEMENT_BYTES[a.dtype] ||
    (a.name < b.name ? -1 : 1)
  );
  let end = 0;
  return described.map((entry) => {
    const begin = end;
    end += tf.util.sizeFromShape(entry.shape) * ELEMENT_BYTES[entry.dtype];
    return { ...entry, begin, end };
  });
}

/** How a tensor is written. */
function ofTensor(
  name: string,
  tensor: tf.Tensor,
  precision: Dtype,
): Described {
  const dtypes: Partial<Record<tf.DataType, Dtype>> = {
    float32: precision,
    int32: "I32",
    bool: "BOOL",
  };
  const given = tensor instanceof tf.Tensor;
  const dtype = given ? dtypes[tensor.dtype] : undefined;
  if (dtype) {
    const bytes = async () => encode(await tensor.data(), dtype);
    return { name, dtype, shape: tensor.shape, bytes };
  }
  throw new TypeError(
    `writeSafetensors's tensor ${
      shown(name)
    } should be of float32, int32 or bool, got ${
      given ? `${tensor.dtype}; cast it first` : shown(tensor)
    }`,
  );
}

/** How integers of 8 bits and their scales are written. */
function ofInt8(name: string, tensor: Int8Tensor): Described[] {
  assertInt8(`writeSafetensors's tensor ${shown(name)}`, tensor);
  const { values, scale, shape } = tensor;
  return [
    { name, dtype: "I8", shape: [...shape], bytes: () => values },
    {
      name: name + SCALE,
      dtype: "F32",
      shape: [scale.length],
      bytes: () => scale,
    },
  ];
}

async function* chunks(
  header: Uint8Array,
  placed: readonly Placed[],
): AsyncGenerator<Uint8Array> {
  yield header;
  for (const { bytes } of placed) {
    const { buffer, byteOffset, byteLength } = await bytes();
    yield new Uint8Array(buffer, byteOffset, byteLength);
  }
}

function encode(
  values: Float32Array | Int32Array | Uint8Array,
  dtype: Dtype,
): ArrayBufferView {
  switch (dtype) {
    case "F16":
      return toFloat16(values as Float32Array);
    case "BF16":
      return toBfloat16(values as Float32Array);
    case "BOOL":
      // tfjs treats any number but 0 as true.
      return values.map((value) => Number(value !== 0));
    default:
      return values;
  }
}
