/** The base class of LION's layers: parameters with PyTorch's names. @module */
import * as tf from "@tensorflow/tfjs-core";
import { initializers, layers, SymbolicTensor } from "@tensorflow/tfjs-layers";
import {
  assertFinite,
  assertOptions,
  didYouMean,
  optionsOf,
  shown,
} from "@lionjs/base";
import {
  assertNotDisposed,
  assertNotEmpty,
  assertShape,
} from "@lionjs/tfjs/kernel";
import { withoutPadding } from "../operations/padding/padding.ts";
import { tokensAmong } from "./padding.ts";
import { assertParameters, type Parameter } from "./parameter.ts";

export type { Parameter, TorchLayout } from "./parameter.ts";

/** A shape in tfjs-layers; `null` for a size that is not known yet. */
export type Shape = (number | null)[];

/** The inputs or outputs of `apply`: tensors, or symbolic tensors in a model. */
export type Applied =
  | tf.Tensor
  | tf.Tensor[]
  | SymbolicTensor
  | SymbolicTensor[];

/** The options that tfjs-layers passes to every `call` of a layer. */
export interface CallOptions {
  /** Whether dropout is active. */
  readonly training?: boolean | undefined;
  /** The padding mask, `[batch, length]`: 1 for a token, 0 for padding. */
  mask?: tf.Tensor | undefined;
}

/** Returns a parameter by its name. */
export type Parameters = (name: string) => tf.Tensor;

/** Options of every layer. */
export interface LionLayerOptions {
  /** The layer's name in a model. @default made from the class's name */
  name?: string | undefined;
  /** Whether training changes the layer's parameters. @default true */
  trainable?: boolean | undefined;
  /** The shape of one example, for the first layer of a `tf.sequential`. */
  inputShape?: Shape | undefined;
  /** Seed of the parameters' initial values. @default a new one each time */
  seed?: number | undefined;
}

const TFJS_OPTIONS = optionsOf<
  NonNullable<ConstructorParameters<typeof layers.Layer>[0]>
>()(
  "name trainable inputShape batchInputShape batchSize dtype inputDType",
  "weights",
);

/**
 * A layer whose parameters have PyTorch's names; the base class of all layers
 * of the models.
 *
 * @example The parameters of a model's layers
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionAttentionLayer } from "@lionjs/lion";
 * import { LionLayer } from "@lionjs/lion/layers";
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
  /** The axes of the first input, as messages show them; `undefined` for any. */
  protected get axes(): string | undefined {
    return undefined;
  }

  /** The layer's parameters; empty until it is built. */
  parameters: readonly Parameter[] = [];
  readonly #seed: number | undefined;
  readonly #variables = new Map<string, ReturnType<LionLayer["addWeight"]>>();
  /** The options of the last call that had a mask, until `computeMask` has checked it. */
  #given: CallOptions | undefined;

  /**
   * Makes the layer; its parameters are created when it is built.
   *
   * @param options The options of every layer, and the class's own.
   * @param own The names of the class's own options.
   * @throws {TypeError} If an option is neither.
   */
  constructor(
    options: LionLayerOptions,
    own: Readonly<Record<string, true>> = {},
  ) {
    const { className } = new.target as unknown as { className: string };
    // tfjs adds `customObjects` to the options when it loads a layer.
    const names = {
      ...TFJS_OPTIONS,
      customObjects: true,
      seed: true,
      ...own,
    } as const;
    assertOptions<LionLayerOptions>(className, options, names);
    if (options.seed !== undefined) assertFinite("seed", options.seed);
    super(pick(options, TFJS_OPTIONS));
    this.#seed = options.seed;
    this.supportsMasking = true;
  }

  /**
   * Returns the parameters that the layer needs, given the shape of its first
   * input.
   */
  protected abstract parametersFor(shape: Shape): Parameter[];

  /** Returns the number of multiplications and additions in a forward pass, without attention. */
  abstract operations(shape: Shape): number;

  /** Creates the layer's parameters. */
  override build(inputShape: Shape | Shape[]): void {
    const parameters = this.parametersFor(firstShape(inputShape));
    assertParameters(this.name, parameters);
    parameters.forEach(({ name, shape, initial }, i) => {
      // Beyond 2^53, seed + 1 would be the same number, and parameters would be alike.
      const seed = this.#seed === undefined ? undefined : this.#seed % 9e15 + i;
      const initializer = initializerOf(
        `${this.name}'s ${name}`,
        initial,
        seed,
      );
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

  /**
   * Applies the layer, as in tfjs.
   *
   * @throws {RangeError} If an input has an axis of 0.
   */
  override apply(
    inputs: Applied,
    options?: Record<string, unknown>,
  ): Applied {
    if (Array.isArray(inputs) && inputs.length === 0) {
      throw new TypeError(`${this.name}'s input should be a tensor, got []`);
    }
    for (const input of [inputs].flat()) {
      assertInput(`${this.name}'s input`, input);
      if (!(input instanceof tf.Tensor)) continue;
      assertNotDisposed(`${this.name}'s input`, input);
      assertNotEmpty(`${this.name}'s input`, input);
    }
    const [first] = [inputs].flat();
    const { length = first!.shape.length } = this.axes?.split(", ") ?? {};
    if (first!.shape.length !== length) {
      throw new TypeError(
        `${this.name}'s input should have shape [${this.axes}], got [${
          first!.shape.join(", ")
        }]`,
      );
    }
    return super.apply(inputs, options);
  }

  /** Returns a parameter's value by its name; throws a RangeError if it is unknown. */
  readonly parameter: Parameters = (name) => {
    const variable = this.#variables.get(name);
    if (variable) return variable.read();
    const known = [...this.#variables.keys()];
    throw new RangeError(
      known.length > 0
        ? `${this.name} has no parameter ${shown(name)}${
          didYouMean(String(name), known)
        } Its parameters are ${known.join(", ")}`
        : `${this.name} has no parameter ${shown(name)}, and no other: ${
          this.built ? "it needs none" : "it is not built yet, apply it first"
        }`,
    );
  };

  /**
   * Returns the padding mask, `[batch, length]`, or `undefined` without one. It
   * is the second input, or comes from a layer of tfjs such as
   * `embedding({ maskZero: true })`; with both, a token must be one in both.
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
   * Whether the output is finite at padding. If a layer processes each token
   * separately, its output is finite there where its input is.
   */
  get hasFinitePadding(): boolean {
    return this.#followsFinite;
  }

  /** Whether all layers that feed this one have finite outputs at padding. */
  get #followsFinite(): boolean {
    return this.inboundNodes.length > 0 &&
      this.inboundNodes.every(({ inboundLayers: [before] }) =>
        before instanceof LionLayer && before.hasFinitePadding
      );
  }

  /**
   * Returns the input, with zeros at padding that may hold NaN or Infinity:
   * times zero, these would make the gradients of all parameters NaN.
   */
  protected readable(
    x: tf.Tensor3D,
    mask: tf.Tensor2D | undefined,
  ): tf.Tensor3D {
    return mask && !this.#followsFinite ? withoutPadding(x, mask) : x;
  }

  /** Returns the masks of the outputs, given the mask of the first input, if any. */
  protected masksAfter(
    mask: tf.Tensor | undefined,
  ): (tf.Tensor | undefined)[] {
    return [mask];
  }

  /**
   * Returns the masks of the outputs. `apply` asks for them without masks, and
   * a model asks again with the inputs' masks.
   *
   * @throws {TypeError} If the layer has used the mask of another branch: tfjs
   * passes the last mask to all layers that follow, even in branches without
   * one (`kwargs` in `execute`, tfjs-layers/src/engine/executor.ts).
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
            "branch, or one that a layer in between did not pass on; " +
            "pass the layer its mask as second input",
        );
      }
      delete this.#given.mask;
      this.#given = undefined;
    }
    // A tensor's mask is disposed of with the tensor.
    const after = this.masksAfter(mask).map((mask) =>
      mask && mask === kerasMask ? mask.clone() : mask
    );
    return (after.length === 1 ? after[0] : after) as tf.Tensor | tf.Tensor[];
  }

  /** Returns the shape of the first input; layers that change it override this. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
    return firstShape(inputShape);
  }

  /** Returns everything needed to recreate the layer. */
  override getConfig(): tf.serialization.ConfigDict {
    const config = super.getConfig();
    return this.#seed === undefined ? config : { ...config, seed: this.#seed };
  }
}

/** The tfjs-layers initializer that gives a parameter its initial values. */
function initializerOf(
  owner: string,
  initial: Parameter["initial"],
  seed: number | undefined,
): ReturnType<typeof initializers.zeros> {
  if (typeof initial === "string") return initializers[initial]();
  if ("deviation" in initial) {
    // tfjs takes a seed of 0 for none.
    const seeded = seed === undefined ? {} : { seed: seed || Number.MIN_VALUE };
    return initializers.truncatedNormal({
      stddev: initial.deviation,
      ...seeded,
    });
  }
  // tfjs requires only this method; the class of initializers is not exported.
  const drawn = {
    apply: (shape: number[]) => {
      const values = initial.values(seed);
      assertShape(`initial values of ${owner}`, values, shape, "its shape");
      return values;
    },
  };
  return drawn as unknown as ReturnType<typeof initializers.zeros>;
}

/** Throws unless a value can be a layer's input. */
function assertInput(name: string, input: tf.Tensor | SymbolicTensor): void {
  const given: unknown = input;
  if (given instanceof tf.Tensor || given instanceof SymbolicTensor) return;
  throw new TypeError(
    `${name} should be a tensor, or one of tf.input in a model, got ${
      shown(given)
    }`,
  );
}

/** An object type whose properties cannot be `undefined`. */
export type Given<T> = { [name in keyof T]: Exclude<T[name], undefined> };

/** Picks the properties of an object that are defined and that `names` has. */
export function pick<T extends object, K extends string>(
  from: T,
  names: Readonly<Record<K, unknown>>,
): Given<Pick<T, K & keyof T>> {
  return Object.fromEntries(
    Object.entries(from).filter(([name, value]) =>
      value !== undefined && Object.hasOwn(names, name)
    ),
  ) as Given<Pick<T, K & keyof T>>;
}

/** The shape of a layer's only or first input. */
export function firstShape(shape: Shape | Shape[]): Shape {
  return Array.isArray(shape[0]) ? shape[0] : shape as Shape;
}

/** A layer's only or first input. */
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

/**
 * Puts the prefix of a part of a layer before the names of the part's parameters.
 *
 * @throws {TypeError} If the part, which may be a reader's own, gives no list.
 */
export function prefixed(prefix: string, parameters: Parameter[]): Parameter[] {
  if (!Array.isArray(parameters)) {
    throw new TypeError(
      `parameters of a mixer or a decay should be a list, got ${
        shown(parameters)
      }; [] for none`,
    );
  }
  return parameters.map((parameter) => ({
    ...parameter,
    // A parameter without a name gets none, so that the check of names sees it.
    ...parameter?.name && { name: prefix + parameter.name },
  }));
}

/** Looks up the parameters of a part of a layer by their names within the part. */
export function withPrefix(prefix: string, parameters: Parameters): Parameters {
  return (name) => parameters(prefix + name);
}
