/** The base class of layers that mix tokens. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  ATTENTION_OPTIONS,
  type AttentionOptions,
  isCausal,
} from "./options/attention_options.ts";
import {
  type CallOptions,
  firstInput,
  firstShape,
  LionLayer,
  type LionLayerOptions,
  type Parameters,
  pick,
  type Shape,
} from "./lion_layer.ts";
import { assertMixed, GivenTensors } from "./given_tensors.ts";
import type { Mixer, MixerCall } from "./mixer.ts";
import { assertShape } from "@lionjs/tfjs/kernel";
import { inBlocks } from "./block_sequence.ts";
import { savedByName } from "./options/custom_registry.ts";
import { assertNewNames, withNewNames } from "./options/renamed_options.ts";
import { drop } from "./randomness.ts";
import { takeSegments } from "./segments.ts";
import { currentSequence } from "./sequence.ts";
import { mixerOf } from "./options/variants.ts";
import { tellRun } from "./watched_mixers.ts";

const AXES = "batch, length, dim";

/** The part of a mixer's call that does not come from the layer's options. */
export type Reading = Pick<
  MixerCall,
  "mask" | "segments" | "first" | "training" | "epsilon"
>;

/**
 * A layer that mixes its tokens by a {@linkcode Mixer}.
 *
 * @example The blocks of a model, and their parameters
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { lionEncoder } from "@lionjs/lion";
 * import { MixingLayer } from "@lionjs/lion/layers";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const model = lionEncoder({
 *   inputDim: 3, dim: 8, depth: 2, numHeads: 2, numClasses: 2, variant: "lit",
 * });
 * const blocks = model.layers.filter((layer) => layer instanceof MixingLayer);
 * assertEquals(blocks.map(({ attention }) => attention.variant), ["lit", "lit"]);
 * assertEquals(blocks[0]!.parameters.map(({ name }) => name), [
 *   "norm1.weight", "norm1.bias",
 *   "attn.qkv.weight", "attn.qkv.bias", "attn.proj.weight", "attn.proj.bias",
 *   "norm2.weight", "norm2.bias",
 *   "mlp.fc1.weight", "mlp.fc1.bias", "mlp.fc2.weight", "mlp.fc2.bias",
 * ]);
 * ```
 */
export abstract class MixingLayer extends LionLayer {
  /**
   * The options of attention; `form` and `chunkSize` may be changed at any
   * time.
   */
  readonly attention: AttentionOptions;
  #mixer: Mixer | undefined;

  /**
   * Makes the layer; its parameters are created when it is built.
   *
   * @param options The options of every layer and of attention, and the class's
   * own.
   * @param own The names of the class's own options.
   * @throws {TypeError} If an option is unknown.
   */
  constructor(
    options: AttentionOptions & LionLayerOptions,
    own: Readonly<Record<string, true>>,
  ) {
    const { className } = new.target as unknown as { className: string };
    assertNewNames(className, options, ATTENTION_OPTIONS);
    super(options, { ...ATTENTION_OPTIONS, ...own });
    this.attention = pick(options, ATTENTION_OPTIONS);
  }

  /** Makes the layer from its saved options, under their old or new names. */
  static override fromConfig<T extends tf.serialization.Serializable>(
    cls: tf.serialization.SerializableConstructor<T>,
    config: tf.serialization.ConfigDict,
  ): T {
    return new cls(withNewNames(config));
  }

  /** The mixer that the options of attention select. */
  get mixer(): Mixer {
    return this.#mixer ??= mixerOf(this.attention);
  }

  /** Epsilon added to the variance in normalisations. */
  abstract readonly epsilon: number;

  /**
   * Applies the layer to `[batch, length, dim]`, which is finite at padding
   * too, and returns the same shape.
   */
  protected abstract transform(x: tf.Tensor3D, reading: Reading): tf.Tensor;

  /**
   * Returns what the mixer passes on to later layers, given the layer's input; see
   * {@linkcode Mixer.passFirst}.
   */
  protected abstract passOn(x: tf.Tensor3D, reading: Reading): tf.Tensor3D;

  /** Applies the layer's mixer, or one in place of its perceptron, then dropout. */
  protected mix(
    x: tf.Tensor3D,
    parameters: Parameters,
    reading: Reading,
    mixer = this.mixer,
  ): tf.Tensor3D {
    const { dropout: rate = 0 } = this.attention;
    const sequence = currentSequence();
    if (!mixer.sharesTokens) sequence.assertWhole(this.name);
    const apply = mixer.apply.bind(mixer);
    const y = this.#run("output", apply, x, parameters, reading);
    // One in place of the perceptron mixes no tokens of others.
    if (mixer === this.mixer) {
      tellRun(() => ({
        layer: this,
        length: x.shape[1],
        weights: mixer.weights &&
          ((rows) =>
            mixer.weights!(x, parameters, this.#callFor(reading), rows)),
      }));
    }
    return drop(y, { training: reading.training, rate });
  }

  /** Runs `passFirst` of the mixer on the tokens that it mixes. */
  protected passFirst(
    x: tf.Tensor3D,
    parameters: Parameters,
    reading: Reading,
  ): tf.Tensor3D {
    const pass = this.mixer.passFirst!.bind(this.mixer);
    return this.#run("passFirst", pass, x, parameters, reading);
  }

  /** The arguments of a mixer beside tokens and parameters. */
  #callFor(reading: Reading): MixerCall {
    const { form = "auto", chunkSize, blockLength } = this.attention;
    const sequence = blockLength === undefined
      ? currentSequence()
      : inBlocks(currentSequence(), blockLength, this.name);
    return {
      ...reading,
      causal: isCausal(this.attention),
      reversed: false,
      form,
      chunkSize,
      sequence,
    };
  }

  /** Runs a function of a mixer, and checks what it has done. */
  #run(
    name: string,
    run: Mixer["apply"],
    x: tf.Tensor3D,
    parameters: Parameters,
    reading: Reading,
  ): tf.Tensor3D {
    const given = new GivenTensors(x, parameters, reading);
    const y = run(x, given.parameters, this.#callFor(reading));
    given.assertKept(`${this.name}'s mixer`);
    assertMixed(`${this.name}'s mixer's ${name}`, y, x);
    return y;
  }

  /**
   * Maps `[batch, length, dim]` to the same shape. A mask `[batch, length]` may
   * be the second input; with the option `segments`, the next input holds them. A
   * layer whose mixer reads what the model's first layer passes on gets that as its
   * last input; in the first layer, it is the second output.
   */
  override call(
    inputs: tf.Tensor | tf.Tensor[],
    options: CallOptions = {},
  ): tf.Tensor | tf.Tensor[] {
    return tf.tidy(() => {
      const { first, own } = this.#takeFirst(inputs);
      const { others, segments } = takeSegments(this.name, own, {
        segments: this.attention.segments ?? false,
        most: 2,
      });
      const x = firstInput<tf.Tensor3D>(others);
      assertShape(`${this.name}'s input`, x, [null, null, null], AXES);
      if (first) assertShape(`${this.name}'s first`, first, x.shape, AXES);
      const mask = this.tokensOf(others, options);
      const tokens = this.readable(x, mask);
      const reading: Reading = {
        ...{ mask, segments, first },
        training: options.training ?? false,
        epsilon: this.epsilon,
      };
      if (!this.mixer.passFirst) return this.transform(tokens, reading);
      // In this order, gradients add up alike if the layer is computed again for them.
      const passed = this.passOn(tokens, reading);
      return [this.transform(tokens, reading), passed];
    });
  }

  /** Separates what the model's first layer has passed on from the other inputs. */
  #takeFirst(
    inputs: tf.Tensor | tf.Tensor[],
  ): { first: tf.Tensor3D | undefined; own: tf.Tensor | tf.Tensor[] } {
    if (!this.mixer.readsFirst) return { first: undefined, own: inputs };
    if (Array.isArray(inputs) && inputs.length > 1) {
      return { first: inputs.at(-1) as tf.Tensor3D, own: inputs.slice(0, -1) };
    }
    throw new TypeError(
      `${this.name} should get the second output of the model's first layer as ` +
        "its last input, [batch, length, dim]; got one input",
    );
  }

  /** The masks of the outputs: the tokens' own, and none for what is passed on. */
  protected override masksAfter(
    mask: tf.Tensor | undefined,
  ): (tf.Tensor | undefined)[] {
    return this.mixer.passFirst ? [mask, undefined] : [mask];
  }

  /** The shape of the output, and in the first layer of what it passes on. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape | Shape[] {
    const shape = firstShape(inputShape);
    return this.mixer.passFirst ? [shape, [...shape]] : shape;
  }

  /** True: the output is finite at padding, whatever the input. */
  override get hasFinitePadding(): boolean {
    return true;
  }

  /**
   * Returns everything needed to recreate the layer.
   *
   * @throws {TypeError} If it has a custom mixer or decay that is not
   * registered.
   */
  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      ...savedByName(
        this.attention,
        this.name,
      ) as unknown as tf.serialization.ConfigDict,
    };
  }
}
