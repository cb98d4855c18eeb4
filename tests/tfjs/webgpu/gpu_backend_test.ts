import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { GpuError, lionAttention, useBackend } from "../../../mod.ts";
import { onWebGpu } from "./on_webgpu.ts";

/** Runs a shader whose body is the given WGSL, with tfjs's own machinery. */
function runShader(x: tf.Tensor, body: string): tf.Tensor {
  class TestProgram {
    variableNames = ["x"];
    outputShape = x.shape;
    shaderKey = body;
    workgroupSize: [number, number, number] = [64, 1, 1];
    dispatchLayout = { x: [0] };
    dispatch: [number, number, number] = [1, 1, 1];
    size = true;
    getUserCode = () => `fn main(index : i32) { ${body} }`;
  }
  const info = (tf.backend() as WebGPUBackend).runWebGPUProgram(
    new TestProgram(),
    [x],
    "float32",
  );
  return tf.engine().makeTensorFromTensorInfo(info);
}

onWebGpu(
  "a broken shader raises, and only what it may have spoilt",
  async () => {
    const before = tf.add(tf.ones([4]), 1);
    assertEquals([...await before.data()], [2, 2, 2, 2]);

    const broken = runShader(before, "result[index] = notAFunction(index);");
    const downstream = tf.add(broken, 1);
    const error = await assertRejects(
      () => broken.data(),
      GpuError,
      "notAFunction",
    );
    assertEquals(error.shader, "TestProgram");
    await assertRejects(() => downstream.data(), GpuError, "TestProgram");
    await assertRejects(() => broken.data(), GpuError, "TestProgram");

    const after = tf.mul(before, 3);
    assertEquals([...await after.data()], [6, 6, 6, 6]);
    tf.dispose([before, broken, downstream, after]);
  },
);

onWebGpu(
  "a tensor over the binding limit is refused before launch",
  async () => {
    const { limits } = await useBackend({ prefer: ["webgpu"] });
    const limit = limits["maxStorageBufferBindingSize"]!;
    const size = Math.max(50_000_000, limit / 4 + 1); // 200 MB on Mesa
    const tensors = tf.memory().numTensors;
    const part = `maxStorageBufferBindingSize of ${limit}`;
    assertThrows(() => tf.fill([size], 1), RangeError, part);
    const x = tf.ones([1]);
    const error = assertThrows(() => tf.tile(x, [size]), RangeError, part);
    assert(error.message.includes("chunkwise"));
    x.dispose();

    const host = tf.zeros<tf.Rank.R1>([size]);
    assertThrows(() => tf.sum(host), RangeError, part);
    assertEquals((await host.data()).length, size); // refused, not lost
    host.dispose();
    assertEquals(tf.memory().numTensors, tensors);
  },
);

onWebGpu(
  "an impossible shape is refused, and spoils no later read",
  async () => {
    const x = tf.ones<tf.Rank.R2>([3, 2]);
    const indices = tf.tensor1d([0, 1], "int32");
    const segments = tf.tensor1d([0, -2], "int32");
    const tensors = tf.memory().numTensors;
    assertThrows(
      () => tf.sparse.sparseSegmentMean(x, indices, segments),
      RangeError,
    );
    assertEquals(tf.memory().numTensors, tensors);
    const y = tf.add(x, 1);
    assertEquals([...await y.data()], [2, 2, 2, 2, 2, 2]);
    tf.dispose([x, indices, segments, y]);
  },
);

onWebGpu("attention that does not fit names the form that does", async () => {
  const { limits } = await useBackend({ prefer: ["webgpu"] });
  const limit = limits["maxStorageBufferBindingSize"]!;
  const length = Math.ceil(Math.sqrt(limit / 4)) + 1;
  const x = tf.ones<tf.Rank.R4>([1, 1, length, 1]);
  assertThrows(
    () => lionAttention(x, x, x, { form: "full", kernel: false }),
    RangeError,
    'use form: "chunkwise"',
  );
  // The same sequence, in the form that fits, which "auto" takes.
  const y = lionAttention(x, x, x);
  const [first] = await y.data();
  assertEquals(Math.round(first! * 1e4) / 1e4, 1);
  tf.dispose([x, y]);
});

onWebGpu(
  "a host that cannot wait for values says so, on another backend, too",
  async () => {
    const x = tf.tidy(() => tf.add(tf.ones([4]), 1));
    assertThrows(() => x.dataSync(), Error, "await data()");
    await useBackend({ prefer: ["cpu"] });
    assertThrows(() => tf.add(x, 1), Error, "for another backend");
    await useBackend({ prefer: ["webgpu"] });
    assertEquals([...await x.data()], [2, 2, 2, 2]);
    x.dispose();
  },
);

onWebGpu("a lost device raises, and a new one can be had", async () => {
  const x = tf.ones([4]);
  const y = tf.add(x, 1);
  const { device } = tf.backend() as WebGPUBackend;
  device.destroy();
  await device.lost;
  await assertRejects(() => y.data(), GpuError, "The GPU device was lost");
  assertThrows(() => tf.add(y, 1), GpuError, "call useBackend() again");
  tf.dispose([x, y]);

  await useBackend({ prefer: ["webgpu"] });
  const z = tf.add(tf.ones([2]), 1);
  assertEquals([...await z.data()], [2, 2]);
  z.dispose();
});
