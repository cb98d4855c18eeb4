/** The sizes of the models that LION is compared with. @module */

/** Options of a Mamba-like model, whose blocks are mixers without perceptrons. */
export interface RivalPreset<Variant extends "vim" | "hydra"> {
  /** The variant of the mixer. */
  readonly variant: Variant;
  /** Columns per token. */
  readonly dim: number;
  /** Number of blocks. */
  readonly depth: number;
  /** Blocks have no perceptron. */
  readonly mlpRatio: 0;
}

const NONE = { mlpRatio: 0 } as const;

/**
 * Vision Mamba's sizes, for `lionViT`: 7.2, 25.8 and 97.6 million parameters.
 * The paper rounds the first to 7. The class token comes first, not in the
 * middle as in the authors' models, which use RMS normalisation, not layer
 * normalisation.
 *
 * Source: Zhu et al. 2024 (arXiv:2401.09417), and its authors' code.
 *
 * @example The size of the tiny model
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
 * Hydra's sizes for images, for `lionViT`: 22.1 and 89.5 million parameters, as
 * against 22 and 91 in LION's table, which these depths come closest to. The
 * base size is as deep as the authors' BERT; with one more layer it would have
 * 93.4 million.
 *
 * Source: Hwang et al. 2024 (arXiv:2407.09941); LION (arXiv:2502.16249), table 2.
 *
 * @example Its width, in two blocks
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { HYDRA_PRESETS, lionViT } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionViT({ ...HYDRA_PRESETS.small, depth: 2 });
 * assertEquals(model.outputs[0]!.shape, [null, 1000]);
 * ```
 */
export const HYDRA_PRESETS: Readonly<
  Record<"small" | "base", RivalPreset<"hydra">>
> = {
  small: { variant: "hydra", dim: 384, depth: 21, ...NONE },
  base: { variant: "hydra", dim: 768, depth: 23, ...NONE },
};

/**
 * Hydra in BERT's size, for `lionBert`: 112 million parameters, without learned
 * positions.
 *
 * Source: Hwang et al. 2024 (arXiv:2407.09941), section 4, and its authors' code.
 *
 * @example Its width, in two blocks
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { HYDRA_BERT_PRESETS, lionBert } from "@lionjs/lion";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const sizes = { ...HYDRA_BERT_PRESETS.base, depth: 2 };
 * const model = lionBert({ ...sizes, vocabularySize: 100 });
 * assertEquals(model.outputs[0]!.shape, [null, null, 100]);
 * ```
 */
export const HYDRA_BERT_PRESETS: Readonly<
  Record<"base", RivalPreset<"hydra"> & { readonly maxLength: 0 }>
> = {
  base: { variant: "hydra", dim: 768, depth: 23, maxLength: 0, ...NONE },
};
