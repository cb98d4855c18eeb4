/** What LION's layers share: parameters with the names that PyTorch gives them. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { initializers, layers } from "@tensorflow/tfjs-layers";

/** One shape of tfjs-layers; `null` for a size that is not known yet. */
export type Shape = (number | null)[];

/** What tfjs-layers passes to every call. */
export interface CallOptions {
  /** Whether dropout is active. */
  readonly training?: boolean;
}

/**
 * How PyTorch stores a parameter.
 *
 * - `"same"`: as we do.
 * - `"linear"`: `[outputs, inputs]`, the transpose of ours.
 * - `"patches"`: a convolution's `[outputs, channels, rows, columns]`, where
 *   ours is `[rows · columns · channels, outputs]`.
 */
export type TorchLayout = "same" | "linear" | "patches";

/** A parameter of a layer. */
export interface Parameter {
  /** Its name in the layer, PyTorch's. `"value"` if the layer's name is all of it. */
  readonly name: string;
  /** Its shape with us. */
  readonly shape: readonly number[];
  /** All alike, or drawn from a normal distribution of this deviation, truncated at two. */
  readonly initial: "zeros" | "ones" | { readonly deviation: number };
  /** How PyTorch stores it. @default "same" */
  readonly layout?: TorchLayout;
}

/** Reads a parameter by its name. */
export type Parameters = (name: string) => tf.Tensor;

/** Options that every layer has. */
export interface LionLayerOptions {
  /** Its name in a model. @default one made of the class's */
  name?: string;
  /** Whether training changes its parameters. @default true */
  trainable?: boolean;
  /** Of one example, if it is the first layer of a `tf.sequential`. */
  inputShape?: Shape;
  /** Of the first values of its parameters. @default another one each time */
  seed?: number | undefined;
}

/** A layer whose parameters are known by their names in PyTorch. */
export abstract class LionLayer extends layers.Layer {
  /** Its parameters, once it is built. */
  parameters: readonly Parameter[] = [];
  readonly #seed: number | undefined;
  readonly #variables = new Map<string, ReturnType<LionLayer["addWeight"]>>();

  /** Makes a layer without parameters yet. */
  constructor(options: LionLayerOptions) {
    super(
      pick(options, ["name", "trainable", "inputShape", "batchInputShape"]),
    );
    this.#seed = options.seed;
  }

  /** The parameters for inputs of a shape; the first input's, if there are several. */
  protected abstract parametersFor(shape: Shape): Parameter[];

  /** Multiplications and additions of a forward pass, attention excepted. */
  abstract operations(shape: Shape): number;

  /** Creates the parameters. */
  override build(inputShape: Shape | Shape[]): void {
    const parameters = this.parametersFor(firstShape(inputShape));
    parameters.forEach(({ name, shape, initial }, i) => {
      const seed = this.#seed === undefined ? {} : { seed: this.#seed + i };
      const initializer = typeof initial === "string"
        ? initializers[initial]()
        : initializers.truncatedNormal({ stddev: initial.deviation, ...seed });
      const zeros = () => initializers.zeros();
      this.#variables.set(
        name,
        this.addWeight(
          name,
          [...shape],
          "float32",
          initializer,
          undefined,
          true,
          undefined,
          zeros,
        ),
      );
    });
    this.parameters = parameters;
    this.built = true;
  }

  /** The variable of a parameter. */
  readonly parameter: Parameters = (name) => this.#variables.get(name)!.read();

  /** The shape of the first input, for layers that keep it. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
    return firstShape(inputShape);
  }

  /** All that it takes to make the layer again. */
  override getConfig(): tf.serialization.ConfigDict {
    const seed = this.#seed === undefined ? {} : { seed: this.#seed };
    return { ...super.getConfig(), ...seed };
  }
}

/** Those of an object's values that are there. */
export function pick<T extends object, K extends string>(
  from: T,
  keys: readonly K[],
): Pick<T, K & keyof T> {
  return Object.fromEntries(
    Object.entries(from).filter(([key, value]) =>
      value !== undefined && keys.includes(key as K)
    ),
  ) as Pick<T, K & keyof T>;
}

/** The shape of a layer's only, or first, input. */
export function firstShape(shape: Shape | Shape[]): Shape {
  return Array.isArray(shape[0]) ? shape[0] : shape as Shape;
}

/** A layer's only, or first, input. */
export function firstInput<T extends tf.Tensor>(
  inputs: tf.Tensor | tf.Tensor[],
): T {
  return (Array.isArray(inputs) ? inputs[0] : inputs) as T;
}

/** Parameters of a part of a layer, whose names have a prefix there. */
export function within(prefix: string, parameters: Parameter[]): Parameter[] {
  return parameters.map((parameter) => ({
    ...parameter,
    name: prefix + parameter.name,
  }));
}

/** Reads the parameters of a part of a layer. */
export function inside(prefix: string, parameters: Parameters): Parameters {
  return (name) => parameters(prefix + name);
}
