/** An adapter that passes for another one. @module */
import { limitsOf } from "../../../lib/tfjs/kernel/limits.ts";

/** What an adapter is to tell of itself. */
export interface Pose {
  readonly vendor: string;
  readonly architecture: string;
  /** Of workgroups; what it has, if not given. */
  readonly workgroupBytes?: number;
}

/** An NVIDIA card, as Chrome tells of it. */
export const CARD: Pose = {
  vendor: "nvidia",
  architecture: "ampere",
  workgroupBytes: 32 * 1024,
};

/** Runs a function where adapters and their devices tell what a pose says. */
export async function posingAs<Result>(
  { vendor, architecture, workgroupBytes }: Pose,
  run: () => Promise<Result>,
): Promise<Result> {
  const { gpu } = navigator;
  const { requestAdapter } = gpu;
  const info = { vendor, architecture, device: "", description: "" };
  const tell = (whom: object, name: string, value: unknown) =>
    Object.defineProperty(whom, name, { value, configurable: true });
  gpu.requestAdapter = async (options) => {
    const adapter = await requestAdapter.call(gpu, options);
    if (!adapter) return adapter;
    tell(adapter, "info", { ...info, isFallbackAdapter: false });
    if (workgroupBytes === undefined) return adapter;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (wanted) => {
      const device = await requestDevice(wanted);
      return tell(device, "limits", {
        ...limitsOf(device),
        maxComputeWorkgroupStorageSize: workgroupBytes,
      }) as GPUDevice;
    };
    return adapter;
  };
  try {
    return await run();
  } finally {
    gpu.requestAdapter = requestAdapter;
  }
}
