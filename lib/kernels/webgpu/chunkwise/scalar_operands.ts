/** Decays of one number per token and direction, as a preparation. @module */
import { input } from "../../../tfjs/webgpu/shader.ts";
import { decayGradientsShader } from "./decay_gradients.ts";
import {
  declareDecays,
  declareWeights,
  entering,
  forwardMask,
  leaving,
  loadDecays,
  loadWeights,
  maskKey,
  type MaskSource,
  sidesOf,
  transposedMask,
} from "./mask.ts";
import type { AttentionCall } from "./attention_call.ts";
import type { Preparation } from "./chunk_operands.ts";

/** The preparation of `f`, and of `b` where it is not causal. */
export function scalarDecays(causal: boolean): Preparation {
  const forward = masked(forwardMask(causal), () => transposed);
  const transposed = masked(transposedMask(causal), () => forward);
  return forward;
}

function masked(
  mask: MaskSource,
  transposed: () => Preparation,
): Preparation {
  const names = [mask.before?.name, mask.after?.name];
  const inputs = (["f", "b"] as const).filter((name) => names.includes(name));
  return {
    kind: "tokens",
    key: maskKey(mask),
    sides: sidesOf(mask),
    inputs: inputs.map((name) => input(name, "f32")),
    isTransposed: (mask.before ?? mask.after)!.offset !== 0,
    transposed,
    declare: declareDecays,
    load: (tokens, threads) => loadDecays(mask, tokens, threads),
    entering: (side, i) => `exp(${entering(side, i)})`,
    leaving: (side, j) => `exp(${leaving(side, j)})`,
    through: (side) => `path_${side}(0u, count)`,
    arriving: (side, place) => `exp(${mask[side]!.name}[${place}])`,
    declareWeights,
    loadWeights: (tokens, threads) => loadWeights(mask, tokens, threads),
    gradient: decayGradientsShader,
  };
}

/**
 * The preparation of a problem.
 *
 * @param decays Whether decays come with it, of zero too.
 * @param causal Whether a token reads only itself and the tokens before it.
 */
export function preparationFor(
  decays: boolean,
  causal: boolean,
): Preparation | null {
  return decays ? scalarDecays(causal) : null;
}

/** The preparation of a call. */
export function preparationOf(
  { inputs, attributes }: AttentionCall,
): Preparation | null {
  return preparationFor(inputs["f"] !== undefined, attributes.causal);
}
