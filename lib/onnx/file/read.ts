/** Reading the weights of ONNX files. @module */
import { fromBinary } from "@bufbuild/protobuf";
import * as tf from "@tensorflow/tfjs-core";
import {
  assertOptions,
  assertPath,
  damaged,
  messageOf,
  optionsOf,
  shown,
} from "@lionjs/base";
import {
  files,
  fileSize,
  ifThere,
  readFully,
  withFile,
} from "@lionjs/base/files";
import { fromBfloat16 } from "../../io/bfloat16.ts";
import { fromFloat16 } from "../../io/float16.ts";
import {
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
} from "../protobuf/onnx_messages.ts";
import { BYTES, ELEMENT, type StoredType } from "./elements.ts";
import { EXTERNAL, PRODUCER } from "./messages.ts";
import { sizeOf } from "./storage.ts";

/** Options of {@linkcode readOnnxWeights}. */
export interface ReadOnnxWeightsOptions {
  /**
   * The bytes of the weights' own file, for a model given by its bytes. @default
   * none; with a path, such files are read beside it
   */
  data?: Uint8Array | undefined;
}

const OPTIONS = optionsOf<ReadOnnxWeightsOptions>()("data");

/** The names that this library gives to constants, which are none of weights. */
const OWN_CONSTANT = /^(constant|counter)_/;

/** Bytes at a place of a file of weights. */
type ReadData = (
  location: string,
  offset: number,
  length: number | undefined,
) => Promise<Uint8Array>;

/** A file that is read: its name for messages, its model, and its other files. */
interface OnnxFile {
  readonly name: string;
  readonly model: ModelProto;
  readonly readData: ReadData;
}

/**
 * Reads the weights of an ONNX file: its initializers of floating-point numbers,
 * one at a time, and those of 8 bits, times their scales. Weights that
 * {@linkcode exportOnnx} has written come back under their names: with
 * `weights: "f32"` bit for bit, otherwise as they were rounded.
 *
 * Files of others have constants among them, and may have lost the names of matrices:
 * `rename` and `ignore` of `loadPyTorchWeights` sort them out.
 *
 * @example What was exported
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder, useBackend } from "@lionjs/lion";
 * import { onnxBytes, readOnnxWeights } from "@lionjs/lion/onnx";
 *
 * await useBackend({ prefer: ["wasm"] });
 * const model = lionEncoder({
 *   inputDim: 2, dim: 8, depth: 1, numHeads: 2, numClasses: 3, variant: "s",
 * });
 * const weights = await readOnnxWeights((await onnxBytes(model)).model);
 * const head = model.getLayer("head").getWeights();
 * assertEquals(await weights.get("head.weight")!.array(), await head[0]!.array());
 * ```
 *
 * @param source The path of a file, or its bytes.
 * @param options See {@linkcode ReadOnnxWeightsOptions}.
 * @returns The tensors by name, in float32; the caller disposes of them.
 * @throws {TypeError} If an argument is of the wrong kind.
 * @throws {SyntaxError} If a file is damaged, or not ONNX.
 * @throws {RangeError} If a file of weights is missing, or weights are stored in a
 * way that is not supported.
 */
export async function readOnnxWeights(
  source: string | URL | Uint8Array,
  options: ReadOnnxWeightsOptions = {},
): Promise<Map<string, tf.Tensor>> {
  assertOptions("readOnnxWeights", options, OPTIONS);
  const file = await opened(source, options);
  const { initializer = [], node = [] } = file.model.graph ?? {};
  const found = new Map(initializer.map((tensor) => [tensor.name, tensor]));
  const restored = restoredBy(node, found);
  const parts = new Set(
    restored.flatMap((
      { steps, scale, zeroPoint },
    ) => [steps, scale, zeroPoint]),
  );
  const isConstant = ({ name }: TensorProto) =>
    file.model.producerName === PRODUCER && OWN_CONSTANT.test(name);
  const weights = new Map<string, tf.Tensor>();
  try {
    for (const tensor of initializer) {
      if (parts.has(tensor) || !isFloat(tensor) || isConstant(tensor)) continue;
      const { type, shape } = describe(file, tensor);
      const values = floatsOf(type, await bytesIn(file, tensor));
      weights.set(ownName(tensor, node), tf.tensor(values, shape));
    }
    for (const one of restored) {
      weights.set(one.name, await dequantized(file, one));
    }
  } catch (error) {
    tf.dispose([...weights.values()]);
    throw error;
  }
  return weights;
}

async function opened(
  source: string | URL | Uint8Array,
  { data }: ReadOnnxWeightsOptions,
): Promise<OnnxFile> {
  if (data !== undefined && !(data instanceof Uint8Array)) {
    throw new TypeError(
      `readOnnxWeights's data should be a Uint8Array, got ${shown(data)}`,
    );
  }
  if (source instanceof Uint8Array) {
    const name = "the given bytes";
    return {
      ...{ name, model: decoded(name, source) },
      readData: (location, offset, length) => {
        if (data) {
          return Promise.resolve(partOf(location, data, offset, length));
        }
        throw new RangeError(
          `readOnnxWeights's data should be the bytes of ${
            shown(location)
          }, which has some of the model's weights, got none`,
        );
      },
    };
  }
  if (!(source instanceof URL)) assertPath("readOnnxWeights's source", source);
  if (data) {
    throw new TypeError(
      "readOnnxWeights's data is for a model given by its bytes; beside a path, files of weights are read from its folder",
    );
  }
  const name = String(source);
  const bytes = await files().readFile(source);
  return {
    ...{ name, model: decoded(name, bytes) },
    readData: (location, offset, length) =>
      readBeside(source, location, offset, length),
  };
}

function decoded(name: string, bytes: Uint8Array): ModelProto {
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw damaged(name, "an ONNX file", messageOf(cause), cause);
  }
  if (model.graph && model.irVersion > 0n) return model;
  throw damaged(name, "an ONNX file", "it has no graph");
}

/** Reads a part of a file that lies beside the model's. */
async function readBeside(
  model: string | URL,
  location: string,
  offset: number,
  length: number | undefined,
): Promise<Uint8Array> {
  // A file that somebody else made must not read any other folder.
  if (
    !/^[^\\/:]+(\/[^\\/:]+)*$/.test(location) ||
    /(^|\/)\.\.?(\/|$)/.test(location)
  ) {
    throw new RangeError(
      `${model} should have its weights in files beside it, got ${
        shown(location)
      }`,
    );
  }
  const path = model instanceof URL
    ? new URL(encodeURI(location), model)
    : model.replace(/[^\\/]*$/, "") + location;
  const read = await ifThere(withFile(path, async (file) => {
    const size = await fileSize(file, String(path));
    const end = offset + (length ?? size - offset);
    if (end > size || end < offset) throw tooShort(location, size, end);
    return await readFully(file, String(path), end - offset, offset);
  }));
  if (read) return read;
  throw new RangeError(
    `${model} should have its weights in ${location} beside it, got no such file`,
  );
}

function partOf(
  location: string,
  data: Uint8Array,
  offset: number,
  length = data.length - offset,
): Uint8Array {
  const end = offset + length;
  if (end > data.length || length < 0) {
    throw tooShort(location, data.length, end);
  }
  return data.subarray(offset, end);
}

function tooShort(location: string, size: number, end: number): SyntaxError {
  const reason = `it has ${size} bytes, and weights up to byte ${end}`;
  return damaged(location, "a file of an ONNX model's weights", reason);
}

/** Names of types that can be read, by their numbers. */
const TYPES = new Map(
  Object.entries(ELEMENT).map(([name, number]) => [number, name as StoredType]),
) as ReadonlyMap<number, StoredType>;

const FLOATS: readonly number[] = [
  ...[ELEMENT.float32, ELEMENT.float16, ELEMENT.bfloat16, ELEMENT.float64],
];

function isFloat({ dataType }: TensorProto): boolean {
  return FLOATS.includes(dataType);
}

function describe(
  { name }: OnnxFile,
  tensor: TensorProto,
): { type: StoredType; shape: number[] } {
  const type = TYPES.get(tensor.dataType);
  if (!type) {
    throw new RangeError(
      `${name}: tensor ${
        shown(tensor.name)
      } should have elements of 8, 16, 32 or 64 bits, got ONNX's type ${tensor.dataType}`,
    );
  }
  return { type, shape: tensor.dims.map(Number) };
}

/** The bytes of a tensor's elements, in a buffer of their own. */
async function bytesIn(
  file: OnnxFile,
  tensor: TensorProto,
): Promise<ArrayBuffer> {
  const { type, shape } = describe(file, tensor);
  const expected = BYTES[type] * sizeOf(shape);
  const bytes = tensor.dataLocation === EXTERNAL
    ? await externalBytes(file, tensor)
    : tensor.rawData.length > 0
    ? tensor.rawData
    : listedBytes(type, tensor);
  if (bytes.length === expected) return new Uint8Array(bytes).buffer;
  throw damaged(
    file.name,
    "an ONNX file",
    `tensor ${
      shown(tensor.name)
    }, ${type} of shape [${shape}], has ${bytes.length} bytes instead of ${expected}`,
  );
}

async function externalBytes(
  file: OnnxFile,
  { name, externalData }: TensorProto,
): Promise<Uint8Array> {
  const fields = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = fields.get("location");
  const [offset, length] = ["offset", "length"].map((field) => {
    const value = fields.get(field);
    return value === undefined ? undefined : Number(value);
  });
  const isFine = [offset, length].every((n) =>
    n === undefined || Number.isSafeInteger(n) && n >= 0
  );
  if (location && isFine) {
    return await file.readData(location, offset ?? 0, length);
  }
  const reason = `tensor ${shown(name)} does not say where its bytes are`;
  throw damaged(file.name, "an ONNX file", reason);
}

/** The bytes of elements that a message lists as numbers; halves are lists of their bits. */
function listedBytes(type: StoredType, tensor: TensorProto): Uint8Array {
  const lists = {
    float32: () => Float32Array.from(tensor.floatData),
    float64: () => Float64Array.from(tensor.doubleData),
    int64: () => BigInt64Array.from(tensor.int64Data),
    int32: () => Int32Array.from(tensor.int32Data),
    float16: () => Uint16Array.from(tensor.int32Data),
    bfloat16: () => Uint16Array.from(tensor.int32Data),
    int8: () => Int8Array.from(tensor.int32Data),
    uint8: () => Uint8Array.from(tensor.int32Data),
    bool: () => Uint8Array.from(tensor.int32Data),
  };
  return new Uint8Array(lists[type]().buffer);
}

/** The values of elements in float32: exactly, but for float64 and large integers. */
function floatsOf(type: StoredType, bytes: ArrayBuffer): Float32Array {
  switch (type) {
    case "float32":
      return new Float32Array(bytes);
    case "float16":
      return fromFloat16(bytes);
    case "bfloat16":
      return fromBfloat16(new Uint16Array(bytes));
    case "float64":
      return Float32Array.from(new Float64Array(bytes));
    case "int8":
      return Float32Array.from(new Int8Array(bytes));
    case "int32":
      return Float32Array.from(new Int32Array(bytes));
    case "int64":
      return Float32Array.from(new BigInt64Array(bytes), Number);
    default:
      return Float32Array.from(new Uint8Array(bytes));
  }
}

/** The name of a weight: the one that it has behind the node that widens it. */
function ownName({ name }: TensorProto, nodes: readonly NodeProto[]): string {
  const widened = nodes.find(({ opType, input }) =>
    opType === "Cast" && input[0] === name
  )?.output[0];
  return name === `${widened}.f16` ? widened! : name;
}

/** A weight in 8 bits or more: steps, of `scale` each, from a zero point on. */
interface Steps {
  readonly name: string;
  readonly steps: TensorProto;
  readonly scale: TensorProto;
  readonly zeroPoint: TensorProto | undefined;
  /** Along which scales differ, from the end if it is negative. */
  readonly axis: number;
}

/** The weights that nodes restore, and those that others' dynamic quantization has named. */
function restoredBy(
  nodes: readonly NodeProto[],
  found: ReadonlyMap<string, TensorProto>,
): Steps[] {
  const by = nodes.flatMap(({ opType, input, output, attribute }) => {
    const [steps, scale] = input.map((name) => found.get(name));
    if (opType !== "DequantizeLinear" || !steps || !scale) return [];
    const axis = attribute.find(({ name }) => name === "axis")?.i ?? 1n;
    const own = output[0]!;
    const name = steps.name === `${own}.int8`
      ? own
      : steps.name.replace(/_quantized$/, "");
    const zeroPoint = found.get(input[2] ?? "");
    return [{ name, steps, scale, zeroPoint, axis: Number(axis) }];
  });
  const known = new Set(by.map(({ steps }) => steps));
  const dynamic = [...found.values()].flatMap((steps) => {
    const name = /^(.+)_quantized$/.exec(steps.name)?.[1];
    const scale = found.get(`${name}_scale`);
    if (name === undefined || !scale || known.has(steps)) return [];
    const zeroPoint = found.get(`${name}_zero_point`);
    return [{ name, steps, scale, zeroPoint, axis: -1 }];
  });
  return [...by, ...dynamic];
}

async function dequantized(file: OnnxFile, one: Steps): Promise<tf.Tensor> {
  const { shape } = describe(file, one.steps);
  const read = async (tensor: TensorProto) =>
    floatsOf(describe(file, tensor).type, await bytesIn(file, tensor));
  const values = await read(one.steps);
  const scales = await read(one.scale);
  const zeros = one.zeroPoint
    ? await read(one.zeroPoint)
    : new Float32Array(scales.length);
  const axis = one.axis < 0 ? one.axis + shape.length : one.axis;
  const count = scales.length === 1 ? 1 : shape[axis];
  if (scales.length !== count || zeros.length !== count) {
    throw new RangeError(
      `${file.name}: weight ${
        shown(one.name)
      } of shape [${shape}] should have one scale, or one for each index of an axis, got ${scales.length}`,
    );
  }
  const inner = sizeOf(shape.slice(axis + 1));
  for (let i = 0; i < values.length; i++) {
    const index = Math.floor(i / inner) % count;
    // Both are rounded to float32, as runtimes round them.
    values[i] = (values[i]! - zeros[index]!) * scales[index]!;
  }
  return tf.tensor(values, shape);
}
