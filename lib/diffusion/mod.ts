/**
 * Masked diffusion: models that fill in tokens in any order, trained by hiding a
 * random number of them.
 *
 * {@linkcode collateDiffusion} hides tokens of a batch, {@linkcode diffusionLoss}
 * is the bound that training minimises, {@linkcode diffusionBound} measures how
 * likely a model finds sequences, and {@linkcode unmask} fills in what is hidden.
 *
 * @module
 */
export {
  collateDiffusion,
  type CollateDiffusionOptions,
  type GivenTokens,
} from "./collate_diffusion.ts";
export {
  type BoundOptions,
  type DiffusionBound,
  diffusionBound,
} from "./diffusion_bound.ts";
export type { UnmaskState } from "./block_predictor.ts";
export { diffusionLoss, type DiffusionLossOptions } from "./diffusion_loss.ts";
export type { DiffusionModel } from "./diffusion_model.ts";
export {
  unmask,
  type Unmasked,
  type UnmaskOptions,
  type UnmaskOrder,
  type UnmaskStep,
} from "./unmask.ts";
