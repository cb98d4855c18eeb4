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
export { collateDiffusion } from "./collate_diffusion.ts";
export { diffusionBound } from "./diffusion_bound.ts";

export { diffusionLoss } from "./diffusion_loss.ts";

export { unmask, type UnmaskOptions, type UnmaskOrder } from "./unmask.ts";
