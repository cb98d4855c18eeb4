/**
 * On WebGPU, replays only launch: what the kernels of a recorded run launch is captured
 * while they run, and then repeated without them.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { sharing, type Step, tensorOf, type Trace } from "./trace.ts";

/** Launches of kernels on a device. */
interface Launches {
  /** Whether all that the launches read besides their inputs is where it was. */
  fits(sources: readonly tf.TensorInfo[]): boolean;
  /** Repeats the launches; the results are the caller's. */
  run(inputs: readonly tf.TensorInfo[]): tf.TensorInfo[];
  dispose(): void;
}

/** A backend that may repeat launches without the kernels that made them. */
export interface CapturingBackend {
  /**
   * Runs kernels on copies of inputs and on further sources, and returns their results
   * and, if they can be repeated, their launches; `undefined` if it has run nothing.
   */
  readonly captureLaunches?:
    | ((
      sources: readonly tf.TensorInfo[],
      inputs: readonly tf.TensorInfo[],
      run: (inputs: readonly tf.TensorInfo[]) => tf.TensorInfo[],
    ) =>
      | { results: tf.TensorInfo[]; launches: Launches | undefined }
      | undefined)
    | undefined;
}

/** The results of the code of a replay, by the steps whose outputs they are. */
export type Computed = ReadonlyMap<Step, tf.TensorInfo>;

/**
 * Runs the kernels of a trace.
 *
 * @param computed The results of its code, which was called before. @default it is called
 */
export type RunKernels = (
  inputs: readonly tf.TensorInfo[],
  computed?: Computed,
) => tf.TensorInfo[];

/** Captures that were never repeated before capturing is given up: its weights move. */
const MOST_CAPTURES = 16;

/** Repetitions after which a capture was not in vain. */
const REPEATS_THAT_PAY = 8;

/** The captured launches of a recorded run. */
export class Captures {
  readonly #trace: Trace;
  readonly #runKernels: RunKernels;
  /** Whether launches alone would do what the kernels do. */
  readonly #isOfLaunches: boolean;
  #hasRun = false;
  #launches: Launches | undefined;
  /** Captures since one was worth it. */
  #captures = 0;
  /** How often the last capture was repeated. */
  #repeats = 0;

  /** Begins without launches. */
  constructor(trace: Trace, runKernels: RunKernels) {
    this.#trace = trace;
    this.#runKernels = runKernels;
    this.#isOfLaunches = isOfLaunches(trace);
  }

  /**
   * Replays the run, from the second time on, where the backend can repeat launches;
   * else returns `undefined`.
   */
  run(inputs: readonly tf.Tensor[]): tf.TensorInfo[] | undefined {
    const { backend, sources } = this.#trace;
    const { captureLaunches } = backend as Partial<CapturingBackend>;
    const isFirst = !this.#hasRun;
    this.#hasRun = true;
    if (!captureLaunches || !this.#isOfLaunches || isFirst) return undefined;
    const others = [...sources].flatMap(([slot, source]) =>
      source.kind === "input" ? [] : tensorOf(this.#trace, slot, source, inputs)
    );
    const computed = this.#callCode(inputs);
    const all = [...inputs, ...computed.values()];
    try {
      if (this.#launches?.fits(others)) {
        this.#repeats++;
        return this.#launches.run(all);
      }
      this.#launches?.dispose();
      this.#launches = undefined;
      if (this.#repeats >= REPEATS_THAT_PAY) this.#captures = 0;
      this.#repeats = 0;
      const steps = [...computed.keys()];
      const run = (all: readonly tf.TensorInfo[]) =>
        this.#runKernels(
          all.slice(0, inputs.length),
          new Map(steps.map((step, i) => [step, all[inputs.length + i]!])),
        );
      if (this.#captures++ >= MOST_CAPTURES) return run(all);
      const captured = captureLaunches(others, all, run);
      this.#launches = captured?.launches;
      return captured?.results ?? run(all);
    } finally {
      tf.dispose([...computed.values()]);
    }
  }

  /** Calls the code of the run, but for what would read a result of a kernel. */
  #callCode(inputs: readonly tf.Tensor[]): Map<Step, tf.Tensor> {
    const { sources, steps } = this.#trace;
    const computed = new Map<Step, tf.Tensor>();
    for (const step of steps) {
      if (!("code" in step.run)) continue;
      const read = step.inputs.flatMap(([, view]) => {
        const source = sources.get(view!.slot);
        return source ? tensorOf(this.#trace, view!.slot, source, inputs) : [];
      });
      // Code that looks at values finds none of a result that is on a device.
      if (read.length < step.inputs.length) continue;
      const tensors = read.map(sharing);
      const result = step.run.code(tensors);
      tf.dispose(tensors);
      if (result) computed.set(step, result);
    }
    return computed;
  }

  /** Disposes of the launches. */
  dispose(): void {
    this.#launches?.dispose();
    this.#launches = undefined;
  }
}

/**
 * Whether all that a run computes comes of launches of kernels, of its sources, and of
 * code that reads no results of kernels.
 */
function isOfLaunches(
  { readsValues, sources, steps, outputs }: Trace,
): boolean {
  if (readsValues) return false;
  const made = new Set<number>();
  for (const { run, inputs, outputs } of steps) {
    if ("code" in run) {
      // A result of a kernel is not there yet when code is called.
      const isEarly = inputs.every(([, view]) => sources.has(view!.slot));
      if (outputs.length > 0 && !isEarly) return false;
    } else for (const { slot } of outputs) made.add(slot);
  }
  return outputs.every(({ slot }) => made.has(slot) && !sources.has(slot));
}
