/**
 * Choosing the backend.
 *
 * @module
 */
import { assertOptions, messageOf, optionsOf, shown } from "@lionjs/base";
import { assertTuning } from "../kernels/tuning.ts";
import type {
  BackendInfo,
  BackendName,
  UseBackendOptions,
} from "./backend_info.ts";
import {
  assertOpenOptions,
  inTurn,
  release,
  type Turn,
  Unavailable,
  warnOfFallback,
  warnOfShortage,
} from "@lionjs/tfjs/backends";
import {
  type Candidate,
  start,
  type StartedWithKernels,
} from "./start_backend.ts";
import { asTuning, type FindTuning, sourceOf } from "./tuning_source.ts";

export type { BackendInfo, BackendName, UseBackendOptions };

const DEFAULT_ORDER: readonly Candidate[] = [
  "webgpu on a GPU",
  "wasm",
  "webgpu",
  "cpu",
];

const OPTIONS = optionsOf<UseBackendOptions>()(
  "prefer powerPreference threads wasmPath tuning",
);

/**
 * Starts a backend, makes it tfjs's current one, and describes it.
 *
 * From then on, a WebGPU failure throws ({@linkcode GpuError}), at the latest
 * when a result is read, and kernels of tfjs that are known to be wrong are
 * replaced. Call it again to switch backends, and create tensors after the
 * switch, since those on a GPU cannot be moved. Overlapping calls run one after
 * another; the last one wins. If a call has waited five seconds for a tuning
 * function or for files, the next call begins, and the waiting one throws. A
 * GPU whose driver does not answer within 20 seconds counts as absent.
 *
 * If a preferred backend does not start, `skipped` and a warning on the console
 * say why. Without a GPU, or in a page that has one thread for lack of
 * cross-origin isolation, there is a warning only if the call asked for what is
 * missing.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { useBackend } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * const backend = await useBackend({ prefer: ["wasm", "cpu"] });
 * assertEquals(backend.name, tf.getBackend());
 * assertEquals(backend.skipped, {});
 * assertEquals([...await tf.add(1, 2).data()], [3]);
 * assertEquals((await useBackend("cpu")).name, "cpu"); // that one, or an error
 * ```
 *
 * @param options See {@linkcode UseBackendOptions}, or the name of the only
 * backend to try.
 * @returns The backend in use.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 * @throws {RangeError} If a value or a name is unknown, or no backend starts; the message says why, and `cause` holds what was thrown. Errors of a function that finds the tuning are passed on.
 * @throws {Error} If a later call has begun because this one waited too long; the message says for what.
 */
export async function useBackend(
  options: UseBackendOptions | BackendName = {},
): Promise<BackendInfo> {
  const given: UseBackendOptions = typeof options === "string"
    ? { prefer: [options] }
    : options;
  assertOptions("useBackend", given, OPTIONS);
  const { prefer, tuning } = given;
  if (prefer !== undefined) assertNames(prefer);
  assertOpenOptions(given);
  const source = tuning && sourceOf(tuning);
  if (source !== undefined && typeof source !== "function") {
    assertTuning(source);
  }
  const taken = {
    ...given,
    ...(prefer && { prefer: [...prefer] }),
    ...(typeof source === "object" && {
      tuning: asTuning(structuredClone(source)),
    }),
  };
  return await inTurn("useBackend", (turn) => startFirst(taken, turn));
}

/**
 * Releases what {@linkcode useBackend} acquired: threads, the GPU's device and
 * WebAssembly's memory. Tensors created there are lost; using one, or computing
 * before the next {@linkcode useBackend}, throws.
 *
 * Does nothing if there is nothing to release, as on `cpu`.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { disposeBackend, useBackend } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * await useBackend({ prefer: ["wasm"] });
 * const x = tf.add(1, 2);
 * await disposeBackend();
 * await assertRejects(() => x.data(), Error, "call useBackend()");
 *
 * await useBackend({ prefer: ["wasm"] });
 * assertEquals([...await tf.add(1, 2).data()], [3]);
 * ```
 */
export async function disposeBackend(): Promise<void> {
  await inTurn("disposeBackend", release);
}

function assertNames(prefer: unknown): asserts prefer is BackendName[] {
  if (!Array.isArray(prefer) || prefer.length === 0) {
    throw new TypeError(
      `prefer should be a list of backend names, got ${shown(prefer)}`,
    );
  }
  for (const name of prefer) {
    if (name === "webgpu" || name === "wasm" || name === "cpu") continue;
    throw new RangeError(
      `prefer should hold "webgpu", "wasm" or "cpu", got ${shown(name)}`,
    );
  }
}

async function startFirst(
  options: UseBackendOptions,
  turn: Turn,
): Promise<BackendInfo> {
  const { prefer } = options;
  const order: readonly Candidate[] = prefer ?? DEFAULT_ORDER;
  const failures = new Map<Candidate, unknown>();
  const { tuningFor, mistakes } = tuningOf(options, turn);
  for (const candidate of order) {
    let started: StartedWithKernels;
    try {
      started = await start(candidate, options, tuningFor, turn);
    } catch (cause) {
      if (turn.overtaken) throw turn.overtaken;
      // An error of the caller's tuning is no failure of the backend.
      if (mistakes.length > 0) throw mistakes[0];
      failures.set(candidate, cause);
      continue;
    }
    const { info, shortage } = started;
    const skipped = report(info.name, failures, shortage, options);
    return { ...info, skipped };
  }
  const causes = [...failures.values()];
  throw new RangeError(
    `No backend among ${order.join(", ")} starts here; ${
      [...failures].map(([name, cause]) => `${name}: ${messageOf(cause)}`)
        .join("; ")
    }`,
    { cause: causes.length === 1 ? causes[0] : new AggregateError(causes) },
  );
}

/** Finds the tuning of a backend, and records the errors of a caller's function. */
function tuningOf(
  { tuning }: UseBackendOptions,
  turn: Turn,
): { tuningFor: FindTuning; mistakes: readonly unknown[] } {
  const mistakes: unknown[] = [];
  const source = tuning && sourceOf(tuning);
  if (typeof source !== "function") {
    return { tuningFor: () => source, mistakes };
  }
  const tuningFor: FindTuning = async (backend) => {
    try {
      const found = await turn.outside(
        "the function that finds the tuning",
        Promise.resolve(source(backend)),
      );
      if (found !== undefined) assertTuning(found);
      return structuredClone(found);
    } catch (error) {
      mistakes.push(error);
      throw error;
    }
  };
  return { tuningFor, mistakes };
}

/** Reports, in `skipped` and by warnings, why nothing better is used. */
function report(
  name: BackendName,
  failures: ReadonlyMap<Candidate, unknown>,
  shortage: unknown,
  { prefer, threads }: UseBackendOptions,
): BackendInfo["skipped"] {
  const skipped: Partial<Record<BackendName | "threads", string>> = {};
  for (const [candidate, cause] of failures) {
    const missed = candidate === "webgpu on a GPU" ? "webgpu" : candidate;
    // The GPU was missed, but a software adapter started as the same backend later.
    if (missed === name) continue;
    const message = skipped[missed] = messageOf(cause);
    // Most machines have no GPU; warn only if one was asked for by name.
    if (prefer || !(cause instanceof Unavailable)) {
      warnOfFallback(
        `The ${missed} backend did not start, so ${name} computes: ${message}`,
        cause,
      );
    }
  }
  if (shortage !== undefined) {
    skipped.threads = messageOf(shortage);
    warnOfShortage(shortage, threads);
  }
  return skipped;
}
