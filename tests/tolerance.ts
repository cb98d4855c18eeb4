/** How exact results are. @module */
import type { BackendName } from "../mod.ts";

/** Largest error, relative to the largest value of the reference. */
export const TOLERANCE: Record<
  BackendName,
  { readonly forward: number; readonly gradient: number }
> = {
  webgpu: { forward: 1e-5, gradient: 1e-5 },
  wasm: { forward: 2e-6, gradient: 5e-6 },
  cpu: { forward: 2e-6, gradient: 5e-6 },
};
