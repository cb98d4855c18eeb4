/** The texts of the selective scan's two longest shaders. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { sizesOf } from "../../../lib/kernels/webgpu/scan/scan.ts";
import { outputsProgram } from "../../../lib/kernels/webgpu/scan/scan_forward.ts";
import { gradientsProgram } from "../../../lib/kernels/webgpu/scan/scan_gradient.ts";
import { shaderOf } from "../../../lib/tfjs/webgpu/program.ts";
import { assertSnapshot } from "./snapshot.ts";

const MOST_WORKGROUPS = 65535;

function tensor(...shape: number[]): tf.TensorInfo {
  return { dataId: {}, shape, dtype: "float32" };
}

const x = tensor(2, 100, 96), b = tensor(2, 100, 16), a = tensor(96, 16);
const sizes = sizesOf(x, a, false);

Deno.test("scan_outputs of packed sequences has the committed text", async () => {
  const inputs = { x, dt: x, a, b, c: b, begins: tensor(2, 100) };
  const program = outputsProgram(inputs, tensor(1), x, sizes);
  await assertSnapshot("scan_outputs", shaderOf(program, MOST_WORKGROUPS));
});

Deno.test("scan_gradients has the committed text", async () => {
  const inputs = { rows: x, tokens: b, a, states: tensor(1) };
  const writes = { dx: x, ddt: x, parts: tensor(1), carried: tensor(1) };
  const program = gradientsProgram(inputs, writes, sizes);
  await assertSnapshot("scan_gradients", shaderOf(program, MOST_WORKGROUPS));
});
