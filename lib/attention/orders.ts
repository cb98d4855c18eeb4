/** Attention along several paths through the same tokens. @module */
import * as tf from "@tensorflow/tfjs-core";
import { floats } from "@lionjs/tfjs/kernel";
import {
  assertAllocatable,
  assertNumber,
  assertOneOf,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
  shown,
} from "@lionjs/base";
import { tokensIn, withoutPadding } from "../operations/padding/padding.ts";
import { assertDecay, type Decay } from "./decays/decay.ts";
import { assertOfBatch } from "./decays/decay_pair.ts";
import {
  checkAttention,
  lionAttention,
  type LionAttentionOptions,
} from "./lion_attention.ts";
import { normalized } from "./forms/normalizer.ts";
import { numberSegments } from "../operations/segments.ts";

/** A path through the tokens: the index of the token at each step. */
export type Order = readonly number[];

/** Options of {@linkcode snakeScan}. */
interface SnakeScanOptions {
  /** Whether the snake follows rows or columns. @default "rows" */
  along?: "rows" | "columns" | undefined;
  /** Number of tokens before the grid, which keep their places. @default 0 */
  first?: number | undefined;
}

const SNAKE_OPTIONS = optionsOf<SnakeScanOptions>()("along first");

/**
 * Returns a snake's path through a grid: row by row, every other row backwards,
 * so that neighbours on the path are neighbours in the grid.
 *
 * Source: LION's authors' vision code, curves "s" (rows) and "sr" (columns).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { snakeScan } from "@lionjs/lion";
 *
 * // 0 1 2
 * // 3 4 5
 * assertEquals(snakeScan(2, 3), [0, 1, 2, 5, 4, 3]);
 * assertEquals(snakeScan(2, 3, { along: "columns" }), [0, 3, 4, 1, 2, 5]);
 * ```
 *
 * @param rows Rows of the grid, whose cells are numbered row by row.
 * @param columns Columns of the grid.
 * @param options `along`: `"rows"`, the default, or `"columns"`; `first`: the
 * number of tokens before the grid, such as a class token, that keep their
 * places; 0 by default.
 * @returns The cells in the order of the path.
 * @throws {TypeError} If an option is unknown, or an argument is not a number.
 * @throws {RangeError} If a number or option has an invalid value.
 */
export function snakeScan(
  rows: number,
  columns: number,
  options: SnakeScanOptions = {},
): number[] {
  assertOptions("snakeScan", options, SNAKE_OPTIONS);
  const { along = "rows", first = 0 } = options;
  assertPositiveInteger("rows", rows);
  assertPositiveInteger("columns", columns);
  assertOneOf("along", along, ["rows", "columns"]);
  assertNumber("first", first);
  if (!(Number.isInteger(first) && first >= 0)) {
    throw new RangeError(`first should be 0 or more tokens, got ${first}`);
  }
  assertAllocatable({ rows, columns });
  assertAllocatable({ first });
  const [lines, steps] = along === "rows" ? [rows, columns] : [columns, rows];
  const order = Array.from({ length: first }, (_, i) => i);
  for (let line = 0; line < lines; line++) {
    for (let step = 0; step < steps; step++) {
      const at = line % 2 === 0 ? step : steps - 1 - step;
      const cell = along === "rows" ? line * columns + at : at * columns + line;
      order.push(first + cell);
    }
  }
  return order;
}

/** A path through the tokens with its own decay. */
export interface OrderedDecay {
  /** The index of the token at each step of the path. */
  readonly order: Order;
  /** The path's decays, given in the tokens' own order. */
  readonly decay: Decay;
}

const WAY = optionsOf<OrderedDecay>()("order decay");

type Options = Omit<LionAttentionOptions, "decay">;

const OPTIONS = optionsOf<Options>()(
  "form kernel chunkSize scale normalize epsilon causal mask segments",
  "precision",
);

/**
 * Computes attention along several paths through the same tokens: numerators
 * and normalisers are averaged, then divided once. Works in every form and
 * kernel.
 *
 *     y = Σ_c Y_c / (Σ_c N_c + C ε)
 *
 * Source: LION (arXiv:2502.16249), "LION-D♮" and "LION-S♮" for images.
 *
 * @example With the tokens' own order alone, it equals lionAttention
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { fixedDecay, lionAttention, multiScanAttention } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const x: tf.Tensor4D = tf.randomUniform([1, 1, 3, 2]);
 * const decay = fixedDecay(tf.tensor1d([-1]));
 * const y = await multiScanAttention(x, x, x, [{ order: [0, 1, 2], decay }]).data();
 * const same = await lionAttention(x, x, x, { decay }).data();
 * y.forEach((value, i) => assertAlmostEquals(value, same[i]!, 1e-5));
 * ```
 *
 * @param q Queries, `[batch, heads, length, headDim]`, with the feature map
 * applied.
 * @param k Keys, `[batch, heads, length, headDim]`, with the feature map
 * applied.
 * @param v Values, `[batch, heads, length, valueDim]`.
 * @param ways The paths, each with its order and its decay.
 * @param options As for {@linkcode lionAttention}. With `segments`, given in
 * the tokens' own order, a path should visit one segment after another: where
 * it returns to a segment, the rest counts as a new segment.
 * @returns The outputs, `[batch, heads, length, valueDim]`.
 * @throws {TypeError} If a tensor has the wrong shape or dtype, or an option is
 * unknown or of the wrong type.
 * @throws {RangeError} If an order is not a permutation of the tokens, `ways`
 * is empty, or an option has an invalid value.
 */
export function multiScanAttention(
  q: tf.Tensor,
  k: tf.Tensor,
  v: tf.Tensor,
  ways: readonly OrderedDecay[],
  options: Options = {},
): tf.Tensor4D {
  assertOptions("multiScanAttention", options, OPTIONS);
  const { normalize = true, epsilon = 1e-6, mask, ...others } = options;
  if (!Array.isArray(ways)) {
    throw new TypeError(`ways should be a list, got ${typeof ways}`);
  }
  if (ways.length === 0) throw new RangeError("ways should not be empty");
  ways.forEach((way, i) => {
    assertOptions(`ways[${i}]`, way, WAY);
    assertDecay(`ways[${i}]'s decay`, way.decay);
  });
  // Check before reordering, which would truncate a tensor that is too long.
  const { vectors, segments } = checkAttention(
    "multiScanAttention",
    { q, k, v },
    options,
  );
  for (const { decay } of ways) {
    if (decay.kind !== "selective") continue;
    assertOfBatch(
      "selectiveDecay's logDecay",
      decay.logDecay,
      vectors.q.shape.slice(0, 3),
      "batch, heads, length",
    );
  }
  return tf.tidy(() => {
    // Convert once, not once per path.
    const tokens = mask && tokensIn("mask", mask);
    const read = (name: "q" | "k" | "v") =>
      withoutPadding(floats(name, vectors[name]), tokens);
    const queries = read("q"), keys = read("k"), values = read("v");
    // Two segments that are not neighbours in the tokens' own order may be neighbours on a path.
    const numbers = segments && numberSegments(segments);
    const attend = (values: tf.Tensor4D) => {
      const sums = ways.map(({ order, decay }) => {
        const there = permutation(order, vectors.q.shape[2]);
        const along = (x: tf.Tensor4D) => permute(x, there, 2);
        const y = lionAttention(along(queries), along(keys), along(values), {
          ...others,
          normalize: false,
          decay: permuteDecay(decay, there),
          segments: numbers && permute(numbers, there, 1),
        });
        return permute(y, { order: there.inverse, inverse: there.order }, 2);
      });
      return tf.div(tf.addN(sums), ways.length) as tf.Tensor4D;
    };
    return normalized(attend, values, tokens, { normalize, epsilon });
  });
}

/** An order and its inverse. */
interface Permutation {
  readonly order: Int32Array;
  readonly inverse: Int32Array;
}

function permutation(order: Order, length: number): Permutation {
  if (!Array.isArray(order)) {
    throw new TypeError(
      `order should be a list of tokens, got ${typeof order}`,
    );
  }
  const inverse = new Int32Array(length).fill(-1);
  order.forEach((token: unknown, place) => {
    if (typeof token === "number") inverse[token] = place;
  });
  if (order.length !== length || inverse.includes(-1)) {
    throw new RangeError(
      `order should hold each of the ${length} tokens once, got ${order.length} numbers: ${
        shown(order.slice(0, 10))
      }${order.length > 10 ? " …" : ""}`,
    );
  }
  return { order: Int32Array.from(order), inverse };
}

/**
 * Reorders an axis; the gradient is a reordering too, where tfjs would scatter
 * and add.
 */
function permute<T extends tf.Tensor>(
  x: T,
  { order, inverse }: Permutation,
  axis: number,
): T {
  const gather = tf.customGrad((x) => ({
    value: tf.gather(x as tf.Tensor, tf.tensor1d(order, "int32"), axis),
    gradFunc: (dy: tf.Tensor) =>
      tf.gather(dy, tf.tensor1d(inverse, "int32"), axis),
  }));
  return gather(x) as T;
}

function permuteDecay(decay: Decay, there: Permutation): Decay {
  switch (decay.kind) {
    case "none":
    case "fixed":
      return decay;
    case "selective":
    case "diagonal": {
      const logDecay = floats(`${decay.kind}Decay's logDecay`, decay.logDecay);
      return { ...decay, logDecay: permute(logDecay, there, 2) } as Decay;
    }
    case "two-sided":
    case "two-sided-diagonal":
      throw new RangeError(
        "a two-sided decay belongs to one order of the tokens; pass each path a selectiveDecay, diagonalDecay or fixedDecay",
      );
  }
}
