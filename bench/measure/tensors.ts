/** Runs work on tensors: its results, its time and its memory. @module */
import * as tf from "@tensorflow/tfjs-core";
import { profile } from "@lionjs/lion";
import { MemoryWatch } from "../../lib/backend/memory_watch.ts";
import { stopwatch } from "./timing.ts";

/** What is computed: the output, or the output and the gradients of all inputs. */
export const PASSES = ["forward", "gradients"] as const;
/** One of {@linkcode PASSES}. */
export type Pass = typeof PASSES[number];

/** What a run took of the machine. */
export interface Usage {
  /** Bytes alive at once, inputs and the kernels' scratch included. */
  readonly peakBytes: number;
  /** Those that were alive before: inputs, weights and whatever else there is. */
  readonly bytesBefore: number;
  /** What the kernels take by themselves, by the GPU's clock; `null` if it has none. */
  readonly gpuMilliseconds: number | null;
}

/**
 * Times some work on tensors. WebAssembly and cpu compute at once, and are done
 * when it returns, as PyTorch is; a GPU computes in order, and is done when one
 * number of its last result has been read.
 */
export async function timeTensors(compute: () => tf.Tensor[]): Promise<number> {
  let outputs: tf.Tensor[] = [];
  const milliseconds = await stopwatch(async () => {
    outputs = compute();
    await whenDone(outputs.at(-1)!);
  });
  tf.dispose(outputs);
  return milliseconds;
}

/** Waits until a GPU has computed a tensor, by reading one number of it. */
export async function whenDone(tensor: tf.Tensor): Promise<void> {
  if (tf.getBackend() !== "webgpu") return;
  const first = tf.tidy(() => tf.slice(tf.reshape(tensor, [-1]), 0, 1));
  await first.data();
  first.dispose();
}

/** An operation on tensors that makes one. */
export type Attend = (...inputs: tf.Tensor[]) => tf.Tensor;

/** The output, and in the second pass the gradients after it. */
export function compute(
  attend: Attend,
  inputs: tf.Tensor[],
  dy: tf.Tensor,
  pass: Pass,
): tf.Tensor[] {
  if (pass === "forward") return [attend(...inputs)];
  const { value, grads } = tf.valueAndGrads(attend)(inputs, dy);
  return [value, ...grads];
}

/** The values of the tensors that some work makes. */
export async function readTensors(
  compute: () => tf.Tensor[],
): Promise<Float32Array[]> {
  const outputs = compute();
  const values = await Promise.all(outputs.map((output) => output.data()));
  tf.dispose(outputs);
  return values as Float32Array[];
}

/** Of work on a GPU, whose kernels' times are a median. */
const GPU_RUNS = 3;

/** What some work on tensors takes; runs it once, or a few times on a GPU. */
export async function usageOf(compute: () => tf.Tensor[]): Promise<Usage> {
  if (tf.getBackend() === "webgpu") {
    const { bytesBefore, peakBytes, clock, milliseconds } = await profile(
      compute,
      { runs: GPU_RUNS },
    );
    const gpuMilliseconds = clock === "timestamps" ? milliseconds : null;
    return { bytesBefore, peakBytes, gpuMilliseconds };
  }
  const watch = new MemoryWatch();
  try {
    const span = watch.begin();
    tf.dispose(compute());
    watch.end(span);
    const { bytesBefore, peakBytes } = span;
    return { bytesBefore, peakBytes, gpuMilliseconds: null };
  } finally {
    watch.stop();
  }
}

/** The most bytes in use at once while something runs, those in use before among them. */
export async function peakBytesOf(
  run: () => Promise<unknown>,
): Promise<number> {
  const watch = new MemoryWatch();
  try {
    const span = watch.begin();
    await run();
    return span.peakBytes;
  } finally {
    watch.stop();
  }
}
