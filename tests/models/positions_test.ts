/** What a model knows of the order of what it reads. @module */
import { assert, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { LayersModel } from "@tensorflow/tfjs-layers";
import {
  type AttentionVariant,
  lionEncoder,
  type LionEncoderOptions,
} from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

const VARIANTS: readonly AttentionVariant[] = ["lit", "d", "s", "softmax"];
const LENGTH = 7;

const INPUTS = {
  tokens: {
    options: { vocabularySize: 5 },
    make: () => tf.tensor2d([[0, 1, 4, 2, 2, 3, 0]], [1, LENGTH], "int32"),
  },
  numbers: {
    options: { inputDim: 2 },
    make: () => tf.tensor3d(array(2 * LENGTH, uniform(1)), [1, LENGTH, 2]),
  },
};

/** How far the answers to a sequence and to its reverse are apart. */
async function distance(model: LayersModel, x: tf.Tensor): Promise<number> {
  const largest = tf.tidy(() => {
    const mask = tf.ones([1, LENGTH]);
    // The type that a reverse of integers has differs from backend to backend.
    const back = tf.cast(tf.reverse(tf.cast(x, "float32"), 1), x.dtype);
    const [one, other] = [x, back].map((x) =>
      model.apply([x, mask]) as tf.Tensor
    );
    return tf.max(tf.abs(tf.sub(one!, other!)));
  });
  const [value] = await largest.data();
  largest.dispose();
  return value!;
}

for (const variant of VARIANTS) {
  onEachBackend(
    `lionEncoder ${variant} tells a sequence from its reverse by positions alone`,
    async () => {
      const sizes = { dim: 8, depth: 2, numHeads: 2, numClasses: 3, seed: 1 };
      const differ = async (x: tf.Tensor, options: object) => {
        const model = lionEncoder(
          { ...sizes, variant, ...options } as LionEncoderOptions,
        );
        const found = await distance(model, x);
        model.dispose();
        return found;
      };
      for (const { options, make } of Object.values(INPUTS)) {
        const x = make();
        assert(await differ(x, options) < 1e-5);
        assert(await differ(x, { ...options, maxLength: LENGTH }) > 1e-4);
        assert(await differ(x, { ...options, direction: "forward" }) > 1e-4);
        x.dispose();
      }
    },
  );
}

onEachBackend("lionEncoder refuses more numbers than it has positions", () => {
  const model = lionEncoder({
    inputDim: 2,
    dim: 8,
    depth: 1,
    numHeads: 2,
    numClasses: 3,
    maxLength: 4,
    variant: "s",
  });
  const [x, mask] = [tf.zeros([1, 5, 2]), tf.ones([1, 5])];
  assertThrows(
    () => model.predict([x, mask]),
    RangeError,
    "a sequence should have at most maxLength = 4 tokens, got 5",
  );
  tf.dispose([x, mask]);
  model.dispose();
});
