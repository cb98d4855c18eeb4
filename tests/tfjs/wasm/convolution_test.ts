import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { useBackend } from "../../../mod.ts";
import { array, uniform } from "../../random.ts";

/** A convolution. */
interface Case {
  /** Batch, height, width and channels. */
  readonly x: [number, number, number, number];
  /** Height and width of the kernel, and channels of the output. */
  readonly kernel: [number, number, number];
  readonly strides?: [number, number];
  readonly dilations?: [number, number];
  readonly pad?: "valid" | "same" | number | Explicit;
}

type Explicit = [[number, number], [number, number], [number, number], [
  number,
  number,
]];

const CASES: readonly Case[] = [
  { x: [1, 1, 1, 1], kernel: [1, 1, 1] },
  { x: [0, 5, 5, 2], kernel: [3, 3, 4] },
  { x: [3, 5, 7, 3], kernel: [3, 3, 5], pad: "same" },
  { x: [1, 6, 5, 5], kernel: [2, 3, 17], pad: "valid" },
  { x: [3, 6, 9, 1], kernel: [2, 3, 3], strides: [2, 1], pad: "same" },
  { x: [1, 11, 8, 17], kernel: [3, 3, 5], strides: [3, 2], pad: "same" },
  { x: [1, 7, 7, 3], kernel: [1, 1, 5], strides: [2, 3] },
  { x: [3, 4, 5, 17], kernel: [1, 1, 64] },
  { x: [1, 4, 4, 3], kernel: [1, 1, 2], pad: 1 },
  { x: [1, 32, 48, 3], kernel: [16, 16, 17], strides: [16, 16] },
  { x: [2, 9, 9, 5], kernel: [3, 3, 4], dilations: [2, 3], pad: "same" },
  { x: [1, 12, 9, 2], kernel: [4, 1, 3], dilations: [3, 1], pad: "valid" },
  { x: [1, 13, 14, 64], kernel: [3, 3, 65], pad: "same" },
  { x: [3, 9, 8, 5], kernel: [3, 2, 6], pad: 2, strides: [2, 2] },
  {
    x: [2, 5, 6, 3],
    kernel: [3, 3, 9],
    strides: [1, 2],
    pad: [[0, 0], [2, 0], [1, 3], [0, 0]],
  },
  // Wider than the image, so that some segments begin and end outside of it.
  { x: [1, 2, 2, 3], kernel: [5, 5, 4], pad: "same" },
  // Strides beyond the kernel, so that no tap reads some pixels.
  { x: [2, 9, 10, 4], kernel: [2, 2, 3], strides: [3, 3] },
  { x: [1, 3, 4, 2], kernel: [2, 2, 3], strides: [5, 6], pad: "same" },
  // Nothing to add up.
  { x: [2, 4, 3, 0], kernel: [2, 2, 3] },
  { x: [2, 0, 3, 2], kernel: [1, 1, 3], strides: [2, 2], pad: "same" },
  // More pixels than one task of the gradient by the filter has.
  { x: [3, 41, 29, 2], kernel: [3, 3, 3], pad: "same" },
];

/** The definition, in float64: every product of an element of x, of the kernel and of y. */
function forEachProduct(
  info: tf.backend_util.Conv2DInfo,
  visit: (x: number, filter: number, y: number) => void,
): void {
  for (let n = 0; n < info.batchSize; n++) {
    for (let oy = 0; oy < info.outHeight; oy++) {
      for (let ox = 0; ox < info.outWidth; ox++) {
        const at = (n * info.outHeight + oy) * info.outWidth + ox;
        for (let ky = 0; ky < info.filterHeight; ky++) {
          const iy = oy * info.strideHeight + ky * info.dilationHeight -
            info.padInfo.top;
          if (iy < 0 || iy >= info.inHeight) continue;
          for (let kx = 0; kx < info.filterWidth; kx++) {
            const ix = ox * info.strideWidth + kx * info.dilationWidth -
              info.padInfo.left;
            if (ix < 0 || ix >= info.inWidth) continue;
            const pixel = (n * info.inHeight + iy) * info.inWidth + ix;
            const tap = ky * info.filterWidth + kx;
            for (let c = 0; c < info.inChannels; c++) {
              for (let o = 0; o < info.outChannels; o++) {
                visit(
                  pixel * info.inChannels + c,
                  (tap * info.inChannels + c) * info.outChannels + o,
                  at * info.outChannels + o,
                );
              }
            }
          }
        }
      }
    }
  }
}

/** A case's tensors, and what the definition makes of them. */
function expected({ x: shape, kernel, strides, dilations, pad }: Case) {
  const random = uniform(shape[1] + 7 * kernel[0] + 3 * shape[3]);
  const filterShape: [number, number, number, number] = [
    kernel[0],
    kernel[1],
    shape[3],
    kernel[2],
  ];
  const info = tf.backend_util.computeConv2DInfo(
    shape,
    filterShape,
    strides ?? 1,
    dilations ?? 1,
    pad ?? "valid",
  );
  const values = {
    x: array(tf.util.sizeFromShape(shape), random),
    filter: array(tf.util.sizeFromShape(filterShape), random),
    dy: array(tf.util.sizeFromShape(info.outShape), random),
  };
  const y = new Float64Array(values.dy.length);
  const dx = new Float64Array(values.x.length);
  const dfilter = new Float64Array(values.filter.length);
  forEachProduct(info, (at, weight, to) => {
    y[to]! += values.x[at]! * values.filter[weight]!;
    dx[at]! += values.dy[to]! * values.filter[weight]!;
    dfilter[weight]! += values.dy[to]! * values.x[at]!;
  });
  return { info, filterShape, values, y, dx, dfilter };
}

function assertNear(
  got: ArrayLike<number>,
  wanted: Float64Array,
  label: string,
): void {
  assertEquals(got.length, wanted.length, label);
  let largest = 1;
  for (const x of wanted) largest = Math.max(largest, Math.abs(x));
  for (let i = 0; i < wanted.length; i++) {
    assertAlmostEquals(got[i]!, wanted[i]!, 2e-6 * largest, label);
  }
}

Deno.test("convolutions and their gradients are the definition's, the same on any number of threads [wasm]", async () => {
  const first: Float32Array[][] = [];
  for (const threads of [1, 2, 3]) {
    await useBackend({ prefer: ["wasm"], threads });
    const before = tf.memory().numTensors;
    for (const [at, given] of CASES.entries()) {
      const { filterShape, info, values, ...wanted } = expected(given);
      const label = JSON.stringify(given);
      const { strides = 1, pad = "valid", dilations = 1 } = given;
      const results = tf.tidy(() => {
        const x = tf.tensor4d(values.x, given.x);
        const filter = tf.tensor4d(values.filter, filterShape);
        const convolve = (x: tf.Tensor, filter: tf.Tensor) =>
          tf.conv2d(
            x as tf.Tensor4D,
            filter as tf.Tensor4D,
            strides,
            pad as "same",
            "NHWC",
            dilations,
          );
        const y = convolve(x, filter);
        assertEquals(y.shape, info.outShape, label);
        // TensorFlow.js has no gradient of dilated ones.
        if (given.dilations) return [y];
        const dy = tf.tensor4d(values.dy, info.outShape);
        return [y, ...tf.grads(convolve)([x, filter], dy)];
      });
      const got = await Promise.all(
        results.map((x) => x.data() as Promise<Float32Array>),
      );
      tf.dispose(results);
      const names = ["y", "dx", "dfilter"] as const;
      got.forEach((values, i) =>
        assertNear(values, wanted[names[i]!], `${names[i]} of ${label}`)
      );
      if (threads === 1) first.push(got);
      else assertEquals(got, first[at], label);
    }
    assertEquals(tf.memory().numTensors, before);
  }
});

Deno.test("convolutions in parts of channels and of patches are the same on any number of threads [wasm]", async () => {
  const random = uniform(8);
  const x = array(2 * 6 * 5 * 70, random), filter = array(9 * 70 * 200, random);
  const results: number[][] = [];
  for (const threads of [1, 2, 3]) {
    await useBackend({ prefer: ["wasm"], threads });
    const y = tf.tidy(() =>
      tf.conv2d(
        tf.tensor4d(x, [2, 6, 5, 70]),
        tf.tensor4d(filter, [3, 3, 70, 200]),
        1,
        "same",
      )
    );
    results.push([...await y.data()]);
    y.dispose();
  }
  const wanted = expected({
    x: [2, 6, 5, 70],
    kernel: [3, 3, 200],
    pad: "same",
  });
  const sums = new Float64Array(results[0]!.length);
  forEachProduct(wanted.info, (at, weight, to) => {
    sums[to]! += x[at]! * filter[weight]!;
  });
  assertNear(results[0]!, sums, "y");
  assertEquals(results[1], results[0]);
  assertEquals(results[2], results[0]);
});

Deno.test("a fused convolution adds a bias of any shape and applies an activation [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 2 });
  const before = tf.memory().numTensors;
  const activations = {
    linear: (x: number) => x,
    relu: (x: number) => Math.max(0, x),
    relu6: (x: number) => Math.min(6, Math.max(0, x)),
    elu: (x: number) => x > 0 ? x : Math.expm1(x),
    sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
    leakyrelu: (x: number) => x > 0 ? x : 0.3 * x,
    prelu: (x: number) => x > 0 ? x : 0.5 * x,
  };
  for (const size of [1, 3]) {
    const given = { x: [2, 5, 4, 6], kernel: [size, size, 5], pad: "same" };
    const { info, filterShape, values, y } = expected(given as Case);
    for (const shape of [undefined, [], [5], [1], [1, 1, 1, 5], [2, 5, 4, 5]]) {
      const bias = shape && array(tf.util.sizeFromShape(shape), uniform(7));
      for (const [activation, apply] of Object.entries(activations)) {
        const got = tf.tidy(() =>
          tf.fused.conv2d({
            x: tf.tensor4d(values.x, info.inShape),
            filter: tf.tensor4d(values.filter, filterShape),
            strides: 1,
            pad: "same",
            ...(bias ? { bias: tf.tensor(bias, shape) } : {}),
            activation: activation as "relu",
            leakyreluAlpha: 0.3,
            preluActivationWeights: tf.fill([5], 0.5),
          })
        );
        const wanted = y.map((x, i) =>
          apply(x + (bias?.[bias.length === 5 ? i % 5 : i % bias.length] ?? 0))
        );
        assertNear(await got.data(), wanted, `${activation}, bias [${shape}]`);
        got.dispose();
      }
    }
  }
  const ofNothing = tf.tidy(() =>
    tf.fused.conv2d({
      x: tf.zeros<tf.Rank.R4>([1, 1, 2, 0]),
      filter: tf.zeros<tf.Rank.R4>([2, 2, 0, 3]),
      strides: 1,
      pad: "same",
      bias: tf.tensor1d([1, -2, 3]),
      activation: "relu",
    })
  );
  assertEquals([...await ofNothing.data()], [1, 0, 3, 1, 0, 3]);
  ofNothing.dispose();
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("channels may come first, gradients included [wasm]", async () => {
  await useBackend({ prefer: ["wasm"], threads: 1 });
  const before = tf.memory().numTensors;
  const run = (name: string, inputs: tf.NamedTensorMap, attributes: object) =>
    tf.engine().runKernel(
      name,
      inputs,
      attributes as tf.NamedAttrMap,
    ) as tf.Tensor4D;
  for (const explicit of [false, true]) {
    const pairs: Explicit = [[0, 0], [1, 2], [0, 3], [0, 0]];
    const pad = explicit ? pairs : "same";
    const given: Case = {
      x: [2, 6, 7, 3],
      kernel: [3, 2, 4],
      strides: [2, 1],
      pad,
    };
    const { info, filterShape, values, ...wanted } = expected(given);
    const results = tf.tidy(() => {
      const first = (x: tf.Tensor4D) => tf.transpose(x, [0, 3, 1, 2]);
      const last = (x: tf.Tensor4D) => tf.transpose(x, [0, 2, 3, 1]);
      const x = first(tf.tensor4d(values.x, info.inShape));
      const dy = first(tf.tensor4d(values.dy, info.outShape));
      const filter = tf.tensor4d(values.filter, filterShape);
      const attributes = {
        strides: info.strideHeight === 2 ? [2, 1] : 1,
        pad: explicit ? [pairs[0], pairs[3], pairs[1], pairs[2]] : pad,
        dataFormat: "NCHW",
        dilations: 1,
        inputShape: x.shape,
        filterShape,
      };
      return [
        last(run("Conv2D", { x, filter }, attributes)),
        last(run("Conv2DBackpropInput", { dy, filter }, attributes)),
        run("Conv2DBackpropFilter", { x, dy }, attributes),
      ];
    });
    const [y, dx, dfilter] = await Promise.all(results.map((x) => x.data()));
    assertNear(y!, wanted.y, "y");
    assertNear(dx!, wanted.dx, "dx");
    assertNear(dfilter!, wanted.dfilter, "dfilter");
    tf.dispose(results);
  }
  assertEquals(tf.memory().numTensors, before);
});

Deno.test("a convolution of other shapes or types is refused by name [wasm]", async () => {
  await useBackend({ prefer: ["wasm"] });
  const before = tf.memory().numDataBuffers;
  tf.tidy(() => {
    const x = tf.ones<tf.Rank.R4>([1, 2, 2, 1]);
    const filter = tf.ones<tf.Rank.R4>([5, 5, 1, 1]);
    assertThrows(
      () => tf.conv2d(x, filter, 1, "valid"),
      RangeError,
      "a convolution's filter [5,5,1,1] should fit into its padded images [1,2,2,1]",
    );
    for (const pad of [-1, 0.5]) {
      assertThrows(
        () => tf.conv2d(x, tf.ones([1, 1, 1, 1]), 1, pad),
        RangeError,
        "a convolution's strides, dilations and pad should be whole numbers",
      );
    }
    const attributes = {
      strides: 1,
      pad: "same",
      dataFormat: "NHWC",
      filterShape: [5, 5, 1, 1],
    };
    const differentiate = (x: tf.Tensor, dy: tf.Tensor) =>
      tf.engine().runKernel(
        "Conv2DBackpropFilter",
        { x, dy },
        attributes as unknown as tf.NamedAttrMap,
      );
    assertThrows(
      () => differentiate(x, tf.ones([1, 3, 1, 1])),
      TypeError,
      "should have its output's shape [1,2,2,1], got [1,3,1,1]",
    );
    assertThrows(
      () => differentiate(tf.cast(x, "int32"), x),
      TypeError,
      "Conv2DBackpropFilter's x should be float32, got int32",
    );
  });
  assertEquals(tf.memory().numDataBuffers, before);
});

Deno.test("gradients of channels with a kernel of their own are the definition's, the same on any number of threads [wasm]", async () => {
  const cases: (Case & { readonly multiplier?: number })[] = [
    { x: [3, 5, 7, 3], kernel: [3, 2, 0], pad: "same" },
    { x: [1, 8, 6, 17], kernel: [3, 3, 0], strides: [2, 3], pad: 1 },
    { x: [2, 40, 30, 64], kernel: [3, 3, 0], pad: "valid" },
    { x: [0, 4, 4, 2], kernel: [1, 3, 0] },
    { x: [1, 5, 4, 2], kernel: [2, 2, 0], multiplier: 3 },
  ];
  const first: Float32Array[][] = [];
  for (const threads of [1, 2]) {
    await useBackend({ prefer: ["wasm"], threads });
    const before = tf.memory().numTensors;
    for (const [at, given] of cases.entries()) {
      const { x: shape, kernel, strides = 1, pad = "valid" } = given;
      const channels = shape[3], { multiplier = 1 } = given;
      const filterShape = [kernel[0], kernel[1], channels, multiplier] as const;
      const info = tf.backend_util.computeConv2DInfo(
        shape,
        [...filterShape],
        strides,
        1,
        pad,
        undefined,
        true,
      );
      const random = uniform(at);
      const [x, filter, dy] = [shape, [...filterShape], info.outShape]
        .map((shape) => array(tf.util.sizeFromShape(shape), random));
      const gradients = tf.tidy(() =>
        tf.grads((x, filter) =>
          tf.depthwiseConv2d(
            x as tf.Tensor4D,
            filter as tf.Tensor4D,
            strides,
            pad as "same",
          )
        )([
          tf.tensor4d(x!, shape),
          tf.tensor4d(filter!, [...filterShape]),
        ], tf.tensor4d(dy!, info.outShape))
      );
      const got = await Promise.all(
        gradients.map((x) => x.data() as Promise<Float32Array>),
      );
      tf.dispose(gradients);
      const dx = new Float64Array(x!.length);
      const dfilter = new Float64Array(filter!.length);
      // The same pixels and taps as of a convolution from one channel to one.
      const pixels = { ...info, inChannels: 1, outChannels: 1 };
      forEachProduct(pixels, (from, tap, to) => {
        for (let c = 0; c < channels; c++) {
          for (let q = 0; q < multiplier; q++) {
            const weight = (tap * channels + c) * multiplier + q;
            const gradient = dy![(to * channels + c) * multiplier + q]!;
            dx[from * channels + c]! += gradient * filter![weight]!;
            dfilter[weight]! += gradient * x![from * channels + c]!;
          }
        }
      });
      const label = JSON.stringify(given);
      assertNear(got[0]!, dx, `dx of ${label}`);
      assertNear(got[1]!, dfilter, `dfilter of ${label}`);
      if (threads === 1) first.push(got);
      else assertEquals(got, first[at], label);
    }
    assertEquals(tf.memory().numTensors, before);
  }
});
