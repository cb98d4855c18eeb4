import { assert, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  explainAttention,
  lionAttention,
  type LionAttentionOptions,
  noDecay,
  selectiveDecay,
  useBackend,
} from "../../../mod.ts";
import { asTuning } from "../../../lib/backend/tuning_source.ts";
import { onEachBackend } from "../../backends.ts";
import { ofLongTests } from "../../sample.ts";
import { withLimits } from "./with_limits.ts";

interface Sizes {
  readonly heads: number;
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
}

/** q, k, v and log decays. */
function inputsOf({ heads, length, headDim, valueDim }: Sizes): tf.Tensor[] {
  const random = (columns: number, lowest: number, seed: number) =>
    tf.randomUniform([1, heads, length, columns], lowest, 1, "float32", seed);
  const decays = [1, heads, length];
  return [
    random(headDim, 0.1, 1),
    random(headDim, 0.1, 2),
    random(valueDim, -1, 3),
    tf.randomUniform(decays, -0.5, 0, "float32", 4),
  ];
}

/**
 * The largest difference between two ways of computing y and its gradients,
 * relative to the largest value of each.
 */
async function differenceOf(
  inputs: tf.Tensor[],
  ...ways: [LionAttentionOptions, LionAttentionOptions]
): Promise<number> {
  const results = await Promise.all(ways.map(async (options) => {
    const { value, grads } = tf.valueAndGrads((...[q, k, v, g]: tf.Tensor[]) =>
      lionAttention(q as tf.Tensor4D, k as tf.Tensor4D, v as tf.Tensor4D, {
        decay: g ? selectiveDecay(g as tf.Tensor3D) : noDecay(),
        form: "chunkwise",
        ...options,
      })
    )(inputs);
    const all = await Promise.all([value, ...grads].map((x) => x.data()));
    tf.dispose([value, ...grads]);
    return all as Float32Array[];
  }));
  const [one, other] = results as [Float32Array[], Float32Array[]];
  return Math.max(...one.map((values, which) => {
    let [largest, difference] = [0, 0];
    values.forEach((value, i) => {
      largest = Math.max(largest, Math.abs(value));
      difference = Math.max(difference, Math.abs(value - other[which]![i]!));
    });
    return difference / largest;
  }));
}

onEachBackend(
  "states of few chunks, which do not travel, are those of more and of one",
  async () => {
    // As many as on a card.
    const chunkwise = { chunksApart: 4 } as const;
    const tuning = asTuning({ webgpu: { all: { chunkwise } } });
    await useBackend({ prefer: ["webgpu"], tuning });
    const sizes = { heads: 2, length: 17, headDim: 8, valueDim: 4 };
    const inputs = inputsOf(sizes);
    for (const causal of [false, true]) {
      // One chunk has no states; those of more than four travel.
      for (const chunkSize of [9, 6, 5, 4]) {
        const difference = await differenceOf(
          inputs,
          { chunkSize, causal },
          { chunkSize: 17, causal },
        );
        assertLess(difference, 1e-5, `${chunkSize}, causal ${causal}`);
      }
    }
    tf.dispose(inputs);
  },
  ["webgpu"],
);

onEachBackend(
  "states that fit no buffer together take passes",
  async () => {
    const sizes = { heads: 6, length: 60, headDim: 8, valueDim: 7 };
    const inputs = inputsOf(sizes);
    const [q, k, v, g] = inputs as [
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor3D,
    ];
    const reasonOf = () => {
      const decay = selectiveDecay(g);
      return explainAttention(q, k, v, { decay, chunkSize: 1 }).reason;
    };
    assert(reasonOf().startsWith("webgpu, 4 launches"));
    // States of five heads, with a chunk a token, in both directions.
    const maxStorageBufferBindingSize = 5 * 60 * 2 * 8 * 8 * 4;
    await withLimits({ maxStorageBufferBindingSize }, async () => {
      assert(reasonOf().startsWith("webgpu, 8 launches"));
      assertLess(await differenceOf(inputs, { chunkSize: 1 }, {}), 1e-5);
    });
    tf.dispose(inputs);
  },
  ["webgpu"],
);

onEachBackend(
  "states that no buffer of the device holds together take passes",
  async () => {
    const sizes = { heads: 12, length: 400, headDim: 64, valueDim: 63 };
    const inputs = inputsOf(sizes);
    const [q, k, v, g] = inputs as [
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor4D,
      tf.Tensor3D,
    ];
    const { device } = tf.backend() as unknown as { device: GPUDevice };
    const states = 12 * 400 * 2 * 64 * 64 * 4;
    if (states > device.limits.maxStorageBufferBindingSize) {
      const decay = selectiveDecay(g);
      const { reason } = explainAttention(q, k, v, { decay, chunkSize: 1 });
      assert(!reason.startsWith("webgpu, 4 "), reason);
    }
    assertLess(await differenceOf(inputs, { chunkSize: 1 }, {}), 1e-5);
    tf.dispose(inputs);
  },
  ofLongTests(["webgpu"]),
);

onEachBackend("precision f16 is right to three digits", async (backend) => {
  if (backend !== "webgpu") return;
  const { device } = tf.backend() as unknown as { device: GPUDevice };
  if (!device.features.has("shader-f16")) return;
  for (
    const sizes of [
      { heads: 2, length: 70, headDim: 8, valueDim: 8 },
      { heads: 2, length: 20, headDim: 6, valueDim: 5 },
    ]
  ) {
    const inputs = inputsOf(sizes);
    for (const decays of [true, false]) {
      const used = inputs.slice(0, decays ? 4 : 3);
      const chunkSize = 16;
      const difference = await differenceOf(
        used,
        { chunkSize },
        { chunkSize, precision: "f16" },
      );
      assertLess(difference, 2e-3);
      // Otherwise nothing was rounded.
      assert(difference > 1e-5);
    }
    tf.dispose(inputs);
  }
});
