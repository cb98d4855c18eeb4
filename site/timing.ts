/** How long attention takes, and how much memory. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  lionAttention,
  logSigmoid,
  selectiveDecay,
  shiftedSilu,
  softmaxAttention,
} from "@lionjs/lion";
import { quantile } from "../bench/measure/timing.ts";
import type { Timing } from "./calls.ts";
import type { Contender } from "./contenders.ts";

/** What is attended to: a sequence with heads of 32 columns. */
const [HEADS, HEAD_DIM] = [4, 32];

/** Runs of one measurement, and the milliseconds that it takes at least and at most. */
const [RUNS, LEAST, MOST] = [7, 60, 400];

/** Measures a function whose result is waited for: its times, and its peak. */
export async function measure(compute: () => tf.Tensor): Promise<Timing> {
  const before = tf.memory().numBytes;
  // The first run compiles; its peak is that of every run.
  const { peakBytes, result } = await tf.profile(compute);
  await finish(result as tf.Tensor);
  const times: number[] = [];
  const start = performance.now();
  do {
    const from = performance.now();
    await finish(compute());
    times.push(performance.now() - from);
  } while (isGoingOn(times.length, performance.now() - start));
  return {
    median: quantile(times, 0.5),
    p20: quantile(times, 0.2),
    p80: quantile(times, 0.8),
    samples: times.length,
    peakBytes: peakBytes - before,
  };
}

function isGoingOn(runs: number, milliseconds: number): boolean {
  return milliseconds < LEAST || (runs < RUNS && milliseconds < MOST);
}

/** Waits for one number of a result: nothing has to be done before it is read. */
async function finish(result: tf.Tensor): Promise<void> {
  const corner = tf.tidy(() => tf.slice(tf.reshape(result, [-1]), [0], [1]));
  await corner.data();
  tf.dispose([result, corner]);
}

/** Measures attention on a sequence of so many tokens. */
export async function time(
  contender: Contender,
  length: number,
): Promise<Timing> {
  const random = (seed: number) =>
    tf.randomNormal<tf.Rank.R4>(
      [1, HEADS, length, HEAD_DIM],
      0,
      1,
      "float32",
      seed,
    );
  const inputs = tf.tidy(() => ({
    q: shiftedSilu(random(1)),
    k: shiftedSilu(random(2)),
    v: random(3),
    logDecay: logSigmoid(
      tf.randomNormal<tf.Rank.R3>([1, HEADS, length], 2, 1, "float32", 4),
    ),
  }));
  const { q, k, v, logDecay } = inputs;
  try {
    return await measure(() =>
      contender === "softmax"
        ? softmaxAttention(q, k, v)
        : lionAttention(q, k, v, {
          form: contender,
          decay: selectiveDecay(logDecay),
        })
    );
  } finally {
    tf.dispose(inputs);
  }
}
