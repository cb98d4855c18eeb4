/** Starting backends with LION's kernels on them. @module */
import {
  adapterClassOf,
  wasmNumbers,
  webGpuNumbers,
} from "../kernels/numbers.ts";
import type { TuningNumbers } from "../kernels/tuning.ts";
import { LION_MODULE } from "../kernels/wasm/module.ts";
import {
  type DescribedAdapter,
  findAdapter,
  MODULES,
  startCpu,
  type StartedBackend,
  startWasm,
  startWebGpu,
  type Turn,
} from "@lionjs/tfjs/backends";
import { loadModule, type OpenedWasm } from "@lionjs/tfjs/wasm";
import type { StrictWebGPUBackend } from "@lionjs/tfjs/webgpu";
import type {
  BackendInfo,
  BackendName,
  UseBackendOptions,
} from "./backend_info.ts";
import { asTuning, type FindTuning } from "./tuning_source.ts";

/** The backends that can be started; WebGPU also on the condition that it is on a GPU. */
export type Candidate = BackendName | "webgpu on a GPU";

/** A running backend, which is tfjs's current one and has LION's kernels. */
export interface StartedWithKernels extends StartedBackend {
  readonly info: Omit<BackendInfo, "skipped">;
}

/** The backends that have LION's kernels, and by which tuning these divide their work. */
const installed = new WeakMap<object, TuningNumbers | undefined>();

/** Starts a backend, or keeps the running one, and gives its kernels their numbers. */
export async function start(
  candidate: Candidate,
  { powerPreference, threads, wasmPath }: UseBackendOptions,
  tuningFor: FindTuning,
  turn: Turn,
): Promise<StartedWithKernels> {
  switch (candidate) {
    case "webgpu":
    case "webgpu on a GPU": {
      const found = await findAdapter(powerPreference, candidate === "webgpu");
      const { described } = found;
      const tuning = await tuningFor({ name: "webgpu", adapter: described });
      const started = await startWebGpu(found, turn, async (backend) => {
        if (isInstalled(backend, tuning)) return;
        await installOnWebGpu(backend, described, tuning, turn);
        installed.set(backend, tuning);
      });
      return withTuning(started, tuning);
    }
    case "wasm": {
      const tuning = await tuningFor({ name: "wasm" });
      const options = { threads: threads ?? tuning?.threads, wasmPath };
      const started = await startWasm(options, turn, async (opened) => {
        if (isInstalled(opened.backend, tuning)) return;
        await installOnWasm(opened, tuning, turn);
        installed.set(opened.backend, tuning);
      });
      return withTuning(started, tuning);
    }
    case "cpu":
      return await startCpu(turn);
  }
}

function isInstalled(
  backend: object,
  tuning: TuningNumbers | undefined,
): boolean {
  return installed.has(backend) && installed.get(backend) === tuning;
}

function withTuning(
  { info, shortage }: StartedBackend,
  tuning: TuningNumbers | undefined,
): StartedWithKernels {
  return {
    info: { ...info, ...(tuning && { tuning: asTuning(tuning) }) },
    shortage,
  };
}

async function installOnWasm(
  { host }: OpenedWasm,
  tuning: TuningNumbers | undefined,
  turn: Turn,
): Promise<void> {
  if (!host.has(LION_MODULE)) {
    await host.add(
      await turn.outside(
        "what unpacks LION's WebAssembly kernels",
        loadModule(LION_MODULE),
      ),
    );
  }
  const { registerWasmKernels } = await turn.outside(
    MODULES,
    import("../kernels/wasm/wasm_kernels.ts"),
  );
  registerWasmKernels(host, wasmNumbers(tuning));
}

async function installOnWebGpu(
  { device, subgroups }: StrictWebGPUBackend,
  described: DescribedAdapter,
  tuning: TuningNumbers | undefined,
  turn: Turn,
): Promise<void> {
  const { registerWebGpuKernels } = await turn.outside(
    MODULES,
    import("../kernels/webgpu/webgpu_kernels.ts"),
  );
  const adapterClass = adapterClassOf({
    ...described,
    workgroupBytes: device.limits.maxComputeWorkgroupStorageSize,
  });
  registerWebGpuKernels(
    webGpuNumbers(adapterClass, tuning),
    subgroups,
    described.isFallbackAdapter,
  );
}
