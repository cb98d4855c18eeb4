/** Rows of attention in a trained model, each in time linear in the length. @module */
import * as tf from "@tensorflow/tfjs-core";
import { type LayersModel, model as modelOf } from "@tensorflow/tfjs-layers";
import { logSigmoid } from "@lionjs/lion";
import { MixingLayer } from "@lionjs/lion/layers";
import { applyLinear } from "../../lib/layers/linear.ts";
import { FEATURE_MAPS } from "../../lib/layers/options/feature_maps.ts";
import { withPrefix } from "../../lib/layers/lion_layer.ts";
import { splitHeads, toHeads } from "../../lib/operations/heads/heads.ts";

/** Log weights below this are nothing beside the reader's own. */
const FAINTEST = -30;

/** What a block of LION-S makes of a text: vectors and log decays, head by head. */
export interface BlockVectors {
  readonly side: "before" | "after";
  readonly heads: number;
  readonly headDim: number;
  readonly length: number;
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly logDecay: Float32Array;
}

/** A row of a block: weights from the first token that counts on, whose sum is 1. */
export interface AttentionRow {
  readonly first: number;
  readonly weights: Float64Array;
}

/**
 * Reads a text with a model of LION-S whose blocks read one side each.
 *
 * @param ids Tokens.
 * @returns The vectors of each block.
 */
export async function blockVectors(
  model: LayersModel,
  ids: readonly number[],
): Promise<BlockVectors[]> {
  const blocks = model.layers.filter((layer) => layer instanceof MixingLayer);
  const inputs = blocks.map((block) => {
    const { input } = block;
    return Array.isArray(input) ? input[0]! : input;
  });
  // Without the head, which would write a row of the vocabulary for each token.
  const reader = modelOf({ inputs: model.inputs, outputs: inputs });
  const tokens = tf.tidy(() => [
    tf.tensor2d([...ids], [1, ids.length], "int32"),
    tf.ones([1, ids.length]),
  ]);
  const read = [reader.predict(tokens)].flat();
  tf.dispose(tokens);
  const found: BlockVectors[] = [];
  try {
    for (const [at, block] of blocks.entries()) {
      const { featureMap = "identity", direction } = block.attention;
      const numHeads = block.attention.numHeads!;
      const x = read[at] as tf.Tensor3D;
      const vectors = tf.tidy(() => {
        const parameter = withPrefix("attn.", block.parameter);
        const { q, k } = splitHeads(applyLinear(x, "qkv.", parameter), {
          numHeads,
          featureMap: FEATURE_MAPS[featureMap],
        });
        const logits = applyLinear(x, "a_i.", parameter);
        return {
          q,
          k,
          logDecay: logSigmoid(toHeads(tf.neg(logits), numHeads)),
        };
      });
      const { q, k, logDecay } = vectors;
      found.push({
        side: direction === "backward" ? "after" : "before",
        heads: numHeads,
        headDim: q.shape[3],
        length: ids.length,
        q: await q.data<"float32">(),
        k: await k.data<"float32">(),
        logDecay: await logDecay.data<"float32">(),
      });
      tf.dispose(vectors);
    }
  } finally {
    tf.dispose(read);
  }
  return found;
}

/**
 * The row of a token, as the mean of the heads: the mask times the scores, divided by
 * their sum.
 */
export function rowOf(block: BlockVectors, token: number): AttentionRow {
  const { side, heads, headDim, length, q, k, logDecay } = block;
  const step = side === "before" ? -1 : 1;
  const rows: number[][] = [];
  for (let head = 0; head < heads; head++) {
    const start = head * length;
    const query = (start + token) * headDim;
    const weights: number[] = [];
    let logWeight = 0;
    for (
      let source = token;
      source >= 0 && source < length && logWeight > FAINTEST;
      source += step
    ) {
      // All decays from the source to the last token before the reader.
      if (source !== token) logWeight += logDecay[start + source]!;
      const key = (start + source) * headDim;
      let score = 0;
      for (let i = 0; i < headDim; i++) score += q[query + i]! * k[key + i]!;
      weights.push(Math.exp(logWeight) * score);
    }
    const sum = weights.reduce((a, b) => a + b);
    rows.push(weights.map((weight) => weight / sum));
  }
  const reach = Math.max(...rows.map(({ length }) => length));
  const mean = Float64Array.from(
    { length: reach },
    (_, distance) =>
      rows.reduce((sum, row) => sum + (row[distance] ?? 0), 0) / heads,
  );
  return side === "before"
    ? { first: token - reach + 1, weights: mean.reverse() }
    : { first: token, weights: mean };
}
