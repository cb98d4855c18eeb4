/**
 * Choosing the machine that computes.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { nodeModule } from "../contract/node_module.ts";
import { correctKernels } from "./corrected_kernels.ts";
import type { StrictWebGPUBackend } from "./gpu_backend.ts";
import { limitsOf } from "./limits.ts";
import type { OpenedWasm } from "./wasm_backend.ts";
import { registerWasmKernels } from "../kernels/wasm/register.ts";
import { registerWebGpuKernels } from "../kernels/webgpu/register.ts";

/** A way to compute: a GPU, WebAssembly with SIMD, or plain JavaScript. */
export type BackendName = "webgpu" | "wasm" | "cpu";

/** Options of {@linkcode useBackend}. */
export interface UseBackendOptions {
  /**
   * Names to try in this order; the first that starts is used, also if its
   * WebGPU adapter is a software one. @default a GPU's WebGPU, WebAssembly,
   * software WebGPU, cpu
   */
  prefer?: BackendName[];
  /** Which GPU, where there are several. @default the system's choice */
  powerPreference?: GPUPowerPreference;
  /**
   * Threads of the wasm backend; one where memory cannot be shared, as in a
   * browser's page that is not isolated. @default the number of processors
   */
  threads?: number;
}

/** The backend in use. */
export interface BackendInfo {
  /** Its name, as tfjs knows it. */
  readonly name: BackendName;
  /** The WebGPU adapter. */
  readonly adapter?: {
    /** The vendor, as the driver gives it. */
    readonly vendor: string;
    /** The model and driver, as the driver gives them. */
    readonly description: string;
    /** Whether it computes in software, on the CPU. */
    readonly isFallbackAdapter: boolean;
  };
  /** Threads that the wasm backend computes with. */
  readonly threads?: number;
  /** The WebGPU features of the device, such as `"shader-f16"`. */
  readonly features: readonly string[];
  /** The WebGPU limits of the device. */
  readonly limits: Readonly<Record<string, number>>;
}

/** What may be tried, in the default order. */
type Candidate = BackendName | "webgpu on a GPU";
const DEFAULT_ORDER: readonly Candidate[] = [
  "webgpu on a GPU",
  "wasm",
  "webgpu",
  "cpu",
];

let wasm: OpenedWasm | undefined;
let gpu: { backend: StrictWebGPUBackend; info: BackendInfo } | undefined;

/**
 * Starts a backend, makes it tfjs's current one and returns what it is.
 *
 * From then on a WebGPU failure is an exception ({@linkcode GpuError}) at the
 * latest when a result is read, and tfjs's kernels that are known to be wrong
 * are replaced. May be called again to switch; make tensors after the switch,
 * since those on a GPU cannot follow.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { useBackend } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 *
 * const backend = await useBackend({ prefer: ["wasm", "cpu"] });
 * assertEquals(backend.name, tf.getBackend());
 * assertEquals([...await tf.add(1, 2).data()], [3]);
 * ```
 *
 * @param options See {@linkcode UseBackendOptions}.
 * @returns The backend in use.
 * @throws {TypeError} If `prefer` is not a list of names.
 * @throws {RangeError} If a name is unknown, or none of them starts; the message says why.
 */
export async function useBackend(
  options: UseBackendOptions = {},
): Promise<BackendInfo> {
  const { prefer, threads } = options;
  if (prefer !== undefined) assertNames(prefer);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new RangeError(
      `threads should be a positive integer, got ${threads}`,
    );
  }
  const reasons: string[] = [];
  for (const candidate of prefer ?? DEFAULT_ORDER) {
    try {
      return await start(candidate, options);
    } catch (error) {
      reasons.push(`${candidate}: ${(error as Error).message}`);
    }
  }
  throw new RangeError(
    `No backend of ${(prefer ?? DEFAULT_ORDER).join(", ")} starts here; ${
      reasons.join("; ")
    }`,
  );
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

async function start(
  candidate: Candidate,
  { powerPreference, threads }: UseBackendOptions,
): Promise<BackendInfo> {
  switch (candidate) {
    case "webgpu":
    case "webgpu on a GPU":
      return await startWebGpu(candidate === "webgpu", powerPreference);
    case "wasm":
      return await startWasm(threads ?? processors());
    case "cpu":
      return await startCpu();
  }
}

/** Node has no navigator before 21. */
function processors(): number {
  return globalThis.navigator?.hardwareConcurrency ??
    nodeModule("node:os")?.availableParallelism() ?? 1;
}

async function startCpu(): Promise<BackendInfo> {
  await import("@tensorflow/tfjs-backend-cpu");
  correctKernels("cpu");
  await tf.setBackend("cpu");
  // Its first use in Deno or Node advertises another package.
  (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  return { name: "cpu", features: [], limits: {} };
}

async function startWasm(threads: number): Promise<BackendInfo> {
  if (!wasm) {
    const { openWasm } = await import("./wasm_backend.ts");
    const opened = wasm = await openWasm();
    correctKernels("wasm");
    registerWasmKernels(opened.host);
    tf.removeBackend("wasm");
    tf.registerBackend("wasm", () => opened.backend, 2);
  }
  await wasm.host.useThreads(threads);
  await tf.setBackend("wasm");
  const { host } = wasm;
  return { name: "wasm", threads: host.threads, features: [], limits: {} };
}

async function startWebGpu(
  acceptSoftware: boolean,
  powerPreference: GPUPowerPreference | undefined,
): Promise<BackendInfo> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter(
    powerPreference ? { powerPreference } : {},
  );
  if (!adapter) throw new Error("no WebGPU adapter answers");
  const { vendor, description } = adapter.info;
  const isFallbackAdapter = adapter.info.isFallbackAdapter ||
    /llvmpipe|lavapipe|softpipe|swiftshader|basic render/i.test(description);
  if (isFallbackAdapter && !acceptSoftware) {
    throw new Error(`the adapter ${description} is a software one`);
  }
  const same = gpu?.info.adapter?.description === description &&
    gpu.info.adapter.vendor === vendor;
  if (!gpu || gpu.backend.lost || !same) {
    const { openAdapter } = await import("./gpu_backend.ts");
    const backend = await openAdapter(adapter, isFallbackAdapter);
    const { device } = backend;
    gpu = {
      backend,
      info: {
        name: "webgpu",
        adapter: { vendor, description, isFallbackAdapter },
        features: [...device.features],
        limits: limitsOf(device),
      },
    };
    correctKernels("webgpu");
    registerWebGpuKernels(isFallbackAdapter);
    tf.removeBackend("webgpu");
    tf.registerBackend("webgpu", () => backend, 3);
  }
  await tf.setBackend("webgpu");
  return gpu.info;
}
