import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import type { StrictWebGPUBackend } from "../../../lib/tfjs/webgpu/gpu_backend.ts";
import { launch } from "../../../lib/tfjs/webgpu/launch.ts";
import type { Shader } from "../../../lib/tfjs/webgpu/shader.ts";
import { packUniforms } from "../../../lib/tfjs/webgpu/program.ts";
import { declareUniforms } from "../../../lib/tfjs/webgpu/wgsl.ts";
import { GpuError } from "../../../mod.ts";
import { onWebGpu as onAdapter } from "./on_webgpu.ts";

/** A test that leaves no tensors. */
function onWebGpu(
  name: string,
  run: (backend: StrictWebGPUBackend) => Promise<void>,
): void {
  onAdapter(name, async (backend) => {
    const before = tf.memory().numTensors;
    await run(backend);
    assertEquals(tf.memory().numTensors, before);
  });
}

const UNIFORMS = {
  length: "u32",
  scale: "f32",
  epsilon: "f32",
  normalize: "u32",
} as const;

/** A shader of one workgroup that runs a statement for each element i. */
function shaderOf(
  key: string,
  statement: string,
  dispatch: Shader["dispatch"] = [1, 1, 1],
): Shader {
  const bindings = [
    { name: "x", element: "f32", access: "read" },
    { name: "sums", element: "f32", access: "read_write" },
    { name: "unused", element: "f32", access: "read" },
    { name: "products", element: "f32", access: "read_write" },
  ] as const;
  const code = () =>
    `${declareUniforms("Problem", UNIFORMS)}${
      bindings.map(({ name, element, access }, i) =>
        `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${element}>;\n`
      ).join("")
    }@group(0) @binding(4) var<uniform> problem: Problem;
@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) i: u32) { ${statement} }`;
  return { key, bindings, dispatch, code };
}

const uniforms = packUniforms(UNIFORMS, {
  ...{ length: 7, scale: 0.5, epsilon: 0.25, normalize: 1 },
});

/** Launches a shader on x; returns its two outputs. */
function run(
  backend: StrictWebGPUBackend,
  shader: Shader,
  x: tf.Tensor,
): [tf.Tensor, tf.Tensor] {
  const outputs = [0, 1].map(() => backend.makeTensorInfo([4], "float32"));
  const [sums, products] = outputs as [tf.TensorInfo, tf.TensorInfo];
  launch(backend, shader, [x, sums, x, products], uniforms);
  return [
    tf.engine().makeTensorFromTensorInfo(sums),
    tf.engine().makeTensorFromTensorInfo(products),
  ];
}

const TWO_OUTPUTS = "sums[i] = x[i] + f32(problem.length) + problem.epsilon;" +
  "products[i] = x[i] * problem.scale * f32(problem.normalize);";

onWebGpu(
  "launch() runs between kernels of tfjs, with several outputs",
  async (backend) => {
    const x = tf.tensor1d([1, 2, 3, 4]);
    const doubled = tf.mul(x, 2);
    const shader = shaderOf("lion_test_outputs", TWO_OUTPUTS);
    const [sums, products] = run(backend, shader, doubled);
    const both = tf.add(sums, products);
    assertEquals([...await sums.data()], [9.25, 11.25, 13.25, 15.25]);
    assertEquals([...await products.data()], [1, 2, 3, 4]);
    assertEquals([...await both.data()], [10.25, 13.25, 16.25, 19.25]);
    tf.dispose([x, doubled, sums, products, both]);
  },
);

onWebGpu("launch() is timed by tf.time()", async (backend) => {
  const x = tf.tensor1d([1, 2, 3, 4]);
  const shader = shaderOf("lion_test_outputs", TWO_OUTPUTS);
  const { kernelMs } = await tf.time(() => {
    tf.dispose(run(backend, shader, x));
  });
  assert(Number.isFinite(kernelMs));
  x.dispose();
});

onWebGpu(
  "launch() refuses more workgroups than the device dispatches",
  async (backend) => {
    const x = tf.tensor1d([1, 2, 3, 4]);
    const limit = backend.device.limits.maxComputeWorkgroupsPerDimension;
    const shader = shaderOf("lion_test_wide", TWO_OUTPUTS, [1, limit + 1, 1]);
    const error = assertThrows(
      () => launch(backend, shader, [x, x, x, x], uniforms),
      RangeError,
      `at most ${limit} workgroups`,
    );
    assert(error.message.includes("lion_test_wide"));
    assertEquals([...await x.data()], [1, 2, 3, 4]);
    x.dispose();
  },
);

onWebGpu(
  "launch() of a broken shader raises when read, naming it",
  async (backend) => {
    const x = tf.tensor1d([1, 2, 3, 4]);
    const broken = shaderOf(
      "lion_test_broken x[4]",
      "sums[i] = notAFunction(i);",
    );
    const outputs = run(backend, broken, x);
    const error = await assertRejects(
      () => outputs[0].data(),
      GpuError,
      "notAFunction",
    );
    assertEquals(error.shader, "lion_test_broken x[4]");
    tf.dispose([...outputs, x]);

    const fine = tf.tidy(() => tf.add(tf.ones([2]), 1));
    assertEquals([...await fine.data()], [2, 2]);
    fine.dispose();
  },
);

onWebGpu(
  "a tensor without its values is uploaded as whatever is there",
  async (backend) => {
    // As tf.browser.fromPixels makes one of what is like a canvas.
    const info = backend.makeTensorInfo([2, 2], "int32", new Int32Array(0));
    backend.uploadToGPU(info.dataId as { id: number });
    assertEquals((await backend.read(info.dataId as { id: number })).length, 4);
    backend.disposeData(info.dataId);
  },
);
