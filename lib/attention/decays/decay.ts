/**
 * Decays: how the weight of a token fades with distance.
 *
 * Every decay of the paper, and both ways of indexing it, reduces to one pair
 * of log decays, one per direction (`decay_pair.ts`); the forms of attention
 * know only that pair.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { assertOneOf, assertOptions, optionsOf, shown } from "@lionjs/base";
import { assertNumbers, assertShape } from "@lionjs/tfjs/kernel";
import { assertLogDecay, notLogDecay } from "./log_decay.ts";

/**
 * Whose decays count on the path from a source (a key's token) to a reader (a
 * query's token).
 *
 * - `"source"`: the source's, not the reader's. The paper's mask.
 * - `"arrival"`: the reader's, not the source's, as in RetNet, Mamba-2 and GLA.
 */
export type DecayConvention = "source" | "arrival";

/**
 * How the weight of a token fades with distance; made by {@linkcode noDecay},
 * {@linkcode fixedDecay}, {@linkcode selectiveDecay},
 * {@linkcode diagonalDecay} or {@linkcode bidirectionalDecay}.
 */
export type Decay =
  | { readonly kind: "none" }
  | { readonly kind: "fixed"; readonly logDecay: tf.Tensor1D }
  | {
    readonly kind: "selective";
    readonly logDecay: tf.Tensor3D;
    readonly convention: DecayConvention;
  }
  | {
    readonly kind: "diagonal";
    readonly logDecay: tf.Tensor4D;
    readonly convention: DecayConvention;
  }
  | {
    readonly kind: "two-sided";
    readonly forward: tf.Tensor3D;
    readonly backward: tf.Tensor3D;
  }
  | {
    readonly kind: "two-sided-diagonal";
    readonly forward: tf.Tensor4D;
    readonly backward: tf.Tensor4D;
  };

/** Decays whose kernel has clamped them: no user can claim that, and get NaN. */
const clamped = new WeakSet<Decay>();

/** A two-sided decay of log decays that a kernel has made, none below the lowest. */
export function clampedDecay(
  forward: tf.Tensor3D,
  backward: tf.Tensor3D,
): Decay {
  const decay: Decay = { kind: "two-sided", forward, backward };
  clamped.add(decay);
  return decay;
}

/** Whether no log decay lies below the lowest, so that none has to be clamped. */
export function isClamped(decay: Decay): boolean {
  return clamped.has(decay);
}

/** Options of {@linkcode selectiveDecay}. */
interface SelectiveDecayOptions {
  /** Which token's decay applies between two neighbours. @default "source" */
  convention?: DecayConvention | undefined;
}

const OPTIONS = optionsOf<SelectiveDecayOptions>()("convention");

/**
 * Makes the decay of LION-LIT, which is none: distance does not change a
 * token's weight.
 *
 * @example Every weight is one
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decayMask, noDecay } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * assertEquals([...await decayMask(noDecay(), 2).data()], [1, 1, 1, 1]);
 * ```
 *
 * @returns The decay.
 */
export function noDecay(): Decay {
  return { kind: "none" };
}

/**
 * Makes a decay with one constant per head: LION-D, after RetNet.
 *
 * @example Half as much with each step
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { decayMask, fixedDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const mask = decayMask(fixedDecay(tf.tensor1d([Math.log(0.5)])), 3);
 * const firstRow = (await mask.data()).slice(0, 3);
 * [1, 0.5, 0.25].forEach((weight, j) =>
 *   assertAlmostEquals(firstRow[j]!, weight, 1e-6)
 * );
 * ```
 *
 * @param logDecay Natural logarithms of the decays, `[heads]`, all <= 0.
 * @returns The decay.
 * @throws {TypeError} If `logDecay` is not a vector of numbers.
 * @throws {RangeError} If a value is above 0, as decays themselves are, and can
 * be read without waiting for a device; {@linkcode checkDecay} reads all
 * values.
 */
export function fixedDecay(
  logDecay: tf.Tensor,
  ...others: readonly never[]
): Decay {
  if (others.length > 0) {
    throw new TypeError(
      `fixedDecay takes logDecay alone, since constant decays need no convention, got also ${
        shown(others[0])
      }`,
    );
  }
  assertShape("fixedDecay's logDecay", logDecay, [null], "heads");
  assertLogDecay("fixedDecay's logDecay", logDecay);
  return { kind: "fixed", logDecay };
}

/**
 * Makes a decay with one value per head and token: LION-S, after Gated RFA and
 * Mamba-2.
 *
 * @example The paper's mask counts the source's decay and not the reader's
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { decayMask, selectiveDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logDecay = tf.log(tf.tensor3d([0.1, 0.2, 0.3], [1, 1, 3]));
 * const mask = await decayMask(selectiveDecay(logDecay), 3).array();
 * assertAlmostEquals(mask[0]![0]![2]![0]!, 0.1 * 0.2, 1e-6); // 0 read by 2
 * assertAlmostEquals(mask[0]![0]![0]![2]!, 0.2 * 0.3, 1e-6); // 2 read by 0
 * ```
 *
 * @param logDecay Natural logarithms of the decays, `[batch, heads, length]`,
 * all <= 0; a batch axis of 1 is broadcast.
 * @param options `convention`: see {@linkcode DecayConvention}; `"source"`, the
 * paper's, by default.
 * @returns The decay.
 * @throws {TypeError} If `logDecay` does not have three axes or is not numeric,
 * or an option is unknown.
 * @throws {RangeError} If the convention is unknown, or the values are decays
 * instead of their logarithms and can be read without waiting for a device.
 */
export function selectiveDecay(
  logDecay: tf.Tensor,
  options: SelectiveDecayOptions = {},
): Decay {
  assertOptions("selectiveDecay", options, OPTIONS);
  const { convention = "source" } = options;
  assertShape(
    "selectiveDecay's logDecay",
    logDecay,
    [null, null, null],
    "batch, heads, length",
  );
  assertLogDecay("selectiveDecay's logDecay", logDecay);
  assertConvention("selectiveDecay's convention", convention);
  return { kind: "selective", logDecay, convention };
}

/** Throws unless the convention exists. */
export function assertConvention(
  name: string,
  convention: DecayConvention,
): void {
  assertOneOf(name, convention, ["source", "arrival"]);
}

/**
 * Makes the general decay, to which all others reduce, from the log decays by
 * which the forward and the backward state decay on arriving at each token, one
 * per token or one per token and key channel.
 *
 * @example Remember to the right, forget to the left
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { decayMask, bidirectionalDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const decay = bidirectionalDecay(
 *   tf.zeros([1, 1, 2]),
 *   tf.fill([1, 1, 2], -Infinity),
 * );
 * assertEquals([...await decayMask(decay, 2).data()], [1, 0, 1, 1]);
 * ```
 *
 * @param forward Log decays of the forward state, `[batch, heads, length]` or
 * `[batch, heads, length, headDim]`, all <= 0. A batch axis of 1 is broadcast.
 * @param backward Log decays of the backward state, of the same shape, all <= 0.
 * @returns The decay.
 * @throws {TypeError} If a tensor does not have three or four axes or is not
 * numeric, or the shapes differ.
 * @throws {RangeError} If the values are decays instead of their logarithms and
 * can be read without waiting for a device.
 */
export function bidirectionalDecay(
  forward: tf.Tensor,
  backward: tf.Tensor,
): Decay {
  const isDiagonal = forward?.shape?.length === 4;
  const axes = `batch, heads, length${isDiagonal ? ", headDim" : ""}`;
  assertShape(
    "bidirectionalDecay's forward",
    forward,
    axes.split(", ").map(() => null),
    axes,
  );
  assertShape("bidirectionalDecay's backward", backward, forward.shape, axes);
  assertLogDecay("bidirectionalDecay's forward", forward);
  assertLogDecay("bidirectionalDecay's backward", backward);
  return (isDiagonal
    ? { kind: "two-sided-diagonal", forward, backward }
    : { kind: "two-sided", forward, backward }) as Decay;
}

const KINDS: Readonly<Record<Decay["kind"], true>> = {
  none: true,
  fixed: true,
  selective: true,
  diagonal: true,
  "two-sided": true,
  "two-sided-diagonal": true,
};

/** Throws unless a value is a decay. */
export function assertDecay(name: string, decay: Decay): void {
  const { kind } = Object(decay);
  if (typeof kind === "string" && Object.hasOwn(KINDS, kind)) {
    if ("convention" in decay) {
      assertConvention(`${name}'s convention`, decay.convention);
    }
    for (const part of ["logDecay", "forward", "backward"] as const) {
      if (!(part in decay)) continue;
      const tensor = decay[part as keyof typeof decay] as unknown;
      assertNumbers(`${name}'s ${part}`, tensor as tf.Tensor);
    }
    return;
  }
  throw new TypeError(
    `${name} should be made by noDecay, fixedDecay, selectiveDecay, diagonalDecay or bidirectionalDecay, got ${
      shown(decay)
    }`,
  );
}

/**
 * Reads a decay's values and throws if any of them is not a log decay.
 *
 * The functions that make decays check only the first values, and only if these
 * can be read without waiting for a device.
 *
 * @example A decay above 1 would grow with distance
 * ```ts
 * import { assertRejects } from "@std/assert";
 * import { checkDecay, selectiveDecay } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const logDecay = tf.fill([1, 1, 999], -0.1);
 * const wrong = tf.concat([logDecay, tf.ones([1, 1, 1])], 2); // 1, for 100 %
 * const decay = selectiveDecay(wrong as tf.Tensor3D);
 * await assertRejects(() => checkDecay(decay), RangeError, "1 at [0, 0, 999]");
 * ```
 *
 * @param decay The decay to check.
 * @throws {TypeError} If `decay` is not a decay.
 * @throws {RangeError} If a value is positive or NaN; the message gives the first one and its index.
 */
export async function checkDecay(decay: Decay): Promise<void> {
  assertDecay("checkDecay's decay", decay);
  const tensors: [name: string, tensor: tf.Tensor][] = decay.kind === "none"
    ? []
    : decay.kind === "two-sided" || decay.kind === "two-sided-diagonal"
    ? [
      ["bidirectionalDecay's forward", decay.forward],
      ["bidirectionalDecay's backward", decay.backward],
    ]
    : [[`${decay.kind}Decay's logDecay`, decay.logDecay]];
  const values = await Promise.all(tensors.map(([, tensor]) => tensor.data()));
  tensors.forEach(([name, tensor], which) => {
    const at = values[which]!.findIndex((value) => !(value <= 0));
    if (at >= 0) throw notLogDecay(name, tensor, at, values[which]![at]!);
  });
}
