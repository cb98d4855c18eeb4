/** Starting backends. @module */
import * as tf from "@tensorflow/tfjs-core";
import { processors } from "../base/threads.ts";
import { bestBinary } from "../kernels/wasm/binary.ts";
import { registerWasmKernels } from "../kernels/wasm/register.ts";
import { registerWebGpuKernels } from "../kernels/webgpu/register.ts";
import {
  adapterClassOf,
  wasmNumbers,
  webGpuNumbers,
} from "../kernels/numbers.ts";
import type { TuningNumbers } from "../kernels/tuning.ts";
import { adapterName, describedAdapter, identityOfAdapter } from "./adapter.ts";
import type {
  BackendInfo,
  BackendName,
  UseBackendOptions,
} from "./backend_info.ts";
import { replaceKernels } from "../tfjs/replaced.ts";
import { Unavailable } from "./fallback.ts";
import type { StrictWebGPUBackend } from "../tfjs/webgpu/gpu_backend.ts";
import { limitsOf } from "../tfjs/kernel/limits.ts";
import type { OpenedWasm } from "../tfjs/wasm/wasm_backend.ts";
import { asTuning, type FindTuning } from "./tuning_source.ts";
import { answered, type Turn } from "./turns.ts";

/** The backends that can be started; WebGPU also on the condition that it is on a GPU. */
export type Candidate = BackendName | "webgpu on a GPU";

type Info = Omit<BackendInfo, "skipped">;

/** A running backend, which is tfjs's current one. */
export interface StartedBackend {
  /** Information about the backend. */
  readonly info: Info;
  /** The reason why the backend has fewer threads than it should, if so. */
  readonly shortage?: unknown;
}

/** The description of the modules that are loaded when a backend first starts, for messages. */
const MODULES = "what loads the backend's modules";

let wasm: OpenedWasm | undefined;
let gpu:
  | {
    backend: StrictWebGPUBackend;
    /** The adapter's. */
    identity: string;
    info: Info;
    tuning: TuningNumbers | undefined;
  }
  | undefined;
/** The tuning of wasm's kernels, which outlive the backend. */
let wasmTuning: TuningNumbers | undefined;
const registered = new WeakSet<object>();

/** The running wasm backend, if it was started here and is TensorFlow.js's current one. */
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

/** Starts a backend, or keeps the running one, and gives its kernels their numbers. */
export async function start(
  candidate: Candidate,
  { powerPreference, threads, wasmPath }: UseBackendOptions,
  tuningFor: FindTuning,
  turn: Turn,
): Promise<StartedBackend> {
  switch (candidate) {
    case "webgpu":
    case "webgpu on a GPU":
      return await startWebGpu(
        candidate === "webgpu",
        powerPreference,
        tuningFor,
        turn,
      );
    case "wasm":
      return await startWasm(threads, wasmPath, tuningFor, turn);
    case "cpu":
      return await startCpu(turn);
  }
}

/** Replaces the backend that tfjs or an earlier call has registered. */
async function activate(
  name: BackendName,
  backend?: StrictWebGPUBackend | OpenedWasm["backend"],
): Promise<void> {
  if (backend && !registered.has(backend)) {
    registered.add(backend);
    // The backend that tfjs's own package registers, or an earlier one of ours.
    tf.removeBackend(name);
    tf.registerBackend(name, () => backend, name === "webgpu" ? 3 : 2);
  }
  if (await tf.setBackend(name)) return;
  throw new Error(`TensorFlow.js could not start its ${name} backend`);
}

/** Loads the cpu backend, by whose kernels the others compute integers. */
async function loadCpu(turn: Turn): Promise<void> {
  await turn.outside(MODULES, import("@tensorflow/tfjs-backend-cpu"));
  replaceKernels("cpu", undefined);
}

async function startCpu(turn: Turn): Promise<StartedBackend> {
  await loadCpu(turn);
  await activate("cpu");
  // On first use in Deno or Node, it advertises another package.
  (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
  return { info: { name: "cpu", features: [], limits: {} } };
}

async function startWasm(
  wantedThreads: number | undefined,
  wasmPath: string | URL | undefined,
  tuningFor: FindTuning,
  turn: Turn,
): Promise<StartedBackend> {
  const tuning = await tuningFor({ name: "wasm" });
  const threads = wantedThreads ?? tuning?.threads ?? processors();
  const isNew = !wasm;
  if (!wasm) {
    await loadCpu(turn);
    const { loadWasm, openWasm } = await turn.outside(
      MODULES,
      import("../tfjs/wasm/wasm_backend.ts"),
    );
    const module = await turn.outside(
      "what loads TensorFlow.js's WebAssembly file",
      loadWasm(wasmPath),
    );
    const kernels = await turn.outside(
      "what unpacks the WebAssembly kernels",
      bestBinary(),
    );
    const opened = openWasm(module, kernels);
    replaceKernels("wasm", opened.host);
    wasm = opened;
  }
  const { backend, host } = wasm;
  if (isNew || tuning !== wasmTuning) {
    registerWasmKernels(host, wasmNumbers(tuning));
    wasmTuning = tuning;
  }
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
    info: {
      name: "wasm",
      threads: host.threads,
      ...(tuning && { tuning: asTuning(tuning) }),
      features: [],
      limits: {},
    },
    shortage,
  };
}

/** Whether a device still answers; one that doesn't is as good as lost. */
async function stillAnswers(backend: StrictWebGPUBackend): Promise<boolean> {
  return await answered("the device", backend.answers()).catch(() => false);
}

async function startWebGpu(
  acceptSoftware: boolean,
  powerPreference: GPUPowerPreference | undefined,
  tuningFor: FindTuning,
  turn: Turn,
): Promise<StartedBackend> {
  const { gpu: entry } = globalThis.navigator ?? {};
  const adapter = entry && await answered(
    "navigator.gpu.requestAdapter()",
    entry.requestAdapter(powerPreference ? { powerPreference } : {}),
  );
  if (!adapter) throw new Unavailable("no WebGPU adapter was found");
  const described = describedAdapter(adapter);
  const { isFallbackAdapter } = described;
  const adapterTitle = described.description || adapterName(described);
  if (isFallbackAdapter && !acceptSoftware) {
    throw new Unavailable(`the adapter ${adapterTitle} is a software one`);
  }
  const tuning = await tuningFor({ name: "webgpu", adapter: described });
  let isNew = false;
  const identity = identityOfAdapter(adapter);
  if (
    !gpu || gpu.identity !== identity || !await stillAnswers(gpu.backend)
  ) {
    await loadCpu(turn);
    const [{ openAdapter }, { captureLaunchesOf }] = await turn.outside(
      MODULES,
      Promise.all([
        import("../tfjs/webgpu/gpu_backend.ts"),
        import("../tfjs/webgpu/captured_launches.ts"),
      ]),
    );
    const backend = await answered(
      `a device of the adapter ${adapterTitle}`,
      openAdapter(adapter, isFallbackAdapter),
      (late) => late.dispose(),
    );
    captureLaunchesOf(backend);
    replaceKernels("webgpu", { isSoftware: isFallbackAdapter });
    const { device } = backend;
    gpu?.backend.dispose();
    isNew = true;
    gpu = {
      backend,
      identity,
      tuning,
      info: {
        name: "webgpu",
        adapter: described,
        features: [...device.features],
        limits: limitsOf(device),
      },
    };
  }
  if (isNew || tuning !== gpu.tuning) {
    const adapterClass = adapterClassOf({
      ...described,
      workgroupBytes: gpu.backend.device.limits.maxComputeWorkgroupStorageSize,
    });
    registerWebGpuKernels(
      webGpuNumbers(adapterClass, tuning),
      gpu.backend.subgroups,
      isFallbackAdapter,
    );
    gpu.tuning = tuning;
  }
  await activate("webgpu", gpu.backend);
  return { info: { ...gpu.info, ...(tuning && { tuning: asTuning(tuning) }) } };
}
