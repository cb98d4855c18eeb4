/** Starting the webgpu backend. @module */
import { limitsOf } from "../kernel/limits.ts";
import { registerOnWebGpu } from "../own_kernels.ts";
import { replaceKernels } from "../replaced.ts";
import type { StrictWebGPUBackend } from "../webgpu/gpu_backend.ts";
import { activate, type Install, loadCpu, MODULES } from "./activate.ts";
import {
  adapterName,
  type DescribedAdapter,
  describedAdapter,
  identityOfAdapter,
} from "./adapter.ts";
import { Unavailable } from "./fallback.ts";
import type { OpenedBackend, StartedBackend } from "./opened_backend.ts";
import { answered, type Turn } from "./turns.ts";

let gpu:
  | {
    backend: StrictWebGPUBackend;
    /** The WebGPU adapter's identity: see {@linkcode identityOfAdapter}. */
    identity: string;
    info: OpenedBackend;
  }
  | undefined;

/** An adapter that can be started, and what it says about itself. */
export interface FoundAdapter {
  readonly adapter: GPUAdapter;
  readonly described: DescribedAdapter;
}

/** Releases the device and the memory of the running backend. */
export function releaseWebGpu(): void {
  const before = gpu;
  gpu = undefined;
  before?.backend.dispose();
}

/**
 * Asks the system for an adapter.
 *
 * @throws {Unavailable} If there is none, or only a software one that is not accepted.
 */
export async function findAdapter(
  powerPreference: GPUPowerPreference | undefined,
  acceptSoftware: boolean,
): Promise<FoundAdapter> {
  const { gpu: entry } = globalThis.navigator ?? {};
  const adapter = entry && await answered(
    "navigator.gpu.requestAdapter()",
    entry.requestAdapter(powerPreference ? { powerPreference } : {}),
  );
  if (!adapter) throw new Unavailable("no WebGPU adapter was found");
  const described = describedAdapter(adapter);
  if (described.isFallbackAdapter && !acceptSoftware) {
    throw new Unavailable(
      `the adapter ${titleOf(described)} is a software one`,
    );
  }
  return { adapter, described };
}

function titleOf(described: DescribedAdapter): string {
  return described.description || adapterName(described);
}

/** Whether a device still answers; one that doesn't is as good as lost. */
async function stillAnswers(backend: StrictWebGPUBackend): Promise<boolean> {
  return await answered("the device", backend.failures.answers()).catch(() =>
    false
  );
}

/** Starts the backend on an adapter, or keeps the one that runs on it. */
export async function startWebGpu(
  { adapter, described }: FoundAdapter,
  turn: Turn,
  install: Install<StrictWebGPUBackend> = () => {},
): Promise<StartedBackend> {
  const identity = identityOfAdapter(adapter);
  if (
    !gpu || gpu.identity !== identity || !await stillAnswers(gpu.backend)
  ) {
    await loadCpu(turn);
    const [{ openAdapter }, { captureLaunchesOf }] = await turn.outside(
      MODULES,
      Promise.all([
        import("../webgpu/gpu_backend.ts"),
        import("../webgpu/captured_launches.ts"),
      ]),
    );
    const { isFallbackAdapter } = described;
    const backend = await answered(
      `a device of the adapter ${titleOf(described)}`,
      openAdapter(adapter, isFallbackAdapter),
      (late) => late.dispose(),
    );
    captureLaunchesOf(backend);
    replaceKernels("webgpu", { isSoftware: isFallbackAdapter });
    registerOnWebGpu();
    const { device } = backend;
    gpu?.backend.dispose();
    gpu = {
      backend,
      identity,
      info: {
        name: "webgpu",
        adapter: described,
        features: [...device.features],
        limits: limitsOf(device),
      },
    };
  }
  const { backend, info } = gpu;
  await install(backend);
  await activate("webgpu", backend);
  return { info };
}
