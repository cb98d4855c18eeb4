/** Dense layers on WebGPU, straight from memory and by staged tiles, beside float64. */
import { assertEquals, assertLess, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { disposeBackend, useBackend } from "../../../mod.ts";
import { gradientKernel } from "../../../lib/tfjs/kernel/kernel.ts";
import { DENSE, DENSE_GELU } from "../../../lib/operations/dense/dense.ts";
import { BACKENDS } from "../../backends.ts";
import { erf } from "../../erf.ts";
import { array, uniform } from "../../random.ts";
import { ofLongTests } from "../../sample.ts";
import { CARD, posingAs } from "./posing.ts";

/** Rows, inputs and outputs: whole tiles, parts of them, single numbers, whole vectors or not. */
const SIZES = [
  [1, 1, 1],
  [3, 5, 7],
  [33, 31, 36],
  [64, 32, 64],
  [70, 36, 65],
  [65, 192, 3],
  [34, 3, 96],
  [1, 8, 132],
] as const;

/**
 * With as many tiles that a card has large ones, forward or backward; Mesa takes seconds
 * to compile each.
 */
const LARGE_SIZES = [[130, 5, 10_944], [3, 130, 10_943]] as const;

type Size = readonly [rows: number, inputs: number, outputs: number];

/** A sum, and the sum of its terms' magnitudes, to which rounding errors are relative. */
interface Sum {
  readonly value: number;
  readonly magnitude: number;
}

function sumOf(count: number, term: (i: number) => number): Sum {
  let value = 0, magnitude = 0;
  for (let i = 0; i < count; i++) {
    value += term(i);
    magnitude += Math.abs(term(i));
  }
  return { value, magnitude };
}

/** The output and the gradients in x, weight and bias. */
function oracle(
  [rows, inputs, outputs]: Size,
  [x, weight, bias, dy]: readonly Float32Array[],
  hasGelu: boolean,
): Sum[][] {
  const table = (m: number, n: number, sum: (i: number, j: number) => Sum) =>
    Array.from({ length: m * n }, (_, at) => sum(Math.floor(at / n), at % n));
  const hidden = table(rows, outputs, (i, j) => {
    const { value, magnitude } = sumOf(
      inputs,
      (k) => x![i * inputs + k]! * weight![k * outputs + j]!,
    );
    const b = bias![j]!;
    return { value: value + b, magnitude: magnitude + Math.abs(b) };
  });
  const normal = (h: number) => (1 + erf(h / Math.SQRT2)) / 2;
  const y = hasGelu
    ? hidden.map(({ value, magnitude }) => ({
      value: value * normal(value),
      magnitude,
    }))
    : hidden;
  const g = hidden.map(({ value: h }, at) => {
    const density = Math.exp(-h * h / 2) / Math.sqrt(2 * Math.PI);
    return dy![at]! * (hasGelu ? normal(h) + h * density : 1);
  });
  return [
    y,
    table(
      rows,
      inputs,
      (i, k) =>
        sumOf(outputs, (j) => g[i * outputs + j]! * weight![k * outputs + j]!),
    ),
    table(
      inputs,
      outputs,
      (k, j) => sumOf(rows, (i) => g[i * outputs + j]! * x![i * inputs + k]!),
    ),
    table(1, outputs, (_, j) => sumOf(rows, (i) => g[i * outputs + j]!)),
  ];
}

/** What the kernels compute: the output and the gradients. */
async function computed(
  [rows, inputs, outputs]: Size,
  [x, weight, bias, dy]: readonly Float32Array[],
  hasGelu: boolean,
): Promise<Float32Array[]> {
  const operation = hasGelu ? DENSE_GELU : DENSE;
  const run = (kernel: string, inputs: tf.NamedTensorMap) => {
    const attributes = { keepsHidden: true };
    const made: unknown = tf.engine().runKernel(kernel, inputs, attributes);
    return (Array.isArray(made) ? made : [made]) as tf.Tensor[];
  };
  const found = tf.tidy(() => {
    const given = {
      x: tf.tensor2d(x!, [rows, inputs]),
      weight: tf.tensor2d(weight!, [inputs, outputs]),
      bias: tf.tensor1d(bias!),
    };
    const [y, hidden] = run(operation.kernel, given);
    const outputGradients = { dy: tf.tensor2d(dy!, [rows, outputs]) };
    const kept = hidden ? { hidden } : {};
    const gradients = run(gradientKernel(operation), {
      ...given,
      ...kept,
      ...outputGradients,
    });
    return [y!, ...gradients];
  });
  const values = await Promise.all(found.map((x) => x.data<"float32">()));
  tf.dispose(found);
  return values;
}

async function compare(size: Size, hasGelu: boolean): Promise<void> {
  const [rows, inputs, outputs] = size, random = uniform(inputs);
  const between = (u: number) => 2 * u - 1;
  const values = [rows * inputs, inputs * outputs, outputs, rows * outputs]
    .map((length) => array(length, random, between));
  const found = await computed(size, values, hasGelu);
  for (const [i, sums] of oracle(size, values, hasGelu).entries()) {
    let worst = 0;
    for (const [at, { value, magnitude }] of sums.entries()) {
      const error = Math.abs(found[i]![at]! - value);
      // GELU's derivative is as exact as numbers of about 1 are.
      const scale = hasGelu && i > 0 ? magnitude + 1 : magnitude;
      worst = Math.max(worst, error / scale);
    }
    assertLess(worst, 2e-6, `output ${i} of ${size}`);
    assertEquals(found[i]!.length, sums.length);
  }
  assertEquals(await computed(size, values, hasGelu), found, "other bits");
}

type Case = readonly [size: Size, hasGelu: boolean];

async function compareAll(t: Deno.TestContext, cases: readonly Case[]) {
  tf.env().set("WEBGPU_CPU_FORWARD", false);
  const { numTensors } = tf.memory();
  for (const [size, hasGelu] of cases) {
    const name = `${size.join(" × ")}${hasGelu ? ", GELU" : ""}`;
    await t.step(name, () => compare(size, hasGelu));
  }
  assertEquals(tf.memory().numTensors, numTensors);
}

const ignore = !BACKENDS.includes("webgpu");

Deno.test({
  name: "dense layers on the adapter that there is [webgpu]",
  ignore,
  fn: async (t) => {
    await useBackend({ prefer: ["webgpu"] });
    const both = SIZES
      .flatMap((size): Case[] => [[size, false], [size, true]]);
    await compareAll(t, both);
  },
});

/** Registers a test of cases as a card computes them. */
function testAsCard(name: string, cases: readonly Case[], ignore: boolean) {
  Deno.test({
    name: `${name} as a card computes them [webgpu]`,
    ignore,
    fn: async (t) => {
      await disposeBackend();
      await posingAs(CARD, async () => {
        await useBackend({ prefer: ["webgpu"] });
        await compareAll(t, cases);
        await disposeBackend();
      });
    },
  });
}
testAsCard("dense layers", [[[70, 36, 68], true]], ignore);
testAsCard(
  "large dense layers",
  LARGE_SIZES.map((size) => [size, false]),
  !ofLongTests(["webgpu"]).includes("webgpu") || ignore,
);

Deno.test({
  name: "a dense layer without rows or outputs, and of integers [webgpu]",
  ignore,
  fn: async () => {
    await useBackend({ prefer: ["webgpu"] });
    const one = [1, 2, 3].map((x) => Float32Array.of(x));
    const none = new Float32Array();
    for (const hasGelu of [false, true]) {
      const [weight, bias] = one as [Float32Array, Float32Array];
      assertEquals(
        (await computed([0, 1, 1], [none, weight, bias, none], hasGelu))
          .map((x) => [...x]),
        [[], [], [0], [0]],
      );
      assertEquals(
        (await computed([1, 1, 0], [weight, none, none, none], hasGelu))
          .map((x) => [...x]),
        [[], [0], [], []],
      );
    }
    const x = tf.ones([1, 1], "int32"), bias = tf.zeros([1]);
    assertThrows(
      () => tf.engine().runKernel(DENSE.kernel, { x, weight: x, bias }),
      TypeError,
      "LionDense's x should be float32, got int32",
    );
    tf.dispose([x, bias]);
  },
});
