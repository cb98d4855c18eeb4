/** The uniforms of TensorFlow.js's programs are laid out as it does. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import * as tf from "@tensorflow/tfjs-core";
import {
  packStockUniforms,
  type StockProgram,
  type StockUniform,
} from "../../../lib/tfjs/webgpu/launch.ts";
import { makeFloats, withOutputs } from "../../../lib/tfjs/webgpu/program.ts";
import { onWebGpu } from "./on_webgpu.ts";

/** What a launch of tfjs's is made of. */
type Launch = [
  program: StockProgram,
  output: tf.TensorInfo,
  inputs: readonly tf.TensorInfo[],
  own?: readonly StockUniform[],
];

/** The uniforms that TensorFlow.js's own code writes. */
function stockUniforms(launch: Launch): number[] {
  let written: ArrayBuffer | undefined;
  const stop = new Error("written");
  const queue = {
    writeBuffer: (_: unknown, __: number, content: ArrayBuffer) => {
      written = content;
      throw stop;
    },
  };
  const fake = Object.create(WebGPUBackend.prototype, {
    queue: { value: queue },
    bufferManager: { value: { acquireBuffer: () => {} } },
    tensorToBinding: { value: () => {} },
  });
  try {
    fake.recordAndSubmit(...structured(launch));
  } catch (error) {
    if (error !== stop) throw error;
  }
  return [...new Uint16Array(written!)];
}

/** A copy of a launch, since TensorFlow.js changes the uniforms that it is given. */
function structured([program, output, inputs, own]: Launch): Launch {
  const copies = own?.map(({ type, data }) => ({
    type,
    data: Array.from(data),
  }));
  return copies ? [program, output, inputs, copies] : [program, output, inputs];
}

const ourUniforms = ([program, output, inputs, own = []]: Launch) => [
  ...packStockUniforms(program, output, inputs, own),
];

const tensorOf = (shape: number[]): tf.TensorInfo => ({
  ...{ shape, dtype: "float32", dataId: {} },
});

Deno.test("uniforms are laid out as tfjs does, for shapes of all ranks", () => {
  const shapes = [[], [7], [2, 3], [4, 2, 3], [5, 1, 2, 3], [2, 2, 2, 2, 3]];
  shapes.push([1, 2, 3, 4, 5, 6]);
  const floats = { type: "float32", data: [0.5, -0, NaN] };
  const numbers = [floats, { type: "int32", data: [-3] }];
  const unsigned = { type: "uint32", data: [2 ** 32 - 1, 5] };
  const owns = [
    undefined,
    [],
    numbers,
    [unsigned, { type: "float32", data: [] }],
    [{ type: "int32", data: [1, 2, 3, 4, 5] }, ...numbers],
    [unsigned, { type: "int32", data: [1, 2, 3, 4, 5, 6] }, unsigned],
  ];
  const programs = [
    { size: true },
    { size: false },
    { size: true, outputComponent: 4 },
    { size: true, pixelsOpType: 0 },
  ];
  for (const [i, shape] of shapes.entries()) {
    for (const other of shapes) {
      for (const own of owns) {
        for (const program of programs) {
          const launch = [
            { ...program, outputShape: shape },
            tensorOf(shape),
            [tensorOf(other), tensorOf(shapes.at(i - 1)!)],
            ...own ? [own] : [],
          ] as unknown as Launch;
          assertEquals(ourUniforms(launch), stockUniforms(launch));
        }
      }
    }
  }
});

Deno.test("a thousand tensors have their uniforms", () => {
  const inputs = Array.from({ length: 999 }, (_, i) => tensorOf([3, 5 + i]));
  const starts = inputs.map((_, i) => ({ type: "int32", data: [i] }));
  const output = tensorOf([3, 9]);
  const launch = [{ size: true, outputShape: [3, 9] }, output, inputs, starts];
  const given = launch as unknown as Launch;
  assertEquals(ourUniforms(given), stockUniforms(given));
  const small = [{ size: true, outputShape: [3] }, tensorOf([3]), []];
  const next = small as unknown as Launch;
  assertEquals(ourUniforms(next), stockUniforms(next));
});

onWebGpu("each launch has the uniforms that tfjs gives it", async (backend) => {
  const recorder = backend as unknown as {
    recordAndSubmit(...launch: Launch): void;
  };
  const record = recorder.recordAndSubmit;
  let launches = 0;
  recorder.recordAndSubmit = (...launch) => {
    assertEquals(ourUniforms(launch), stockUniforms(launch));
    launches++;
    record(...launch);
  };
  const results = tf.tidy(() => {
    const x = tf.randomUniform([2, 6, 6, 3]), w = tf.ones([3, 3, 3, 4]);
    const image = x as tf.Tensor4D, filter = w as tf.Tensor4D;
    const ids = tf.tensor1d([1, 0, 1], "int32");
    return [
      tf.conv2d(image, filter, 1, "same"),
      tf.maxPool(image, 2, 2, "valid"),
      tf.transpose(x, [3, 1, 0, 2]),
      tf.pad(x, [[1, 0], [0, 1], [2, 2], [0, 0]]),
      tf.slice(tf.ones([2, 2, 2, 2, 3]), [0, 1, 0, 1, 1]),
      tf.tile(tf.ones([2, 1, 2, 1, 2, 1]), [1, 2, 1, 2, 1, 3]),
      tf.stridedSlice(x, [0, 1, 0, 0], [2, 6, 6, 3], [1, 2, 3, 1]),
      tf.oneHot(ids, 4),
      tf.gather(tf.ones([4, 3]), ids),
      tf.scatterND(tf.tensor2d([[1], [3]], [2, 1], "int32"), tf.ones([2]), [5]),
      tf.image.resizeBilinear(image, [3, 4]),
      tf.clipByValue(x, 0.2, 0.8),
      tf.leakyRelu(x, 0.3),
      tf.range(0, 7),
      tf.argMax(x, 2),
      tf.mean(x, [1, 3]),
      tf.reverse(x, [1]),
      tf.topk(tf.ones([3, 9]), 2).values,
      tf.concat([x, x, x], 3),
      tf.where(tf.greater(x, 0.5), x, tf.scalar(0)),
    ];
  });
  await Promise.all(results.map((y) => y.data()));
  tf.dispose(results);
  recorder.recordAndSubmit = record;
  assert(launches > 15, `${launches}`);
});

onWebGpu(
  "a kernel that fails leaves no tensors of its own and of others that it called",
  (backend) => {
    const before = backend.numDataIds();
    assertThrows(
      () =>
        withOutputs(backend, () => {
          withOutputs(backend, () => makeFloats(backend, [1]));
          makeFloats(backend, [2]);
          throw new Error("no memory");
        }),
      Error,
      "no memory",
    );
    assertEquals(backend.numDataIds(), before);
    return Promise.resolve();
  },
);
