/** Releasing the backends that were started. @module */
import { releaseWasm } from "./start_wasm.ts";
import { releaseWebGpu } from "./start_webgpu.ts";

/** Releases the threads, memory and device of the running backend. */
export async function release(): Promise<void> {
  releaseWebGpu();
  await releaseWasm();
}
