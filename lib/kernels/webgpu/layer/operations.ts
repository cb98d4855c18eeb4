/** The small fused operations as kernels for WebGPU. @module */
import { TOKENS, WITHOUT_PADDING } from "../../../operations/padding.ts";
import { registerFusedKernel } from "@lionjs/tfjs/webgpu";
import { tokens, withoutPadding } from "../frame/padding.ts";
import { registerGelu } from "./activations.ts";
import { registerDecays } from "./decay.ts";

export function registerOperations(): void {
  registerGelu();
  registerDecays();
  registerFusedKernel(TOKENS, { forward: tokens });
  registerFusedKernel(WITHOUT_PADDING, { forward: withoutPadding });
}
