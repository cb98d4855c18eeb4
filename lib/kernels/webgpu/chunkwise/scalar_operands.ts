/** Decays of one number per token and direction, as operands of a chunk. @module */
import { input } from "../../../tfjs/webgpu/shader.ts";
import { decayGradientsShader } from "./decay_gradients.ts";
import {
  declareDecays,
  declareWeights,
  forwardMask,
  loadDecays,
  loadWeights,
  maskKey,
  type MaskSource,
  pathFromStart,
  pathToEnd,
  sidesOf,
  transposedMask,
} from "./mask.ts";
import type { AttentionArguments } from "./attention_call.ts";
import type { DecayedOperands } from "./chunk_operands.ts";

/** The operands of `f`, and of `b` where it is not causal. */
export function scalarDecays(causal: boolean): DecayedOperands {
  const forward = masked(forwardMask(causal), () => transposed);
  const transposed = masked(transposedMask(causal), () => forward);
  return forward;
}

function masked(
  mask: MaskSource,
  transposed: () => DecayedOperands,
): DecayedOperands {
  const names = [mask.before?.name, mask.after?.name];
  const inputs = (["f", "b"] as const).filter((name) => names.includes(name));
  return {
    key: maskKey(mask),
    sides: sidesOf(mask),
    inputs: inputs.map((name) => input(name, "f32")),
    isTransposed: (mask.before ?? mask.after)!.offset !== 0,
    transposed,
    declare: declareDecays,
    load: (tokens, threads) => loadDecays(mask, tokens, threads),
    decayFromStart: (side, i) => `exp(${pathFromStart(side, i)})`,
    decayToEnd: (side, j) => `exp(${pathToEnd(side, j)})`,
    logChunkDecay: (side) => `path_${side}(0u, count)`,
    arriving: (side, place) => `exp(${mask[side]!.name}[${place}])`,
    declareWeights,
    loadWeights: (tokens, threads) => loadWeights(mask, tokens, threads),
    gradient: decayGradientsShader,
  };
}

/**
 * The operands of a problem's decays.
 *
 * @param decays Whether decays come with it, of zero too.
 * @param causal Whether a token reads only itself and the tokens before it.
 */
export function operandsFor(
  decays: boolean,
  causal: boolean,
): DecayedOperands | null {
  return decays ? scalarDecays(causal) : null;
}

/** The operands of a call's decays. */
export function operandsOf(
  { inputs, attributes }: AttentionArguments,
): DecayedOperands | null {
  return operandsFor(inputs["f"] !== undefined, attributes.causal);
}
