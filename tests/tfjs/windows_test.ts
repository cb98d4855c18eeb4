/**
 * Windows over images and volumes, resized and transformed images, and gradients that
 * TensorFlow.js gets wrong.
 *
 * @module
 */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../mod.ts";
import { ReplayedRuns } from "../../lib/tfjs/record/runs.ts";
import { onEachBackend } from "../backends.ts";
import { array, uniform } from "../random.ts";

/** Windows over images of two entries and three channels. */
interface Windows {
  readonly image: [height: number, width: number];
  readonly window: [height: number, width: number];
  readonly stride: number;
  readonly pad: "same" | "valid" | number;
  readonly rounding?: "floor" | "ceil";
}

/** Widths of windows, and the strides by which they go on. */
const STEPS = [[1, 1], [2, 2], [3, 2], [1, 3]] as const;

const PADS = ["same", "valid"] as const;

const WINDOWS: readonly Windows[] = [
  ...PADS.flatMap((pad) =>
    STEPS.map(([width, stride]): Windows => (
      { image: [6, 7], window: [width, width], stride, pad }
    ))
  ),
  { image: [5, 5], window: [1, 1], stride: 2, pad: "same" },
  { image: [7, 6], window: [2, 2], stride: 1, pad: "same" },
  { image: [8, 9], window: [3, 3], stride: 2, pad: "same" },
  { image: [9, 7], window: [2, 3], stride: 2, pad: "valid" },
  { image: [6, 7], window: [2, 2], stride: 3, pad: "same" },
  { image: [7, 5], window: [3, 3], stride: 2, pad: 1 },
  { image: [8, 7], window: [3, 3], stride: 2, pad: 1, rounding: "ceil" },
  // TensorFlow.js counts the columns by the rows of a window.
  { image: [7, 9], window: [1, 3], stride: 3, pad: 0 },
  { image: [8, 5], window: [3, 2], stride: 3, pad: 1 },
];

const BATCH = 2, CHANNELS = 3;

/** The pixels that a window reads, and the places that they have in it. */
type Read = readonly { readonly pixel: number; readonly tap: number }[];

/** What each output reads of its channel, image by image and row by row. */
function readsOf(
  { image: [height, width], window, stride, pad }: Windows,
  [outHeight, outWidth]: readonly [number, number],
): Read[] {
  const before = (size: number, window: number): number => {
    if (pad !== "same") return pad === "valid" ? 0 : pad;
    const outputs = Math.ceil(size / stride);
    const added = Math.max(0, (outputs - 1) * stride + window - size);
    return Math.floor(added / 2);
  };
  const [top, left] = [before(height, window[0]), before(width, window[1])];
  const outputs = BATCH * outHeight * outWidth * CHANNELS;
  return Array.from({ length: outputs }, (_, output) => {
    const at = Math.floor(output / CHANNELS);
    const row = Math.floor(at / outWidth) % outHeight;
    const entry = Math.floor(at / outWidth / outHeight);
    return Array.from({ length: window[0] * window[1] }, (_, tap) => {
      const y = row * stride - top + Math.floor(tap / window[1]);
      const x = at % outWidth * stride - left + tap % window[1];
      const pixel = ((entry * height + y) * width + x) * CHANNELS +
        output % CHANNELS;
      return {
        pixel,
        tap,
        isInside: y >= 0 && x >= 0 && y < height && x < width,
      };
    }).filter(({ isInside }) => isInside);
  });
}

function drawn(shape: number[], random: () => number): tf.Tensor {
  return tf.tensor(array(tf.util.sizeFromShape(shape), random), shape);
}

async function assertClose(
  actual: tf.Tensor,
  wanted: readonly number[],
  label: string,
): Promise<void> {
  const values = await actual.data();
  assertEquals(values.length, wanted.length, label);
  values.forEach((value, i) =>
    assertAlmostEquals(value, wanted[i]!, 1e-5, `${label}, at ${i}`)
  );
}

onEachBackend(
  "pools and their gradients are right for all windows",
  async () => {
    for (const windows of WINDOWS) {
      const { image, window, stride, pad, rounding } = windows;
      const random = uniform(1);
      const size = BATCH * image[0] * image[1] * CHANNELS;
      // Most windows have no positive number.
      const values = array(size, random, (u) => u - 0.9);
      const x = tf.tensor4d(values, [BATCH, ...image, CHANNELS]);
      for (const name of ["maxPool", "avgPool"] as const) {
        const label = `${name} ${JSON.stringify(windows)}`;
        const pool = (x: tf.Tensor4D) =>
          tf[name](x, window, stride, pad, rounding);
        const y = pool(x);
        const reads = readsOf(windows, [y.shape[1], y.shape[2]]);
        const given = array(y.size, random);
        const dy = tf.tensor(given, y.shape);
        const dx = tf.grad(pool as (x: tf.Tensor) => tf.Tensor)(x, dy);
        const wanted = new Array<number>(size).fill(0);
        const outputs = reads.map((read, output) => {
          const [first, ...others] = read;
          const best = others.reduce(
            (best, { pixel }) => values[pixel]! > values[best]! ? pixel : best,
            first!.pixel,
          );
          if (name === "maxPool") {
            wanted[best]! += given[output]!;
            return values[best]!;
          }
          const sum = read.reduce((sum, { pixel }) => {
            wanted[pixel]! += given[output]! / read.length;
            return sum + values[pixel]!;
          }, 0);
          return sum / read.length;
        });
        await assertClose(y, outputs, label);
        await assertClose(dx, wanted, `gradient of ${label}`);
        tf.dispose([y, dy, dx]);
      }
      x.dispose();
    }
  },
);

onEachBackend("depthwise convolutions are right for all windows", async () => {
  for (const windows of WINDOWS) {
    const { image, window, stride, pad, rounding } = windows;
    for (const multiplier of [1, 2]) {
      const label = `${multiplier} outputs, ${JSON.stringify(windows)}`;
      const random = uniform(2);
      const values = array(BATCH * image[0] * image[1] * CHANNELS, random);
      const weights = array(
        window[0] * window[1] * CHANNELS * multiplier,
        random,
      );
      const [x, filter] = [
        tf.tensor4d(values, [BATCH, ...image, CHANNELS]),
        tf.tensor4d(weights, [...window, CHANNELS, multiplier]),
      ];
      const y = tf.depthwiseConv2d(
        x,
        filter,
        stride,
        pad,
        "NHWC",
        1,
        rounding,
      );
      const reads = readsOf(windows, [y.shape[1], y.shape[2]]);
      const wanted = reads.flatMap((read, output) =>
        Array.from(
          { length: multiplier },
          (_, part) =>
            read.reduce((sum, { pixel, tap }) => {
              const row = tap * CHANNELS + output % CHANNELS;
              return sum + values[pixel]! * weights[row * multiplier + part]!;
            }, 0),
        )
      );
      await assertClose(y, wanted, label);
      tf.dispose([x, filter, y]);
    }
  }
});

Deno.test("windows that do not fit are refused, and break nothing [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const x = tf.ones<tf.Rank.R4>([1, 2, 6, 2]);
  for (
    const run of [
      () => tf.maxPool(x, 4, 1, "valid"),
      () => tf.avgPool(x, 4, 1, "valid"),
      () => tf.depthwiseConv2d(x, tf.ones([4, 1, 2, 1]), 1, "valid"),
    ]
  ) {
    assertThrows(() => tf.tidy(run), RangeError, "should fit into");
  }
  const empty = tf.tidy(() => [
    tf.maxPool(x, 3, 1, "valid"),
    tf.avgPool(x, 3, 1, "valid"),
    tf.depthwiseConv2d(x, tf.ones([3, 1, 2, 1]), 1, "valid"),
  ]);
  empty.forEach(({ size }) => assertEquals(size, 0));
  const mean = tf.avgPool(x, 2, 1, "valid");
  assertEquals([...await mean.data()], Array(10).fill(1));
  tf.dispose([x, mean, ...empty]);
});

onEachBackend(
  "maxima of negative numbers are found in all dimensions",
  async () => {
    const results = tf.tidy(() => {
      const x = tf.neg(tf.add(tf.range(0, 16), 1));
      const cube = tf.reshape(x, [1, 2, 2, 4, 1]) as tf.Tensor5D;
      const image = tf.reshape(x, [1, 4, 4, 1]) as tf.Tensor4D;
      const pool = (x: tf.Tensor) =>
        tf.maxPool3d(x as tf.Tensor5D, 2, 2, "valid");
      const flat = tf.zeros<tf.Rank.R3>([2, 2, 1]);
      return [
        pool(cube),
        tf.grad(pool)(cube),
        tf.dilation2d(image, flat, 2, "valid"),
      ];
    });
    const [pooled, gradient, dilated] = await Promise.all(
      results.map((x) => x.data()),
    );
    assertEquals([...pooled!], [-1, -3]);
    assertEquals([...gradient!], [1, 0, 1, ...Array(13).fill(0)]);
    assertEquals([...dilated!], [-1, -3, -9, -11]);
    tf.dispose(results);
  },
);

/** Windows over volumes, of which those over images are one deep. */
const MAXIMA = [
  { size: [1, 5, 6], window: [1, 2, 2], stride: [1, 2, 2], pad: "valid" },
  { size: [1, 5, 6], window: [1, 3, 2], stride: [1, 1, 3], pad: "same" },
  { size: [3, 4, 5], window: [2, 2, 2], stride: [1, 1, 1], pad: "valid" },
  { size: [3, 4, 5], window: [2, 2, 3], stride: [1, 2, 2], pad: "same" },
  { size: [4, 2, 3], window: [3, 2, 1], stride: [2, 1, 1], pad: "same" },
] as const;

onEachBackend(
  "of equal maxima the gradient goes to the first, and all are above -Infinity",
  async (backend) => {
    for (const { size, window, stride, pad } of MAXIMA) {
      const isImage = size[0] === 1, random = uniform(5);
      const axes = [0, 1, 2] as const;
      const before = axes.map((axis) => {
        const count = Math.ceil(size[axis] / stride[axis]);
        const added = (count - 1) * stride[axis] + window[axis] - size[axis];
        return pad === "same" ? Math.max(0, Math.floor(added / 2)) : 0;
      });
      const shape = [2, ...size, 2];
      const values = array(
        tf.util.sizeFromShape(shape),
        random,
        (u) => [-Infinity, -3e38, -1, 2][Math.floor(4 * u)]!,
      );
      const pool = (x: tf.Tensor): tf.Tensor =>
        isImage
          ? tf.maxPool(
            tf.reshape(x, [2, size[1], size[2], 2]) as tf.Tensor4D,
            [window[1], window[2]],
            [stride[1], stride[2]],
            pad,
          )
          : tf.maxPool3d(
            x as tf.Tensor5D,
            [...window],
            [...stride],
            pad,
          );
      const x = tf.tensor(values, shape);
      const y = tf.tidy(() => pool(x));
      const given = array(y.size, random), dy = tf.tensor(given, y.shape);
      const dx = tf.grad(pool)(x, dy);
      const outputs = isImage ? [1, ...y.shape.slice(1, 3)] : y.shape.slice(1);
      const maxima: number[] = [], places: number[] = [];
      const gradient = new Array<number>(values.length).fill(0);
      for (let output = 0; output < y.size; output++) {
        let rest = Math.floor(output / 2);
        const at = axes.toReversed().map((axis) => {
          const place = rest % outputs[axis]!;
          rest = Math.floor(rest / outputs[axis]!);
          return place * stride[axis] - before[axis]!;
        }).toReversed();
        let best = -1;
        for (let tap = 0; tap < window[0] * window[1] * window[2]; tap++) {
          const [z, row, column] = [
            at[0]! + Math.floor(tap / window[1] / window[2]),
            at[1]! + Math.floor(tap / window[2]) % window[1],
            at[2]! + tap % window[2],
          ] as [number, number, number];
          const isInside = [z, row, column].every((place, axis) =>
            place >= 0 && place < size[axis]!
          );
          if (!isInside) continue;
          const pixel = ((rest * size[0] + z) * size[1] + row) * size[2] +
            column;
          const here = 2 * pixel + output % 2;
          if (best < 0 || values[here]! > values[best]!) best = here;
        }
        maxima.push(Math.fround(values[best]!));
        places.push(best % (values.length / 2));
        gradient[best]! += given[output]!;
      }
      const label = `[${size}] [${window}] [${stride}] ${pad}`;
      assertEquals([...await y.data()], maxima, label);
      await assertClose(dx, gradient, `gradient of ${label}`);
      // Of a window of -Infinity alone, cpu and wasm say that there is no maximum.
      if (isImage && backend === "webgpu") {
        const { result, indexes } = tf.tidy(() =>
          tf.maxPoolWithArgmax(
            tf.tensor4d(values, [2, size[1], size[2], 2]),
            [window[1], window[2]],
            [stride[1], stride[2]],
            pad,
          )
        );
        assertEquals([...await result!.data()], maxima, label);
        assertEquals([...await indexes!.data()], places, label);
        tf.dispose([result!, indexes!]);
      }
      tf.dispose([x, y, dy, dx]);
    }
  },
);

Deno.test("gradients of volumes, fills and dilations are those of cpu [wasm]", async () => {
  const found: number[][] = [];
  for (const backend of ["cpu", "wasm"] as const) {
    await useBackend({ prefer: [backend] });
    const random = uniform(3);
    const made = (shape: number[]) => drawn(shape, random);
    const results = tf.tidy(() => {
      const convolve = (x: tf.Tensor, filter: tf.Tensor) =>
        tf.conv3d(x as tf.Tensor5D, filter as tf.Tensor5D, 2, "same");
      const dilate = (x: tf.Tensor, filter: tf.Tensor) =>
        tf.dilation2d(x as tf.Tensor4D, filter as tf.Tensor3D, 1, "same");
      const image = made([2, 5, 6, 3]) as tf.Tensor4D;
      return [
        ...tf.grads(convolve)([made([2, 3, 4, 5, 2]), made([2, 1, 3, 2, 3])]),
        ...tf.grads(dilate)([image, made([2, 3, 3])]),
        tf.image.rotateWithOffset(image, 0.7, 0.25, 0.5),
        tf.image.transform(
          image,
          tf.tensor2d([[1.1, 0.1, 0, 0, 1, 0.3, 0.01, 0]]),
        ),
      ];
    });
    const values = await Promise.all(results.map((x) => x.data()));
    found.push(values.flatMap((x) => [...x]));
    tf.dispose(results);
  }
  const [wanted, actual] = found;
  actual!.forEach((value, i) => assertAlmostEquals(value, wanted![i]!, 1e-5));
});

onEachBackend(
  "gradients add up what was repeated, gathered or alone",
  async () => {
    const { numTensors } = tf.memory();
    const results = tf.tidy(() => {
      const x = tf.reshape(tf.range(0, 6), [2, 3]);
      const ids = tf.tensor2d([[2, 2, 0], [1, 2, 1]], [2, 3], "int32");
      const dy = tf.reshape(tf.range(1, 7), [2, 3]);
      const deep = tf.ones([1, 1, 2, 1, 2]);
      return [
        tf.grad((x: tf.Tensor) => tf.gather(x, ids, 1, 1))(x, dy),
        tf.grad((x: tf.Tensor) => tf.gather(x, ids, 1, -1))(
          ...[x, dy].map((x) => tf.expandDims(x, 2)) as [tf.Tensor, tf.Tensor],
        ),
        ...[tf.maximum, tf.minimum, tf.squaredDifference].map((compare) =>
          tf.grads((a: tf.Tensor, b: tf.Tensor) => compare(a, b))(
            [x, tf.tensor1d([2.5])],
            dy,
          )[1]!
        ),
        tf.grad((x: tf.Tensor) => tf.tile(x, [3, 1, 1, 2, 1]))(deep),
        tf.grad((x: tf.Tensor) => tf.tile(x, [0, 1, 1, 2, 1]))(deep),
        tf.grad((x: tf.Tensor) => tf.unstack(x)[0]!)(tf.ones([1, 2])),
        tf.grad((x: tf.Tensor) => tf.split(x, 1)[0]!)(tf.ones([2])),
      ];
    });
    assertEquals(results.map(({ shape }) => shape), [
      ...[[2, 3], [2, 3, 1], [1], [1], [1]],
      ...[[1, 1, 2, 1, 2], [1, 1, 2, 1, 2], [1, 2], [2]],
    ]);
    const values = await Promise.all(results.map((x) => x.data()));
    assertEquals(values.map((x) => [...x]), [
      [3, 0, 3, 0, 10, 5],
      [3, 0, 3, 0, 10, 5],
      // Smaller than 2.5 are 0, 1 and 2.
      [6],
      [15],
      // 2 (b - a) of each.
      [2 * (2.5 * 21 - (0 + 2 + 6 + 12 + 20 + 30))],
      [6, 6, 6, 6],
      [0, 0, 0, 0],
      [1, 1],
      [1, 1],
    ]);
    tf.dispose(results);
    assertEquals(tf.memory().numTensors, numTensors);
  },
);

Deno.test("transformed images leave nothing where they are refused", async () => {
  await useBackend({ prefer: ["cpu"] });
  const before = tf.backend().numDataIds();
  assertThrows(
    () =>
      tf.tidy(() =>
        tf.image.transform(
          tf.ones([3, 2, 2, 1]),
          tf.ones([3, 8]),
          "?" as "bilinear",
        )
      ),
    Error,
    "but got ?",
  );
  assertEquals(tf.backend().numDataIds(), before);
});

/** Calls operations of any rank. */
type Compute = (x: tf.Tensor, w: tf.Tensor) => tf.Tensor;

interface Case {
  readonly name: string;
  readonly shapes: readonly number[][];
  readonly compute: Compute;
}

/** Sizes that differ on each axis, and two images. */
const IMAGES = [2, 6, 7, 3], VOLUMES = [2, 4, 5, 3, 2];

/**
 * Operations whose results grow with an input as that does, so that gradients have
 * Σ x dx = Σ y dy; of windows of a width that go on by a stride.
 */
function casesOf(width: number, stride: number, pad: "same" | "valid"): Case[] {
  const image = (x: tf.Tensor) => x as tf.Tensor4D;
  const volume = (x: tf.Tensor) => x as tf.Tensor5D;
  const kernel: [number, number, number] = [width, width, 3];
  return [
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

/** Where resized images have their pixels: at corners, at half pixels, or at neither. */
const PIXELS = [[true, false], [false, true], [false, false]] as const;

/** Sizes before and after, with rows and columns that are many, few and one. */
const SIZES = [
  { from: [6, 7], to: [4, 9] },
  { from: [6, 7], to: [13, 1] },
  { from: [1, 7], to: [3, 4] },
  { from: [5, 1], to: [1, 2] },
  { from: [5, 5], to: [3, 3] },
] as const;

const RESIZES = [
  tf.image.resizeBilinear,
  tf.image.resizeNearestNeighbor,
] as const;

/** Resized images. */
const RESIZED = RESIZES.flatMap((resize) =>
  PIXELS.flatMap(([corners, halves]) =>
    SIZES.map(({ from, to }): Case => ({
      name: `${resize.name} of ${from} to ${to}, ${corners}, ${halves}`,
      shapes: [[2, ...from, 3]],
      compute: (x) => resize(x as tf.Tensor4D, [...to], corners, halves),
    }))
  )
);

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

for (const pad of PADS) {
  onEachBackend(`gradients of windows that are ${pad}`, async () => {
    for (const [width, stride] of STEPS) {
      for (const one of casesOf(width, stride, pad)) await assertGradients(one);
    }
  });
}

onEachBackend("gradients of resized images", async () => {
  for (const one of RESIZED) await assertGradients(one);
});

onEachBackend(
  "the gradient of a resized image sends no matrix from the host",
  () => {
    const x = tf.ones<tf.Rank.R4>([1, 64, 64, 1]);
    const dy = tf.ones<tf.Rank.R4>([1, 32, 48, 1]);
    const engine = tf.engine(), { makeTensor } = engine;
    let numbers = 0;
    engine.makeTensor = (...given) => {
      numbers += (given[0] as ArrayLike<unknown>).length;
      return makeTensor.apply(engine, given);
    };
    try {
      const resized = (x: tf.Tensor) =>
        tf.image.resizeBilinear(x as tf.Tensor4D, [32, 48]);
      tf.dispose(tf.grad(resized)(x, dy));
    } finally {
      engine.makeTensor = makeTensor;
    }
    assert(numbers <= 2, `${numbers} numbers`);
    tf.dispose([x, dy]);
  },
);

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
