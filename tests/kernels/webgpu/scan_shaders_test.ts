/** The text of the shaders of the selective scan. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  outputsProgram,
  sizesOf,
} from "../../../lib/operations/selective_scan/shaders/scan.ts";
import { gradientsProgram } from "../../../lib/operations/selective_scan/shaders/scan_gradient.ts";
import { shaderOf } from "../../../lib/tfjs/webgpu/program.ts";
import { testCompiling } from "./shader_checks.ts";

const MOST_WORKGROUPS = 65535;

function tensor(...shape: number[]): tf.TensorInfo {
  return { dataId: {}, shape, dtype: "float32" };
}

const x = tensor(2, 100, 96), b = tensor(2, 100, 16), a = tensor(96, 16);
const sizes = sizesOf(x, a, false);

const outputs = outputsProgram(
  { x, dt: x, a, b, c: b, begins: tensor(2, 100) },
  tensor(1),
  x,
  sizes,
);
const gradients = gradientsProgram(
  { rows: x, tokens: b, a, states: tensor(1) },
  { dx: x, ddt: x, parts: tensor(1), carried: tensor(1) },
  sizes,
);

testCompiling(
  "the selective scan",
  () => [outputs, gradients].map((one) => shaderOf(one, MOST_WORKGROUPS)),
);
