/**
 * Windows over images and volumes, and resized ones. Each result grows with an input as
 * that does, so that gradients have Σ x dx = Σ y dy.
 */
import { assertAlmostEquals, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { ReplayedRuns } from "../../lib/contract/replayed_runs.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

/** Calls operations of any rank. */
type Compute = (x: tf.Tensor, w: tf.Tensor) => tf.Tensor;

interface Case {
  readonly name: string;
  readonly shapes: readonly number[][];
  readonly compute: Compute;
}

/** Sizes that differ on each axis, and two images. */
const IMAGES = [2, 6, 7, 3], VOLUMES = [2, 4, 5, 3, 2];

/** The operations, of windows of a width that go on by a stride. */
function casesOf(width: number, stride: number, pad: "same" | "valid"): Case[] {
  const image = (x: tf.Tensor) => x as tf.Tensor4D;
  const volume = (x: tf.Tensor) => x as tf.Tensor5D;
  const kernel: [number, number, number] = [width, width, 3];
  return [
    {
      name: "maxPool",
      shapes: [IMAGES],
      compute: (x) => tf.maxPool(image(x), width, stride, pad),
    },
    {
      name: "avgPool",
      shapes: [IMAGES],
      compute: (x) => tf.avgPool(image(x), width, stride, pad),
    },
    {
      name: "maxPool3d",
      shapes: [VOLUMES],
      compute: (x) => tf.maxPool3d(volume(x), width, stride, pad),
    },
    {
      name: "avgPool3d",
      shapes: [VOLUMES],
      compute: (x) => tf.avgPool3d(volume(x), width, stride, pad),
    },
    {
      name: "conv3d",
      shapes: [VOLUMES, [width, width, width, 2, 3]],
      compute: (x, w) => tf.conv3d(volume(x), volume(w), stride, pad),
    },
    {
      name: "depthwiseConv2d",
      shapes: [IMAGES, [width, width, 3, 2]],
      compute: (x, w) => tf.depthwiseConv2d(image(x), image(w), stride, pad),
    },
    {
      name: "dilation2d",
      shapes: [IMAGES],
      compute: (x) => tf.dilation2d(image(x), tf.zeros(kernel), stride, pad),
    },
  ];
}

/** Resized images. */
const RESIZED = [true, false].flatMap((corners): Case[] => [{
  name: `resizeBilinear, corners ${corners}`,
  shapes: [IMAGES],
  compute: (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [4, 9], corners),
}, {
  name: `resizeNearestNeighbor, corners ${corners}`,
  shapes: [IMAGES],
  compute: (x) =>
    tf.image.resizeNearestNeighbor(x as tf.Tensor4D, [4, 9], corners),
}]);

function drawn(shape: number[], random: () => number): tf.Tensor {
  return tf.tensor(array(tf.util.sizeFromShape(shape), random), shape);
}

/** The sum of products. */
async function dot(a: tf.Tensor, b: tf.Tensor): Promise<number> {
  const [x, y] = await Promise.all([a.data(), b.data()]);
  return [...x].reduce((sum, value, i) => sum + value * y[i]!, 0);
}

async function assertGradients({ name, shapes, compute }: Case): Promise<void> {
  const random = uniform(3);
  const inputs = shapes.map((shape) => drawn(shape, random));
  const y = tf.tidy(() => compute(inputs[0]!, inputs[1]!));
  const dy = drawn(y.shape, random);
  const gradients = tf.grads(compute as (...x: tf.Tensor[]) => tf.Tensor)(
    inputs,
    dy,
  );
  const wanted = await dot(y, dy);
  for (const [i, gradient] of gradients.entries()) {
    const found = await dot(inputs[i]!, gradient);
    assertAlmostEquals(found, wanted, 1e-3, `${name} in input ${i}`);
  }
  tf.dispose([inputs, y, dy, gradients]);
}

for (const pad of ["same", "valid"] as const) {
  onEachBackend(`gradients of windows that are ${pad}`, async () => {
    for (const [width, stride] of [[1, 1], [2, 2], [3, 2], [1, 3]] as const) {
      for (const one of casesOf(width, stride, pad)) await assertGradients(one);
    }
  });
}

onEachBackend("gradients of resized images", async () => {
  for (const one of RESIZED) await assertGradients(one);
});

onEachBackend("largest values of windows are those of slices", async () => {
  const x = drawn(VOLUMES, uniform(5)) as tf.Tensor5D;
  const sizes = VOLUMES.map((size, axis) => axis % 4 === 0 ? size : size - 1);
  const [ofVolumes, ofSlices] = tf.tidy(() => {
    const places = Array.from({ length: 8 }, (_, i) => i);
    const slices = places.map((i) =>
      tf.slice(x, [0, i >> 2, i >> 1 & 1, i & 1, 0], sizes)
    );
    return [
      tf.maxPool3d(x, 2, 1, "valid"),
      slices.reduce((most, slice) => tf.maximum(most, slice)),
    ];
  });
  assertEquals(await ofVolumes!.data(), await ofSlices!.data());
  const image = tf.tidy(() => tf.squeeze(tf.slice(x, 0, 1), [0]));
  const [dilated, pooled] = tf.tidy(() => {
    const x = image as tf.Tensor4D;
    return [
      tf.dilation2d(x, tf.zeros([3, 3, 2]), 2, "same"),
      tf.maxPool(x, 3, 2, "same"),
    ];
  });
  assertEquals(await dilated!.data(), await pooled!.data());
  tf.dispose([x, ofVolumes!, ofSlices!, image, dilated!, pooled!]);
});

onEachBackend("gradients of dilation are replayed", () => {
  const runs = new ReplayedRuns("a test of dilation");
  const x = tf.ones<tf.Rank.R4>([1, 4, 4, 1]);
  const compute = tf.grad((x: tf.Tensor) =>
    tf.dilation2d(x as tf.Tensor4D, tf.zeros([2, 2, 1]), 1, "valid")
  );
  for (let i = 0; i < 5; i++) {
    tf.tidy(() => void runs.run("", [x], () => [compute(x)]));
  }
  assertEquals(runs.replays, 2);
  runs.dispose();
  x.dispose();
});
