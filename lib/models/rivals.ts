/** The sizes of the models that LION is measured against. @module */

/** What a model of Mamba's kind is made of: mixers alone, without perceptrons. */
export interface RivalPreset<Variant extends "vim" | "hydra"> {
  /** The mixer. */
  readonly variant: Variant;
  /** Columns of a token. */
  readonly dim: number;
  /** Blocks. */
  readonly depth: number;
  /** There is no perceptron. */
  readonly mlpRatio: 0;
}

const NONE = { mlpRatio: 0 } as const;

/**
 * Vision Mamba's sizes, for `lionViT`: 7.2, 25.8 and 97.6 million parameters. The
 * paper's 7 million are rounded. The class token stands first, where the authors'
 * stands in the middle, and the normalisations are of layers, where theirs are of
 * root mean squares.
 *
 * Source: Zhu et al. 2024 (arXiv:2401.09417), and its authors' code.
 *
 * @example How large the tiny one is
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionViT, VIM_PRESETS } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionViT({ ...VIM_PRESETS.tiny, classToken: "read" });
 * assertEquals((model.countParams() / 1e6).toFixed(1), "7.2");
 * ```
 */
export const VIM_PRESETS: Readonly<
  Record<"tiny" | "small" | "base", RivalPreset<"vim">>
> = {
  tiny: { variant: "vim", dim: 192, depth: 24, ...NONE },
  small: { variant: "vim", dim: 384, depth: 24, ...NONE },
  base: { variant: "vim", dim: 768, depth: 24, ...NONE },
};

/**
 * Hydra's sizes for images, for `lionViT`: 22.1 and 89.5 million parameters, of
 * LION's table, which has 22 and 91. The depths are those whose counts come
 * nearest, and in the base size as many as in the authors' BERT; one layer more
 * has 93.4 million.
 *
 * Source: Hwang et al. 2024 (arXiv:2407.09941); LION (arXiv:2502.16249), table 2.
 */
export const HYDRA_PRESETS: Readonly<
  Record<"small" | "base", RivalPreset<"hydra">>
> = {
  small: { variant: "hydra", dim: 384, depth: 21, ...NONE },
  base: { variant: "hydra", dim: 768, depth: 23, ...NONE },
};

/**
 * Hydra of BERT's size, for `lionBert`: 112 million parameters, and no vectors
 * of positions.
 *
 * Source: Hwang et al. 2024 (arXiv:2407.09941), section 4, and its authors' code.
 */
export const HYDRA_BERT_PRESETS: Readonly<
  Record<"base", RivalPreset<"hydra"> & { readonly maxLength: 0 }>
> = {
  base: { variant: "hydra", dim: 768, depth: 23, maxLength: 0, ...NONE },
};
