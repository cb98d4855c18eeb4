/**
 * Every kernel that a backend has registered under a recording: replayed with other
 * values, it gives what it gives when it is called.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { recordRun } from "../../../lib/tfjs/record/recorder.ts";
import type { Recording } from "../../../lib/tfjs/record/replay.ts";
import type { CapturingBackend } from "../../../lib/tfjs/record/captures.ts";
import { onEachBackend, WITH_KERNELS } from "../../backends.ts";
import { sample } from "../../sample.ts";
import {
  DATA_LEFT_BY,
  type KernelCall,
  kernelCalls,
  run,
  tensorsOf,
  type Values,
} from "../kernel_calls.ts";

/** Calls of a kernel that are tried, at most, of those that differ in more than values. */
const CALLS_OF_KERNEL = 6;

/** What a call gives: results, or an error. */
type Outcome = {
  readonly error?: string;
  readonly results: readonly Values[];
};

/** So many of a list, from all over it. */
function some<T>(all: readonly T[], count: number): T[] {
  if (all.length <= count) return [...all];
  return Array.from(
    { length: count },
    (_, i) => all[Math.floor(i * all.length / count)]!,
  );
}

/**
 * Other values for a tensor: its rows in another order, so that indices still name what
 * is there, and floats times a factor that is exact.
 */
function turned({ values, shape, dtype }: Values, by: number): tf.Tensor {
  const size = values.length, rows = shape[0] ?? 1;
  const start = size === 0 ? 0 : size / rows * (by % rows);
  const factor = dtype === "float32" ? 1 - by / 8 : 1;
  const own = Array.from(
    { length: size },
    (_, i) => factor * values[(i + start) % size]!,
  );
  return tf.tensor(own, shape, dtype);
}

/** The tensors of a call, with other values. */
function inputsOf(call: KernelCall, by: number): tf.Tensor[] {
  return tensorsOf(call, (x) => turned(x, by));
}

async function outcomeOf(run: () => tf.Tensor[]): Promise<Outcome> {
  let tensors: tf.Tensor[] = [];
  try {
    tensors = tf.tidy(run);
    const results = await Promise.all(tensors.map(async (x) => ({
      values: [...await x.data()],
      shape: x.shape,
      dtype: x.dtype,
    })));
    return { results };
  } catch (error) {
    return { error: (error as Error).message, results: [] };
  } finally {
    tf.dispose(tensors);
  }
}

/** A run that is recorded, with its first values. */
function recorded(call: KernelCall): Recording | Error {
  const inputs = inputsOf(call, 0);
  try {
    return tf.tidy(() => {
      const { recording, outputs } = recordRun(inputs, () => run(call, inputs));
      tf.dispose(outputs);
      return recording as Recording & tf.TensorContainer;
    });
  } catch (error) {
    return error as Error;
  } finally {
    tf.dispose(inputs);
  }
}

/** Throws unless two outcomes are the same, to the last bit. */
function assertSame(found: Outcome, wanted: Outcome, label: string): void {
  assertEquals(found.error, wanted.error, label);
  assertEquals(found.results.length, wanted.results.length, label);
  for (const [i, { values, ...kind }] of found.results.entries()) {
    const { values: others, ...other } = wanted.results[i]!;
    assertEquals(kind, other, label);
    for (let at = 0; at < others.length; at++) {
      const [got, expected] = [values[at], others[at]];
      if (Object.is(got, expected)) continue;
      throw new Error(`${label}: ${got} for ${expected} at ${at} of ${i}`);
    }
  }
}

/** Whether results of a call have data of their own. */
function hasOwnResults(call: KernelCall): boolean {
  return tf.tidy(() => {
    const inputs = inputsOf(call, 0);
    const given = new Set(inputs.map(({ dataId }) => dataId));
    return run(call, inputs).every(({ dataId }) => !given.has(dataId)) as
      & boolean
      & tf.TensorContainer;
  });
}

/** Follows what a backend captures. */
class Captures {
  readonly #backend = tf.backend() as {
    captureLaunches?: CapturingBackend["captureLaunches"];
  };
  readonly #stock = this.#backend.captureLaunches;
  /** How often launches were captured that can be repeated. */
  count = 0;

  constructor() {
    if (!this.#stock) return;
    this.#backend.captureLaunches = (...given) => {
      const captured = this.#stock!(...given);
      if (captured?.launches) this.count++;
      return captured;
    };
  }

  stop(): void {
    if (this.#stock) this.#backend.captureLaunches = this.#stock;
  }
}

/**
 * Throws unless the replays of a call give what calls give. On WebGPU the first one runs
 * the kernel, the second one captures its launches, and the third one repeats these.
 */
async function assertReplayed(
  call: KernelCall,
  captures: Captures,
): Promise<void> {
  const { kernel, inputs, attributes } = call;
  const shapes = inputs.map(([name, x]) => `${name} ${x?.dtype} [${x?.shape}]`);
  const label = `${kernel} ${shapes.join(", ")} ${JSON.stringify(attributes)}`;
  const recording = recorded(call);
  if (recording instanceof Error) {
    const { error } = await outcomeOf(() => run(call, inputsOf(call, 0)));
    return assertEquals(recording.message, error, label);
  }
  try {
    assertEquals(recording.refusal, REFUSED[kernel], label);
    if (recording.refusal !== undefined) return;
    const before = captures.count;
    let isRight = true;
    for (const by of [1, 2, 3]) {
      const wanted = await outcomeOf(() => run(call, inputsOf(call, by)));
      const found = await outcomeOf(() => {
        return recording.replay(inputsOf(call, by));
      });
      assertSame(found, wanted, `${label}, replay ${by}`);
      isRight &&= wanted.error === undefined;
    }
    if (tf.getBackend() !== "webgpu" || !isRight) return;
    const isCaptured = !READ_VALUES.includes(kernel) && hasOwnResults(call);
    assertEquals(captures.count - before, Number(isCaptured), label);
  } finally {
    recording.dispose();
  }
}

const OF_NO_NUMBERS = "has tensors of strings or of complex numbers";

/** Kernels of numbers that a recording refuses, and why. */
const REFUSED: Readonly<Record<string, string>> = { Complex: OF_NO_NUMBERS };

/** Kernels of WebGPU that look at values, so that their launches are not repeated. */
const READ_VALUES = `
NonMaxSuppressionV3 NonMaxSuppressionV4 NonMaxSuppressionV5 RaggedRange
SparseFillEmptyRows SparseReshape SparseSegmentMean SparseSegmentSum Unique
`.trim().split(/\s+/);

/** Kernels that no recorded run calls, and why. */
const OUTSIDE: Readonly<Record<string, string>> = {
  Draw: "it draws on a canvas, which few hosts have",
  LionJoin: "it moves its inputs",
  LionUpdate: "it writes to its inputs",
};

/** The names of all kernels of the current backend that recorded runs may call. */
function kernelNames(): string[] {
  return tf.getKernelsForBackend(tf.getBackend())
    .map(({ kernelName }) => kernelName)
    .filter((name) => !Object.hasOwn(OUTSIDE, name));
}

onEachBackend(
  "every kernel gives in replays what it gives of the same values",
  async (backend) => {
    const { calls, others } = await kernelCalls(backend);
    const names = kernelNames();
    const without = names.filter((name) =>
      !calls.has(name) && !others.has(name)
    );
    assertEquals(without, [], "kernels that kernel_calls.ts does not call");
    const cases = sample(
      backend,
      names.flatMap((name) => some(calls.get(name) ?? [], CALLS_OF_KERNEL)),
      ({ kernel }) => READ_VALUES.includes(kernel),
    );
    const captures = new Captures();
    try {
      for (const call of cases) await assertReplayed(call, captures);
    } finally {
      captures.stop();
    }
  },
  { only: WITH_KERNELS, sampled: true, dataLeftBy: DATA_LEFT_BY },
);

onEachBackend(
  "kernels of strings, complex numbers, lists and pixels are not recorded",
  async (backend) => {
    const { others } = await kernelCalls(backend);
    for (const name of kernelNames()) {
      const run = others.get(name);
      if (!run) continue;
      let running: unknown;
      const { recording } = recordRun([], () => {
        running = run();
        return [];
      });
      await running;
      recording.dispose();
      const reasons = [
        OF_NO_NUMBERS,
        "runs a kernel on what is no tensor, or on a list",
      ];
      assert(reasons.includes(recording.refusal!), name);
    }
  },
  { only: WITH_KERNELS, sampled: true, dataLeftBy: DATA_LEFT_BY },
);
