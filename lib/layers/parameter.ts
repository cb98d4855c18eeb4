/** A parameter, as a layer, a mixer or a decay describes it. @module */
import { assertAllocatable, shown } from "@lionjs/base";
import type * as tf from "@tensorflow/tfjs-core";

/**
 * How PyTorch stores a parameter.
 *
 * - `"same"`: in the shape that it has here.
 * - `"linear"`: `[outputs, inputs]`, the transpose of the shape here.
 * - `"patches"`: a convolution's `[outputs, channels, rows, columns]`, which is
 *   `[rows · columns · channels, outputs]` here.
 */
export type TorchLayout = "same" | "linear" | "patches";

/** A parameter of a layer. */
export interface Parameter {
  /**
   * PyTorch's name for the parameter within the layer; `"value"` if the layer's
   * name is the full name.
   */
  readonly name: string;
  /** The parameter's shape in this library. */
  readonly shape: readonly number[];
  /**
   * The initial values: a constant, or a normal distribution with this standard
   * deviation, truncated at two deviations, or a function that returns them.
   */
  readonly initial:
    | "zeros"
    | "ones"
    | { readonly deviation: number }
    | { readonly values: (seed: number | undefined) => tf.Tensor };
  /** How PyTorch stores the parameter. @default "same" */
  readonly layout?: TorchLayout | undefined;
}

const LAYOUTS: readonly unknown[] = [undefined, "same", "linear", "patches"];

/**
 * Throws unless each of a layer's parameters can be created.
 *
 * @param layer The layer's name, for messages.
 * @param parameters What the layer says its parameters are.
 */
export function assertParameters(
  layer: string,
  parameters: readonly Parameter[],
): void {
  const names = new Set<string>();
  for (const given of parameters as readonly unknown[]) {
    const { name, shape, initial, layout } = Object(given) as Parameter;
    if (typeof name !== "string" || name === "") {
      throw new TypeError(
        `parameters of ${layer} should each have a name, got ${shown(given)}`,
      );
    }
    const owner = `parameter ${JSON.stringify(name)} of ${layer}`;
    if (names.has(name)) {
      throw new RangeError(`${owner} should be the only one of that name`);
    }
    names.add(name);
    const sizes: unknown = shape;
    if (
      !Array.isArray(sizes) ||
      !sizes.every((size) => Number.isInteger(size) && size > 0)
    ) {
      throw new TypeError(
        `${owner} should have a shape of positive integers, got ${
          shown(shape)
        }`,
      );
    }
    assertAllocatable({
      [`the numbers in ${owner}`]: sizes.reduce((all, size) => all * size, 1),
    });
    assertInitial(owner, initial);
    if (!LAYOUTS.includes(layout)) {
      throw new RangeError(
        `${owner} should have the layout "same", "linear" or "patches", got ${
          shown(layout)
        }`,
      );
    }
  }
}

function assertInitial(owner: string, initial: Parameter["initial"]): void {
  if (initial === "zeros" || initial === "ones") return;
  const { deviation, values } = Object(initial);
  if (Number.isFinite(deviation) || typeof values === "function") return;
  const Kind = typeof initial === "string" ? RangeError : TypeError;
  throw new Kind(
    `${owner} should have the initial values "zeros", "ones", { deviation: 0.02 } or { values: (seed) => a tensor }, got ${
      shown(initial)
    }`,
  );
}
