/** Checks of the tensors that a mixer is given and of those that it returns. @module */
import * as tf from "@tensorflow/tfjs-core";
import { assertShape } from "@lionjs/tfjs/kernel";
import type { Parameters } from "./lion_layer.ts";
import type { MixerCall, MixerState } from "./mixer.ts";

/** The tensors that a mixer is given, which belong to the layer. */
export class GivenTensors {
  readonly #tensors = new Map<string, tf.Tensor | undefined>();
  /** The parameters, for the mixer. */
  readonly parameters: Parameters;

  constructor(
    x: tf.Tensor3D,
    parameters: Parameters,
    { mask, segments, first }: Partial<
      Pick<MixerCall, "mask" | "segments" | "first">
    >,
    state: MixerState = {},
  ) {
    for (const [name, tensor] of Object.entries({ x, mask, segments, first })) {
      this.#tensors.set(name, tensor);
    }
    for (const [name, tensor] of Object.entries(state)) {
      this.#tensors.set(`state ${name}`, tensor);
    }
    this.parameters = (name) => {
      const parameter = parameters(name);
      this.#tensors.set(`parameter ${name}`, parameter);
      return parameter;
    };
  }

  /**
   * Returns the tensor, or a clone of it if the tensor is one that the mixer
   * was given.
   */
  own(tensor: tf.Tensor): tf.Tensor {
    return [...this.#tensors.values()].includes(tensor)
      ? tf.clone(tensor)
      : tensor;
  }

  /**
   * Throws if the mixer has disposed of a given tensor, which the layer or its
   * caller needs.
   */
  assertKept(mixer: string): void {
    for (const [name, tensor] of this.#tensors) {
      if (!tensor?.isDisposed) continue;
      throw new TypeError(
        `${mixer} should not dispose of what it is passed, but disposed of its ${name}; what it creates is disposed of automatically`,
      );
    }
  }
}

/** Throws unless a mixer's output can be the mixed tokens of `x`. */
export function assertMixed(
  name: string,
  y: tf.Tensor3D,
  x: tf.Tensor3D,
): void {
  assertShape(name, y, x.shape, "batch, length, dim");
  if (y.dtype === "float32") return;
  throw new TypeError(
    `${name} should be float32, which has gradients, got ${y.dtype}`,
  );
}
