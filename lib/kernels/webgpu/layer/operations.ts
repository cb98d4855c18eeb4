/** The small fused operations as kernels for WebGPU. @module */
import { SPLIT_HEADS } from "../../../operations/heads.ts";
import { TOKENS, WITHOUT_PADDING } from "../../../operations/padding.ts";
import { registerFusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import { CROSS_ENTROPY } from "../../../operations/cross_entropy.ts";
import { crossEntropy, crossEntropyGradient } from "./cross_entropy.ts";
import { registerDecays } from "./decay.ts";
import { registerGelu } from "./activations.ts";
import { registerNorms } from "./layer_norm.ts";
import { tokens, withoutPadding } from "../frame/padding.ts";
import { splitHeads, splitHeadsGradient } from "./split_heads.ts";

export function registerOperations(): void {
  registerNorms();
  registerGelu();
  registerDecays();
  registerFusedKernel(SPLIT_HEADS, {
    forward: splitHeads,
    gradient: splitHeadsGradient,
  });
  registerFusedKernel(CROSS_ENTROPY, {
    forward: crossEntropy,
    gradient: crossEntropyGradient,
  });
  registerFusedKernel(TOKENS, { forward: tokens });
  registerFusedKernel(WITHOUT_PADDING, { forward: withoutPadding });
}
