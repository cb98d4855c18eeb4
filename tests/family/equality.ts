/** Members of the family that are others in disguise, and the test of it. @module */
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend, TOLERANCE } from "../backends.ts";
import { assertNear } from "../comparison.ts";
import { array, uniform } from "../random.ts";
import { sample } from "../sample.ts";

type Given = Record<string, tf.Tensor>;
type Member = (inputs: Given, options: object) => tf.Tensor;

/** Two ways to say the same, of inputs by name: their shapes and numbers. */
export interface Equality {
  readonly name: string;
  inputs(sizes: Sizes): Record<string, [number[], (u: number) => number]>;
  readonly ways: readonly [Member, Member];
  /** The values of `causal` with which they are equal. @default both */
  readonly directions?: readonly boolean[];
  /** The fewest tokens: of one, a softmax has gradients of 0. @default 1 */
  readonly fewest?: number;
}

export interface Sizes {
  readonly batch: number;
  readonly heads: number;
  readonly length: number;
}

export const HEAD = 4;
const VALUE = 3;

export const signed = (u: number) => u;
export const decay = (u: number) =>
  u < -0.8 ? -60 : u < -0.6 ? 0 : -0.1 - u * u;
export const vectors = ({ batch, heads, length }: Sizes) => ({
  keys: [batch, heads, length, HEAD],
  values: [batch, heads, length, VALUE],
  tokens: [batch, heads, length],
});

const SIZES: readonly (Sizes & { packed?: true })[] = [
  { batch: 2, heads: 1, length: 1 },
  { batch: 2, heads: 2, length: 70, packed: true },
  // A sample has the first and the last.
  { batch: 1, heads: 3, length: 21 },
];

/** Registers the test of an equality: outputs and gradients. */
export function testEquality(
  { name, inputs, ways, directions = [false, true], fewest = 1 }: Equality,
): void {
  onEachBackend(name, async (backend) => {
    const { forward, gradient } = TOLERANCE[backend];
    // On cpu the longest takes most of a minute for all members.
    const all = SIZES.filter(({ packed }) => !(packed && backend === "cpu"));
    const tried = sample(backend, all);
    for (const { packed, ...sizes } of tried) {
      if (sizes.length < fewest) continue;
      for (const causal of directions) {
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
          const outputGradient = tf.randomUniform(
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
            )(tensors, outputGradient);
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
  }, { sampled: true });
}
