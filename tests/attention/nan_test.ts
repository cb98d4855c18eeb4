/**
 * A NaN stays one, so that a model which diverges is seen to: in all outputs and
 * gradients that depend on it, and in no other sequence.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  checkDecay,
  lionAttention,
  logSigmoid,
  selectiveDecay,
} from "../../mod.ts";
import { gelu, layerNorm } from "../../lib/operations/mod.ts";
import { finite } from "../../lib/operations/finite_decay/finite_decay.ts";
import { onEachBackend } from "../backends.ts";
import { sample, sampleShared } from "../sample.ts";
import {
  type Axes,
  axesOfAnswer,
  isLogarithm,
  numbersOf,
  type Reading,
  readings,
  results,
  shapeOf,
  SIZES,
} from "../subjects/operations.ts";

/** NaN with all bits, with none below the first, and negative. */
const PAYLOADS = [0x7fc00000, 0xffc00000, 0x7fffffff, 0xffffffff, 0x7fc00001];

onEachBackend("any NaN is one, whatever its bits", async () => {
  const bits = Uint32Array.from([0xbf800000, ...PAYLOADS, 0xff800000]);
  const values = new Float32Array(bits.buffer);
  const x = tf.tensor1d(values);
  const clipped = finite(x);
  assertEquals([...await clipped.data()], [
    -1,
    ...PAYLOADS.map(() => NaN),
    -1e4,
  ]);
  const size = PAYLOADS.length;
  const ones = tf.ones<tf.Rank.R4>([1, size, 4, 1]);
  const decays = new Uint32Array(size * 4).fill(0xbf800000);
  PAYLOADS.forEach((payload, i) => decays[4 * i + 1] = payload);
  const problem = tf.tensor3d(new Float32Array(decays.buffer), [1, size, 4]);
  for (const convention of ["source", "arrival"] as const) {
    const decay = selectiveDecay(problem, { convention });
    const y = lionAttention(ones, ones, ones, { decay, form: "chunkwise" });
    const got = [...await y.data()];
    // Where the source's decay counts, token 1 does not read its own.
    const reads = (i: number) => convention === "arrival" || i % 4 !== 1;
    assert(got.every((value, i) => !reads(i) || Number.isNaN(value)));
    y.dispose();
  }
  tf.dispose([x, clipped, ones, problem]);
});

onEachBackend("-Infinity is as low as it gets, with no gradient", async () => {
  const x = tf.tensor1d([0, -1, -9999, -10001, -Infinity, NaN]);
  const dy = tf.tensor1d([1, 2, 3, NaN, NaN, 6]);
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor1D) => finite(x))(x, dy);
  assertEquals([...await value.data()], [0, -1, -9999, -1e4, -1e4, NaN]);
  assertEquals([...await grad.data()], [1, 2, 3, 0, 0, 6]);
  tf.dispose([x, dy, value, grad]);
});

onEachBackend(
  "operations pass a NaN on, forward and in gradients",
  async () => {
    const x = tf.tensor2d([[1, NaN, 2, 3], [1, 2, 3, 4]]);
    const one = tf.ones<tf.Rank.R1>([4]), zero = tf.zeros<tf.Rank.R1>([4]);
    const functions: Record<string, (x: tf.Tensor) => tf.Tensor> = {
      logSigmoid,
      gelu,
      layerNorm: (x) => layerNorm(x, one, zero),
    };
    for (const [name, f] of Object.entries(functions)) {
      const { value, grad } = tf.valueAndGrad(f)(x);
      for (const result of [value, grad]) {
        const got = [...await result.data()];
        assert(Number.isNaN(got[1]), `${name}: ${got}`);
        assert(got.slice(4).every(Number.isFinite), `${name}: ${got}`);
        result.dispose();
      }
    }
    tf.dispose([x, one, zero]);
    const decay = tf.tensor3d([NaN], [1, 1, 1]);
    const error = await checkDecay(selectiveDecay(decay)).catch((e) => e);
    assert(error instanceof RangeError);
    decay.dispose();
  },
);

/** The token, of the last head, that has a number that is none; and its column. */
const [PLACE, COLUMN] = [6, 1];

/** A number that is none, of an input; each has an entry of the batch, from 1 on. */
interface Poison {
  readonly input: string;
  readonly number: number;
}

function poisonsOf({ operation: { axes }, options }: Reading): Poison[] {
  const ofTokens = Object.keys(axes)
    .filter((x) => axes[x]![0] === "batch")
    // A causal token reads nothing that comes from the right.
    .filter((x) => x !== "backward" || !options.causal);
  return ofTokens.flatMap((input, i) => {
    // No gate may be infinite, but log decays -Infinity.
    const isGate = /beta|dt|gate|forget|phase|trapezoid/i.test(input);
    const infinity = i % 2 === 0 || isLogarithm(input) ? -Infinity : Infinity;
    return (isGate ? [NaN] : [NaN, infinity])
      .map((number) => ({ input, number }));
  });
}

/** Where the number is in an input. */
function placeIn(axes: Axes, entry: number): number {
  const { heads } = SIZES;
  // The level that all tokens read is their own.
  const at: Record<string, number> = {
    ...{ heads: heads - 1, length: PLACE, levels: 0 },
  };
  return axes.reduce(
    (sum, axis) =>
      axis === "batch"
        ? entry
        : sum * SIZES[axis as keyof typeof SIZES] + (at[axis] ?? COLUMN),
    0,
  );
}

/**
 * What a number does is found by changing it a little, not by formulas: results
 * that change depend on it.
 */
onEachBackend(
  "NaN reaches all that depends on it, and no other sequence; what is finite is right",
  async (backend) => {
    const all = readings(backend);
    const chosen = [
      ...sample(backend, all.filter(({ isPlain }) => !isPlain)),
      ...sampleShared(backend, all.filter(({ isPlain }) => isPlain)),
    ];
    for (const [n, reading] of chosen.entries()) {
      const { axes } = reading.operation;
      const poisons = poisonsOf(reading);
      const batch = 1 + poisons.length;
      const clean = Object.fromEntries(
        Object.entries(axes).map(([input, axes]) => [
          input,
          numbersOf(input, shapeOf(axes, { ...SIZES, batch })),
        ]),
      );
      const having = (numberOf: (poison: Poison, was: number) => number) => {
        const numbers = structuredClone(clean);
        poisons.forEach((poison, i) => {
          const values = numbers[poison.input]!;
          const at = placeIn(axes[poison.input]!, i + 1);
          const number = numberOf(poison, values[at]!);
          if (!Number.isNaN(number)) return values[at] = number;
          // Of whatever bits: a Float32Array would have all its NaN alike.
          const bits = PAYLOADS[(n + i) % PAYLOADS.length]!;
          new Uint32Array(values.buffer)[at] = bits;
        });
        return results(reading, numbers, batch);
      };
      const was = await results(reading, clean, batch);
      const changed = await having((_, was) => 0.9 * was);
      const spoiled = await having(({ number }) => number);
      // What infinity does that leaves a result finite, a large number does.
      const large = await having(({ number }, was) =>
        Number.isNaN(number) ? was : Math.sign(number) * 1e30
      );
      const reached = new Set<Poison>();
      for (const [result, values] of Object.entries(spoiled)) {
        const [, second] = axes[result] ?? axesOfAnswer(reading);
        const heads = second === "heads" ? SIZES.heads : 1;
        values.forEach((value, i) => {
          const sequence = Math.floor(i * batch * heads / values.length);
          const poison = poisons[Math.floor(sequence / heads) - 1];
          const label = () =>
            `${reading.name}, packed ${reading.packed}: ` +
            `${result}[${i}] is ${value}, and was ${was[result]![i]}, with ` +
            `${poison?.number} in ${poison?.input}`;
          if (!poison || sequence % heads !== heads - 1) {
            assert(value === was[result]![i], label());
          } else if (was[result]![i] !== changed[result]![i]) {
            reached.add(poison);
            const { number } = poison;
            assert(!Number.isNaN(number) || Number.isNaN(value), label());
            if (Number.isFinite(value)) {
              const limit = large[result]![i]!;
              assert(
                Math.abs(value - limit) < 1e-5,
                `${label()}, not ${limit}`,
              );
            }
          } else if (Number.isFinite(value)) {
            // A sum along the tokens rounds, where a border takes its parts away.
            assert(Math.abs(value - was[result]![i]!) < 1e-5, label());
          }
        });
      }
      assertEquals(reached.size, poisons.length, reading.name);
    }
  },
  { sampled: true },
);
