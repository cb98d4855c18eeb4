/** Matrices that start at zero, behind which layers hide what they compute. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import { LionLayer } from "../../lib/layers/mod.ts";
import { array, uniform } from "../random.ts";

/** Gives the matrices of built layers that start at zero small seeded numbers. */
export function fillZeros(layers: readonly LayersModel["layers"][0][]): void {
  for (const layer of layers.filter((layer) => layer instanceof LionLayer)) {
    for (const { name, shape, initial } of layer.parameters) {
      if (initial !== "zeros" || shape.length < 2) continue;
      const random = uniform(name.length);
      const size = tf.util.sizeFromShape([...shape]);
      const values = array(size, random, (u) => 0.6 * (u - 0.5));
      const variable = layer.parameter(name) as tf.Variable;
      tf.tidy(() => variable.assign(tf.tensor(values, [...shape])));
    }
  }
}
