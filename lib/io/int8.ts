/** Weights as integers of 8 bits, with a scale for each row. @module */
import { assertInteger, assertNamed, shown } from "@lionjs/base";
import { assertNotDisposed } from "@lionjs/tfjs/kernel";
import * as tf from "@tensorflow/tfjs-core";

/** A tensor `[rows, …]` as integers of 8 bits: row r is `scale[r]` times its integers. */
export interface Int8Tensor {
  /** Integers from -127 to 127, row by row. */
  readonly values: Int8Array;
  /** The scale of each row. */
  readonly scale: Float32Array;
  /** The shape of the tensor. */
  readonly shape: readonly number[];
}

/** The value of `quantization` in the metadata of a file with such tensors. */
export const INT8_ROWS = "int8-row-symmetric";

/** What the name of a tensor's scales has behind the tensor's. */
export const SCALE = ".scale";

/** The largest integer; -128 is not used, so that both signs have as many. */
const LARGEST = 127;

/** The smallest normal float32: scales below it have too few digits. */
const SMALLEST = 2 ** -126;

/**
 * Rounds a tensor to integers of 8 bits, each row by its own scale: its largest
 * absolute value divided by 127, or 1 if the row is 0. No number changes by more
 * than half a scale. Halves are rounded to even, so the same tensor always gives
 * the same integers, and so does what {@linkcode dequantizeInt8} makes of them.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dequantizeInt8, quantizeInt8 } from "@lionjs/lion/io";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const quantized = await quantizeInt8(tf.tensor2d([[127, -63.6], [0, 0]]));
 * assertEquals([...quantized.values], [127, -64, 0, 0]);
 * assertEquals([...quantized.scale], [1, 1]);
 * const rounded = dequantizeInt8(quantized);
 * assertEquals(await rounded.array(), [[127, -64], [0, 0]]);
 * ```
 *
 * @param w float32 `[rows, …]`, such as a weight `[outputs, inputs]` of PyTorch's.
 * @returns The integers, scales and shape.
 * @throws {TypeError} If `w` is no such tensor.
 * @throws {RangeError} If a number is NaN or infinite.
 */
export async function quantizeInt8(w: tf.Tensor): Promise<Int8Tensor> {
  const given: unknown = w;
  if (!(given instanceof tf.Tensor) || w.dtype !== "float32" || w.rank < 1) {
    throw new TypeError(
      `quantizeInt8's w should be a float32 tensor of shape [rows, …], got ${
        shown(given)
      }`,
    );
  }
  assertNotDisposed("quantizeInt8's w", w);
  const numbers = await w.data<"float32">();
  const rows = w.shape[0]!, columns = rows === 0 ? 0 : w.size / rows;
  const values = new Int8Array(numbers.length);
  const scale = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const own = numbers.subarray(row * columns, (row + 1) * columns);
    let largest = 0;
    for (const x of own) {
      if (!Number.isFinite(x)) {
        throw new RangeError(
          `quantizeInt8's w should be finite, got ${x} in row ${row}`,
        );
      }
      largest = Math.max(largest, Math.abs(x));
    }
    const step = Math.fround(largest / LARGEST);
    scale[row] = step < SMALLEST ? 1 : step;
    own.forEach((x, i) => {
      const rounded = roundHalfToEven(x / scale[row]!);
      values[row * columns + i] = Math.max(
        -LARGEST,
        Math.min(LARGEST, rounded),
      );
    });
  }
  return { values, scale, shape: [...w.shape] };
}

function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * Makes a tensor of integers of 8 bits and the scales of rows.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { dequantizeInt8 } from "@lionjs/lion/io";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const w = dequantizeInt8({
 *   values: Int8Array.of(2, -4, 127),
 *   scale: Float32Array.of(0.5),
 *   shape: [1, 3],
 * });
 * assertEquals(await w.array(), [[1, -2, 63.5]]);
 * ```
 *
 * @param quantized What {@linkcode quantizeInt8} returns.
 * @returns The tensor, float32; the caller disposes of it.
 * @throws {TypeError} If the parts have other types.
 * @throws {RangeError} If their sizes are not those of the shape.
 */
export function dequantizeInt8(quantized: Int8Tensor): tf.Tensor {
  assertInt8("dequantizeInt8's tensor", quantized);
  const { values, scale, shape } = quantized;
  const columns = values.length / scale.length;
  const numbers = new Float32Array(values.length);
  for (let row = 0; row < scale.length; row++) {
    for (let i = row * columns; i < (row + 1) * columns; i++) {
      numbers[i] = values[i]! * scale[row]!;
    }
  }
  return tf.tensor(numbers, [...shape]);
}

/** Throws unless a value is a tensor of integers with scales. */
export function assertInt8(name: string, tensor: Int8Tensor): void {
  assertNamed(name, tensor);
  const { values, scale, shape } = tensor;
  const given: unknown = shape;
  if (
    !(values instanceof Int8Array) || !(scale instanceof Float32Array) ||
    !Array.isArray(given) || given.some((size) => typeof size !== "number")
  ) {
    throw new TypeError(
      `${name} should have values (an Int8Array), scale (a Float32Array) and shape (an array of numbers), got ${
        shown(tensor)
      }`,
    );
  }
  shape.forEach((size, axis) =>
    assertInteger(`${name}'s shape[${axis}]`, size, 0)
  );
  const size = shape.reduce((product, size) => product * size, 1);
  if (
    shape.length > 0 && size === values.length && shape[0] === scale.length
  ) return;
  throw new RangeError(
    `${name} should have as many values as its shape, and a scale for each row, got ${values.length} values and ${scale.length} scales for shape [${shape}]`,
  );
}
