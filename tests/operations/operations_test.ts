/**
 * Each operation on each backend, fused where the backend has the kernel,
 * against float64; gradients against differences of the float64 function.
 *
 * @module
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  eluPlusOne,
  type FeatureMap,
  fixedDecay,
  logSigmoid,
  selectiveDecay,
  shiftedSilu,
} from "../../mod.ts";
import { identity } from "../../lib/operations/feature_map.ts";
import {
  dense,
  gelu,
  joinHeads,
  layerNorm,
  rmsNorm,
  selectiveScan,
  shortConvolution,
  splitHeads,
} from "../../lib/operations/mod.ts";
import { denseGelu } from "../../lib/operations/dense/dense.ts";
import { logDecayPair } from "../../lib/attention/decays/decay_pair.ts";
import { spread } from "../../lib/operations/spread/spread.ts";
import { decayOfLogits } from "../../lib/layers/mixers/token_log_decay.ts";
import { tokenLogDecay } from "../../lib/operations/token_decays/token_decays.ts";
import {
  addAndNorm,
  normOfSum,
} from "../../lib/operations/layer_norm/add_norm.ts";
import { dropout } from "../../lib/operations/dropout/dropout.ts";
import { tokenMean } from "../../lib/operations/token_mean/token_mean.ts";
import {
  joinDirections,
  splitDirections,
} from "../../lib/operations/directions/directions.ts";
import { joinSweeps, turnSweeps } from "../../lib/operations/turned/sweeps.ts";
import { onEachBackend } from "../backends.ts";
import { erf } from "../erf.ts";
import { array, uniform } from "../random.ts";

/** A function of tensors, and the same of float64 numbers. */
interface Subject {
  readonly name: string;
  readonly shapes: readonly (readonly number[])[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor[];
  readonly reference: (...inputs: number[][]) => number[];
  /** Makes inputs from uniform numbers. */
  readonly make?: (u: number) => number;
  /** Columns of rows each of which is computed by itself, where it is so. */
  readonly columns?: number;
}

const rowsOf = (x: number[], columns: number): number[][] =>
  Array.from(
    { length: x.length / columns },
    (_, i) => x.slice(i * columns, (i + 1) * columns),
  );
const mean = (x: number[]) =>
  x.reduce((sum, value) => sum + value, 0) / x.length;

function layerNormOf(columns: number, leading: number[]): Subject {
  return {
    name: `layerNorm [${leading}, ${columns}]`,
    columns,
    shapes: [[...leading, columns], [columns], [columns]],
    run: (x, scale, offset) => [
      layerNorm(x!, scale as tf.Tensor1D, offset as tf.Tensor1D, {
        epsilon: 1e-3,
      }),
    ],
    reference: (x, scale, offset) =>
      rowsOf(x!, columns).flatMap((row) => {
        const middle = mean(row);
        const centred = row.map((value) => value - middle);
        const variance = mean(centred.map((value) => value * value));
        return centred.map((value, i) =>
          value / Math.sqrt(variance + 1e-3) * scale![i]! + offset![i]!
        );
      }),
  };
}

const siluOf = (x: number) => x / (1 + Math.exp(-x));

function rmsNormOf(
  columns: number,
  leading: number[],
  gated: boolean,
): Subject {
  const shape = [...leading, columns];
  return {
    name: `rmsNorm [${shape}]${gated ? " with a gate" : ""}`,
    columns,
    shapes: [shape, [columns], ...(gated ? [shape] : [])],
    make: (u) => 8 * u - 4,
    run: (x, scale, gate) => [
      rmsNorm(x!, scale as tf.Tensor1D, {
        epsilon: 1e-3,
        ...(gate ? { gate } : {}),
      }),
    ],
    reference: (x, scale, gate) =>
      rowsOf(x!, columns).flatMap((row, r) => {
        const square = mean(row.map((value) => value * value));
        return row.map((value, i) =>
          value / Math.sqrt(square + 1e-3) * scale![i]! *
          (gate ? siluOf(gate[r * columns + i]!) : 1)
        );
      }),
  };
}

interface EndsSizes {
  readonly batch: number;
  readonly length: number;
  readonly heads: number;
  readonly headDim: number;
  readonly stateDim: number;
}

/** Of some lengths that no block of tokens divides, and rows that no vector does. */
const ENDS: readonly EndsSizes[] = [
  { batch: 1, length: 1, heads: 1, headDim: 1, stateDim: 1 },
  { batch: 2, length: 3, heads: 2, headDim: 5, stateDim: 3 },
  { batch: 1, length: 70, heads: 1, headDim: 8, stateDim: 4 },
  { batch: 2, length: 5, heads: 3, headDim: 11, stateDim: 18 },
];

/** Where a token of a head lies, from either end. */
function placeOf(
  { batch, length, heads }: EndsSizes,
  [b, head, t]: readonly [number, number, number],
  isBack: boolean,
): number {
  const sequence = isBack ? batch + b : b;
  const place = isBack ? length - 1 - t : t;
  return (sequence * heads + head) * length + place;
}

function* tokensOf(
  { batch, length, heads }: EndsSizes,
): Generator<readonly [number, number, number]> {
  for (let b = 0; b < batch; b++) {
    for (let head = 0; head < heads; head++) {
      for (let t = 0; t < length; t++) yield [b, head, t];
    }
  }
}

function splitEndsOf(sizes: EndsSizes): Subject {
  const { batch, length, heads, headDim, stateDim } = sizes;
  const channels = heads * headDim, columns = channels + 4 * stateDim;
  const perHead = [2 * batch, heads, length];
  return {
    name: `splitDirections of ${Object.values(sizes)}`,
    shapes: [[batch, length, columns], perHead],
    run: (mixed, dt) => {
      const { x, q, k, v } = splitDirections(
        mixed as tf.Tensor3D,
        dt as tf.Tensor3D,
        stateDim,
      );
      assertEquals(q.shape, [2 * batch, 1, length, stateDim]);
      assertEquals(k.shape, [2 * batch, 1, length, stateDim]);
      assertEquals(v.shape, [...perHead, headDim]);
      return [x, q, k, v];
    },
    reference: (mixed, dt) => {
      const rows = rowsOf(mixed!, columns);
      const q: number[][] = [], k: number[][] = [], v: number[][] = [];
      for (const [b, head, t] of tokensOf(sizes)) {
        for (const isBack of [false, true]) {
          const place = placeOf(sizes, [b, head, t], isBack);
          const row = rows[b * length + t]!;
          const first = channels + (isBack ? 2 * stateDim : 0);
          const shared = placeOf({ ...sizes, heads: 1 }, [b, 0, t], isBack);
          k[shared] = row.slice(first, first + stateDim);
          q[shared] = row.slice(first + stateDim, first + 2 * stateDim);
          v[place] = row.slice(head * headDim, (head + 1) * headDim)
            .map((value) => value * dt![place]!);
        }
      }
      const x = rows.map((row) => row.slice(0, channels));
      return [x, q, k, v].flatMap((part) => part.flat());
    },
  };
}

function joinEndsOf(sizes: EndsSizes, packed: boolean): Subject {
  const { batch, length, heads, headDim } = sizes;
  const channels = heads * headDim;
  const segmentOf = (b: number, t: number) =>
    packed ? Math.floor((t + b) / 3) % 2 : 0;
  return {
    name: `joinDirections of ${Object.values(sizes)}${
      packed ? ", packed" : ""
    }`,
    shapes: [
      [2 * batch, heads, length, headDim],
      [batch, length, channels],
      [batch, length, heads],
    ],
    run: (read, x, own) => {
      const numbers = Array.from(
        { length: batch * length },
        (_, i) => segmentOf(Math.floor(i / length), i % length),
      );
      const segments = packed
        ? tf.tensor2d(numbers, [batch, length], "int32")
        : undefined;
      const y = joinDirections(
        read as tf.Tensor4D,
        x as tf.Tensor3D,
        own as tf.Tensor3D,
        segments,
      );
      segments?.dispose();
      return [y];
    },
    reference: (read, x, own) => {
      const rows = rowsOf(read!, headDim), y: number[] = [];
      for (const [b, head, t] of tokensOf(sizes)) {
        const readable = [t - 1, t + 1].flatMap((other, end) =>
          other >= 0 && other < length &&
            segmentOf(b, other) === segmentOf(b, t)
            ? [rows[placeOf(sizes, [b, head, other], end === 1)]!]
            : []
        );
        const weight = own![(b * length + t) * heads + head]!;
        for (let i = 0; i < headDim; i++) {
          const at = (b * length + t) * channels + head * headDim + i;
          y[at] = readable.reduce(
            (sum, row) => sum + row[i]!,
            weight * x![at]!,
          );
        }
      }
      return y;
    },
  };
}

/**
 * Sweeps over packed sequences of three tokens, with an angle less than there is room
 * for. By how much queries and keys are turned in all is left to each backend; their
 * products within a sequence are not.
 */
function turnSweepsOf(sizes: EndsSizes, sweeps: number): Subject {
  const { batch, length, heads, headDim: valueDim, stateDim } = sizes;
  const angles = Math.max(1, (stateDim >> 1) - 1), isTurned = stateDim > 1;
  const tokens = [batch, heads, length];
  const segmentOf = (t: number) => Math.floor(t / 3);
  const indices = Array.from({ length }, (_, t) => t);
  /** In the order of a sweep. */
  const areTogether = (isBack: boolean) => {
    const order = isBack ? indices.toReversed() : indices;
    return order.map((t) =>
      order.map((other) => Number(segmentOf(t) === segmentOf(other)))
    );
  };
  return {
    name: `turnSweeps of ${Object.values(sizes)}, ${sweeps} sweeps`,
    shapes: [
      [...tokens, valueDim],
      [...tokens, stateDim],
      [...tokens, stateDim],
      tokens,
      ...sweeps === 2 ? [tokens] : [],
      ...isTurned ? [[...tokens, angles]] : [],
    ],
    run: (...inputs) => {
      const [x, b, c, after] = inputs as [
        ...[tf.Tensor4D, tf.Tensor4D, tf.Tensor4D, tf.Tensor3D],
        ...tf.Tensor[],
      ];
      const rows = Array(batch).fill(indices.map(segmentOf));
      const segments = tf.tensor2d(rows, [batch, length], "int32");
      const { q, k, v, products } = turnSweeps({
        ...{ x, b, c, after },
        ...sweeps === 2 ? { before: inputs[4] as tf.Tensor3D } : {},
        ...isTurned ? { phase: inputs.at(-1) as tf.Tensor4D } : {},
      }, segments);
      const together = [false, true].slice(0, sweeps).flatMap((isBack) =>
        Array(batch).fill([areTogether(isBack)])
      );
      const scores = tf.mul(
        tf.matMul(q, k, false, true),
        tf.tensor4d(together),
      );
      return [scores, v, products];
    },
    reference: (x, b, c, after, ...others) => {
      const phases = isTurned ? rowsOf(others.at(-1)!, angles) : [];
      const [values, keys, queries] = [
        rowsOf(x!, valueDim),
        rowsOf(b!, stateDim),
        rowsOf(c!, stateDim),
      ];
      const scores: number[] = [], v: number[][] = [], products: number[] = [];
      for (const isBack of [false, true].slice(0, sweeps)) {
        for (const [row, head, t] of tokensOf(sizes)) {
          const token = placeOf(sizes, [row, head, t], false);
          const weight = (isBack ? others[0] : after)![token]!;
          v[placeOf(sizes, [row, head, t], isBack)] = values[token]!
            .map((y) => weight * y);
          if (!isBack) {
            products[token] = keys[token]!
              .reduce((sum, y, i) => sum + y * queries[token]![i]!, 0);
          }
          // In the order of the sweep, the token is the reader.
          const reader = isBack ? token - t + length - 1 - t : token;
          const place = reader - (token - t);
          const order = isBack ? indices.toReversed() : indices;
          for (const source of order) {
            if (segmentOf(source) !== segmentOf(place)) {
              scores.push(0);
              continue;
            }
            const [low, high] = [source, place].sort((a, b) => a - b);
            const way = indices.filter((other) =>
              isBack
                ? other >= low! && other < high!
                : other > low! && other <= high!
            );
            // Against the sweep, the way is turned back.
            const isAgainst = isBack ? source < place : source > place;
            const other = keys[token - t + source]!;
            scores.push(queries[reader]!.reduce((sum, y, i) => {
              const pair = i >> 1;
              const sign = isAgainst ? -1 : 1;
              const angle = pair < angles && isTurned
                ? sign * way.reduce(
                  (sum, at) => sum + phases[token - t + at]![pair]!,
                  0,
                )
                : 0;
              // The key turned back by the angle.
              const turnedKey = Math.cos(angle) * other[i]! +
                (i % 2 ? -1 : 1) * Math.sin(angle) * (other[i ^ 1] ?? 0);
              return sum + y * turnedKey;
            }, 0));
          }
        }
      }
      return [...scores, ...v.flat(), ...products];
    },
  };
}

function joinSweepsOf(sizes: EndsSizes, sweeps: number): Subject {
  const { batch, length, heads, headDim } = sizes;
  const tokens = [batch, heads, length];
  return {
    name: `joinSweeps of ${Object.values(sizes)}, ${sweeps} sweeps`,
    shapes: [
      [sweeps * batch, heads, length, headDim],
      [...tokens, headDim],
      tokens,
    ],
    run: (read, x, own) => [
      joinSweeps(
        read as tf.Tensor4D,
        x as tf.Tensor4D,
        own as tf.Tensor3D,
      ),
    ],
    reference: (read, x, own) => {
      const rows = rowsOf(read!, headDim);
      return [...tokensOf(sizes)].flatMap((token) => {
        const at = placeOf(sizes, token, false);
        const back = sweeps === 2 ? rows[placeOf(sizes, token, true)]! : [];
        return rows[at]!.map((y, i) =>
          y + (back[i] ?? 0) + own![at]! * x![at * headDim + i]!
        );
      });
    },
  };
}

const MAPS: Record<string, [FeatureMap, (row: number[]) => number[]]> = {
  identity: [identity, (row) => row],
  relu: [tf.relu, (row) => row.map((x) => Math.max(0, x))],
  eluPlusOne: [
    eluPlusOne,
    (row) => row.map((x) => x > 0 ? x + 1 : Math.exp(x)),
  ],
  shiftedSilu: [shiftedSilu, (row) => {
    const shifted = row.map((x) => x / (1 + Math.exp(-x)) + 0.5);
    const norm = Math.hypot(...shifted);
    return shifted.map((x) => x / norm);
  }],
  sigmoid: [tf.sigmoid, (row) => row.map((x) => 1 / (1 + Math.exp(-x)))],
  "a map of one's own": [
    (x) => tf.square(x),
    (row) => row.map((x) => x * x),
  ],
};

function splitHeadsOf(
  map: string,
  [batch, length, numHeads, headDim]: [number, number, number, number],
): Subject {
  const [featureMap, mapRow] = MAPS[map]!;
  return {
    name: `splitHeads of ${numHeads} × ${headDim} with ${map}`,
    shapes: [[batch, length, 3 * numHeads * headDim]],
    run: (x) => {
      const { q, k, v } = splitHeads(x as tf.Tensor3D, {
        numHeads,
        featureMap,
      });
      assertEquals(q.shape, [batch, numHeads, length, headDim]);
      return [q, k, v];
    },
    reference: (x) => {
      const rows = rowsOf(x!, headDim);
      const result: number[] = [];
      for (let part = 0; part < 3; part++) {
        for (let b = 0; b < batch; b++) {
          for (let head = 0; head < numHeads; head++) {
            for (let t = 0; t < length; t++) {
              const token = b * length + t;
              const row = rows[(token * 3 + part) * numHeads + head]!;
              result.push(...(part === 2 ? row : mapRow(row)));
            }
          }
        }
      }
      return result;
    },
  };
}

/** Layer normalisation of a sum, and the sum itself where both are returned. */
function normOfSumOf(
  columns: number,
  leading: number[],
  of: "the sum" | "both" | "x alone",
): Subject {
  const norm = layerNormOf(columns, leading), [shape] = norm.shapes;
  const parameters = (scale: tf.Tensor, offset: tf.Tensor) => ({
    ...{ scale, offset, epsilon: 1e-3 },
  });
  if (of === "x alone") {
    return {
      name: `addAndNorm [${shape}] of one`,
      shapes: norm.shapes,
      run: (x, scale, offset) => {
        const { sum, y } = addAndNorm(
          x!,
          undefined,
          parameters(scale!, offset!),
        );
        return [sum, y];
      },
      reference: (x, ...others) => [...x!, ...norm.reference(x!, ...others)],
    };
  }
  const added = (x: number[], y: number[]) => x.map((x, i) => x + y[i]!);
  return {
    name: `${of === "both" ? "addAndNorm" : "normOfSum"} [${shape}]`,
    shapes: [shape!, ...norm.shapes],
    run: (x, y, scale, offset) => {
      const given = parameters(scale!, offset!);
      if (of === "the sum") return [normOfSum(x!, y!, given)];
      const both = addAndNorm(x!, y!, given);
      return [both.sum, both.y];
    },
    reference: (x, y, ...others) => {
      const sum = added(x!, y!);
      return [
        ...of === "both" ? sum : [],
        ...norm.reference(sum, ...others),
      ];
    },
  };
}

/** The mean of tokens, of which those with `padding` do not count. */
function tokenMeanOf(
  [batch, length, columns]: [number, number, number],
  isPadding?: (sequence: number, token: number) => boolean,
): Subject {
  const indices = (count: number) => [...Array(count).keys()];
  const kept = indices(batch).map((b) =>
    indices(length).filter((t) => !isPadding?.(b, t))
  );
  return {
    name: `tokenMean [${batch}, ${length}, ${columns}]${
      isPadding ? " with padding" : ""
    }`,
    shapes: [[batch, length, columns]],
    run: (x) => {
      const mask = isPadding && tf.tensor2d(
        indices(batch).map((b) =>
          indices(length).map((t) => Number(!isPadding(b, t)))
        ),
      );
      return [tokenMean(x as tf.Tensor3D, mask)];
    },
    reference: (x) =>
      kept.flatMap((tokens, b) =>
        indices(columns).map((i) =>
          tokens.reduce(
            (sum, t) => sum + x![(b * length + t) * columns + i]!,
            0,
          ) / Math.max(1, tokens.length)
        )
      ),
  };
}

function tokenLogDecayOf(
  [batch, length, heads]: [number, number, number],
  classToken: "first" | "last" | undefined,
): Subject {
  const kept = classToken === "first" ? 0 : classToken ? length - 1 : -1;
  return {
    name: `tokenLogDecay [${batch}, ${length}, ${heads}], class token ${
      classToken ?? "nowhere"
    }`,
    shapes: [[batch, length, heads]],
    make: (u) => 20 * u - 10,
    run: (x) => [tokenLogDecay(x as tf.Tensor3D, classToken)],
    reference: (x) => {
      const y: number[] = [];
      x!.forEach((value, i) => {
        const [b, t, head] = [
          Math.floor(i / (length * heads)),
          Math.floor(i / heads) % length,
          i % heads,
        ];
        y[(b * heads + head) * length + t] = t === kept
          ? 0
          // e to the power of large numbers is Infinity.
          : -Math.max(value, 0) - Math.log1p(Math.exp(-Math.abs(value)));
      });
      return y;
    },
  };
}

/** Both directions' log decays on arriving at each token, of logits up to where a decay is 0. */
function decayOfLogitsOf(
  [batch, length, heads]: [number, number, number],
  classToken: "first" | "last" | undefined,
): Subject {
  const { name, shapes, reference } = tokenLogDecayOf(
    [batch, length, heads],
    classToken,
  );
  return {
    name: name.replace("tokenLogDecay", "decayOfLogits"),
    shapes,
    make: (u) => u > 0.8 ? 3e4 * u : 20 * u - 10,
    run: (x) => {
      const decay = decayOfLogits(x as tf.Tensor3D, classToken, true);
      const pair = logDecayPair(decay, [batch, heads, length])!;
      return [pair.forward, pair.backward!];
    },
    reference: (x) => {
      const decays = rowsOf(
        reference(x!).map((decay) => Math.max(decay, -1e4)),
        length,
      );
      return [
        ...decays.flatMap((row) => [0, ...row.slice(0, -1)]),
        ...decays.flatMap((row) => [...row.slice(1), 0]),
      ];
    },
  };
}

/** A subject whose last result several operations read, so that their gradients meet. */
function readOften(subject: Subject, factors: number[]): Subject {
  const { columns: _, ...others } = subject;
  return {
    ...others,
    name: `${subject.name} read ${factors.length} times`,
    run: (...inputs) => {
      const results = subject.run(...inputs), last = results.pop()!;
      return [...results, ...factors.map((factor) => tf.mul(last, factor))];
    },
    reference: (...inputs) => {
      const y = subject.reference(...inputs);
      const last = y.splice(-inputs[0]!.length);
      return [
        ...y,
        ...factors.flatMap((factor) => last.map((y) => factor * y)),
      ];
    },
  };
}

/** The random numbers of dropout. */
const RANDOM = array(140, uniform(5), (u) => u);

const SUBJECTS: Subject[] = [
  ...(["the sum", "both", "x alone"] as const).flatMap((of) => [
    normOfSumOf(1, [3], of),
    normOfSumOf(5, [2, 4], of),
    normOfSumOf(19, [40], of),
  ]),
  ...[[3, -2], [1, 0.5, 4]].flatMap((factors) => [
    readOften(normOfSumOf(5, [2, 4], "both"), factors),
    readOften(normOfSumOf(5, [2, 4], "the sum"), factors),
    readOften(normOfSumOf(8, [3], "x alone"), factors),
    readOften(layerNormOf(5, [7]), factors),
  ]),
  tokenMeanOf([1, 1, 1]),
  tokenMeanOf([2, 70, 3]),
  tokenMeanOf([3, 2, 131]),
  tokenMeanOf([3, 7, 5], (b, t) => b === 1 || t > 3 + b),
  ...([undefined, "first", "last"] as const).flatMap((classToken) => [
    tokenLogDecayOf([1, 1, 1], classToken),
    tokenLogDecayOf([2, 5, 3], classToken),
    tokenLogDecayOf([1, 259, 1], classToken),
    decayOfLogitsOf([1, 1, 1], classToken),
    decayOfLogitsOf([2, 5, 3], classToken),
    decayOfLogitsOf([1, 70, 2], classToken),
  ]),
  ...[1, 5].map((length): Subject => ({
    name: `the pair of a fixed decay of ${length}`,
    shapes: [[3]],
    make: (u) => -u,
    run: (x) => {
      const pair = logDecayPair(fixedDecay(x as tf.Tensor1D), [2, 3, length])!;
      return [pair.forward, pair.backward!];
    },
    reference: (x) =>
      [x!, x!].flatMap((x) => x.flatMap((x) => new Array(length).fill(x))),
  })),
  ...[[4, 3, 5], [40, 1, 70]].map(([batch, ...others]): Subject => ({
    name: `spread of [1, ${others}] to ${batch}`,
    shapes: [[1, ...others]],
    run: (x) => [spread(x!, [batch!, ...others])],
    reference: (x) => new Array(batch).fill(x).flat(),
  })),
  {
    name: "dropout",
    shapes: [[4, 5, 7]],
    run: (x) => [dropout(x!, tf.tensor(RANDOM, [4, 5, 7]), 0.3)],
    reference: (x) => x!.map((x, i) => RANDOM[i]! < 0.3 ? 0 : x / 0.7),
  },
  layerNormOf(1, [3]),
  layerNormOf(5, [2, 4]),
  layerNormOf(33, [70]),
  layerNormOf(128, [3]),
  // More rows than a workgroup of WebGPU's adds up.
  layerNormOf(4, [1030]),
  ...[false, true].flatMap((gated) => [
    rmsNormOf(2, [3], gated),
    rmsNormOf(5, [2, 4], gated),
    rmsNormOf(33, [70], gated),
    rmsNormOf(128, [3], gated),
  ]),
  ...ENDS.flatMap((sizes) => [
    splitEndsOf(sizes),
    joinEndsOf(sizes, false),
    joinEndsOf(sizes, true),
    ...[1, 2].flatMap((sweeps) => [
      // Of pairs of tokens, which are many.
      turnSweepsOf({ ...sizes, length: Math.min(sizes.length, 9) }, sweeps),
      joinSweepsOf(sizes, sweeps),
    ]),
  ]),
  {
    name: "gelu",
    shapes: [[3, 7, 11]],
    make: (u) => 10 * u - 5,
    run: (x) => [gelu(x!)],
    reference: (x) => x!.map((x) => x * (1 + erf(x / Math.SQRT2)) / 2),
  },
  {
    name: "gelu with tanh",
    shapes: [[3, 7, 11]],
    make: (u) => 10 * u - 5,
    run: (x) => [gelu(x!, { approximate: "tanh" })],
    reference: (x) =>
      x!.map((x) => {
        const z = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
        return x * (1 + Math.tanh(z)) / 2;
      }),
  },
  {
    name: "logSigmoid",
    shapes: [[5, 7]],
    make: (u) => 60 * u - 30,
    run: (x) => [logSigmoid(x!)],
    reference: (x) => x!.map((x) => -Math.log1p(Math.exp(-x))),
  },
  {
    name: "dense",
    shapes: [[2, 3, 5], [5, 7], [7]],
    run: (x, weight, bias) => [
      dense(x!, weight as tf.Tensor2D, bias as tf.Tensor1D),
    ],
    reference: (x, weight, bias) =>
      rowsOf(x!, 5).flatMap((row) =>
        bias!.map((b, j) =>
          row.reduce((sum, value, i) => sum + value * weight![i * 7 + j]!, b)
        )
      ),
  },
  {
    name: "dense with GELU",
    shapes: [[2, 3, 5], [5, 7], [7]],
    make: (u) => 4 * u - 2,
    run: (x, weight, bias) => [denseGelu(x!, weight!, bias!)],
    reference: (x, weight, bias) =>
      rowsOf(x!, 5).flatMap((row) =>
        bias!.map((b, j) => {
          const sum = row.reduce(
            (sum, x, i) => sum + x * weight![i * 7 + j]!,
            b,
          );
          return sum * (1 + erf(sum / Math.SQRT2)) / 2;
        })
      ),
  },
  {
    name: "joinHeads",
    shapes: [[2, 3, 4, 5]],
    run: (x) => [joinHeads(x as tf.Tensor4D)],
    reference: (x) => {
      const rows = rowsOf(x!, 5);
      return [0, 1].flatMap((b) =>
        [0, 1, 2, 3].flatMap((t) =>
          [0, 1, 2].flatMap((head) => rows[(b * 3 + head) * 4 + t]!)
        )
      );
    },
  },
  ...[1, 2, 6].map((length): Subject => ({
    name: `the pair of a selective decay of ${length}`,
    shapes: [[2, 3, length]],
    make: (u) => -u,
    run: (x) => {
      const decay = selectiveDecay(x as tf.Tensor3D);
      const pair = logDecayPair(decay, [2, 3, length])!;
      return [pair.forward, pair.backward!];
    },
    reference: (x) => [
      ...x!.map((_, i) => i % length === 0 ? 0 : x![i - 1]!),
      ...x!.map((_, i) => (i + 1) % length === 0 ? 0 : x![i + 1]!),
    ],
  })),
  ...Object.keys(MAPS).flatMap((map) => [
    splitHeadsOf(map, [2, 5, 3, 4]),
    splitHeadsOf(map, [1, 3, 2, 5]),
    splitHeadsOf(map, [1, 1, 1, 1]),
  ]),
];

/** The gradient of Σ weights · f, from differences that are exact to 1e-9. */
function differencesOf(
  { reference, columns }: Subject,
  inputs: number[][],
  weights: number[],
): number[][] {
  if (columns === undefined) return derivativesOf(reference, inputs, weights);
  // A number of a row changes no other row.
  const isOfRows = (input: number[]) => input.length === weights.length;
  const rows = rowsOf(weights, columns).map((weights, r) => {
    const row = (x: number[]) => x.slice(r * columns, (r + 1) * columns);
    const own = inputs.map((x) => isOfRows(x) ? row(x) : x);
    return derivativesOf(reference, own, weights);
  });
  return inputs.map((input, n) =>
    isOfRows(input)
      ? rows.flatMap((derivatives) => derivatives[n]!)
      : input.map((_, i) =>
        rows.reduce((sum, derivatives) => sum + derivatives[n]![i]!, 0)
      )
  );
}

/** The same by differences in the whole of f. */
function derivativesOf(
  reference: Subject["reference"],
  inputs: number[][],
  weights: number[],
): number[][] {
  const step = 1e-4;
  const loss = () =>
    reference(...inputs).reduce((sum, y, i) => sum + y * weights[i]!, 0);
  return inputs.map((input) =>
    input.map((value, i) => {
      const at = (offset: number) => {
        input[i] = value + offset * step;
        return loss();
      };
      // Of fourth order.
      const derivative = 8 * (at(1) - at(-1)) - (at(2) - at(-2));
      input[i] = value;
      return derivative / (12 * step);
    })
  );
}

function assertClose(
  actual: ArrayLike<number>,
  expected: number[],
  label: string,
): void {
  assertEquals(actual.length, expected.length, label);
  const largest = Math.max(1e-3, ...expected.map(Math.abs));
  const error = Math.max(
    ...expected.map((x, i) => Math.abs(x - actual[i]!) / largest),
  );
  if (!(error < 3e-6)) throw new Error(`${label} is off by ${error}`);
}

for (const subject of SUBJECTS) {
  const { name, shapes, run, reference, make } = subject;
  let derivatives: number[][] | undefined;
  onEachBackend(`${name} equals float64, with its gradients`, async () => {
    const random = uniform(name.length);
    const values = shapes.map((shape) =>
      array(tf.util.sizeFromShape([...shape]), random, make)
    );
    const inputs = values.map((x, i) => tf.tensor(x, [...shapes[i]!]));
    const numbers = values.map((x) => [...x]);
    const expected = reference(...numbers);
    const weights = [...array(expected.length, random)];
    const flat = (...inputs: tf.Tensor[]) =>
      tf.concat(run(...inputs).map((y) => tf.reshape(y, [-1])));
    const dy = tf.tensor1d(weights);
    const { value, grads } = tf.valueAndGrads(flat)(inputs, dy);
    const [y, ...gradients] = await Promise.all(
      [value, ...grads].map((x) => x.data()),
    );
    assertClose(y!, expected, name);
    // Of the same numbers on each backend.
    derivatives ??= differencesOf(subject, numbers, weights);
    derivatives.forEach((gradient, i) =>
      assertClose(gradients[i]!, gradient, `gradient ${i} of ${name}`)
    );
    tf.dispose([...inputs, dy, value, ...grads]);
  });
}

onEachBackend("sum adds up leading axes", async () => {
  const values = array(3 * 4 * 70, uniform(9));
  const x = tf.tensor(values, [3, 4, 70]);
  const shapes = { "0": [4, 70], "0,1": [70], "1": [3, 70], "0,2": [4] };
  for (const [axes, shape] of Object.entries(shapes)) {
    for (const keepDims of [false, true]) {
      const axis = axes.split(",").map(Number);
      const y = tf.sum(x, axis, keepDims);
      const kept = [3, 4, 70].map((size, i) => axis.includes(i) ? 1 : size);
      assertEquals(y.shape, keepDims ? kept : shape);
      const expected = new Array<number>(y.size).fill(0);
      values.forEach((value, i) => {
        const at = [Math.floor(i / 280), Math.floor(i / 70) % 4, i % 70];
        const index = at.reduce(
          (index, k, n) => axis.includes(n) ? index : index * kept[n]! + k,
          0,
        );
        expected[index]! += value;
      });
      assertClose(await y.data(), expected, `sum over ${axes}`);
      y.dispose();
    }
  }
  x.dispose();
});

onEachBackend(
  "log decays of -Infinity are finite, with no gradient",
  async () => {
    const x = tf.tensor3d([-1, -Infinity, -2e4, -3], [1, 1, 4]);
    const flat = (x: tf.Tensor) => {
      const pair = logDecayPair(selectiveDecay(x as tf.Tensor3D), [1, 1, 4])!;
      return tf.concat([pair.forward, pair.backward!], 2);
    };
    const { value, grad } = tf.valueAndGrad(flat)(x);
    assertEquals([...await value.data()], [
      ...[0, -1, -1e4, -1e4],
      ...[-1e4, -1e4, -3, 0],
    ]);
    assertEquals([...await grad.data()], [1, 0, 0, 1]);
    tf.dispose([x, value, grad]);
  },
);

onEachBackend(
  "operations on no rows have no rows, and no gradient",
  async () => {
    const five = tf.ones([5]), bias = tf.ones([3]);
    const norms = { scale: five, offset: five, epsilon: 1e-5 };
    const functions: [(x: tf.Tensor) => tf.Tensor, number[], number[]][] = [
      [(x) => addAndNorm(x, x, norms).y, [0, 5], [0, 5]],
      [(x) => addAndNorm(x, undefined, norms).y, [0, 5], [0, 5]],
      [(x) => normOfSum(x, x, norms), [2, 0, 5], [2, 0, 5]],
      [(x) => tokenMean(x as tf.Tensor3D), [0, 2, 3], [0, 3]],
      [
        (x) => tokenLogDecay(x as tf.Tensor3D, undefined),
        [2, 0, 3],
        [2, 3, 0],
      ],
      [(x) => dropout(x, x, 0.5), [0, 3], [0, 3]],
    ];
    for (const [f, shape, expected] of functions) {
      const x = tf.zeros(shape);
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        tf.tidy(() => f(x))
      )(x);
      assertEquals(value.shape, expected);
      assertEquals(grad.shape, shape);
      assertEquals((await value.data()).length, 0);
      assertEquals((await grad.data()).length, 0);
      tf.dispose([x, value, grad]);
    }
    assertThrows(
      () => tf.tidy(() => void dense(tf.zeros([2, 0]), tf.zeros([0, 3]), bias)),
      RangeError,
      "dense's x should have at least one column, got none",
    );
    tf.dispose([five, bias]);
  },
);

onEachBackend("operations name what has too few axes or columns", () => {
  tf.tidy(() => {
    const x = tf.ones<tf.Rank.R3>([2, 3, 6]);
    assertThrows(
      () => dense(tf.scalar(1), tf.ones([1, 5])),
      TypeError,
      "dense's x should have shape [..., inputs], got []",
    );
    assertThrows(
      () => splitHeads(x, { numHeads: 4 }),
      RangeError,
      "got 6 for 4 heads",
    );
  });
});

onEachBackend(
  "logSigmoid keeps what is left of a decay close to 1",
  async () => {
    // Of several tasks, and of no whole vectors.
    const values = Float32Array.from({ length: 9_007 }, (_, i) => i / 55 - 82);
    const x = tf.tensor1d(values);
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => logSigmoid(x))(x);
    const got = await value.data(), derivatives = await grad.data();
    values.forEach((x, i) => {
      const wanted = x < 0
        ? x - Math.log1p(Math.exp(x))
        : -Math.log1p(Math.exp(-x));
      const error = Math.abs(got[i]! / wanted - 1);
      assert(error < 5e-7, `of ${x}: ${got[i]}, not ${wanted}`);
      const derivative = 1 / (1 + Math.exp(x));
      const ofDerivative = Math.abs(derivatives[i]! / derivative - 1);
      assert(
        ofDerivative < 5e-7,
        `derivative at ${x}: ${derivatives[i]}, not ${derivative}`,
      );
    });
    tf.dispose([x, value, grad]);
  },
  ["wasm"],
);

/** Numbers whose square or exponential is infinite or 0, or that are so themselves. */
const EXTREMES = [Infinity, 3e38, 1e20, 1e18, 1e4, 104, 89, 88, 80, 0]
  .flatMap((x) => [x, -x]).concat(NaN);

/** Twice, so that each is of a whole vector and of what is left of a row. */
const EXTREMES_OF_ROWS = [...EXTREMES, ...EXTREMES.toReversed()];

/** Functions of one number in float64, and their derivatives. */
const OF_NUMBERS = {
  gelu: (x: number) => {
    const normal = (1 + erf(x / Math.SQRT2)) / 2;
    const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
    return [x * normal, normal + x * density] as const;
  },
  silu: (x: number) => {
    const s = 1 / (1 + Math.exp(-x));
    return [x * s, s + x * s * (1 - s)] as const;
  },
  eluPlusOne: (x: number) =>
    x > 0 ? [x + 1, 1] as const : [Math.exp(x), Math.exp(x)] as const,
  logSigmoid: (x: number) =>
    [
      Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x))),
      1 / (1 + Math.exp(x)),
    ] as const,
};

const onesOf = (...shape: number[]) => tf.ones(shape);

/** Operations that apply one of them to each number. */
const APPLIED: readonly {
  readonly name: string;
  readonly of: keyof typeof OF_NUMBERS;
  readonly run: (x: tf.Tensor1D) => tf.Tensor;
}[] = [
  { name: "gelu", of: "gelu", run: gelu },
  {
    name: "denseGelu",
    of: "gelu",
    run: (x) => denseGelu(tf.reshape(x, [-1, 1]), onesOf(1, 1), tf.zeros([1])),
  },
  {
    name: "shortConvolution",
    of: "silu",
    run: (x) =>
      shortConvolution(
        tf.reshape(x, [1, 1, -1]),
        onesOf(x.size, 1),
        undefined,
        { activation: "silu" },
      ),
  },
  {
    name: "rmsNorm's gate",
    of: "silu",
    run: (x) =>
      rmsNorm(onesOf(1, x.size), onesOf(x.size) as tf.Tensor1D, {
        epsilon: 1e-12,
        gate: tf.reshape(x, [1, -1]),
      }),
  },
  {
    name: "selectiveScan's z",
    of: "silu",
    run: (x) => {
      const ones = onesOf(1, 1, x.size), none = tf.zeros([1, 1, 1]);
      return selectiveScan({
        ...{ x: ones, dt: ones, a: onesOf(x.size, 1), b: none, c: none },
        ...{ d: onesOf(x.size), z: tf.reshape(x, [1, 1, -1]) },
      });
    },
  },
  { name: "logSigmoid", of: "logSigmoid", run: logSigmoid },
  {
    name: "splitHeads' eluPlusOne",
    of: "eluPlusOne",
    run: (x) => {
      const parts = tf.stack([x, tf.zerosLike(x), tf.zerosLike(x)], 1);
      const rows = tf.reshape<tf.Rank.R3>(parts, [1, -1, 3]);
      return splitHeads(rows, { numHeads: 1, featureMap: eluPlusOne }).q;
    },
  },
  {
    name: "tokenLogDecay",
    of: "logSigmoid",
    run: (x) => tokenLogDecay(tf.reshape(tf.neg(x), [1, -1, 1]), undefined),
  },
];

for (const { name, of, run } of APPLIED) {
  onEachBackend(`${name} of extreme numbers equals float64`, async () => {
    const x = tf.tensor1d(EXTREMES_OF_ROWS);
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
      tf.tidy(() => run(x as tf.Tensor1D))
    )(x);
    const results = await Promise.all([value.data(), grad.data()]);
    EXTREMES_OF_ROWS.forEach((x, i) => {
      OF_NUMBERS[of](x).forEach((expected, n) => {
        const actual = results[n]![i]!;
        const isClose = Object.is(actual, expected) || expected === actual ||
          Math.abs(actual - expected) <= 1e-6 * Math.abs(expected) + 1e-30;
        assert(
          isClose,
          `${n ? "derivative" : "value"} at ${x}: ${actual}, not ${expected}`,
        );
      });
    });
    tf.dispose([x, value, grad]);
  });
}
