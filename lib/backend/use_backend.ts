/**
 * Choosing the machine that computes.
 *
 * @module
 */
import { assertOptions, type OptionNames } from "../contract/options.ts";
import type {
  BackendInfo,
  BackendName,
  UseBackendOptions,
} from "./backend_info.ts";
import { messageOf, Unavailable, warnOnce } from "./fallback.ts";
import {
  type Candidate,
  dispose,
  start,
  type StartedBackend,
} from "./start_backend.ts";

export type { BackendInfo, BackendName, UseBackendOptions };

const DEFAULT_ORDER: readonly Candidate[] = [
  "webgpu on a GPU",
  "wasm",
  "webgpu",
  "cpu",
];

const OPTIONS: OptionNames<UseBackendOptions> = {
  prefer: true,
  powerPreference: true,
  threads: true,
  wasmPath: true,
};

/** The last call: each begins when the one before has ended. */
let calls: Promise<unknown> = Promise.resolve();

function inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
  const call = calls.then(run);
  calls = call.catch(() => {});
  return call;
}

/**
 * Starts a backend, makes it tfjs's current one and returns what it is.
 *
 * From then on a WebGPU failure is an exception ({@linkcode GpuError}) at the
 * latest when a result is read, and tfjs's kernels that are known to be wrong
 * are replaced. May be called again to switch; make tensors after the switch,
 * since those on a GPU cannot follow. Calls that overlap take their turns: the
 * last one decides.
 *
 * What is better and does not start is said in `skipped`, and on the console,
 * once: not where this machine just has no GPU, or a page is not isolated and
 * so has one thread, unless the call names what is missing.
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
 * ```
 *
 * @param options See {@linkcode UseBackendOptions}.
 * @returns The backend in use.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 * @throws {RangeError} If a value or a name is unknown, or no backend starts; the message says why, and `cause` holds what was thrown.
 */
export async function useBackend(
  options: UseBackendOptions = {},
): Promise<BackendInfo> {
  assertOptions("useBackend", options, OPTIONS);
  const { prefer, threads, powerPreference, wasmPath } = options;
  if (prefer !== undefined) assertNames(prefer);
  if (threads !== undefined && typeof threads !== "number") {
    throw new TypeError(
      `threads should be a number, got ${typeof threads}`,
    );
  }
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new RangeError(
      `threads should be a positive integer, got ${threads}`,
    );
  }
  if (![undefined, "low-power", "high-performance"].includes(powerPreference)) {
    throw new RangeError(
      'powerPreference should be "low-power" or "high-performance", got ' +
        JSON.stringify(powerPreference),
    );
  }
  if (
    wasmPath !== undefined && typeof wasmPath !== "string" &&
    !(wasmPath as unknown instanceof URL)
  ) {
    throw new TypeError(
      `wasmPath should be a path or a URL, got ${JSON.stringify(wasmPath)}`,
    );
  }
  const taken = { ...options, ...(prefer && { prefer: [...prefer] }) };
  return await inTurn(() => startFirst(taken));
}

/**
 * Gives back what {@linkcode useBackend} has taken: threads end, the GPU's
 * device and WebAssembly's memory go. Tensors made there are gone, and using
 * one, or computing before the next {@linkcode useBackend}, is an error.
 *
 * Does nothing where nothing was taken, as on `cpu`.
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
  await inTurn(dispose);
}

function assertNames(prefer: unknown): asserts prefer is BackendName[] {
  if (!Array.isArray(prefer) || prefer.length === 0) {
    throw new TypeError(
      `prefer should be a list of backend names, got ${JSON.stringify(prefer)}`,
    );
  }
  for (const name of prefer) {
    if (name === "webgpu" || name === "wasm" || name === "cpu") continue;
    throw new RangeError(
      `prefer should hold "webgpu", "wasm" or "cpu", got ${
        JSON.stringify(name)
      }`,
    );
  }
}

async function startFirst(options: UseBackendOptions): Promise<BackendInfo> {
  const { prefer } = options;
  const order: readonly Candidate[] = prefer ?? DEFAULT_ORDER;
  const failures = new Map<Candidate, unknown>();
  for (const candidate of order) {
    let started: StartedBackend;
    try {
      started = await start(candidate, options);
    } catch (cause) {
      failures.set(candidate, cause);
      continue;
    }
    const { info, shortage } = started;
    const skipped = report(info.name, failures, shortage, options);
    return { ...info, skipped };
  }
  const causes = [...failures.values()];
  throw new RangeError(
    `No backend of ${order.join(", ")} starts here; ${
      [...failures].map(([name, cause]) => `${name}: ${messageOf(cause)}`)
        .join("; ")
    }`,
    { cause: causes.length === 1 ? causes[0] : new AggregateError(causes) },
  );
}

/** Says why nothing better computes. */
function report(
  name: BackendName,
  failures: ReadonlyMap<Candidate, unknown>,
  shortage: unknown,
  { prefer, threads }: UseBackendOptions,
): BackendInfo["skipped"] {
  const skipped: Partial<Record<BackendName | "threads", string>> = {};
  for (const [candidate, cause] of failures) {
    const missed = candidate === "webgpu on a GPU" ? "webgpu" : candidate;
    // In the end a software adapter, after no GPU.
    if (missed === name) continue;
    const message = skipped[missed] = messageOf(cause);
    // Most machines have no GPU; who asked for one by name wants to know.
    if (prefer || !(cause instanceof Unavailable)) {
      warnOnce(
        `The ${missed} backend did not start, so ${name} computes: ${message}`,
        cause,
      );
    }
  }
  if (shortage !== undefined) {
    skipped.threads = messageOf(shortage);
    // Most pages are not isolated.
    if (threads || !(shortage instanceof Unavailable)) {
      warnOnce(
        `The wasm backend computes with fewer threads: ${skipped.threads}`,
        shortage,
      );
    }
  }
  return skipped;
}
