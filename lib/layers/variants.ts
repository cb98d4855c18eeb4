/** The mixer that options of attention ask for. @module */
import {
  type AttentionOptions,
  type AttentionVariant,
  isLion,
} from "./attention_options.ts";
import type { Mixer } from "./mixer.ts";
import { backward, fromEachEnd } from "./mixers/directions.ts";
import { lionMixer } from "./mixers/lion.ts";
import {
  headDecay,
  type LayerDecay,
  NO_DECAY,
  ownDecay,
  tokenDecay,
} from "./mixers/lion_decays.ts";
import { softmaxMixer } from "./mixers/softmax.ts";
import { decayNamed, mixerNamed } from "./own_parts.ts";

/** The variants' mixers. */
const VARIANTS: Readonly<
  Record<AttentionVariant, (options: AttentionOptions) => Mixer>
> = {
  lit: (options) => lionOf(options, NO_DECAY),
  d: (options) => lionOf(options, headDecay(options.numHeads!)),
  s: (options) => lionOf(options, tokenDecay(options.numHeads!)),
  softmax: ({ numHeads, outputNorm = false }) =>
    softmaxMixer({ numHeads: numHeads!, outputNorm }),
};

/** The mixer for options that {@linkcode assertAttentionOptions} has checked. */
export function mixerOf(options: AttentionOptions): Mixer {
  const { variant, mixer, decay, diagonal, direction } = options;
  const own = mixer !== undefined
    ? mixerNamed(mixer)
    : decay !== undefined
    ? lionOf(options, ownDecay(decayNamed(decay)))
    : VARIANTS[variant!](options);
  if (direction === "backward") return backward(own);
  // LION sums before it divides, by itself.
  return diagonal === "twice" && !isLion(options) ? fromEachEnd(own) : own;
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
    isImbalanced: options.diagonal === "twice",
  });
}
