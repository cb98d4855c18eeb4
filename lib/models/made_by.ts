/** The options that a model was made with in this process. @module */
import type { LayersModel } from "@tensorflow/tfjs-layers";

/** The function that made a model, and the options that it was given. */
export interface MadeBy {
  readonly architecture: string;
  readonly options: object;
}

const MADE = new WeakMap<LayersModel, MadeBy>();

/** Remembers how a model was made, and returns the model. */
export function madeBy(
  architecture: string,
  options: object,
  model: LayersModel,
): LayersModel {
  MADE.set(model, { architecture, options: { ...options } });
  return model;
}

/** How a model was made; `undefined` for one that was loaded, or is another's. */
export function makerOf(model: LayersModel): MadeBy | undefined {
  return MADE.get(model);
}
