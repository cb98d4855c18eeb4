/** A small vision transformer whose attention is LION. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionForm,
  type Decay,
  dense,
  eluPlusOne,
  fixedDecay,
  joinHeads,
  layerNorm,
  lionAttention,
  logSigmoid,
  noDecay,
  selectiveDecay,
  shiftedSilu,
  splitHeads,
} from "@lionjs/lion";
import { MNIST_SIDE as SIDE } from "@lionjs/lion/data";

/** LION-LIT, LION-D or LION-S. */
export type Variant = "lit" | "d" | "s";

/** Sizes; chosen on 5,000 held-back training images. */
export const SIZES = { patch: 7, dim: 64, heads: 4, depth: 2, mlp: 128 };
const { patch, dim, heads, depth, mlp } = SIZES;
const GRID = SIDE / patch;

/** Tokens per image. */
export const TOKENS = GRID * GRID;
const CLASSES = 10;

/** Classifies digits; 16 patches are the tokens of a two-layer encoder. */
export class DigitClassifier {
  /** How it attends; may be changed at any time, also after training. */
  form: AttentionForm = "auto";
  readonly #variables = new Map<string, tf.Variable>();
  readonly #variant: Variant;
  #seed: number;

  constructor(variant: Variant, seed: number) {
    this.#variant = variant;
    this.#seed = seed * 1000;
    this.#matrix("embedding", patch * patch, dim);
    this.#constant("embeddingBias", [dim], 0);
    this.#add("position", this.#normal([1, TOKENS, dim], 0.5));
    for (let layer = 0; layer < depth; layer++) {
      for (const norm of ["attentionNorm", "mlpNorm"]) {
        this.#constant(`${norm}${layer}`, [dim], 1);
        this.#constant(`${norm}Bias${layer}`, [dim], 0);
      }
      this.#matrix(`queryKeyValue${layer}`, dim, 3 * dim);
      this.#constant(`queryKeyValueBias${layer}`, [3 * dim], 0);
      this.#matrix(`projection${layer}`, dim, dim);
      this.#constant(`projectionBias${layer}`, [dim], 0);
      this.#matrix(`up${layer}`, dim, mlp);
      this.#constant(`upBias${layer}`, [mlp], 0);
      this.#matrix(`down${layer}`, mlp, dim);
      this.#constant(`downBias${layer}`, [dim], 0);
      // Logits of the decays; at 2 a token's weight fades by 0.88 a step.
      if (variant === "s") this.#matrix(`gate${layer}`, dim, heads);
      if (variant !== "lit") this.#constant(`gateBias${layer}`, [heads], 2);
    }
    this.#constant("norm", [dim], 1);
    this.#constant("normBias", [dim], 0);
    this.#matrix("head", TOKENS * dim, CLASSES);
    this.#constant("headBias", [CLASSES], 0);
  }

  /** All that is learned. */
  get variables(): tf.Variable[] {
    return [...this.#variables.values()];
  }

  /** The number of learned values. */
  get size(): number {
    return this.variables.reduce((sum, variable) => sum + variable.size, 0);
  }

  /** Logits of the digits, `[batch, 10]`, from pixels 0–255, `[batch, 28 · 28]`. */
  logits(pixels: tf.Tensor2D): tf.Tensor2D {
    return tf.tidy(() => {
      const batch = pixels.shape[0];
      // Mean and deviation of MNIST's training pixels.
      const scaled = tf.div(tf.sub(tf.div(pixels, 255), 0.1307), 0.3081);
      const grid = tf.reshape(scaled, [batch, GRID, patch, GRID, patch]);
      const patches = tf.reshape(tf.transpose(grid, [0, 1, 3, 2, 4]), [
        batch * TOKENS,
        patch * patch,
      ]);
      const embedded = this.#dense(patches, "embedding");
      let x: tf.Tensor3D = tf.add(
        tf.reshape(embedded, [batch, TOKENS, dim]),
        this.#get("position"),
      );
      for (let layer = 0; layer < depth; layer++) {
        const normal = this.#norm(x, "attentionNorm", layer);
        x = tf.add(x, this.#attend(normal, layer));
        const hidden = this.#dense(
          this.#norm(x, "mlpNorm", layer),
          "up",
          layer,
        );
        x = tf.add(x, this.#dense(tf.relu(hidden), "down", layer));
      }
      const tokens = this.#norm(x, "norm");
      return this.#dense(tf.reshape(tokens, [batch, TOKENS * dim]), "head");
    });
  }

  /** Frees the variables. */
  dispose(): void {
    tf.dispose(this.variables);
  }

  #attend(x: tf.Tensor3D, layer: number): tf.Tensor3D {
    const projected = this.#dense(x, "queryKeyValue", layer);
    const featureMap = this.#variant === "lit" ? eluPlusOne : shiftedSilu;
    const { q, k, v } = splitHeads(projected, { numHeads: heads, featureMap });
    const attended = lionAttention(q, k, v, {
      decay: this.#decay(x, layer),
      form: this.form,
      chunkSize: 8,
    });
    return this.#dense(joinHeads(attended), "projection", layer);
  }

  #decay(x: tf.Tensor3D, layer: number): Decay {
    switch (this.#variant) {
      case "lit":
        return noDecay();
      case "d":
        return fixedDecay(
          logSigmoid(this.#get(`gateBias${layer}`)) as tf.Tensor1D,
        );
      case "s": {
        const logits = tf.transpose(this.#dense(x, "gate", layer), [0, 2, 1]);
        return selectiveDecay(logSigmoid(logits));
      }
    }
  }

  #dense<T extends tf.Tensor>(
    x: T,
    name: string,
    layer: number | "" = "",
  ): T {
    const weight = this.#get(`${name}${layer}`) as tf.Tensor2D;
    const bias = this.#get(`${name}Bias${layer}`) as tf.Tensor1D;
    return dense(x, weight, bias) as T;
  }

  #norm(x: tf.Tensor3D, name: string, layer: number | "" = ""): tf.Tensor3D {
    const scale = this.#get(`${name}${layer}`) as tf.Tensor1D;
    const offset = this.#get(`${name}Bias${layer}`) as tf.Tensor1D;
    return layerNorm(x, scale, offset, { epsilon: 1e-6 });
  }

  #get(name: string): tf.Variable {
    return this.#variables.get(name)!;
  }

  #add(name: string, initial: tf.Tensor): void {
    this.#variables.set(name, tf.variable(initial));
    initial.dispose();
  }

  #constant(name: string, shape: number[], value: number): void {
    this.#add(name, tf.fill(shape, value));
  }

  /** A weight matrix that keeps the variance of its input. */
  #matrix(name: string, rows: number, columns: number): void {
    this.#add(name, this.#normal([rows, columns], rows ** -0.5));
  }

  #normal(shape: number[], deviation: number): tf.Tensor {
    return tf.truncatedNormal(shape, 0, deviation, "float32", this.#seed++);
  }
}
