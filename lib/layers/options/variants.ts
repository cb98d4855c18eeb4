/** The mixer for given options of attention. @module */
import {
  type AttentionOptions,
  type AttentionVariant,
  isLion,
} from "./attention_options.ts";
import type { Mixer } from "../mixer.ts";
import {
  deltaNetModel,
  gatedDeltaNetModel,
  kimiDeltaAttentionModel,
} from "../mixers/delta.ts";
import { GATED_LINEAR_ATTENTION, HGRN2, RWKV6 } from "../mixers/diagonal.ts";
import { backward, fromEachEnd } from "../mixers/directions.ts";
import { familyMixer, type FamilyModel } from "../mixers/family.ts";
import { forgettingModel } from "../mixers/forgetting.ts";
import { hydraMixer } from "../mixers/hydra.ts";
import { lionMixer } from "../mixers/lion.ts";
import {
  type DiagonalDecayInit,
  headDecay,
  headDiagonalDecay,
  type LayerDecay,
  NO_DECAY,
  ownDecay,
  tokenDecay,
  tokenDiagonalDecay,
} from "../mixers/lion_decays.ts";
import { LOG_LINEAR_ATTENTION } from "../mixers/log_linear.ts";
import { mamba3Model } from "../mixers/mamba3.ts";
import { pathModel } from "../mixers/path.ts";
import { rwkv7Mixer } from "../mixers/rwkv7.ts";
import { softmaxMixer } from "../mixers/softmax.ts";
import { MAMBA2, MLSTM } from "../mixers/scalar.ts";
import {
  combaModel,
  deltaProductModel,
  gatedDeltaNet2Model,
} from "../mixers/transition.ts";
import { vimMixer } from "../mixers/vim.ts";
import { decayNamed, mixerNamed } from "./custom_registry.ts";

/** The functions that make each variant's mixer from the options. */
const VARIANTS: Readonly<
  Record<AttentionVariant, (options: AttentionOptions) => Mixer>
> = {
  lit: (options) => lionOf(options, NO_DECAY),
  d: (options) =>
    lionOf(options, decayOf(options, headDecay, headDiagonalDecay)),
  s: (options) =>
    lionOf(options, decayOf(options, tokenDecay, tokenDiagonalDecay)),
  softmax: (
    { numHeads, outputNorm = false, position = "none", rotaryScale = 1 },
  ) => softmaxMixer({ numHeads: numHeads!, outputNorm, position, rotaryScale }),
  gla: familyOf(GATED_LINEAR_ATTENTION),
  hgrn2: familyOf(HGRN2),
  rwkv6: familyOf(RWKV6),
  mamba2: familyOf(MAMBA2),
  mlstm: familyOf(MLSTM),
  delta: familyFrom(deltaNetModel),
  "gated-delta": familyFrom(gatedDeltaNetModel),
  kda: familyFrom(kimiDeltaAttentionModel),
  rwkv7: ({ numHeads, layer = [0, 1], ...options }) =>
    rwkv7Mixer({ ...options, numHeads: numHeads!, layer }),
  "gated-delta-2": familyFrom(gatedDeltaNet2Model),
  "delta-product": familyFrom((options) =>
    deltaProductModel({ ...options, isGated: false })
  ),
  "gated-delta-product": familyFrom((options) =>
    deltaProductModel({ ...options, isGated: true })
  ),
  comba: familyFrom(combaModel),
  mamba3: familyFrom(mamba3Model),
  "log-linear": familyOf(LOG_LINEAR_ATTENTION),
  fox: familyFrom(forgettingModel),
  path: familyFrom(pathModel),
  hydra: ({ numHeads }) => hydraMixer({ numHeads }),
  vim: ({ direction = "both", countSelf = "once" }) =>
    vimMixer({ causal: direction !== "both" || countSelf === "twice" }),
};

/** The decay of LION-D or LION-S: one per head, or diagonal, one per channel of a head. */
function decayOf(
  { numHeads, diagonalDecay }: AttentionOptions,
  ofHeads: (numHeads: number) => LayerDecay,
  ofDiagonals: (numHeads: number, init: DiagonalDecayInit) => LayerDecay,
): LayerDecay {
  return diagonalDecay === undefined
    ? ofHeads(numHeads!)
    : ofDiagonals(numHeads!, diagonalDecay);
}

function familyOf<Inputs>(
  model: FamilyModel<Inputs>,
): (options: AttentionOptions) => Mixer {
  return ({ numHeads }) => familyMixer(model, numHeads!);
}

/** The mixers of a model that depends on options of the layer. */
function familyFrom<Inputs>(
  modelOf: (options: AttentionOptions) => FamilyModel<Inputs>,
): (options: AttentionOptions) => Mixer {
  return (options) => familyMixer(modelOf(options), options.numHeads!);
}

/** Returns the mixer for options that {@linkcode assertAttentionOptions} has checked. */
export function mixerOf(options: AttentionOptions): Mixer {
  const { variant, mixer, decay, countSelf, direction } = options;
  const own = mixer !== undefined
    ? mixerNamed(mixer)
    : decay !== undefined
    ? lionOf(options, ownDecay(decayNamed(decay)))
    : VARIANTS[variant!](options);
  if (direction === "backward") return backward(own);
  // LION's mixer itself adds both directions before it divides.
  return countSelf === "twice" && !isLion(options) ? fromEachEnd(own) : own;
}

function lionOf(options: AttentionOptions, decay: LayerDecay): Mixer {
  const { numHeads, order, grid, classToken, normalize, outputNorm } = options;
  return lionMixer({
    decay,
    numHeads: numHeads!,
    featureMap: options.featureMap ??
      (options.variant === "lit" ? "eluPlusOne" : "shiftedSilu"),
    order: order ?? "raster",
    grid,
    classToken: classToken ?? false,
    normalize: normalize ?? true,
    outputNorm: outputNorm ?? false,
    isImbalanced: options.countSelf === "twice",
  });
}
