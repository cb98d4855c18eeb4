/** The later models of the family as layers: both ends alike, padding, borders, first values. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type AttentionOptions,
  lionAttentionLayer,
  lionBlock,
  lionGpt,
} from "../../mod.ts";
import { ATTENTION_VARIANTS, MixingLayer } from "../../lib/layers/mod.ts";
import { onEachBackend } from "../backends.ts";
import { assertNear } from "../comparison.ts";
import { array, uniform } from "../random.ts";
import { sampleForms } from "../sample.ts";
import { fillZeros } from "./zero_weights.ts";

const [LENGTH, DIM] = [7, 8];

const CASES = ATTENTION_VARIANTS
  .slice(
    ATTENTION_VARIANTS.indexOf("rwkv7"),
    ATTENTION_VARIANTS.indexOf("hydra"),
  )
  .map((variant) => ({ variant }));

const sequence = (seed = 1) =>
  tf.tensor3d(array(LENGTH * DIM, uniform(seed)), [1, LENGTH, DIM]);

/** A layer whose weights are not zero. */
function layerOf(options: AttentionOptions): MixingLayer {
  const layer = lionAttentionLayer({ numHeads: 2, seed: 4, ...options });
  tf.tidy(() => {
    const x = tf.zeros([1, 2, DIM]);
    layer.apply(options.segments ? [x, tf.zeros([1, 2], "int32")] : x);
  });
  fillZeros([layer]);
  return layer;
}

async function assertSame(
  actual: tf.Tensor,
  expected: tf.Tensor,
  label: string,
): Promise<void> {
  const got = await actual.data<"float32">();
  const wanted = await expected.data<"float32">();
  assert(wanted.some((x) => x !== 0), label);
  assertNear(label, got, wanted, 1e-5);
  tf.dispose([actual, expected]);
}

onEachBackend("reversed tokens give reversed outputs", async (backend) => {
  for (const { variant } of sampleForms(backend, CASES, () => false)) {
    const layer = layerOf({ variant });
    const x = sequence();
    const of = (x: tf.Tensor) => layer.apply(x) as tf.Tensor3D;
    await assertSame(
      tf.tidy(() => tf.reverse(of(tf.reverse(x, 1)), 1)),
      of(x),
      variant,
    );
    layer.dispose();
    x.dispose();
  }
}, { sampled: true });

onEachBackend(
  "padding at the end is not read, whatever it holds, nor in gradients",
  async (backend) => {
    for (const { variant } of sampleForms(backend, CASES, () => false)) {
      for (const direction of ["both", "forward"] as const) {
        // Its places from the end go on in padding, as it documents.
        if (variant === "log-linear" && direction === "both") continue;
        const layer = layerOf({ variant, direction });
        const label = `${variant} ${direction}`;
        const x = sequence();
        const kept = 5;
        const tokens = (x: tf.Tensor3D) =>
          tf.slice(x, [0, 0, 0], [1, kept, DIM]);
        const mask = tf.tensor2d([[1, 1, 1, 1, 1, 0, 0]]);
        const spoilt = tf.tidy(() =>
          tf.concat([tokens(x), tf.fill([1, LENGTH - kept, DIM], NaN)], 1)
        );
        const of = (x: tf.Tensor, ...mask: tf.Tensor[]) =>
          layer.apply(mask.length ? [x, ...mask] : x) as tf.Tensor3D;
        await assertSame(
          tf.tidy(() => tokens(of(spoilt, mask))),
          tf.tidy(() => of(tokens(x))),
          label,
        );
        const variables = layer.trainableWeights.map((weight) =>
          weight.read() as tf.Variable
        );
        const gradients = (run: () => tf.Tensor3D) =>
          tf.tidy(() => {
            const loss = () => tf.sum(tf.square(run())) as tf.Scalar;
            const { grads } = tf.variableGrads(loss, variables);
            const all = variables.map(({ name }) =>
              tf.reshape(grads[name]!, [-1])
            );
            return tf.concat(all);
          });
        await assertSame(
          gradients(() => tokens(of(spoilt, mask))),
          gradients(() => of(tokens(x))),
          `${label}: gradients`,
        );
        layer.dispose();
        tf.dispose([x, mask, spoilt]);
      }
    }
  },
  { sampled: true },
);

onEachBackend("packed sequences are as if alone", async (backend) => {
  for (const { variant } of sampleForms(backend, CASES, () => false)) {
    for (const direction of ["both", "forward", "backward"] as const) {
      const layer = layerOf({ variant, direction, segments: true });
      const x = sequence();
      const segments = tf.tensor2d([[1, 1, 1, 4, 2, 2, 2]], [1, 7], "int32");
      const of = (from: number, size: number) =>
        layer.apply([
          tf.slice(x, [0, from, 0], [1, size, DIM]),
          tf.slice(segments, [0, from], [1, size]),
        ]) as tf.Tensor3D;
      await assertSame(
        layer.apply([x, segments]) as tf.Tensor,
        tf.tidy(() => tf.concat([of(0, 3), of(3, 1), of(4, 3)], 1)),
        `${variant} ${direction}`,
      );
      layer.dispose();
      tf.dispose([x, segments]);
    }
  }
}, { sampled: true });

onEachBackend(
  "RWKV-7's values of later layers come from the first",
  async () => {
    const layers = [0, 1].map((index) =>
      lionBlock({ variant: "rwkv7", numHeads: 2, layer: [index, 2], seed: 2 })
    );
    const [before, after] = layers as [MixingLayer, MixingLayer];
    const x = sequence();
    const [y, first] = before.apply(x) as [tf.Tensor, tf.Tensor];
    assertEquals(first.shape, [1, LENGTH, DIM]);
    tf.tidy(() => void after.apply([y, first]));
    fillZeros(layers);
    const gradient = tf.tidy(() =>
      tf.grad((first) =>
        tf.sum(tf.square(after.apply([y, first]) as tf.Tensor))
      )(
        first,
      )
    );
    assert((await gradient.data()).every((value) => value !== 0));
    assertThrows(
      () => after.apply(y),
      TypeError,
      "should get the second output of the model's first layer as its last input",
    );
    layers.forEach((layer) => layer.dispose());
    tf.dispose([x, y, first, gradient]);
  },
);

onEachBackend("RWKV-7 starts as its authors start it", async () => {
  const sizes = { dim: 64, depth: 3, numHeads: 2, vocabularySize: 5, seed: 1 };
  const model = lionGpt({ ...sizes, variant: "rwkv7" });
  const block = model.layers.filter((layer) =>
    layer instanceof MixingLayer
  )[1]!;
  const of = (name: string) => block.parameter(name).data();
  const near = (actual: ArrayLike<number>, at: number, expected: number) =>
    assert(Math.abs(actual[at]! - expected) < 1e-5, `${actual[at]}`);
  // Of layer 1 of 3, channel 16 of 64 and 2 heads.
  near(await of("attn.x_w"), 16, 1 - 0.25 ** (0.9 * 2 / 3));
  near(await of("ffn.x_k"), 16, 1 - 0.25 ** ((2 / 3) ** 4));
  const u = (16 - 15.5) / 15.5;
  near(
    await of("attn.w_lora.lora.2.bias"),
    16,
    -5.5 + 6 * (16 / 63) ** (1 + 0.5 ** 0.3) + 2.5 * u * u,
  );
  near(await of("attn.v_lora.lora.2.bias"), 16, 0.73 - 0.4 * (16 / 63 - 0.5));
  near(await of("attn.g_norm.weight"), 0, (2 / 3) ** 0.7);
  near(await of("attn.r_k"), 0, -0.04);
  assert((await of("attn.o_proj.weight")).every((x) => x === 0));
  assert((await of("attn.a_lora.lora.0.weight")).every((x) => x === 0));
  for (
    const [name, length] of [
      ["attn.r_proj.weight", 1],
      ["attn.k_proj.weight", 0.1],
      ["attn.a_lora.lora.2.weight", 0.1],
      ["ffn.key.weight", 1],
    ] as const
  ) {
    const error = tf.tidy(() => {
      const x = block.parameter(name) as tf.Tensor2D;
      const [rows, columns] = x.shape;
      const products = tf.matMul(x, x, rows > columns, rows <= columns);
      const expected = tf.mul(tf.eye(Math.min(rows, columns)), length ** 2);
      return tf.max(tf.abs(tf.sub(products, expected)));
    });
    assert((await error.data())[0]! < 1e-5 * length, `${name}`);
    error.dispose();
  }
  model.dispose();
});
