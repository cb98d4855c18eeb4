/** The small fused operations as kernels for WebGPU. @module */
import * as tf from "@tensorflow/tfjs-core";
import { LOG_SIGMOID } from "../../attention/decay.ts";
import { SOURCE_DECAY } from "../../attention/decay_pair.ts";
import { GELU } from "../../operations/gelu.ts";
import { SPLIT_HEADS } from "../../operations/heads.ts";
import { LAYER_NORM } from "../../operations/layer_norm.ts";
import { WITHOUT_PADDING } from "../../operations/padding.ts";
import { ADAM } from "../../optimizers/adam.ts";
import { adam } from "./adam.ts";
import { registerCast } from "../../tfjs/webgpu/cast.ts";
import { registerColumnSum } from "../../tfjs/webgpu/column_sum.ts";
import {
  logSigmoid,
  logSigmoidGradient,
  sourceDecay,
  sourceDecayGradient,
} from "./decay.ts";
import { registerFusedKernel } from "../../tfjs/webgpu/fused_kernel.ts";
import { gelu, geluGradient } from "./gelu.ts";
import { layerNorm, layerNormGradient } from "./layer_norm.ts";
import { withoutPadding } from "./padding.ts";
import { splitHeads, splitHeadsGradient } from "./split_heads.ts";

/** Registers the kernels for webgpu, once. */
export function registerOperations(): void {
  if (tf.getKernel(LAYER_NORM, "webgpu")) return;
  registerFusedKernel(LAYER_NORM, layerNorm);
  registerFusedKernel(`${LAYER_NORM}Grad`, layerNormGradient);
  registerFusedKernel(GELU, gelu);
  registerFusedKernel(`${GELU}Grad`, geluGradient);
  registerFusedKernel(SPLIT_HEADS, splitHeads);
  registerFusedKernel(`${SPLIT_HEADS}Grad`, splitHeadsGradient);
  registerFusedKernel(LOG_SIGMOID, logSigmoid);
  registerFusedKernel(`${LOG_SIGMOID}Grad`, logSigmoidGradient);
  registerFusedKernel(SOURCE_DECAY, sourceDecay);
  registerFusedKernel(`${SOURCE_DECAY}Grad`, sourceDecayGradient);
  registerFusedKernel(WITHOUT_PADDING, withoutPadding);
  registerFusedKernel(ADAM, adam);
  registerColumnSum();
  registerCast();
}
