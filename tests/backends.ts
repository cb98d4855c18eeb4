/** Runs the same tests on each backend that this machine has. @module */
import * as tf from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { StrictWebGPUBackend } from "../lib/tfjs/webgpu/gpu_backend.ts";
import { type BackendName, useBackend } from "../mod.ts";
import { collectGarbage } from "./collect_garbage.ts";
import "./hosts.ts";

export { TOLERANCE } from "./tolerance.ts";

/** `LION_BACKENDS=wasm,cpu` narrows a run while developing. */
const NAMES = (Deno.env.get("LION_BACKENDS")?.split(",") ??
  ["webgpu", "wasm", "cpu"]) as BackendName[];

const hasAdapter = await navigator.gpu?.requestAdapter() != null;
// Without a GPU, Mesa's software Vulkan is one; CI must have it.
if (!hasAdapter && NAMES.includes("webgpu")) {
  const reason = "no WebGPU adapter was found; `deno task setup` says how to " +
    "get Mesa's software one";
  if (Deno.env.get("CI") === "true") throw new Error(reason);
  console.warn(`SKIPPED on webgpu: ${reason}`);
}

/**
 * Where files of tests run side by side, each has one processor: threads of
 * WebAssembly's spin while they wait for each other, and would for those that
 * another file has.
 */
const processors = Deno.env.get("LION_PROCESSORS");
if (processors !== undefined) {
  const value = Number(processors);
  Object.defineProperty(navigator, "hardwareConcurrency", { value });
}

/** The backends that the tests run on. */
export const BACKENDS: readonly BackendName[] = NAMES.filter((name) =>
  name !== "webgpu" || hasAdapter
);

/** The backends that have kernels of ours. */
export const WITH_KERNELS: readonly BackendName[] = ["webgpu", "wasm"];

/** Lists of backends that are those of a long test. */
const LONG = new WeakSet<readonly BackendName[]>();

/** Marks a list as the backends of a long test, as `tests/sample.ts` chooses them. */
export function markLong(backends: readonly BackendName[]): void {
  LONG.add(backends);
}

/** Whether only what a sample leaves out is run. */
const IS_REST = Deno.env.get("LION_TESTS") === "rest";

/** What else a test may say of itself. */
export interface TestOptions {
  /** The backends that it runs on. @default all */
  readonly only?: readonly BackendName[] | undefined;
  /** Whether it takes a part of a matrix, by `tests/sample.ts`. @default false */
  readonly sampled?: boolean;
  /**
   * What of tfjs's own leaves data behind, where that is known: then only tensors
   * are counted.
   */
  readonly dataLeftBy?: string | undefined;
}

/** Whether the test that runs has said that it takes a sample. */
let isSampled = false;

/** Throws if a sample is taken where a run of the rest would not find it. */
export function assertSampled(): void {
  if (isSampled) return;
  throw new Error("a test says { sampled: true }, or its rest is never run");
}

/**
 * Registers a test for each backend, or for those of `only`; it fails if it
 * leaks a tensor, or data that no tensor has. Where only the rest of samples is
 * run, tests without one are not registered.
 *
 * @param name Of the test.
 * @param run The test.
 * @param options The backends that it runs on, or more about it.
 */
export function onEachBackend(
  name: string,
  run: (backend: BackendName, t: Deno.TestContext) => Promise<void> | void,
  options: readonly BackendName[] | TestOptions = {},
): void {
  const { only = BACKENDS, sampled = false, dataLeftBy }: TestOptions =
    isList(options) ? { only: options } : options;
  const counted = dataLeftBy === undefined
    ? ["tensors", "buffers", "ids"] as const
    : ["tensors"] as const;
  if (IS_REST && !LONG.has(only) && !sampled) return;
  for (const backend of BACKENDS.filter((name) => only.includes(name))) {
    Deno.test(`${name} [${backend}]`, async (t) => {
      await useBackend({ prefer: [backend] });
      // Small tensors would be computed on the CPU, and the shader untested.
      if (backend === "webgpu") {
        tf.env().set("WEBGPU_CPU_FORWARD", false);
        countBuffers((tf.backend() as WebGPUBackend).device);
      }
      const before = alive();
      isSampled = sampled;
      await run(backend, t);
      await useBackend({ prefer: [backend] });
      assertNoLeak(before, counted);
      freeBindGroups();
    });
  }
}

function isList<T>(x: readonly T[] | object): x is readonly T[] {
  return Array.isArray(x);
}

/** The storage buffers that every WebGPU device binds. */
export const GUARANTEED_BUFFERS = 8;

/** The storage buffers that a shader's text declares. */
export function storageBuffersOf(code: string): number {
  return [...code.matchAll(/var<storage\b/g)].length;
}

const counted = new WeakSet<GPUDevice>();

/** Bind groups after which those that are held, or garbage, are freed. */
const MANY_BIND_GROUPS = 2000;

let bindGroups = 0;

/**
 * Frees bind groups where there are many. Mesa's software adapter has a mapping of
 * memory for each; a process, which has several workers here, may have 65,530, and
 * crashes beyond. Nothing but garbage collection frees a bind group.
 */
function freeBindGroups(): void {
  const backend = tf.backend();
  const areMany = bindGroups >= MANY_BIND_GROUPS;
  if (!areMany || !(backend instanceof StrictWebGPUBackend)) return;
  bindGroups = 0;
  backend.launches.bindGroups.clear();
  collectGarbage();
}

/** Labels of texts of ours that bind more storage buffers where the device can. */
const AS_MANY_AS_CAN_BE = /^lion_update /;

/**
 * Lets a device count its bind groups, and refuse texts of ours with more storage
 * buffers than every device binds, or than it says that it can bind. TensorFlow.js's
 * own bind as many as it can.
 */
function countBuffers(device: GPUDevice): void {
  if (counted.has(device)) return;
  counted.add(device);
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (given) => {
    const { label = "", code } = given;
    const buffers = storageBuffersOf(code);
    const most = AS_MANY_AS_CAN_BE.test(label)
      ? device.limits.maxStorageBuffersPerShaderStage
      : GUARANTEED_BUFFERS;
    if (label.startsWith("lion_") && buffers > most) {
      throw new Error(`${label} binds ${buffers} storage buffers`);
    }
    return create(given);
  };
  const bind = device.createBindGroup.bind(device);
  device.createBindGroup = (given) => {
    bindGroups++;
    return bind(given);
  };
}

/** What the engine and the current backend hold. */
export interface Alive {
  readonly tensors: number;
  /** Data of tensors, as the engine counts them. */
  readonly buffers: number;
  /** The backend's data, of kernels that failed too. */
  readonly ids: number;
}

/** What is held now. */
export function alive(): Alive {
  const backend = tf.backend() as tf.KernelBackend;
  if (backend instanceof WebGPUBackend) {
    // What commands still use is disposed of when they are submitted.
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.submitQueue();
  }
  const { numTensors: tensors, numDataBuffers: buffers } = tf.memory();
  return { tensors, buffers, ids: backend.numDataIds() };
}

/** Throws if more is held than before, or less. */
export function assertNoLeak(
  before: Alive,
  counted: readonly (keyof Alive)[] = ["tensors", "buffers", "ids"],
): void {
  const after = alive();
  for (const what of counted) {
    const leaked = after[what] - before[what];
    if (leaked !== 0) throw new Error(`${leaked} ${what} leaked`);
  }
}
