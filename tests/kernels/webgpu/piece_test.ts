/**
 * A piece of a sequence as shaders: which of them run, beside tfjs operations,
 * which tests/attention/piece_test.ts holds against the definition.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { causalPair } from "../../../lib/attention/decays/decay_pair.ts";
import { planForm } from "../../../lib/attention/planning/kernel.ts";
import { attendWithState } from "../../../lib/attention/planning/with_state.ts";
import type { StrictWebGPUBackend } from "../../../lib/tfjs/webgpu/gpu_backend.ts";
import { onEachBackend } from "../../backends.ts";
import { withLimits } from "./with_limits.ts";

interface PieceCase {
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly decays: boolean;
  readonly causal: boolean;
  /** Of the kernel. */
  readonly launches: number;
  /** Bytes of the largest buffer, if not as many as the device has. */
  readonly largestBuffer?: number;
}

const CASES: readonly PieceCase[] = [
  // A token: one launch, and without a mask one for each direction. With decays in both
  // directions a launch more divides.
  { ...dims(64), length: 1, decays: true, causal: true, launches: 1 },
  { ...dims(64), length: 1, decays: false, causal: false, launches: 2 },
  { ...dims(64), length: 16, decays: true, causal: false, launches: 3 },
  { ...dims(64), length: 17, decays: true, causal: false, launches: 3 },
  // Three sequences of six at a time.
  {
    ...{ ...dims(64), length: 17, decays: true, causal: false, launches: 6 },
    largestBuffer: 210_000,
  },
  { ...dims(64), length: 150, decays: false, causal: false, launches: 3 },
  // Too wide for chunks.
  { ...dims(130), length: 20, decays: true, causal: false, launches: 3 },
];

function dims(headDim: number) {
  return { headDim, valueDim: headDim === 130 ? 3 : headDim };
}

/** Counts the launches of a function. */
function launchesOf<R>(run: () => R): [result: R, launches: number] {
  const { launches } = tf.backend() as StrictWebGPUBackend;
  let count = 0;
  launches.countLaunch = () => void count++;
  try {
    return [run(), count];
  } finally {
    Reflect.deleteProperty(launches, "countLaunch");
  }
}

/** Relative to the largest value. */
async function differenceOf(one: tf.Tensor, other: tf.Tensor): Promise<number> {
  const [x, y] = await Promise.all([one.data(), other.data()]);
  const largest = Math.max(...y.map(Math.abs));
  return Math.max(...x.map((value, i) => Math.abs(value - y[i]!))) / largest;
}

onEachBackend(
  "a piece of a sequence takes few launches, and equals tfjs operations",
  async () => {
    for (const { largestBuffer, launches, ...c } of CASES) {
      const { length, headDim, valueDim, decays, causal } = c;
      const [batch, heads] = [2, 3];
      const random = (seed: number, lowest: number, ...shape: number[]) =>
        tf.randomUniform<tf.Rank.R4>(
          [batch, heads, ...shape] as [number, number, number, number],
          lowest,
          1,
          "float32",
          seed,
        );
      const inputs = [
        random(1, 0, length, headDim),
        random(2, 0, length, headDim),
        random(3, -1, length, valueDim),
        random(4, 0, headDim, valueDim + 1),
        random(5, 0, headDim, valueDim + 1),
      ] as const;
      const [q, k, v, before, after] = inputs;
      const attendBoth = () =>
        [true, false].map((kernel) =>
          tf.tidy(() => {
            const log = (seed: number) =>
              tf.mul(random(seed, 0, length), -1) as unknown as tf.Tensor3D;
            const both = decays ? { forward: log(6), backward: log(7) } : null;
            const pair = causal ? causalPair(both, [heads, length]) : both;
            const attend = () =>
              attendWithState(q, k, v, pair, {
                causal,
                ...{ scale: 0.2, normalize: true, epsilon: 1e-6 },
                ...{ kernel, before },
                ...(causal ? {} : { after }),
              });
            const [{ y, forward, backward }, count] = launchesOf(attend);
            if (kernel) assertEquals(count, launches, `length ${length}`);
            assertEquals(backward === null, causal);
            return [y, forward, ...(backward ? [backward] : [])];
          })
        );
      const pieces = largestBuffer === undefined
        ? attendBoth()
        : await withLimits(
          { maxStorageBufferBindingSize: largestBuffer },
          () => Promise.resolve(attendBoth()),
        );
      const [fused, plain] = pieces as [tf.Tensor[], tf.Tensor[]];
      for (const [i, expected] of plain.entries()) {
        const difference = await differenceOf(fused[i]!, expected);
        assertLess(difference, 1e-5, `result ${i} of length ${length}`);
      }
      tf.dispose([...inputs, ...pieces.flat()]);
    }
  },
  ["webgpu"],
);

onEachBackend("a piece has chunks no longer than asked for", () => {
  const request = {
    ...{ batch: 1, heads: 1, ...dims(8), decays: true, causal: false },
    ...{ normalize: true, precision: "f32", states: true } as const,
  };
  const chunkOf = (length: number, chunkSize?: number) => {
    const plan = planForm("chunkwise", { ...request, length, chunkSize });
    assert("chunkSize" in plan);
    return plan.chunkSize;
  };
  assertEquals(chunkOf(16), 1);
  assertEquals(chunkOf(50), 25);
  assertEquals(chunkOf(50, 7), 7);
  assertEquals(chunkOf(1000), 64);
}, ["webgpu"]);
