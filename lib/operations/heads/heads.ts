/** Splitting projected rows into heads, and joining the heads again. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  eluPlusOne,
  type FeatureMap,
  identity,
  shiftedSilu,
} from "../feature_map.ts";
import {
  assertShape,
  hasKernel,
  type Operation,
  runKernel,
  withFloats,
} from "@lionjs/tfjs/kernel";
import { assertOptions, assertPositiveInteger, optionsOf } from "@lionjs/base";

/**
 * The kernel of {@linkcode splitHeads}; attributes `numHeads` and `featureMap`.
 */
export const SPLIT_HEADS: Operation<"q" | "k" | "v"> = {
  kernel: "LionSplitHeads",
  gradientsIn: ["x"],
  outputs: ["q", "k", "v"],
  plain: (
    { x }: { readonly x: tf.Tensor3D },
    { numHeads, featureMap }: {
      readonly numHeads: number;
      readonly featureMap: FusedFeatureMap;
    },
  ) => splitPlainly(x, numHeads, MAPS[featureMap]),
};

/**
 * {@linkcode SPLIT_HEADS} with the feature map `identity`, whose gradient does
 * not read x.
 */
const SPLIT_ONLY: typeof SPLIT_HEADS = { ...SPLIT_HEADS, gradientInputs: [] };

/** Feature maps that the kernel supports; a map's index is its number in the kernel. */
export const FUSED_FEATURE_MAPS = [
  "identity",
  "relu",
  "eluPlusOne",
  "shiftedSilu",
] as const;

/** The name of a feature map that the kernel supports. */
export type FusedFeatureMap = typeof FUSED_FEATURE_MAPS[number];

const MAPS: Readonly<Record<FusedFeatureMap, FeatureMap>> = {
  identity,
  relu: tf.relu,
  eluPlusOne,
  shiftedSilu,
};

const NAMES: ReadonlyMap<FeatureMap, FusedFeatureMap> = new Map(
  FUSED_FEATURE_MAPS.map((name) => [MAPS[name], name]),
);

/** Options of {@linkcode splitHeads}. */
interface SplitHeadsOptions {
  /** Number of heads. */
  numHeads: number;
  /** Feature map of queries and keys. @default none */
  featureMap?: FeatureMap | undefined;
}

const OPTIONS = optionsOf<SplitHeadsOptions>()("numHeads featureMap");

/**
 * Splits projected rows into queries, keys and values, and applies the feature
 * map to queries and keys, in a single kernel if there is no map, or if it is
 * `eluPlusOne`, `shiftedSilu` or `tf.relu`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { splitHeads } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * // Two tokens, one head of two: the columns are q, k and v.
 * const x = tf.tensor3d([[[1, -2, 3, 4, 5, 6], [0, 0, 0, 0, 7, 8]]]);
 * const { q, v } = splitHeads(x, { numHeads: 1, featureMap: tf.relu });
 * assertEquals(await q.array(), [[[[1, 0], [0, 0]]]]);
 * assertEquals(await v.array(), [[[[5, 6], [7, 8]]]]);
 * ```
 *
 * @param x Projected rows, `[batch, length, 3 · numHeads · headDim]`: all
 * heads' queries, then keys, then values; integers and booleans are converted
 * to float32.
 * @param options `numHeads`; `featureMap`: the map of queries and keys,
 * none by default.
 * @returns q, k and v, each `[batch, numHeads, length, headDim]`.
 * @throws {TypeError} If x does not have three axes or is not numeric, or an
 * option is unknown or of the wrong type.
 * @throws {RangeError} If its last axis cannot be split into that many heads.
 */
export function splitHeads(
  x: tf.Tensor,
  options: SplitHeadsOptions,
): Heads {
  assertOptions("splitHeads", options, OPTIONS);
  const { numHeads, featureMap = identity } = options;
  assertPositiveInteger("splitHeads' numHeads", numHeads);
  if (typeof featureMap !== "function") {
    throw new TypeError(
      `splitHeads' featureMap should be a function, got ${typeof featureMap}`,
    );
  }
  return withFloats(
    "splitHeads",
    { x },
    ({ x }) => split(x, numHeads, featureMap),
  );
}

type Heads = { q: tf.Tensor4D; k: tf.Tensor4D; v: tf.Tensor4D };

/**
 * Splits x, `[batch, length, 3 · heads · headDim]`, into q, k and v,
 * `[batch, heads, length, headDim]`.
 */
function split(
  x: tf.Tensor,
  numHeads: number,
  featureMap: FeatureMap,
): Heads {
  if (x.shape.length !== 3) {
    throw new TypeError(
      `splitHeads' x should have shape [batch, length, 3 · numHeads · headDim], got [${x.shape}]`,
    );
  }
  const columns = x.shape[2]!, headDim = columns / (3 * numHeads);
  if (!(Number.isInteger(headDim) && headDim > 0)) {
    throw new RangeError(
      `splitHeads' x should have 3 · numHeads · headDim columns, got ${columns} for ${numHeads} heads`,
    );
  }
  const name = NAMES.get(featureMap);
  if (name && hasKernel(SPLIT_HEADS)) {
    const attributes = { numHeads, featureMap: name };
    const operation = name === "identity" ? SPLIT_ONLY : SPLIT_HEADS;
    return runKernel(operation, { x }, attributes) as Heads;
  }
  return splitPlainly(x as tf.Tensor3D, numHeads, featureMap);
}

function splitPlainly(
  x: tf.Tensor3D,
  numHeads: number,
  featureMap: FeatureMap,
): Heads {
  const [batch, length, columns] = x.shape;
  const headDim = columns / (3 * numHeads);
  return tf.tidy(() => {
    const heads = tf.transpose(
      tf.reshape(x, [batch, length, 3 * numHeads, headDim]),
      [0, 2, 1, 3],
    );
    const [q, k, v] = tf.split(heads, 3, 1) as tf.Tensor4D[];
    return { q: featureMap(q!), k: featureMap(k!), v: v! };
  });
}

/**
 * Concatenates the heads of each token into one row.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { joinHeads } from "@lionjs/lion/operations";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const y = joinHeads(tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]));
 * assertEquals(await y.array(), [[[1, 3], [2, 4]]]);
 * ```
 *
 * @param x The heads, `[batch, heads, length, valueDim]`; integers and booleans
 * are converted to float32.
 * @returns The rows, `[batch, length, heads · valueDim]`.
 * @throws {TypeError} If x does not have four axes or is not numeric.
 */
export function joinHeads(x: tf.Tensor): tf.Tensor3D {
  return withFloats("joinHeads", { x }, ({ x }) => {
    const axes = "batch, heads, length, valueDim";
    assertShape("joinHeads' x", x, [null, null, null, null], axes);
    const [batch, heads, length, valueDim] = x.shape;
    return tf.tidy((): tf.Tensor3D => {
      // tfjs-wasm's transpose of an empty tensor divides by zero.
      const rows = x.size === 0 ? x : tf.transpose(x, [0, 2, 1, 3]);
      return tf.reshape(rows, [batch, length, heads * valueDim]);
    });
  });
}

/**
 * Splits columns into heads: `[batch, length, heads · columns]` to
 * `[batch, heads, length, columns]`.
 */
export function toHeads(rows: tf.Tensor3D, numHeads: number): tf.Tensor4D {
  const [batch, length, columns] = rows.shape;
  const split: tf.Tensor4D = tf.reshape(rows, [
    ...[batch, length] as const,
    ...[numHeads, columns / numHeads] as const,
  ]);
  return tf.transpose(split, [0, 2, 1, 3]);
}
