/** The embedding of the patches of images. @module */
import * as tf from "@tensorflow/tfjs-core";
import { optionsOf } from "@lionjs/base";
import { applyLinear } from "../linear.ts";
import {
  firstInput,
  firstShape,
  LionLayer,
  type LionLayerOptions,
  type Parameter,
  type Shape,
} from "../lion_layer.ts";
import { registerLayer } from "../own_layers.ts";
import { assertCount } from "../options/option_values.ts";
import { currentSequence } from "../sequence.ts";

/** Options of {@linkcode patchEmbedding}. */
export interface PatchEmbeddingOptions extends LionLayerOptions {
  /** Side of a patch in pixels; must divide the image's sides. */
  patchSize: number;
  /** Columns per token. */
  dim: number;
}

const OWN_OPTIONS = optionsOf<
  Omit<PatchEmbeddingOptions, keyof LionLayerOptions>
>()("patchSize dim");

/** The layer of {@linkcode patchEmbedding}. */
export class PatchEmbedding extends LionLayer {
  static readonly className: string = "LionPatchEmbedding";
  readonly #patchSize: number;
  readonly #dim: number;

  constructor(options: PatchEmbeddingOptions) {
    super(options, OWN_OPTIONS);
    assertCount("patchSize", options.patchSize);
    assertCount("dim", options.dim);
    this.#patchSize = options.patchSize;
    this.#dim = options.dim;
  }

  protected override get axes(): string {
    return "batch, height, width, channels";
  }

  protected override parametersFor(shape: Shape): Parameter[] {
    const [, height, width, channels] = shape as number[];
    const size = this.#patchSize;
    if (height! % size !== 0 || width! % size !== 0) {
      throw new RangeError(
        `patchSize should divide the image's ${height} × ${width} pixels, got ${size}`,
      );
    }
    const inputs = size * size * channels!;
    return [
      {
        name: "proj.weight",
        shape: [inputs, this.#dim],
        // This deviation preserves the variance of the input.
        initial: { deviation: inputs ** -0.5 },
        layout: "patches",
      },
      { name: "proj.bias", shape: [this.#dim], initial: "zeros" },
    ];
  }

  override operations(shape: Shape): number {
    const [batch, height, width, channels] = shape as number[];
    return 2 * batch! * height! * width! * channels! * this.#dim;
  }

  /** Maps images `[batch, height, width, channels]` to tokens `[batch, patches, dim]`. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      currentSequence().assertWhole(this.name);
      const images = firstInput<tf.Tensor4D>(inputs);
      const [batch, height, width, channels] = images.shape;
      const size = this.#patchSize;
      const rows = height / size, columns = width / size;
      const grid = tf.reshape(images, [
        batch,
        rows,
        size,
        columns,
        size * channels,
      ]);
      const patches = tf.reshape(tf.transpose(grid, [0, 1, 3, 2, 4]), [
        batch,
        rows * columns,
        size * size * channels,
      ]);
      return applyLinear(patches, "proj.", this.parameter);
    });
  }

  /** Throws if there is a mask: it would mark pixels, and tokens are patches. */
  protected override masksAfter(mask: tf.Tensor | undefined): undefined[] {
    if (!mask) return [undefined];
    throw new TypeError(
      `${this.name} cuts images into patches, and takes no mask of pixels, ` +
        `got one of shape [${mask.shape}]`,
    );
  }

  /** The output's shape, `[batch, patches, dim]`. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, height, width] = firstShape(inputShape);
    const patches = height! * width! / this.#patchSize ** 2;
    return [batch!, patches, this.#dim];
  }

  override getConfig(): tf.serialization.ConfigDict {
    return {
      ...super.getConfig(),
      patchSize: this.#patchSize,
      dim: this.#dim,
    };
  }
}
registerLayer(PatchEmbedding);

/**
 * Cuts NHWC images into square patches, row by row, and projects each to a
 * token: `[batch, height, width, channels]` to `[batch, patches, dim]`.
 *
 * Source: Dosovitskiy et al. 2021 (arXiv:2010.11929).
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { patchEmbedding } from "@lionjs/lion/layers";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const layer = patchEmbedding({ patchSize: 4, dim: 16 });
 * const tokens = layer.apply(tf.zeros([2, 8, 12, 3])) as tf.Tensor;
 * assertEquals(tokens.shape, [2, 6, 16]);
 * // What it costs:
 * assertEquals(layer.operations([2, 8, 12, 3]), 2 * 2 * 6 * (4 * 4 * 3) * 16);
 * ```
 *
 * @param options See {@linkcode PatchEmbeddingOptions}.
 * @returns The layer.
 * @throws {TypeError} If an option is unknown.
 * @throws {RangeError} When the layer is built, if patches do not fill the
 * image.
 */
export function patchEmbedding(options: PatchEmbeddingOptions): LionLayer {
  return new PatchEmbedding(options);
}
