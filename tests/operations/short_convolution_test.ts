/** Short convolutions against the oracle, as a kernel and in tfjs operations. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../mod.ts";
import { shortConvolution } from "../../lib/operations/mod.ts";
import { BACKENDS, onEachBackend, TOLERANCE } from "../backends.ts";
import {
  differences,
  outputAndGradients,
  type Result,
  shaped,
  tokenOptions,
} from "../comparison.ts";
import {
  type ConvolutionProblem,
  solveConvolution,
} from "../convolution_oracle.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";

interface Case {
  readonly batch: number;
  readonly length: number;
  readonly channels: number;
  readonly taps: number;
  readonly place: "causal" | "centred";
  readonly reverse: boolean;
  /** Whether there is a bias, and SiLU. */
  readonly whole: boolean;
  readonly padded: boolean;
  readonly packed: boolean;
}

const SIZES = [
  { batch: 2, length: 1, channels: 1, taps: 1 },
  { batch: 1, length: 2, channels: 5, taps: 4 },
  { batch: 1, length: 5, channels: 4, taps: 7 },
  { batch: 2, length: 19, channels: 66, taps: 3 },
  { batch: 1, length: 70, channels: 9, taps: 7 },
  { batch: 2, length: 130, channels: 3, taps: 4 },
];

const CASES: Case[] = SIZES.flatMap((size) =>
  (["causal", "centred"] as const)
    .filter((place) => place === "causal" || size.taps % 2 === 1)
    .flatMap((place) =>
      [false, true].flatMap((reverse) =>
        [false, true].flatMap((whole) => [
          { ...size, place, reverse, whole, padded: false, packed: !whole },
          { ...size, place, reverse, whole, padded: true, packed: whole },
        ])
      )
    )
);

function problemOf(c: Case): ConvolutionProblem {
  const { batch, length, channels, taps } = c;
  const random = uniform(length * 1009 + channels * 31 + taps);
  const tokens = batch * length;
  const inputs: Record<string, Float32Array> = {
    x: array(tokens * channels, random),
    weight: array(channels * taps, random),
    ...(c.whole ? { bias: array(channels, random) } : {}),
  };
  const dy = array(tokens * channels, random);
  const mask = array(tokens, random, (u) => u < 0.3 ? 0 : 1);
  let segment = 0;
  const segments = Int32Array.from(
    { length: tokens },
    () => random() < 0.2 ? ++segment : segment,
  );
  if (c.padded) {
    inputs["x"]!.forEach((_, i) => {
      if (mask[Math.floor(i / channels)] === 0) inputs["x"]![i] = dy[i] = NaN;
    });
  }
  return {
    ...{ batch, length, channels, taps, inputs, dy },
    place: c.place,
    reverse: c.reverse,
    activation: c.whole ? "silu" : "none",
    ...(c.padded ? { mask } : {}),
    ...(c.packed ? { segments } : {}),
  };
}

function run(
  problem: ConvolutionProblem,
  kernel: boolean,
): Promise<Result> {
  const { batch, length, channels, taps, inputs, dy } = problem;
  const { place, reverse, activation } = problem;
  const shapes: Record<string, number[]> = {
    x: [batch, length, channels],
    weight: [channels, taps],
    bias: [channels],
  };
  const tokens = tokenOptions(problem);
  return outputAndGradients(
    shaped(inputs, (name) => shapes[name]!),
    { values: dy, shape: [batch, length, channels] },
    tokens,
    ({ x, weight, bias }) =>
      shortConvolution(
        x as tf.Tensor3D,
        weight as tf.Tensor2D,
        bias as tf.Tensor1D | undefined,
        { place, reverse, activation, kernel, ...tokens },
      ),
  );
}

onEachBackend(
  "shortConvolution() equals the oracle, outputs and gradients",
  async (backend) => {
    const failures: string[] = [];
    const runs = CASES.flatMap((c) =>
      [true, false].map((kernel) => ({ c, kernel }))
    );
    for (
      const { c, kernel } of sampleForms(
        backend,
        runs,
        ({ kernel }) => !kernel,
      )
    ) {
      const problem = problemOf(c);
      const expected = solveConvolution(problem);
      const actual = await run(problem, kernel);
      failures.push(
        ...differences(problem, actual, expected, TOLERANCE[backend])
          .map((line) => `${JSON.stringify(c)} kernel=${kernel}: ${line}`),
      );
    }
    assertEquals(failures, []);
  },
);

Deno.test({
  name: "shortConvolution() is the same on any number of threads [wasm]",
  ignore: !BACKENDS.includes("wasm"),
  fn: async () => {
    const problem = problemOf({
      ...{ batch: 3, length: 150, channels: 130, taps: 7, place: "centred" },
      ...{ reverse: false, whole: true, padded: false, packed: false },
    });
    const results: unknown[] = [];
    for (const threads of [1, 2, 3, 5]) {
      await useBackend({ prefer: ["wasm"], threads });
      results.push(await run(problem, true));
    }
    for (const result of results) assertEquals(result, results[0]);
    await useBackend({ prefer: ["wasm"] });
  },
});

onEachBackend("shortConvolution() of no tokens has none", () => {
  tf.tidy(() => {
    const [x, weight] = [tf.zeros([2, 0, 3]), tf.ones([3, 4])];
    for (const segments of [undefined, tf.zeros([2, 0], "int32")]) {
      const y = shortConvolution(x, weight, undefined, { segments });
      assertEquals(y.shape, [2, 0, 3]);
    }
  });
});

onEachBackend(
  "shortConvolution() says what is wrong with its arguments",
  () => {
    tf.tidy(() => {
      const x = tf.ones<tf.Rank.R3>([2, 5, 3]);
      const weight = tf.ones<tf.Rank.R2>([3, 4]);
      assertThrows(
        () => shortConvolution(x, tf.ones([4, 3])),
        TypeError,
        "shortConvolution's weight should have shape [channels, taps] = [3, any], got [4, 3]",
      );
      assertThrows(
        () => shortConvolution(x, weight, undefined, { place: "centred" }),
        RangeError,
        "odd number of taps to be centred, got 4",
      );
      assertThrows(
        () =>
          shortConvolution(x, weight, undefined, { place: "left" as never }),
        RangeError,
        'shortConvolution\'s place should be "causal" or "centred", got "left"',
      );
      assertThrows(
        () => shortConvolution(x, weight, undefined, { silu: true } as never),
        TypeError,
        'shortConvolution has no option "silu"',
      );
    });
  },
);
