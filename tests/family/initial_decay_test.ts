/** Decays at the beginning, beside the formulas of their papers. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  decayLogits,
  gateLoop,
  mambaTimeStep,
  retentionDecay,
  s4dLin,
  s4dReal,
} from "../../lib/family/mod.ts";
import { diagonalDecay, lionAttention, logSigmoid } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";

/** What tensors hold; they are disposed of. */
async function valuesOf(x: tf.Tensor): Promise<number[]> {
  const values = [...await x.data()];
  x.dispose();
  return values;
}

onEachBackend("initial decays are those of the papers", async () => {
  const heads = await valuesOf(retentionDecay(8));
  assertEquals(
    heads,
    [31 / 32, 63 / 64, 127 / 128, 255 / 256, 511 / 512, 1023 / 1024]
      .concat([2047 / 2048, 4095 / 4096])
      .map((decay) => Math.fround(Math.log(decay))),
  );
  // Where 1 - 2^(-5 - h) is 1 in float64 too.
  assertEquals((await valuesOf(retentionDecay(60)))[59], -(2 ** -64));

  assertEquals(await valuesOf(s4dReal(5)), [-1, -2, -3, -4, -5]);
  const { real, imaginary } = s4dLin(4);
  assertEquals(await valuesOf(real), [-0.5, -0.5, -0.5, -0.5]);
  assertEquals(
    await valuesOf(imaginary),
    [0, 1, 2, 3].map((n) => Math.fround(n * Math.PI)),
  );
});

onEachBackend("decayLogits() is the inverse of logSigmoid()", async () => {
  const logDecay = retentionDecay(12);
  const before = tf.memory().numTensors;
  const logits = decayLogits(logDecay);
  assertEquals(tf.memory().numTensors, before + 1);
  const again = logSigmoid(logits);
  const wanted = await valuesOf(logDecay);
  // Of small logarithms a GPU's exponential has five digits.
  (await valuesOf(again)).forEach((value, h) =>
    assertAlmostEquals(value / wanted[h]!, 1, 5e-5)
  );
  // log(γ / (1 - γ)) = log(2^(5 + h) - 1)
  (await valuesOf(logits)).forEach((value, h) =>
    assertAlmostEquals(value, Math.log(2 ** (5 + h) - 1), 1e-5)
  );
  for (const x of [-0.0624, -0.0626, -0.5, -20, -Infinity]) {
    const logits = tf.tidy(() => decayLogits(tf.scalar(x)));
    const [logit] = await valuesOf(logits);
    const wanted = x - Math.log(-Math.expm1(x));
    if (x === -Infinity) assertEquals(logit, wanted);
    else assertAlmostEquals(logit!, wanted, 1e-5);
  }
  const integers = tf.tensor([-1, -2], [2], "int32");
  (await valuesOf(decayLogits(integers))).forEach((value, i) =>
    assertAlmostEquals(value, -Math.log(Math.expm1(i + 1)), 1e-5)
  );
  integers.dispose();
});

onEachBackend("Mamba's steps are uniform in their logarithm", async () => {
  const steps = await valuesOf(mambaTimeStep(4000, { seed: 7 }));
  assert(steps.every((x) => x >= Math.fround(0.001) && x <= 0.1001));
  const logarithms = steps.map(Math.log10);
  const mean = logarithms.reduce((sum, x) => sum + x) / steps.length;
  assertAlmostEquals(mean, -2, 0.05);
  const below = logarithms.filter((x) => x < -2.5).length / steps.length;
  assertAlmostEquals(below, 0.25, 0.04);
  assertEquals(await valuesOf(mambaTimeStep(4000, { seed: 7 })), steps);
  const other = await valuesOf(mambaTimeStep(4000, { seed: 8 }));
  assert(other.some((x, i) => x !== steps[i]));
  const one = { smallest: 0.25, largest: 0.25 };
  assertEquals(await valuesOf(mambaTimeStep(2, one)), [0.25, 0.25]);
});

onEachBackend("S4D's decays are state space models", async () => {
  const [length, channels, step] = [6, 3, 0.3];
  const ones = tf.ones<tf.Rank.R4>([1, 1, length, channels]);
  // An impulse, and what the channels together answer to it: their kernel.
  const v = tf.tensor4d([1, 0, 0, 0, 0, 0], [1, 1, length, 1]);
  const [reals, lins] = tf.tidy(() => {
    const every = (x: tf.Tensor): tf.Tensor4D => tf.mul(ones, tf.mul(x, step));
    const { real, imaginary } = s4dLin(channels);
    const inputs = { q: ones, k: ones, v };
    return [
      lionAttention(ones, ones, v, {
        decay: diagonalDecay(every(s4dReal(channels)), {
          convention: "arrival",
        }),
        causal: true,
        normalize: false,
        scale: 1,
      }),
      gateLoop(
        { ...inputs, logDecay: every(real), phase: every(imaginary) },
        { causal: true },
      ),
    ];
  });
  const sum = (value: (n: number) => number) =>
    Array.from({ length: channels }, (_, n) => value(n))
      .reduce((sum, x) => sum + x);
  (await valuesOf(reals)).forEach((y, i) =>
    assertAlmostEquals(y, sum((n) => Math.exp(-(n + 1) * step * i)), 1e-5)
  );
  (await valuesOf(lins)).forEach((y, i) => {
    const fade = Math.exp(-0.5 * step * i);
    const wanted = sum((n) => fade * Math.cos(Math.PI * n * step * i));
    assertAlmostEquals(y, wanted, 1e-5);
  });
  tf.dispose([ones, v]);
});

Deno.test("initial decays name what is wrong with their arguments", () => {
  for (const make of [s4dReal, s4dLin, mambaTimeStep]) {
    assertThrows(
      () => make(0),
      RangeError,
      "channels should be a positive int",
    );
    assertThrows(
      () => make("4" as unknown as number),
      TypeError,
      "channels should be a number, got string",
    );
  }
  assertThrows(() => retentionDecay(1.5), RangeError, "heads should be a posi");
  assertThrows(
    () => mambaTimeStep(4, { smalest: 0.1 } as Record<string, number>),
    TypeError,
    'did you mean "smallest"',
  );
  assertThrows(
    () => mambaTimeStep(4, { smallest: 0 }),
    RangeError,
    "smallest should be above 0, got 0",
  );
  assertThrows(
    () => mambaTimeStep(4, { largest: 0.0001 }),
    RangeError,
    "largest should be at least smallest, 0.001, got 0.0001",
  );
  assertThrows(
    () => decayLogits(tf.tensor(["a"]) as tf.Tensor),
    TypeError,
    "decayLogits",
  );
});
