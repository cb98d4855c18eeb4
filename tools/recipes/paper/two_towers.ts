/** Pairs of texts, each read by the same encoder, and what both are classified by. @module */
import { lionEncoder, type LionEncoderOptions } from "@lionjs/lion";
import { type Collate, padTokens } from "@lionjs/lion/data";
import type { LongRangePair } from "@lionjs/lion/datasets";
import { LionLayer, type Parameter, type Shape } from "@lionjs/lion/layers";
import * as tf from "@tensorflow/tfjs-core";
import {
  initializers,
  layers,
  type LayersModel,
  model,
  type SymbolicTensor,
} from "@tensorflow/tfjs-layers";

/** The options of the encoder. */
export type TowerOptions = Omit<
  LionEncoderOptions,
  "inputDim" | "segments" | "maxSegments" | "output"
>;

/**
 * A model of pairs of texts: the same encoder reads each of the two, which lie one
 * after the other in a row as two segments and do not see each other. A perceptron
 * gets the means of their tokens, the product and the difference of these:
 * `[batch, numClasses]`.
 *
 * Source: Long Range Arena (arXiv:2011.04006), document retrieval.
 */
export function twoTowers(
  { numClasses, ...options }: TowerOptions,
): LayersModel {
  const { dim, seed } = options;
  const encoder = lionEncoder({
    ...{ ...options, numClasses: 1 },
    ...{ segments: true, maxSegments: 2 },
  });
  const pooled = encoder.getLayer("pool").output as SymbolicTensor;
  const head = encoder.getLayer("head");
  head.dispose();
  const dense = (units: number, place: number, activation?: "relu") =>
    layers.dense({
      ...{ name: `classifier.${place}`, units },
      ...activation ? { activation } : {},
      kernelInitializer: initializers.glorotUniform({
        ...seed === undefined ? {} : { seed: seed + place },
      }),
    });
  const features = new PairFeatures({ name: "features" }).apply(pooled);
  const hidden = dense(dim, 1, "relu").apply(features);
  const logits = dense(numClasses, 2).apply(hidden) as SymbolicTensor;
  return model({ inputs: encoder.inputs, outputs: logits });
}

/** Joins two vectors, their product and their difference. */
class PairFeatures extends LionLayer {
  /** The name under which the layer is saved. */
  static readonly className: string = "PairFeatures";

  protected override parametersFor(): Parameter[] {
    return [];
  }

  override operations(shape: Shape): number {
    return (shape as number[]).reduce((a, b) => a * b, 1);
  }

  /** Maps `[batch, 2, dim]` to `[batch, 4 dim]`. */
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const [a, b] = tf.unstack([inputs].flat()[0]!, 1) as [
        tf.Tensor,
        tf.Tensor,
      ];
      return tf.concat([a, b, tf.mul(a, b), tf.sub(a, b)], -1);
    });
  }

  override computeOutputShape(shape: Shape | Shape[]): Shape {
    const [batch, , dim] = shape as Shape;
    return [batch!, 4 * dim!];
  }
}
tf.serialization.registerClass(PairFeatures);

/** Makes batches of pairs for {@linkcode twoTowers}: `ids`, `mask` and `segments`. */
export function collatePairs(): Collate<LongRangePair> {
  return (examples) => {
    const pairs = examples.map(({ pair }) => pair.map(orNothing));
    const rows = pairs.map((pair) => pair.flatMap((ids) => [...ids]));
    const places = pairs.map((pair) =>
      pair.flatMap((ids, i) => Array<number>(ids.length).fill(i + 1))
    );
    const { ids, mask } = padTokens(rows);
    const { ids: segments, mask: same } = padTokens(places);
    same.dispose();
    const labels = examples.map(({ label }) => label);
    return {
      inputs: [ids, mask, segments],
      labels: tf.tensor1d(labels, "int32"),
      size: examples.length,
    };
  };
}

/** An empty text has no mean: it is read as one token, padding. */
function orNothing(ids: Int32Array): Int32Array {
  return ids.length > 0 ? ids : Int32Array.of(0);
}
