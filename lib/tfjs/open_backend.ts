/** Opening a backend of TensorFlow.js with our kernels. @module */
import { assertOneOf, assertOptions, messageOf, optionsOf } from "@lionjs/base";
import { warnOfShortage } from "./backends/fallback.ts";
import { assertOpenOptions } from "./backends/open_options.ts";
import type {
  BackendName,
  OpenedBackend,
  OpenOptions,
  StartedBackend,
} from "./backends/opened_backend.ts";
import { release } from "./backends/release.ts";
import { startCpu } from "./backends/start_cpu.ts";
import { startWasm } from "./backends/start_wasm.ts";
import { findAdapter, startWebGpu } from "./backends/start_webgpu.ts";
import { inTurn, type Turn } from "./backends/turns.ts";

const NAMES: readonly BackendName[] = ["webgpu", "wasm", "cpu"];

const OPTIONS = optionsOf<OpenOptions>()("powerPreference threads wasmPath");

/**
 * Starts a backend and makes it TensorFlow.js's current one, or keeps the running one.
 *
 * From then on, WebAssembly computes on all processors, by kernels of ours for products,
 * convolutions and their gradients, functions of elements, reductions and moves; a
 * failure of WebGPU throws ({@linkcode GpuError}), at the latest when a result is read;
 * and kernels and gradients of TensorFlow.js that are known to be wrong are replaced on
 * every backend. The optimizers of `tf.train` change all weights by one kernel.
 *
 * @example A matrix product on all processors
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openBackend } from "@lionjs/lion/tfjs";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * const { threads } = await openBackend("wasm", { threads: 2 });
 * assertEquals(threads, 2);
 * const product = tf.matMul(tf.ones([64, 256]), tf.ones([256, 64]));
 * assertEquals(new Set(await product.data()), new Set([256]));
 * ```
 *
 * @param name `"webgpu"`, on a GPU or a software adapter, `"wasm"` or `"cpu"`.
 * @param options See {@linkcode OpenOptions}.
 * @returns The backend in use.
 * @throws {TypeError} If an option is unknown or of the wrong type.
 * @throws {RangeError} If the name or a value is unknown, or the backend does not start;
 * the message says why, and `cause` is what was thrown.
 * @throws {Error} If a later call has begun because this one waited too long; the
 * message says for what.
 */
export async function openBackend(
  name: BackendName,
  options: OpenOptions = {},
): Promise<OpenedBackend> {
  assertOneOf("name", name, NAMES);
  assertOptions("openBackend", options, OPTIONS);
  assertOpenOptions(options);
  const taken = { ...options };
  return await inTurn("openBackend", (turn) => open(name, taken, turn));
}

async function open(
  name: BackendName,
  options: OpenOptions,
  turn: Turn,
): Promise<OpenedBackend> {
  let started: StartedBackend;
  try {
    started = await start(name, options, turn);
  } catch (cause) {
    if (turn.overtaken) throw turn.overtaken;
    throw new RangeError(
      `The ${name} backend does not start here: ${messageOf(cause)}`,
      { cause },
    );
  }
  const { info, shortage } = started;
  if (shortage !== undefined) warnOfShortage(shortage, options.threads);
  return info;
}

async function start(
  name: BackendName,
  options: OpenOptions,
  turn: Turn,
): Promise<StartedBackend> {
  switch (name) {
    case "webgpu": {
      const found = await findAdapter(options.powerPreference, true);
      return await startWebGpu(found, turn);
    }
    case "wasm":
      return await startWasm(options, turn);
    case "cpu":
      return await startCpu(turn);
  }
}

/**
 * Releases what {@linkcode openBackend} acquired: threads, the GPU's device and
 * WebAssembly's memory. Tensors created there are lost; using one, or computing before
 * the next {@linkcode openBackend}, throws.
 *
 * Does nothing if there is nothing to release, as on `cpu`.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { closeBackend, openBackend } from "@lionjs/lion/tfjs";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * await openBackend("wasm");
 * const x = tf.add(1, 2);
 * await closeBackend();
 * await assertRejects(() => x.data(), Error, "was released");
 *
 * await openBackend("wasm");
 * assertEquals([...await tf.add(1, 2).data()], [3]);
 * ```
 */
export async function closeBackend(): Promise<void> {
  await inTurn("closeBackend", release);
}
