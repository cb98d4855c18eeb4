/**
 * Optimizers that change weights in place, in one launch.
 *
 * @module
 */
export {
  Adam,
  type AdamOptions,
  attributesOf,
  ruleNumbers,
  update,
  withDefaults,
} from "./adam.ts";
export { fitsInPlace, ownValues, updateInPlace } from "./rules.ts";
export { groupWeights, normOf, type WeightGroup } from "./weight_group.ts";
