/** Starting backends. @module */
import * as tf from "@tensorflow/tfjs-core";
import { nodeModule } from "../contract/node_module.ts";
import { bestBinary } from "../kernels/wasm/binary.ts";
import { registerWasmKernels } from "../kernels/wasm/register.ts";
import { registerWebGpuKernels } from "../kernels/webgpu/register.ts";
import type {
  BackendInfo,
  BackendName,
  UseBackendOptions,
} from "./backend_info.ts";
import { replaceKernels } from "../tfjs/replaced.ts";
import { Unavailable } from "./fallback.ts";
import type { StrictWebGPUBackend } from "../tfjs/webgpu/gpu_backend.ts";
import { limitsOf } from "../contract/limits.ts";
import type { OpenedWasm } from "../tfjs/wasm/wasm_backend.ts";

/** What can be started; WebGPU also only if it is on a GPU. */
export type Candidate = BackendName | "webgpu on a GPU";

type Info = Omit<BackendInfo, "skipped">;

/** A running backend, which is tfjs's current one. */
export interface StartedBackend {
  /** Information about it. */
  readonly info: Info;
  /** Why it has fewer threads than it should, if so. */
  readonly shortage?: unknown;
}

let wasm: OpenedWasm | undefined;
let gpu: { backend: StrictWebGPUBackend; info: Info } | undefined;
const registered = new WeakSet<object>();

/** What runs on WebAssembly, if it was started here and is tfjs's current backend. */
export function runningWasm(): OpenedWasm | undefined {
  return wasm?.backend === tf.backend() as unknown ? wasm : undefined;
}

/** Releases the threads, memory and device of the running backend. */
export async function dispose(): Promise<void> {
  const before = { wasm, gpu };
  wasm = gpu = undefined;
  before.gpu?.backend.dispose();
  before.wasm?.backend.dispose();
  await before.wasm?.host.close();
}

/** Starts a backend, or keeps the running one. */
export async function start(
  candidate: Candidate,
  { powerPreference, threads, wasmPath }: UseBackendOptions,
): Promise<StartedBackend> {
  switch (candidate) {
    case "webgpu":
    case "webgpu on a GPU":
      return await startWebGpu(candidate === "webgpu", powerPreference);
    case "wasm":
      return await startWasm(threads ?? processors(), wasmPath);
    case "cpu":
      return await startCpu();
  }
}

/** Node has no navigator before 21. */
function processors(): number {
  return globalThis.navigator?.hardwareConcurrency ??
    nodeModule("node:os")?.availableParallelism() ?? 1;
}

/** Replaces the backend that tfjs or an earlier call has registered. */
async function activate(
  name: BackendName,
  backend?: StrictWebGPUBackend | OpenedWasm["backend"],
): Promise<void> {
  if (backend && !registered.has(backend)) {
    registered.add(backend);
    // tfjs's own, which its package registers, or an earlier one of ours.
    tf.removeBackend(name);
    tf.registerBackend(name, () => backend, name === "webgpu" ? 3 : 2);
  }
  if (await tf.setBackend(name)) return;
  throw new Error(`TensorFlow.js does not take its ${name} backend`);
}

async function startCpu(): Promise<StartedBackend> {
  await import("@tensorflow/tfjs-backend-cpu");
  replaceKernels("cpu", undefined);
  await activate("cpu");
  // On first use in Deno or Node, it advertises another package.
  (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  return { info: { name: "cpu", features: [], limits: {} } };
}

async function startWasm(
  threads: number,
  wasmPath: string | URL | undefined,
): Promise<StartedBackend> {
  if (!wasm) {
    const { openWasm } = await import("../tfjs/wasm/wasm_backend.ts");
    const opened = await openWasm(bestBinary, wasmPath);
    replaceKernels("wasm", opened.host);
    registerWasmKernels(opened.host);
    wasm = opened;
  }
  const { backend, host } = wasm;
  let shortage: unknown;
  try {
    await host.useThreads(threads);
    if (host.threads < threads) {
      throw new Unavailable(
        "threads cannot share memory here; a page must be cross-origin " +
          "isolated (Cross-Origin-Opener-Policy: same-origin and " +
          "Cross-Origin-Embedder-Policy: require-corp)",
      );
    }
  } catch (cause) {
    shortage = cause;
  }
  await activate("wasm", backend);
  return {
    info: { name: "wasm", threads: host.threads, features: [], limits: {} },
    shortage,
  };
}

async function startWebGpu(
  acceptSoftware: boolean,
  powerPreference: GPUPowerPreference | undefined,
): Promise<StartedBackend> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter(
    powerPreference ? { powerPreference } : {},
  );
  if (!adapter) throw new Unavailable("no WebGPU adapter answers");
  const { vendor, description } = adapter.info;
  const isFallbackAdapter = adapter.info.isFallbackAdapter ||
    /llvmpipe|lavapipe|softpipe|swiftshader|basic render/i.test(description);
  if (isFallbackAdapter && !acceptSoftware) {
    throw new Unavailable(`the adapter ${description} is a software one`);
  }
  const same = gpu?.info.adapter?.description === description &&
    gpu.info.adapter.vendor === vendor;
  if (!gpu || !same || !await gpu.backend.answers()) {
    const { openAdapter } = await import("../tfjs/webgpu/gpu_backend.ts");
    const backend = await openAdapter(adapter, isFallbackAdapter);
    replaceKernels("webgpu", { isSoftware: isFallbackAdapter });
    registerWebGpuKernels({
      isSoftware: isFallbackAdapter,
      subgroups: backend.subgroups,
    });
    const { device } = backend;
    gpu?.backend.dispose();
    gpu = {
      backend,
      info: {
        name: "webgpu",
        adapter: { vendor, description, isFallbackAdapter },
        features: [...device.features],
        limits: limitsOf(device),
      },
    };
  }
  await activate("webgpu", gpu.backend);
  return { info: gpu.info };
}
