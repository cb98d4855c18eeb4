/** The classes of the library's own layers. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";

type AnyLayer = LayersModel["layers"][number];

const classes = new Set<unknown>();

/** Registers one of the library's classes of layers, so that saved models find it. */
export function registerLayer<T extends tf.serialization.Serializable>(
  layerClass: tf.serialization.SerializableConstructor<T>,
): void {
  tf.serialization.registerClass(layerClass);
  classes.add(layerClass);
}

/** Whether a layer is an input, or of one of the library's classes. */
export function isOwnLayer(layer: AnyLayer): boolean {
  return layer.getClassName() === "InputLayer" ||
    classes.has(layer.constructor);
}
