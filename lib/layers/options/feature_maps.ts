/** The feature maps that a layer can be saved with. @module */
import {
  eluPlusOne,
  identity,
  relu,
  shiftedSilu,
  sigmoid,
} from "../../operations/feature_map.ts";

/** The feature maps, by the names under which they are saved. */
export const FEATURE_MAPS = {
  identity,
  relu,
  eluPlusOne,
  shiftedSilu,
  sigmoid,
};
