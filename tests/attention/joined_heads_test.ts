/** Attention that joins heads equals attention whose heads are then joined, to the last bit. */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type Decay,
  diagonalDecay,
  fixedDecay,
  lionAttention,
  type LionAttentionOptions,
  noDecay,
  selectiveDecay,
} from "../../mod.ts";
import { joinedAttention } from "../../lib/attention/lion_attention.ts";
import { joinHeads } from "../../lib/operations/mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

type Sizes = [
  batch: number,
  heads: number,
  length: number,
  headDim: number,
  valueDim: number,
];

/** Decays of as many numbers as q has. */
const DECAYS: Readonly<Record<string, (x: tf.Tensor) => Decay>> = {
  none: () => noDecay(),
  fixed: (x) => fixedDecay(tf.mean(x, [0, 2, 3])),
  selective: (x) => selectiveDecay(tf.mean(x, 3)),
  diagonal: (x) => diagonalDecay(x),
};

type Case = [Sizes, keyof typeof DECAYS, LionAttentionOptions];

/** Attention whose heads no kernel joins. */
const OTHERS: Case[] = [
  [[2, 2, 9, 4, 8], "selective", { form: "full" }],
  [[2, 2, 9, 4, 4], "selective", { kernel: false }],
  [[2, 2, 6, 4, 4], "diagonal", {}],
];

/** Log decays: none, very strong, and what lies between. */
const logDecay = (u: number) => u < 0.2 ? 0 : u < 0.4 ? -60 : -u;

onEachBackend("heads are joined as if afterwards", async (backend) => {
  const cases: Case[] = [
    [[1, 1, 1, 1, 1], "selective", {}],
    [[2, 3, 5, 4, 4], "none", { normalize: false }],
    [[2, 3, 70, 8, 3], "selective", {}],
    [[1, 2, 21, 3, 6], "fixed", { chunkSize: 8, causal: true }],
    // Shaders that no other case has are compiled for long.
    ...backend === "webgpu" ? [] : OTHERS,
  ];
  for (
    const [[batch, heads, length, headDim, valueDim], decay, given] of cases
  ) {
    const random = uniform(length);
    const make = (columns: number, of?: (u: number) => number) => {
      const shape = [batch, heads, length, columns];
      return tf.tensor(array(tf.util.sizeFromShape(shape), random, of), shape);
    };
    const positive = (u: number) => u;
    const inputs = [
      make(headDim, positive),
      make(headDim, positive),
      make(valueDim),
      make(headDim, logDecay),
    ];
    const dy = tf.tensor3d(
      array(batch * length * heads * valueDim, random),
      [batch, length, heads * valueDim],
    );
    // The second sequence ends with padding, and is packed of two.
    const places = [...Array(batch * length).keys()];
    const mask = tf.tensor2d(
      places.map((at) => Number(at < batch * length - 1 || at === 0)),
      [batch, length],
    );
    const segments = tf.tensor2d(
      places.map((at) => Number(at % length > 2)),
      [batch, length],
      "int32",
    );
    for (const more of [{}, { segments, mask }]) {
      const options = { ...given, ...more };
      const attend = (join: boolean) => (...inputs: tf.Tensor[]): tf.Tensor => {
        const [q, k, v, x] = inputs as [
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
          tf.Tensor,
        ];
        const all = { ...options, decay: DECAYS[decay]!(x) };
        const y = join
          ? joinedAttention(q, k, v, all)
          : joinHeads(lionAttention(q, k, v, all));
        // What does not decay depends on no decay.
        return tf.add(y, tf.mul(0, tf.sum(x)));
      };
      const [expected, actual] = [false, true].map((join) => {
        const { value, grads } = tf.valueAndGrads(attend(join))(inputs, dy);
        return [value, ...grads];
      }) as [tf.Tensor[], tf.Tensor[]];
      for (const [i, x] of actual.entries()) {
        assertEquals(x.shape, expected[i]!.shape);
        assertEquals(
          await x.data(),
          await expected[i]!.data(),
          `${i} of ${decay}, ${Object.keys(options)}`,
        );
      }
      tf.dispose([...expected, ...actual]);
    }
    tf.dispose([...inputs, dy, mask, segments]);
  }
});
