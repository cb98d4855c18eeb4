/** Tensors as text: dtype, shape and the first values. @module */
import * as tf from "@tensorflow/tfjs-core";

/** The most values of the last axis, and of each other axis, that are shown. */
const [COLUMNS, ROWS] = [8, 6];

/** Digits of a number that are shown; `array()` has all. */
const DIGITS = 5;

/**
 * A tensor as NumPy prints an array: nested, with what is left out as `…`. On a
 * GPU, only what is shown is read.
 *
 * @param x The tensor; one that was disposed of is said to be.
 * @returns Its dtype and shape on the first line, its first values below.
 */
export async function tensorText(x: tf.Tensor): Promise<string> {
  const title = `${x.dtype} [${x.shape.join(", ")}]`;
  if (x.isDisposed) return `${title}, disposed of: it has no values any more`;
  if (x.size === 0) return `${title}, without values`;
  if ((x.dtype as string) === "complex64") {
    return `${title}; tf.real and tf.imag of it have its values`;
  }
  const sizes = x.shape.map((size, axis) =>
    Math.min(size, axis === x.rank - 1 ? COLUMNS : ROWS)
  );
  const begin = x.shape.map(() => 0);
  const shown = x.rank === 0 ? x.clone() : tf.slice(x, begin, sizes);
  try {
    const texts = Array.from(await shown.data(), (value) => textOf(value, x));
    const width = Math.max(...texts.map(({ length }) => length));
    const aligned = texts.map((text) => text.padStart(width));
    return `${title}\n${nested(aligned, x.shape, sizes, "")}`;
  } finally {
    shown.dispose();
  }
}

function textOf(value: unknown, { dtype }: tf.Tensor): string {
  if (dtype === "bool") return String(Boolean(value));
  if (typeof value !== "number") return JSON.stringify(value);
  return String(dtype === "int32" ? value : Number(value.toPrecision(DIGITS)));
}

/**
 * The values from an axis on, in brackets; `indent` is the text at the start of
 * each line.
 */
function nested(
  texts: readonly string[],
  [size, ...shape]: readonly number[],
  [shown, ...sizes]: readonly number[],
  indent: string,
): string {
  if (size === undefined || shown === undefined) return texts[0]!;
  const each = texts.length / shown;
  const parts = Array.from(
    { length: shown },
    (_, i) =>
      nested(texts.slice(i * each, (i + 1) * each), shape, sizes, `${indent} `),
  );
  if (shown < size) parts.push("…");
  const between = shape.length === 0 ? ", " : `,\n${indent} `;
  return `[${parts.join(between)}]`;
}
