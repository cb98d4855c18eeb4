/** The feature maps that a layer can be saved with. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  eluPlusOne,
  type FeatureMap,
  identity,
  shiftedSilu,
} from "../../operations/feature_map.ts";

/** The feature maps, by the names under which they are saved. */
export const FEATURE_MAPS: Readonly<
  Record<
    "identity" | "relu" | "eluPlusOne" | "shiftedSilu" | "sigmoid",
    FeatureMap
  >
> = {
  identity,
  /** A row may be all zeros, so that its weights sum to 0: keep `epsilon` > 0 with it. */
  relu: tf.relu,
  eluPlusOne,
  shiftedSilu,
  /**
   * That of the paper's ablation on long sequences, where rows are not divided by
   * their sums (arXiv:2502.16249, Table 6).
   */
  sigmoid: tf.sigmoid,
};
