/** The small fused operations as kernels for WebGPU. @module */
import { LOG_SIGMOID } from "../../../attention/decays/decay.ts";
import { FINITE_DECAY } from "../../../attention/decays/finite_decay.ts";
import { SOURCE_DECAY } from "../../../attention/decays/decay_pair.ts";
import {
  TOKEN_DECAYS,
  TOKEN_LOG_DECAY,
} from "../../../operations/token_decays/token_decays.ts";
import {
  ADD_AND_NORM,
  NORM_OF_SUM,
} from "../../../operations/layer_norm/add_norm.ts";
import { GELU } from "../../../operations/gelu.ts";
import { SPLIT_HEADS } from "../../../operations/heads/heads.ts";
import { LAYER_NORM } from "../../../operations/layer_norm/layer_norm.ts";
import { TOKENS, WITHOUT_PADDING } from "../../../operations/padding.ts";
import { CROSS_ENTROPY } from "../../../operations/cross_entropy/cross_entropy.ts";
import { crossEntropy, crossEntropyGradient } from "./cross_entropy.ts";
import {
  finiteDecay,
  finiteDecayGradient,
  logSigmoid,
  logSigmoidGradient,
  sourceDecay,
  sourceDecayGradient,
  tokenDecays,
  tokenDecaysGradient,
  tokenLogDecay,
  tokenLogDecayGradient,
} from "./decay.ts";
import { registerFusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import { gelu, geluGradient } from "./gelu.ts";
import {
  addAndNormGradient,
  layerNormGradient,
  normalization,
} from "./layer_norm.ts";
import { tokens, withoutPadding } from "./padding.ts";
import { splitHeads, splitHeadsGradient } from "./split_heads.ts";

export function registerOperations(): void {
  registerFusedKernel(LAYER_NORM, {
    forward: normalization((y) => [y]),
    gradient: layerNormGradient,
    inParts: "y",
  });
  registerFusedKernel(ADD_AND_NORM, {
    forward: normalization((y, sum) => [sum(), y]),
    gradient: addAndNormGradient,
    inParts: "y",
  });
  registerFusedKernel(NORM_OF_SUM, {
    forward: normalization((y, sum) => [y, sum()]),
    gradient: addAndNormGradient,
    inParts: "y",
  });
  registerFusedKernel(GELU, { forward: gelu, gradient: geluGradient });
  registerFusedKernel(SPLIT_HEADS, {
    forward: splitHeads,
    gradient: splitHeadsGradient,
  });
  registerFusedKernel(LOG_SIGMOID, {
    forward: logSigmoid,
    gradient: logSigmoidGradient,
  });
  registerFusedKernel(FINITE_DECAY, {
    forward: finiteDecay,
    gradient: finiteDecayGradient,
  });
  registerFusedKernel(SOURCE_DECAY, {
    forward: sourceDecay,
    gradient: sourceDecayGradient,
  });
  registerFusedKernel(TOKEN_LOG_DECAY, {
    forward: tokenLogDecay,
    gradient: tokenLogDecayGradient,
  });
  registerFusedKernel(TOKEN_DECAYS, {
    forward: tokenDecays,
    gradient: tokenDecaysGradient,
  });
  registerFusedKernel(CROSS_ENTROPY, {
    forward: crossEntropy,
    gradient: crossEntropyGradient,
  });
  registerFusedKernel(TOKENS, { forward: tokens });
  registerFusedKernel(WITHOUT_PADDING, { forward: withoutPadding });
}
