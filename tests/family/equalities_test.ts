/** Members of the family that are others in disguise: outputs and gradients. @module */
import { assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  gateLoop,
  logLinearAttention,
  type LogLinearAttentionInputs,
  mamba2,
  mamba3,
  type Mamba3Inputs,
} from "../../lib/family/mod.ts";
import { lionAttention, selectiveDecay } from "../../mod.ts";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { assertNear } from "../comparison.ts";
import { array, uniform } from "../random.ts";

type Given = Record<string, tf.Tensor>;
type Member = (inputs: Given, options: object) => tf.Tensor;

/** Two ways to say the same, of inputs by name: their shapes and numbers. */
interface Equality {
  readonly name: string;
  inputs(sizes: Sizes): Record<string, [number[], (u: number) => number]>;
  readonly ways: readonly [Member, Member];
}

interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
}

const HEAD = 4, VALUE = 3;

const signed = (u: number) => u;
const decay = (u: number) => u < -0.8 ? -60 : u < -0.6 ? 0 : -0.1 - u * u;
const vectors = ({ batch, heads, length }: Sizes) => ({
  keys: [batch, heads, length, HEAD],
  values: [batch, heads, length, VALUE],
  tokens: [batch, heads, length],
});

/** Channels, each followed by one of zeros. */
const interleaved = (x: tf.Tensor): tf.Tensor =>
  tf.reshape(
    tf.stack([x, tf.zerosLike(x)], 4),
    [...x.shape.slice(0, 3), 2 * HEAD],
  );

const EQUALITIES: readonly Equality[] = [
  {
    name: "mamba3() without angles, of steps by Euler's rule, is mamba2()",
    inputs(sizes) {
      const { keys, values, tokens } = vectors(sizes);
      return {
        ...{ x: [values, signed], b: [keys, signed], c: [keys, signed] },
        dt: [tokens, (u) => 0.6 + 0.5 * u],
        a: [[sizes.heads], (u) => -1.1 - u],
        d: [[sizes.heads], signed],
      };
    },
    ways: [
      ({ a, ...inputs }, options) =>
        mamba3({
          ...inputs,
          a: tf.add(tf.zerosLike(inputs["dt"]!), tf.expandDims(a!, 1)),
        } as unknown as Mamba3Inputs, options),
      (inputs, options) =>
        mamba2(inputs as unknown as Parameters<typeof mamba2>[0], options),
    ],
  },
  {
    name: "mamba3() without angles and shares is that with angles of 0",
    inputs(sizes) {
      const { keys, values, tokens } = vectors(sizes);
      return {
        ...{ x: [values, signed], b: [keys, signed], c: [keys, signed] },
        dt: [tokens, (u) => 0.6 + 0.5 * u],
        a: [tokens, decay],
      };
    },
    ways: [
      (inputs, options) => mamba3(inputs as unknown as Mamba3Inputs, options),
      (inputs, options) =>
        mamba3({
          ...inputs,
          phase: tf.zeros([...inputs["dt"]!.shape, 1]),
          trapezoid: tf.onesLike(inputs["dt"]!),
        } as unknown as Mamba3Inputs, options),
    ],
  },
  {
    name: "mamba3() of channels beside zeros is gateLoop() of equal decays",
    inputs(sizes) {
      const { keys, values, tokens } = vectors(sizes);
      return {
        ...{ q: [keys, signed], k: [keys, signed], v: [values, signed] },
        logDecay: [tokens, decay],
        phase: [keys, (u) => 3 * u],
      };
    },
    ways: [
      ({ q, k, v, logDecay, phase }, options) =>
        mamba3({
          ...{ x: v!, dt: tf.onesLike(logDecay!), a: logDecay! },
          ...{ b: interleaved(k!), c: interleaved(q!), phase: phase! },
        }, options),
      ({ logDecay, q, ...inputs }, options) =>
        gateLoop(
          {
            ...inputs,
            q: q!,
            logDecay: tf.add(tf.zerosLike(q!), tf.expandDims(logDecay!, 3)),
          } as Parameters<typeof gateLoop>[0],
          options,
        ),
    ],
  },
  {
    name: "logLinearAttention() of equal scales is LION-S, not normalised",
    inputs(sizes) {
      const { keys, values, tokens } = vectors(sizes);
      return {
        ...{ q: [keys, signed], k: [keys, signed], v: [values, signed] },
        logDecay: [tokens, decay],
      };
    },
    ways: [
      (inputs, options) =>
        logLinearAttention({
          ...inputs,
          levelScales: tf.ones([...inputs["logDecay"]!.shape, 9]),
        } as unknown as LogLinearAttentionInputs, { chunkSize: 8, ...options }),
      ({ q, k, v, logDecay }, options) =>
        lionAttention(q!, k!, v!, {
          decay: selectiveDecay(logDecay!, { convention: "arrival" }),
          ...{ normalize: false, scale: 1, ...options },
        }),
    ],
  },
];

const SIZES: readonly (Sizes & { packed?: true })[] = [
  { batch: 2, heads: 1, length: 1 },
  { batch: 1, heads: 3, length: 21 },
  { batch: 2, heads: 2, length: 70, packed: true },
];

for (const { name, inputs, ways } of EQUALITIES) {
  onEachBackend(name, async (backend) => {
    const { forward, gradient } = TOLERANCE[backend];
    for (const { packed, ...sizes } of SIZES) {
      for (const causal of [false, true]) {
        const random = uniform(sizes.length);
        const given = Object.entries(inputs(sizes));
        const results = tf.tidy(() => {
          const tensors = given.map(([, [shape, make]]) =>
            tf.tensor(
              array(tf.util.sizeFromShape(shape), random, make),
              shape,
            )
          );
          const { batch, length } = sizes;
          const segments = tf.tile(
            tf.cast(
              tf.greater(tf.reshape(tf.range(0, length), [1, length]), 28),
              "int32",
            ),
            [batch, 1],
          );
          const options = { causal, ...packed && { segments } };
          const slope = tf.randomUniform(
            vectors(sizes).values,
            -1,
            1,
            "float32",
            3,
          );
          return ways.map((way) => {
            const { value, grads } = tf.valueAndGrads((...x: tf.Tensor[]) =>
              way(
                Object.fromEntries(given.map(([name], i) => [name, x[i]!])),
                options,
              )
            )(tensors, slope);
            return [value, ...grads];
          }) as [tf.Tensor[], tf.Tensor[]];
        });
        const [ours, theirs] = await Promise.all(
          results.map((tensors) =>
            Promise.all(tensors.map((x) => x.data<"float32">()))
          ),
        );
        tf.dispose(results);
        ["y", ...given.map(([name]) => `d${name}`)].forEach((name, i) =>
          assertNear(
            `${name}, ${JSON.stringify({ causal, ...sizes })}`,
            ours![i]!,
            theirs![i]!,
            2 * (i ? gradient : forward),
          )
        );
      }
    }
  });
}

onEachBackend(
  "what a tree or pairs of channels have no room for is refused",
  () => {
    tf.tidy(() => {
      const q = tf.zeros([1, 2, 5, 4]), ofTokens = tf.zeros([1, 2, 5]);
      const levelScales = tf.zeros([1, 2, 5, 3]);
      assertThrows(
        () =>
          logLinearAttention({
            q,
            k: q,
            v: q,
            logDecay: ofTokens,
            levelScales,
          }),
        RangeError,
        "logLinearAttention's levelScales should have at least 4 levels for 5 tokens, bit length(length - 1) + 1, got 3",
      );
      const phase = tf.zeros([1, 2, 5, 3]);
      assertThrows(
        () => mamba3({ x: q, dt: ofTokens, a: ofTokens, b: q, c: q, phase }),
        RangeError,
        "mamba3's phase should have at most one angle for two of b's 4 channels, got 3",
      );
    });
  },
);
