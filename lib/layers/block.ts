/** A block of an encoder: attention and an MLP, each with a normalisation. @module */
import * as tf from "@tensorflow/tfjs-core";
import { SymbolicTensor } from "@tensorflow/tfjs-layers";
import {
  assertAllocatable,
  assertOneOf,
  type Complete,
  optionsOf,
  shown,
} from "@lionjs/base";
import {
  addAndNorm,
  addSame,
  normOfSum,
} from "../operations/layer_norm/add_norm.ts";
import { tokensIn } from "../operations/padding/padding.ts";
import {
  type Activation,
  assertActivation,
  savedActivation,
} from "./activation.ts";
import {
  assertAttentionOptions,
  type AttentionOptions,
} from "./options/attention_options.ts";
import { applyActivated, applyLinear, linear, recordLinear } from "./linear.ts";
import {
  type Applied,
  type LionLayerOptions,
  type Parameter,
  type Parameters,
  pick,
  prefixed,
  type Shape,
  withPrefix,
} from "./lion_layer.ts";
import { assertMixed, GivenTensors } from "./given_tensors.ts";
import { registerLayer } from "./own_layers.ts";
import type { Mixer, MixerState, StepCall } from "./mixer.ts";
import { MixingLayer, type Reading } from "./mixing_layer.ts";
import { applyNorm, norm, normParameters } from "./normalization.ts";
import {
  assertBooleans,
  assertEpsilon,
  assertNumber,
  assertRate,
} from "./options/option_values.ts";
import { drop } from "./randomness.ts";
import { recomputed } from "./recomputation.ts";

/** Options of {@linkcode lionBlock}. */
export interface LionBlockOptions extends AttentionOptions, LionLayerOptions {
  /**
   * Hidden width of the multilayer perceptron, as a multiple of the block's
   * width; 0 for no perceptron, as in Mamba and Hydra. @default 4
   */
  mlpRatio?: number | undefined;
  /** The perceptron's activation; see {@linkcode Activation}. @default "gelu" */
  activation?: Activation | undefined;
  /**
   * The place of normalisation: `"pre"`, the input of each sublayer, as in ViT
   * and GPT-2, or `"post"`, the sum of its input and output, as in BERT.
   * @default "pre"
   */
  norm?: "pre" | "post" | undefined;
  /** Epsilon added to the variance in normalisations. @default 1e-6 */
  epsilon?: number | undefined;
  /**
   * Probability that training skips the mixer or the perceptron, for each
   * sequence of the batch (stochastic depth). @default 0
   */
  dropPath?: number | undefined;
  /**
   * Whether the gradient recomputes the block's activations instead of keeping
   * them (gradient checkpointing). Training then needs much less memory and
   * about a fifth more time; outputs and gradients stay the same to the last
   * bit. A custom mixer must compute the same both times; random numbers from
   * TensorFlow.js and `Math.random` are repeated. Without gradients, nothing
   * changes. @default false
   */
  gradientCheckpointing?: boolean | undefined;
}

const BLOCK_OPTIONS = optionsOf<
  Omit<
    LionBlockOptions,
    keyof AttentionOptions | keyof LionLayerOptions | "gradientCheckpointing"
  >
>()("mlpRatio activation norm epsilon dropPath");

/** The layer of {@linkcode lionBlock}. */
export class LionBlock extends MixingLayer {
  static readonly className: string = "LionBlock";
  /** Whether the gradient recomputes the block; may be changed at any time. */
  gradientCheckpointing: boolean;
  readonly #options: Complete<
    Pick<LionBlockOptions, keyof typeof BLOCK_OPTIONS>
  >;

  constructor(options: LionBlockOptions) {
    super(options, { ...BLOCK_OPTIONS, gradientCheckpointing: true });
    assertBooleans({ gradientCheckpointing: options.gradientCheckpointing });
    this.gradientCheckpointing = options.gradientCheckpointing ?? false;
    this.#options = {
      mlpRatio: 4,
      activation: "gelu",
      norm: "pre",
      epsilon: 1e-6,
      dropPath: 0,
      ...pick(options, BLOCK_OPTIONS),
    };
  }

  get epsilon(): number {
    return this.#options.epsilon;
  }

  /** Applies the layer, as in tfjs; a model may apply it several times in turn. */
  override apply(
    inputs: Applied,
    options?: Record<string, unknown>,
  ): Applied {
    const outputs = super.apply(inputs, options);
    // tfjs counts each node as one more model that has the layer, and a model that
    // is disposed of counts its layers once.
    if (isAbove(this, [inputs].flat())) Object(this)._refCount--;
    return outputs;
  }

  protected override parametersFor(shape: Shape): Parameter[] {
    const dim = shape.at(-1)!;
    assertAttentionOptions(this.attention, dim);
    assertBlockOptions(this.#options, dim);
    const hidden = hiddenColumns(dim, this.#options.mlpRatio);
    const mixing = [
      ...norm("norm1.", dim),
      ...prefixed("attn.", this.mixer.parameters(shape)),
    ];
    if (hidden === 0) return mixing;
    const own = this.#perceptronOf(dim);
    return [
      ...mixing,
      ...norm("norm2.", dim),
      ...(own ? prefixed(OWN_PERCEPTRON, own.parameters(shape)) : [
        ...linear("mlp.fc1.", dim, hidden),
        ...linear("mlp.fc2.", hidden, dim),
      ]),
    ];
  }

  /**
   * Operations of the perceptron and the mixer, except those that depend on the
   * form of attention.
   */
  override operations(shape: Shape): number {
    const [batch, length, dim] = shape as [number, number, number];
    const own = this.#perceptronOf(dim);
    const mlp = own
      ? own.operations(shape)
      : 2 * batch * length * 2 * dim * dim * this.#options.mlpRatio;
    return this.mixer.operations(shape) + mlp;
  }

  /** The mixer in place of the perceptron, if the mixer has one and it is left in. */
  #perceptronOf(dim: number): Mixer | undefined {
    const hidden = hiddenColumns(dim, this.#options.mlpRatio);
    return hidden === 0 ? undefined : this.mixer.perceptron?.(hidden);
  }

  /** Applies the mixer and the multilayer perceptron, each added to its input. */
  protected override transform(x: tf.Tensor3D, reading: Reading): tf.Tensor {
    const parameters = withPrefix("attn.", this.parameter);
    const ofPerceptron = withPrefix(OWN_PERCEPTRON, this.parameter);
    const own = this.#perceptronOf(x.shape[2]);
    const transform = (x: tf.Tensor3D, reading: Reading, isRead = true) => {
      const mix = (x: tf.Tensor3D) => this.mix(x, parameters, reading);
      const perceive = own &&
        ((x: tf.Tensor3D) => this.mix(x, ofPerceptron, reading, own));
      return this.around(x, reading.training, { mix, perceive }, isRead);
    };
    return this.gradientCheckpointing
      ? recomputed(x, reading, transform)
      : transform(x, reading);
  }

  protected override passOn(x: tf.Tensor3D, reading: Reading): tf.Tensor3D {
    const { norm, epsilon } = this.#options;
    const mixed = norm === "post"
      ? x
      : applyNorm(x, "norm1.", this.parameter, epsilon);
    return this.passFirst(mixed, withPrefix("attn.", this.parameter), reading);
  }

  /**
   * Runs a causal block on the next tokens, given the mixer's state after the
   * earlier ones; see {@linkcode Mixer.step}. Call it inside `tf.tidy`.
   *
   * @throws {TypeError} If the mixer has no `step`, or there is no `first` that it
   * reads.
   */
  step(
    x: tf.Tensor3D,
    before: MixerState | undefined,
    call: Pick<StepCall, "mask" | "first">,
  ): { y: tf.Tensor3D; state: MixerState; first?: tf.Tensor3D | undefined } {
    const read = {
      mask: call.mask && tokensIn("mask", call.mask),
      first: call.first,
      epsilon: this.epsilon,
    };
    if (this.mixer.readsFirst && !read.first) {
      throw new TypeError(
        `block ${this.name} should get as first what the model's first block ` +
          "passes on, [batch, length, dim]; got none",
      );
    }
    const own = this.#perceptronOf(x.shape[2]);
    let state: MixerState = {}, first: tf.Tensor3D | undefined;
    const stepOf = (mixer: Mixer, name: string, prefix: string) => {
      const parameters = withPrefix(name, this.parameter);
      return (x: tf.Tensor3D) => {
        const earlier = before && partOf(before, prefix);
        const step = this.#step(mixer, x, parameters, earlier, read);
        const after = Object.entries(step.state);
        state = {
          ...state,
          ...Object.fromEntries(after.map(([key, x]) => [prefix + key, x])),
        };
        first ??= step.first;
        return step.y;
      };
    };
    const y = this.around(x, false, {
      mix: stepOf(this.mixer, "attn.", ""),
      perceive: own && stepOf(own, OWN_PERCEPTRON, OWN_PERCEPTRON),
    });
    return { y, state, first };
  }

  /** Runs the step of a mixer, and checks what it has done. */
  #step(
    mixer: Mixer,
    x: tf.Tensor3D,
    parameters: Parameters,
    before: MixerState | undefined,
    call: StepCall,
  ): ReturnType<NonNullable<Mixer["step"]>> {
    if (!mixer.step) {
      throw new TypeError(
        `block ${this.name} should have a mixer with a step, to compute the ` +
          "next tokens from a state, got one without",
      );
    }
    const given = new GivenTensors(x, parameters, call, before);
    const step = mixer.step(x, given.parameters, before, call);
    const owner = `${this.name}'s mixer's step`;
    given.assertKept(owner);
    assertMixed(`${owner}'s y`, Object(step).y, x);
    assertState(`${owner}'s state`, step.state);
    if (step.first) assertMixed(`${owner}'s first`, step.first, x);
    // The states before and after and what is passed on are disposed of separately, so
    // they share no tensor.
    const state = Object.fromEntries(
      Object.entries(step.state).map((
        [name, tensor],
      ) => [name, given.own(tensor)]),
    );
    return { ...step, state, first: step.first && tf.clone(step.first) };
  }

  /**
   * Applies the block with `mix` as its mixer and `perceive` in place of its perceptron,
   * `[batch, length, dim]` to the same shape. Where nothing reads the output, only what
   * its gradients need is computed.
   */
  around(
    x: tf.Tensor3D,
    training: boolean,
    { mix, perceive }: {
      mix: (x: tf.Tensor3D) => tf.Tensor3D;
      perceive?: ((x: tf.Tensor3D) => tf.Tensor3D) | undefined;
    },
    isRead = true,
  ): tf.Tensor3D {
    const { norm, epsilon, dropPath, mlpRatio, activation } = this.#options;
    const rate = this.attention.dropout ?? 0;
    // The last normalisation reads the perceptron's output for its gradient.
    const last = isRead || norm === "post" ? applyLinear : recordLinear;
    const perceptron = perceive ??
      ((x: tf.Tensor3D) =>
        drop(perceived(x, this.parameter, activation, last), {
          training,
          rate,
        }));
    const parts = [["norm1.", mix], ["norm2.", perceptron]] as const;
    let added: tf.Tensor3D | undefined;
    for (const [name, part] of mlpRatio === 0 ? parts.slice(0, 1) : parts) {
      const given = normParameters(name, this.parameter, epsilon);
      const outputOf = (x: tf.Tensor3D) =>
        training ? leaveOut(part(x), dropPath) : part(x);
      if (norm === "post") {
        x = normOfSum(x, outputOf(x), given);
        continue;
      }
      const { sum, y } = addAndNorm(x, added, given);
      x = sum;
      added = outputOf(y);
    }
    return added ? addSame(x, added) : x;
  }

  override getConfig(): tf.serialization.ConfigDict {
    const { activation, ...options } = this.#options;
    return {
      ...super.getConfig(),
      ...options,
      ...savedActivation(activation),
      // Saved only if true, so that configs from before the option stay the same.
      ...this.gradientCheckpointing && { gradientCheckpointing: true },
    };
  }
}
registerLayer(LionBlock);

/** Whether symbolic tensors come from a layer, directly or through others. */
function isAbove(
  layer: LionBlock,
  tensors: readonly (tf.Tensor | SymbolicTensor)[],
): boolean {
  const seen = new Set<SymbolicTensor>();
  const isFrom = (tensor: SymbolicTensor): boolean => {
    if (seen.has(tensor)) return false;
    seen.add(tensor);
    return tensor.sourceLayer === layer || tensor.inputs.some(isFrom);
  };
  return tensors.some((tensor) =>
    tensor instanceof SymbolicTensor && isFrom(tensor)
  );
}

/** The prefix of the parameters, and of the state, of a mixer in place of the perceptron. */
const OWN_PERCEPTRON = "ffn.";

/** The part of a state whose names have a prefix, by their names without it. */
function partOf(state: MixerState, prefix: string): MixerState {
  return Object.fromEntries(
    Object.entries(state).filter(([name]) => name.startsWith(prefix))
      .map(([name, tensor]) => [name.slice(prefix.length), tensor]),
  );
}

/** Throws unless a mixer's state is tensors by name. */
function assertState(name: string, state: MixerState): void {
  const tensors: unknown[] = Object.values(Object(state));
  const areTensors = tensors.every((tensor) => tensor instanceof tf.Tensor);
  if (Object(state) === state && areTensors) return;
  throw new TypeError(
    `${name} should be an object of tensors, got ${shown(state)}`,
  );
}

/** Throws unless the block's own options are valid. */
export function assertBlockOptions(
  {
    mlpRatio = 4,
    activation,
    norm = "pre",
    dropPath,
    epsilon,
    gradientCheckpointing,
  }: Pick<
    LionBlockOptions,
    keyof typeof BLOCK_OPTIONS | "gradientCheckpointing"
  >,
  dim: number,
): void {
  assertBooleans({ gradientCheckpointing });
  assertNumber("mlpRatio", mlpRatio);
  const columns = hiddenColumns(dim, mlpRatio);
  if (!(columns >= 0)) {
    throw new RangeError(
      `mlpRatio should make a whole number of ${dim} columns, got ${mlpRatio}`,
    );
  }
  assertAllocatable({ dim, "(mlpRatio · dim)": columns });
  assertActivation(activation);
  assertOneOf("norm", norm, ["pre", "post"]);
  assertRate("dropPath", dropPath);
  assertEpsilon("epsilon", epsilon);
}

/**
 * The hidden columns of a perceptron; NaN if they are no whole number. A ratio
 * such as 232 / 7 is rounded, and its product with 7 not exactly 232.
 */
function hiddenColumns(dim: number, mlpRatio: number): number {
  const hidden = Math.round(dim * mlpRatio);
  const error = Math.abs(hidden - dim * mlpRatio);
  return error <= hidden * 2 * Number.EPSILON ? hidden : NaN;
}

/**
 * A block's perceptron: maps x, `[batch, length, dim]`, to the same shape.
 *
 * @param last The second linear map, or its recording for gradients alone.
 */
function perceived(
  x: tf.Tensor3D,
  parameters: Parameters,
  activation: Activation,
  last: typeof applyLinear,
): tf.Tensor3D {
  const hidden = applyActivated(x, "mlp.fc1.", parameters, activation);
  return last(hidden, "mlp.fc2.", parameters);
}

/**
 * Stochastic depth: sets some sequences of y, `[batch, length, dim]`, to zero
 * and scales up the others, so that the mean stays the same.
 *
 * Source: Huang et al. 2016 (arXiv:1603.09382).
 */
function leaveOut(y: tf.Tensor3D, rate: number): tf.Tensor3D {
  if (rate === 0) return y;
  const ones = tf.ones([y.shape[0], 1, 1]);
  return tf.mul(y, drop(ones, { training: true, rate, isOfSequences: true }));
}

/**
 * Makes a transformer block with LION attention: attention, then a multilayer
 * perceptron with GELU, each added to its input.
 *
 * Its input is `[batch, length, dim]`, optionally followed by a padding mask,
 * `[batch, length]`. It also applies the masks of tfjs's layers
 * (`embedding({ maskZero: true })`, `masking`) and passes them on. With the
 * option `segments`, the last input holds the segments of packed sequences.
 *
 * @example Changing the form of a layer
 * ```ts
 * import { assertAlmostEquals } from "@std/assert";
 * import { lionBlock } from "@lionjs/lion";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const block = lionBlock({ variant: "d", numHeads: 2, form: "full" });
 * const x = tf.randomNormal([1, 6, 8]);
 * const before = await (block.apply(x) as tf.Tensor).data();
 * block.attention.form = "recurrent";
 * const after = await (block.apply(x) as tf.Tensor).data();
 * before.forEach((value, i) => assertAlmostEquals(value, after[i]!, 1e-5));
 * ```
 *
 * @param options See {@linkcode LionBlockOptions}.
 * @returns The layer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} When the layer is built, if an option has an invalid
 * value.
 */
export function lionBlock(options: LionBlockOptions): MixingLayer {
  return new LionBlock(options);
}
