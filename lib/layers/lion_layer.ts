/** What LION's layers share: parameters with the names that PyTorch gives them. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { initializers, layers } from "@tensorflow/tfjs-layers";
import { assertOptions, type OptionNames } from "../contract/options.ts";
import { withoutPadding } from "../operations/padding.ts";
import { tokensAmong } from "./padding.ts";

/** One shape of tfjs-layers; `null` for a size that is not known yet. */
export type Shape = (number | null)[];

/** What tfjs-layers passes to every call. */
export interface CallOptions {
  /** Whether dropout is active. */
  readonly training?: boolean;
  /** Which positions of the input are no padding, `[batch, length]`. */
  mask?: tf.Tensor;
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
  /**
   * All alike, or drawn from a normal distribution of this deviation, truncated
   * at two, or values of one's own.
   */
  readonly initial:
    | "zeros"
    | "ones"
    | { readonly deviation: number }
    | { readonly values: (seed: number | undefined) => tf.Tensor };
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

/** Options of tfjs's layers. */
const TFJS_OPTIONS: OptionNames<
  NonNullable<ConstructorParameters<typeof layers.Layer>[0]>
> = {
  name: true,
  trainable: true,
  inputShape: true,
  batchInputShape: true,
  batchSize: true,
  dtype: true,
  inputDType: true,
  weights: true,
};

/**
 * A layer whose parameters have PyTorch's names: all layers of the models.
 *
 * @example The parameters of a model's layers
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionAttentionLayer, LionLayer } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const layer = lionAttentionLayer({ numHeads: 2, variant: "s" });
 * layer.apply(tf.zeros([1, 4, 16])); // builds it
 * assertEquals(layer instanceof LionLayer, true);
 * assertEquals(layer.parameters[0]!.name, "qkv.weight");
 * assertEquals(layer.parameter("qkv.weight").shape, [16, 48]);
 * ```
 */
export abstract class LionLayer extends layers.Layer {
  /** Its parameters, once it is built. */
  parameters: readonly Parameter[] = [];
  readonly #seed: number | undefined;
  readonly #variables = new Map<string, ReturnType<LionLayer["addWeight"]>>();
  /** What the last call came with, if a mask was among it. */
  #given: CallOptions | undefined;

  /**
   * Makes a layer without parameters yet.
   *
   * @param options Those of every layer, and the class's own.
   * @param own The names of the class's own options.
   * @throws {TypeError} If an option is neither.
   */
  constructor(
    options: LionLayerOptions,
    own: Readonly<Record<string, true>> = {},
  ) {
    const { className } = new.target as unknown as { className: string };
    // tfjs adds `customObjects` to what a saved layer is made of again.
    const names = {
      ...TFJS_OPTIONS,
      customObjects: true,
      seed: true,
      ...own,
    } as const;
    assertOptions<LionLayerOptions>(className, options, names);
    super(pick(options, TFJS_OPTIONS));
    this.#seed = options.seed;
    this.supportsMasking = true;
  }

  /** The parameters for inputs of a shape; the first input's, if there are several. */
  protected abstract parametersFor(shape: Shape): Parameter[];

  /** Multiplications and additions of a forward pass, attention excepted. */
  abstract operations(shape: Shape): number;

  /** Creates the parameters. */
  override build(inputShape: Shape | Shape[]): void {
    const parameters = this.parametersFor(firstShape(inputShape));
    parameters.forEach(({ name, shape, initial }, i) => {
      const seed = this.#seed === undefined ? undefined : this.#seed + i;
      const initializer = initializerOf(initial, seed);
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

  /**
   * Which positions of the input are tokens, `[batch, length]`; `undefined` if
   * all are. A mask comes as the second input, or from a layer of tfjs such as
   * `embedding({ maskZero: true })`; where both do, both must have a token.
   */
  protected tokensOf(
    inputs: tf.Tensor | tf.Tensor[],
    options: CallOptions,
  ): tf.Tensor2D | undefined {
    const x = firstInput(inputs);
    this.#given = options.mask ? options : undefined;
    const handed = x.kerasMask ?? options.mask;
    return tokensAmong(this.name, x, [secondInput(inputs), handed]);
  }

  /**
   * Whether the numbers that it leaves in the place of padding are finite.
   * Layers that treat each token by itself keep what they are given.
   */
  get hasFinitePadding(): boolean {
    return this.#followsFinite;
  }

  /** Whether each layer that it was connected to leaves finite numbers in padding. */
  get #followsFinite(): boolean {
    return this.inboundNodes.length > 0 &&
      this.inboundNodes.every(({ inboundLayers: [before] }) =>
        before instanceof LionLayer && before.hasFinitePadding
      );
  }

  /**
   * The input without padding, where that may hold NaN and the like: their
   * products with zero would be NaN in the gradients of all parameters.
   */
  protected readable(
    x: tf.Tensor3D,
    mask: tf.Tensor2D | undefined,
  ): tf.Tensor3D {
    return mask && !this.#followsFinite ? withoutPadding(x, mask) : x;
  }

  /** The mask of the output, and of further outputs, where the input has one. */
  protected masksAfter(
    mask: tf.Tensor | undefined,
  ): (tf.Tensor | undefined)[] {
    return [mask];
  }

  /**
   * The masks of the outputs. `apply` asks for them without masks, and a model
   * once more, with those of the inputs.
   *
   * @throws {TypeError} If the layer has obeyed the mask of another one: tfjs
   * leaves the last mask to all layers that follow, in branches that have none
   * too (`kwargs` in `execute`, tfjs-layers/src/engine/executor.ts).
   */
  override computeMask(
    inputs: tf.Tensor | tf.Tensor[],
    masks?: tf.Tensor | tf.Tensor[],
  ): tf.Tensor | tf.Tensor[] {
    const { kerasMask } = firstInput(inputs);
    const mask = (Array.isArray(masks) ? masks[0] : masks) ?? kerasMask;
    if (masks !== undefined && this.#given) {
      if (!mask) {
        throw new TypeError(
          `${this.name} got a mask that is not its input's: that of another ` +
            "branch, or one that a layer between has not handed on; " +
            "give the layer its mask as second input",
        );
      }
      delete this.#given.mask;
      this.#given = undefined;
    }
    // A tensor takes its mask with it when it is disposed of.
    const after = this.masksAfter(mask).map((mask) =>
      mask && mask === kerasMask ? mask.clone() : mask
    );
    return (after.length === 1 ? after[0] : after) as tf.Tensor | tf.Tensor[];
  }

  /** The shape of the first input, for layers that keep it. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
    return firstShape(inputShape);
  }

  /** Everything needed to recreate the layer. */
  override getConfig(): tf.serialization.ConfigDict {
    const config = super.getConfig();
    return this.#seed === undefined ? config : { ...config, seed: this.#seed };
  }
}

/** How tfjs makes the first values of a parameter. */
function initializerOf(
  initial: Parameter["initial"],
  seed: number | undefined,
): ReturnType<typeof initializers.zeros> {
  if (typeof initial === "string") return initializers[initial]();
  if ("deviation" in initial) {
    const seeded = seed === undefined ? {} : { seed };
    return initializers.truncatedNormal({
      stddev: initial.deviation,
      ...seeded,
    });
  }
  // All that tfjs asks of one; its class is not exported.
  const drawn = { apply: () => initial.values(seed) };
  return drawn as unknown as ReturnType<typeof initializers.zeros>;
}

/** Those of an object's options that have such names, and are there. */
export function pick<T extends object, K extends string>(
  from: T,
  names: Readonly<Record<K, unknown>>,
): Pick<T, K & keyof T> {
  return Object.fromEntries(
    Object.entries(from).filter(([name, value]) =>
      value !== undefined && Object.hasOwn(names, name)
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

/** A layer's second input, if there is one. */
export function secondInput<T extends tf.Tensor>(
  inputs: tf.Tensor | tf.Tensor[],
): T | undefined {
  return Array.isArray(inputs) ? inputs[1] as T | undefined : undefined;
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
