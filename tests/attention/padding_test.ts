/** Padding is never read, whatever it holds, and gets zeros. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  diagonalDecay,
  lionAttention,
  type LionAttentionOptions,
  selectiveDecay,
} from "../../mod.ts";
import { betweenTokens } from "../../lib/attention/forms/paths.ts";
import { withoutPadding } from "../../lib/operations/padding/padding.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";
import { sample, sampleForms, sampleShared } from "../sample.ts";
import { assertRight } from "../subjects/assert_right.ts";
import { LION, type LionCase } from "../subjects/lion.ts";
import type { Way } from "../subjects/subject.ts";
import {
  type Axes,
  axesOfAnswer,
  isLogarithm,
  numbersOf,
  type Operation,
  readings,
  results,
  shapeOf,
  SIZES,
} from "../subjects/operations.ts";

const [B, H, L, D, E] = [3, 2, 9, 4, 5];

/** The last entry is padding alone. */
const MASK = [
  ...[1, 1, 0, 1, 0, 0, 1, 1, 0],
  ...[0, 0, 1, 1, 1, 1, 1, 1, 1],
  ...[0, 0, 0, 0, 0, 0, 0, 0, 0],
];

const JUNK = [NaN, Infinity, -Infinity, 3e38, -3e38];

const FORMS: readonly AttentionForm[] = [
  "auto",
  "full",
  "recurrent",
  "blockwise",
  "chunkwise",
];

const OPTIONS: readonly LionAttentionOptions[] = [
  {},
  { epsilon: 0 },
  { normalize: false },
  { causal: true, epsilon: 0 },
  { causal: true, normalize: false },
];

const PADDED = FORMS.flatMap((form) =>
  OPTIONS.flatMap(({ normalize = true, causal = false, epsilon = null }) =>
    (["none", "source"] as const).flatMap((decay) =>
      (["anywhere", "the first row", "everywhere"] as const).flatMap((where) =>
        [true, false].map((kernel): [LionCase, Way] => [
          {
            ...{ batch: 3, heads: 2, length: 9, headDim: D, valueDim: E },
            ...{ normalize, causal, epsilon, decay },
            padding: { kind: "ones", where },
          },
          { form, kernel, chunkSize: 4 },
        ])
      )
    )
  )
);

onEachBackend(
  "padding is never read by any form, and gets zeros",
  (backend) => {
    const isPlain = ([, { kernel }]: typeof PADDED[number]) => !kernel;
    // What padding holds is no number, and in the oracle padding has zeros.
    return assertRight(LION, sampleForms(backend, PADDED, isPlain), backend);
  },
  { sampled: true },
);

/** Whether a token stands at the place or before it, and one there or after it. */
function isBetweenTokens(entry: number, place: number): boolean {
  const row = MASK.slice(entry * L, (entry + 1) * L);
  return row.indexOf(1) <= place && place <= row.lastIndexOf(1);
}

// Adam makes a whole step of the smallest rounding error.
for (const form of FORMS) {
  onEachBackend(
    `decays of padding at the ends have no gradient in the form ${form}`,
    async () => {
      const mask = tf.tensor2d(MASK, [B, L]);
      const [q, k, v, dy] = [D, D, E, E].map((columns, i) =>
        tf.randomUniform([B, H, L, columns], 0.1, 1.1, "float32", i + 1)
      );
      for (const columns of [1, D]) {
        const values = array(B * H * L * columns, uniform(7), (u) => -u);
        for (const normalize of [true, false]) {
          const attend = (logDecay: tf.Tensor) =>
            lionAttention(q!, k!, v!, {
              decay: columns === 1
                ? selectiveDecay(tf.reshape(logDecay, [B, H, L]))
                : diagonalDecay(logDecay as tf.Tensor4D),
              normalize,
              mask,
              form,
              chunkSize: 4,
            });
          const gradient = tf.tidy(() =>
            tf.grad(attend)(tf.tensor(values, [B, H, L, columns]), dy!)
          );
          const found = await gradient.data();
          gradient.dispose();
          found.forEach((value, i) => {
            const token = Math.floor(i / columns);
            const entry = Math.floor(token / (H * L));
            const isBetween = isBetweenTokens(entry, token % L);
            assertEquals(value !== 0, isBetween, `${columns}, ${i}: ${value}`);
          });
        }
      }
      tf.dispose([mask, q!, k!, v!, dy!]);
    },
  );
}

/** What masks may hold, 13 tokens an entry: only 0, of either sign, is padding. */
const MASKS = {
  float32: Float32Array.from([
    ...[NaN, 0, 1e-41, 1.4e-45, -0, Infinity, 0, -1e-41, 0.5, 0, -1, -0, 256],
    ...[0, NaN, -0, NaN, 3e38, 1.2e-38, 0, 2, -Infinity, -1.4e-45, 0, 1, 0],
  ]),
  int32: [
    ...[256, 0, -1, 65536, 0, 2 ** 24, 0, 1, 7, 0, -(2 ** 31), 0, 2],
    ...[0, 2 ** 31 - 1, 0, 2, 3, 512, 0, -256, 1, 1 << 16, 0, 1, 0],
  ],
  // As ids of tokens make one: 256 is 0 in a byte.
  cast: [
    ...[256, 0, 512, 768, 0, 2 ** 24, 0, 1024, 256, 0, 1 << 16, 0, 256],
    ...[0, 256, 0, 512, 256, 256, 0, 768, 256, 256, 0, 256, 0],
  ],
  bool: [
    ...[1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1],
    ...[0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 0],
  ],
} as const;
// A NaN with all bits, and a negative one, which numbers of JavaScript's lose.
new Uint32Array(MASKS.float32.buffer).set([0x7fffffff], 14);
new Uint32Array(MASKS.float32.buffer).set([0xffc00000], 16);

/** The inputs that are not read at padding: vectors, and all where it is skipped. */
function unreadInputs({ name, axes }: Operation): string[] {
  const skips = /delta|selectiveScan/i.test(name);
  const isOfPaths = (input: string) =>
    isLogarithm(input) || /gate|forget|phase|dt|trapezoid/i.test(input);
  return Object.keys(axes).filter((input) =>
    axes[input]![0] === "batch" && (skips || !isOfPaths(input))
  );
}

onEachBackend(
  "padding is what has a mask of 0, and no operation reads it",
  async (backend) => {
    const batch = 2, sizes = { ...SIZES, batch };
    const isToken = MASKS.bool;
    const all = readings(backend);
    const whole = [
      ...sample(backend, all.filter(({ isPlain }) => !isPlain)),
      ...sampleShared(backend, all.filter(({ isPlain }) => isPlain)),
    ];
    // Each operation has a kernel or a form of its own, so that none is left out.
    const others = all.filter((one) => !whole.includes(one))
      .filter(({ operation: { directions = [false] }, options, isPlain }) =>
        !isPlain && options.causal === directions[0]
      );
    for (const reading of [...whole, ...others]) {
      const { name, operation } = reading;
      const { axes } = operation;
      const unread = unreadInputs(operation);
      /** Numbers with others at padding. */
      const padded = (
        values: Float32Array,
        axes: Axes,
        numberAt: (i: number) => number,
      ) => {
        const heads = axes[1] === "heads" ? SIZES.heads : 1;
        const columns = values.length / (batch * heads * SIZES.length);
        return values.map((value, i) => {
          const row = Math.floor(i / columns);
          const entry = Math.floor(row / (heads * SIZES.length));
          const token = entry * SIZES.length + row % SIZES.length;
          return isToken[token] ? value : numberAt(i);
        });
      };
      const run = async (
        dtype: string,
        values: readonly number[] | Float32Array,
        numberAt: (i: number) => number,
      ) => {
        const type = dtype === "cast" ? "int32" : dtype as "bool";
        const shape: [number, number] = [batch, SIZES.length];
        const mask = tf.tidy(() => {
          const mask = tf.tensor2d(values as number[], shape, type);
          return dtype === "cast" ? tf.cast(mask, "bool") : mask;
        });
        const own = (input: string, axes: Axes) =>
          numbersOf(input, shapeOf(axes, sizes));
        const numbers = Object.fromEntries(
          Object.entries(axes).map(([input, axes]) => [
            input,
            unread.includes(input)
              ? padded(own(input, axes), axes, numberAt)
              : own(input, axes),
          ]),
        );
        const ofY = axesOfAnswer(reading);
        const dy = padded(own("dy", ofY), ofY, numberAt);
        const isForward = others.includes(reading);
        const how = { mask, dy, isForward };
        const found = await results(reading, numbers, batch, how);
        mask.dispose();
        return found;
      };
      const clean = await run("float32", isToken, () => 0);
      for (const result of ["y", ...unread].filter((x) => x in clean)) {
        const ofResult = axes[result] ?? axesOfAnswer(reading);
        const zeros = padded(clean[result]!, ofResult, () => 0);
        const isThere = clean[result]!.some((x) => x !== 0);
        const isZero = zeros.every((x, i) => x === clean[result]![i]);
        assert(isThere && isZero, `${name}: ${result} at padding`);
      }
      for (const [dtype, mask] of Object.entries(MASKS)) {
        const spoiled = await run(dtype, mask, (i) => JUNK[i % JUNK.length]!);
        for (const [result, values] of Object.entries(spoiled)) {
          values.forEach((value, i) =>
            assert(
              value === clean[result]![i],
              `${name}, a mask of ${dtype}: ${result}[${i}] is ${value}, ` +
                `not ${clean[result]![i]}`,
            )
          );
        }
      }
    }
  },
  { sampled: true },
);

onEachBackend(
  "withoutPadding() takes any shape, and selects where a product would not",
  async () => {
    const mask = tf.tensor2d([1, 0, 0, 1, 1, 1], [2, 3]);
    for (const shape of [[2, 3, 4], [2, 3, 1], [2, 2, 3, 8], [2, 1, 2, 3, 5]]) {
      const size = tf.util.sizeFromShape(shape);
      const columns = shape.at(-1)!, between = size / (6 * columns);
      const isToken = (i: number) => {
        const row = Math.floor(i / columns);
        const entry = Math.floor(row / (3 * between));
        return ![1, 2].includes(entry * 3 + row % 3);
      };
      const values = Array.from({ length: size }, (_, i) => i + 1);
      const x = tf.tensor(values.map((v, i) => isToken(i) ? v : NaN), shape);
      const dy = tf.tensor(values.map((v, i) => isToken(i) ? v : NaN), shape);
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
        withoutPadding(x, mask)
      )(x, dy);
      const expected = values.map((v, i) => isToken(i) ? v : 0);
      assertEquals([...await value.data()], expected);
      assertEquals([...await grad.data()], expected);
      tf.dispose([x, dy, value, grad]);
    }
    mask.dispose();
  },
);

onEachBackend(
  "betweenTokens() lets gradients pass where paths between tokens arrive",
  async () => {
    const tokens = tf.tensor2d(MASK, [B, L]);
    const arrives = (entry: number, place: number, forward: boolean) => {
      const row = MASK.slice(entry * L, (entry + 1) * L);
      const from = forward ? place - 1 : place + 1;
      const [left, right] = [Math.min(from, place), Math.max(from, place)];
      return row.slice(0, left + 1).includes(1) && row.slice(right).includes(1);
    };
    for (const shape of [[B, H, L], [B, H, L, 1], [B, H, L, D]]) {
      const channels = shape[3] ?? 1;
      const numbers = Array.from(
        { length: B * H * L * channels },
        (_, i) => i + 1,
      );
      const x = tf.tensor(numbers, shape as [number, number, number]);
      const other = tf.clone(x);
      for (const isCausal of [false, true]) {
        const both = (f: tf.Tensor, b: tf.Tensor) => {
          const pair = betweenTokens({
            forward: f as tf.Tensor3D,
            backward: isCausal ? null : b as tf.Tensor3D,
          }, tokens);
          return tf.add(pair.forward, pair.backward ?? b);
        };
        const { value, grads } = tf.valueAndGrads(both)([x, other], x);
        for (const [i, gradient] of grads.entries()) {
          const passes = (place: number, entry: number) =>
            isCausal && i === 1 || arrives(entry, place, i === 0);
          const expected = numbers.map((number, at) => {
            const token = Math.floor(at / channels);
            const entry = Math.floor(token / (H * L));
            return passes(token % L, entry) ? number : 0;
          });
          assertEquals([...await gradient.data()], expected);
        }
        tf.dispose([value, grads]);
      }
      tf.dispose([x, other]);
    }
    tokens.dispose();
  },
);

onEachBackend("a mask without padding costs no copy", async () => {
  const x = tf.randomNormal<tf.Rank.R4>([2, 3, 5, 4]);
  const mask: tf.Tensor2D = tf.ones([2, 5]);
  const { numDataBuffers } = tf.memory();
  const same = withoutPadding(x, mask);
  assertEquals(tf.memory().numDataBuffers, numDataBuffers);
  x.dispose();
  // It outlives what it shares its values with.
  assert((await same.data()).every((value) => value !== 0));
  tf.dispose([same, mask]);
}, ["wasm"]);
