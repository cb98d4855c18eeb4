/** Profiles of a computation: the time and memory of each kernel. @module */
import * as tf from "@tensorflow/tfjs-core";
import { heldBytes } from "@lionjs/tfjs/kernel";
import {
  assertBoolean,
  assertOptions,
  assertPositiveInteger,
  optionsOf,
} from "@lionjs/base";
import type { BackendName } from "./backend_info.ts";
import { MemoryWatch } from "./memory_watch.ts";

/** Options of {@linkcode profile}. */
export interface ProfileOptions {
  /** Number of measured runs, whose medians are returned. @default 3 */
  runs?: number | undefined;
  /**
   * Whether to list WebGPU's kernels by launch of a shader. Elsewhere, a kernel
   * is one launch. @default false
   */
  launches?: boolean | undefined;
}

const OPTIONS = optionsOf<ProfileOptions>()("runs launches");

/** The time and memory of all calls of a kernel in one run; a row for `table`. */
export type KernelProfile = {
  /** The kernel's name in TensorFlow.js; with `launches`, followed by a colon and the shader's name. */
  readonly kernel: string;
  /** Number of calls of the kernel. */
  readonly calls: number;
  /** Milliseconds of all calls, by {@linkcode Profile.clock}; NaN without a clock. */
  readonly milliseconds: number;
  /** The kernel's share of the time of all kernels, from 0 to 1; NaN without a clock. */
  readonly share: number;
  /**
   * Bytes of all calls' inputs and outputs, 4 per number: a lower bound on what
   * they read and write. NaN for launches, whose bytes are not counted.
   */
  readonly bytes: number;
  /**
   * The most bytes that a call needs in addition to its inputs, for outputs and
   * scratch. NaN for launches.
   */
  readonly newBytes: number;
};

/** The result of {@linkcode profile}. */
export interface Profile {
  /** The backend that computed. */
  readonly backend: BackendName;
  /**
   * The clock: the GPU's timestamps, or the wall clock around each kernel's
   * call; `"none"` on WebGPU without `timestamp-query`.
   */
  readonly clock: "timestamps" | "wall" | "none";
  /** Milliseconds of all kernels of a run; NaN without a clock. */
  readonly milliseconds: number;
  /** Bytes in use before the run. */
  readonly bytesBefore: number;
  /**
   * Peak bytes in use during a run: on WebAssembly, memory including the
   * kernels' scratch; on WebGPU, buffers; on cpu, tensors, of which reshaped
   * ones count again.
   */
  readonly peakBytes: number;
  /**
   * The bytes that the backend holds after the runs, including free ones that
   * it reuses: all buffers on WebGPU, the whole memory on WebAssembly, tensors
   * on cpu.
   */
  readonly heldBytes: number;
  /** The kernels, the slowest first; without a clock, by name. */
  readonly kernels: readonly KernelProfile[];
}

/** One kernel's call, or launch, in one run. */
interface Call {
  readonly kernel: string;
  readonly milliseconds: number;
  readonly bytes: number;
  readonly newBytes: number;
}

/**
 * Measures each kernel of a computation: its time, the bytes it moves and the
 * memory it needs.
 *
 * The computation runs once to warm up, which also uploads its inputs to a GPU,
 * once to measure memory, and then `runs` times with each kernel timed
 * separately: on WebGPU by timestamps before and after each launch, if the
 * device grants `timestamp-query` (a browser may round them to 0.1 ms),
 * elsewhere by the wall clock. Work between kernels, such as JavaScript, is not
 * included. Nothing else may compute at the same time.
 *
 * @example
 * ```ts
 * import { assert, assertEquals } from "@std/assert";
 * import { lionAttention, profile, useBackend } from "@lionjs/lion";
 * import { bars, display, table } from "@lionjs/lion/notebook";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * await useBackend({ prefer: ["wasm"] });
 * const x = tf.randomUniform<tf.Rank.R4>([1, 2, 256, 16]);
 * const { kernels, clock, peakBytes } = await profile(() => lionAttention(x, x, x));
 * const [attention] = kernels.filter(({ kernel }) => kernel === "LionChunkwise");
 * assertEquals([clock, attention!.calls], ["wall", 1]);
 * assert(attention!.bytes >= 4 * 4 * x.size && peakBytes >= 4 * x.size);
 *
 * await display(table(kernels, { digits: 2 }));
 * await display(bars(
 *   Object.fromEntries(kernels.map((row) => [row.kernel, row.milliseconds])),
 *   { x: "milliseconds" },
 * ));
 * ```
 *
 * @param run The computation, always the same; what it returns is disposed of.
 * @param options See {@linkcode ProfileOptions}.
 * @returns The kernels and the memory.
 * @throws {TypeError} If `run` is not a function, or an option is unknown or of the
 * wrong type.
 * @throws {RangeError} If `runs` is not a positive integer.
 * @throws {Error} If the runs differ in their kernels, or another call has not ended.
 * Errors of `run` are passed on.
 */
export async function profile(
  run: () => tf.TensorContainer | void | Promise<tf.TensorContainer | void>,
  options: ProfileOptions = {},
): Promise<Profile> {
  if (typeof run !== "function") {
    throw new TypeError(
      `run should be a function that computes, got ${typeof run}`,
    );
  }
  assertOptions("profile", options, OPTIONS);
  const { runs = 3, launches = false } = options;
  assertPositiveInteger("runs", runs);
  assertBoolean("launches", launches);
  if (isProfiling) {
    throw new Error(
      "profile() should have ended before it is called again; await it",
    );
  }
  isProfiling = true;
  try {
    return await profileOf(run, runs, launches);
  } finally {
    isProfiling = false;
  }
}

/**
 * Whether a call of `profile` runs: TensorFlow.js would count its kernels for
 * the next call.
 */
let isProfiling = false;

async function profileOf(
  run: Parameters<typeof profile>[0],
  runs: number,
  launches: boolean,
): Promise<Profile> {
  const backend = tf.getBackend() as BackendName;
  const clock = backend !== "webgpu"
    ? "wall"
    : (tf.backend() as { device?: GPUDevice }).device?.features
        .has("timestamp-query")
    ? "timestamps"
    : "none";
  tf.dispose(await run() as tf.TensorContainer);
  const watch = new MemoryWatch();
  try {
    // This run is not profiled, so that buffers which WebGPU frees in batches
    // count as in use.
    const whole = watch.begin();
    tf.dispose(await run() as tf.TensorContainer);
    watch.end(whole);
    const measured: Call[][] = [];
    while (measured.length < runs) {
      measured.push(await callsOf(run, watch, launches && clock !== "wall"));
    }
    const kernels = summarize(measured.map(sumByKernel), clock === "none");
    return {
      backend,
      clock,
      milliseconds: kernels.reduce((sum, row) => sum + row.milliseconds, 0),
      ...whole,
      heldBytes: heldBytes(),
      kernels,
    };
  } finally {
    watch.stop();
  }
}

/** The kernels of one run, in order. */
async function callsOf(
  run: () => unknown,
  watch: MemoryWatch,
  byLaunch: boolean,
): Promise<Call[]> {
  const backend = tf.backend() as tf.KernelBackend;
  const { time } = backend;
  const newBytes: number[] = [];
  // TensorFlow.js's profiler calls `time` around each kernel, and lists kernels as they end.
  backend.time = (kernel) => {
    const span = watch.begin();
    const timing = time.call(backend, () => {
      kernel();
      watch.end(span);
      newBytes.push(span.peakBytes - span.bytesBefore);
    });
    return timing;
  };
  const checks = tf.env().getBool("CHECK_COMPUTATION_FOR_ERRORS");
  // Without this flag off, the profiler would read each result to look for NaN.
  tf.env().set("CHECK_COMPUTATION_FOR_ERRORS", false);
  let failure: { error: unknown } | undefined;
  let kernels: Awaited<ReturnType<typeof tf.profile>>["kernels"];
  try {
    const profile = await tf.profile(async () => {
      // An error thrown in here would leave TensorFlow.js profiling forever.
      try {
        tf.dispose(await run() as tf.TensorContainer);
      } catch (error) {
        failure = { error };
      }
      return [];
    });
    kernels = [...profile.kernels];
  } finally {
    backend.time = time;
    tf.env().set("CHECK_COMPUTATION_FOR_ERRORS", checks);
  }
  if (failure) throw failure.error;
  const name = tf.getBackend();
  const calls: Call[] = [];
  for (const [i, info] of kernels.entries()) {
    // Operations with a gradient of their own are listed too, around their kernels.
    if (!tf.getKernel(info.name, name)) continue;
    if (byLaunch) {
      calls.push(...launchesOf(info.name, String(await info.extraInfo)));
      continue;
    }
    const numbers = [...info.inputShapes, ...info.outputShapes]
      .map((shape) => shape ? tf.util.sizeFromShape(shape) : 0)
      .reduce((sum, size) => sum + size, 0);
    calls.push({
      kernel: info.name,
      milliseconds: Number(await info.kernelTimeMs),
      bytes: 4 * numbers,
      newBytes: newBytes[i]!,
    });
  }
  return calls;
}

/** Parses a kernel's launches from TensorFlow.js's text "name: milliseconds, name: milliseconds". */
function launchesOf(kernel: string, text: string): Call[] {
  return [...text.matchAll(/(.+?): ([\d.e+-]+)(?:, |$)/g)]
    .map(([, shader, milliseconds]) => ({
      kernel: `${kernel}: ${shader}`,
      milliseconds: Number(milliseconds),
      bytes: NaN,
      newBytes: NaN,
    }));
}

/** Groups the calls of a run by kernel. */
function sumByKernel(calls: readonly Call[]): Map<string, Call[]> {
  const found = new Map<string, Call[]>();
  for (const call of calls) {
    found.set(call.kernel, [...found.get(call.kernel) ?? [], call]);
  }
  return found;
}

/** Summarises runs by the medians of each kernel. */
function summarize(
  runs: readonly Map<string, Call[]>[],
  isTimeless: boolean,
): KernelProfile[] {
  const [first] = runs;
  const sum = (numbers: readonly number[]) =>
    numbers.reduce((a, b) => a + b, 0);
  const rows = [...first!].map(([kernel, calls]) => {
    const times = runs.map((run) => {
      const own = run.get(kernel) ?? [];
      if (own.length === calls.length) {
        return sum(own.map(({ milliseconds }) => milliseconds));
      }
      throw new Error(
        `run should run the same kernels each time, got ${kernel} ` +
          `${calls.length} and ${own.length} times`,
      );
    }).sort((a, b) => a - b);
    const middle = [
      times[Math.floor((times.length - 1) / 2)]!,
      times[Math.floor(times.length / 2)]!,
    ];
    return {
      kernel,
      calls: calls.length,
      milliseconds: isTimeless ? NaN : sum(middle) / 2,
      bytes: sum(calls.map(({ bytes }) => bytes)),
      newBytes: Math.max(...calls.map(({ newBytes }) => newBytes)),
    };
  });
  const total = sum(rows.map(({ milliseconds }) => milliseconds));
  return rows
    .map(({ kernel, calls, milliseconds, ...bytes }) => ({
      kernel,
      calls,
      milliseconds,
      share: milliseconds / total,
      ...bytes,
    }))
    .sort((a, b) =>
      isTimeless
        ? a.kernel.localeCompare(b.kernel)
        : b.milliseconds - a.milliseconds
    );
}
