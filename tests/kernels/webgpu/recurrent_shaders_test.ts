/**
 * The text of the shaders of the recurrent form, as shaders_test.ts has it of
 * the others, and what their plans say.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { KernelRequest } from "../../../lib/attention/planning/kernel.ts";
import { planRecurrent } from "../../../lib/kernels/webgpu/recurrent/lion_recurrent.ts";
import { type Program, shaderOf } from "../../../lib/tfjs/webgpu/program.ts";
import { forwardSweep } from "../../../lib/kernels/webgpu/recurrent/recurrent_forward.ts";
import {
  distinctShaders,
  testCompiling,
  workgroupBytes,
} from "./shader_checks.ts";

interface Sizes {
  readonly length: number;
  readonly headDim: number;
  readonly valueDim: number;
}

/** The programs of both sweeps of a problem, and of the last of a piece. */
function programsOf(
  { length, headDim, valueDim }: Sizes,
  decays: boolean,
): Program[] {
  const tensor = (...shape: number[]): TensorInfo => ({
    dataId: {},
    shape,
    dtype: "float32",
  });
  const q = tensor(1, 2, length, headDim), v = tensor(1, 2, length, valueDim);
  const perToken = tensor(1, 2, length);
  const attributes = { scale: 0.5, normalize: true, epsilon: 1e-6 };
  const logDecay = decays ? perToken : undefined;
  const state = tensor(1, 2, headDim, valueDim + 1);
  const sweep = { q, k: q, v, y: v, logDecay, rowSums: perToken, attributes };
  return [
    forwardSweep({
      ...sweep,
      ...{ direction: "forward", sumsBefore: undefined, divides: false },
    }),
    forwardSweep({
      ...sweep,
      ...{ direction: "backward", sumsBefore: tensor(1, 2, length) },
      divides: true,
    }),
    forwardSweep({
      ...sweep,
      ...{ direction: "backward", sumsBefore: perToken, divides: false },
      ...{ firstState: state, lastState: state },
    }),
  ];
}

/** The programs of problems of many sizes. */
function* variants(): Generator<Program> {
  for (const headDim of [1, 6, 16, 64, 128, 200, 640]) {
    for (const valueDim of [1, 5, 16, 64, 200]) {
      for (const decays of [false, true]) {
        for (const length of [1, 40, 1000]) {
          yield* programsOf({ length, headDim, valueDim }, decays);
        }
      }
    }
  }
}

const shaders = () => variants().map((program) => shaderOf(program, 65535));

Deno.test("shaders of the recurrent form differ if their keys do, and fit every device", () => {
  for (const program of variants()) assert(program.threads <= 160);
  for (const { code } of distinctShaders(shaders())) {
    assert(workgroupBytes(code()) <= 16384);
  }
});

testCompiling("the recurrent form", shaders);

const REQUEST: KernelRequest = {
  ...{ batch: 1, heads: 4, length: 1024, headDim: 64, valueDim: 64 },
  ...{ decays: true, causal: false, normalize: true, chunkSize: undefined },
  precision: "f32",
};

/** What WebGPU guarantees. */
const LIMITS = {
  maxStorageBuffersPerShaderStage: 8,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
};

function plan(
  request: Partial<KernelRequest>,
  limits: Partial<typeof LIMITS> = {},
) {
  return planRecurrent(
    { ...REQUEST, ...request },
    { ...LIMITS, ...limits } as unknown as GPUSupportedLimits,
  );
}

Deno.test("planRecurrent() of the recurrent form has a launch for each direction, and no chunks", () => {
  assertEquals(plan({ chunkSize: 16 }), {
    chunkSize: null,
    scratchBytes: 4 * 4 * 1024, // a row sum a token
    carriedBytes: 0,
    how: "webgpu, 2 launches",
  });
  assertEquals(plan({ causal: true }), {
    chunkSize: null,
    scratchBytes: 0,
    carriedBytes: 0,
    how: "webgpu, 1 launch",
  });
  // Two sweeps of a piece complete its row sums in place, and leave the division.
  assertEquals(plan({ states: true }), {
    chunkSize: null,
    scratchBytes: 0,
    carriedBytes: 0,
    how: "webgpu, 3 launches",
  });
});

Deno.test("planRecurrent() of the recurrent form refuses what the device cannot hold, in words", () => {
  const refusals: [ReturnType<typeof plan>, string][] = [
    [plan({ headDim: 641 }), "headDim is 641"],
    [plan({ precision: "f16" }), "computes in 32 bits"],
    [
      plan({}, { maxStorageBuffersPerShaderStage: 7 }),
      "maxStorageBuffersPerShaderStage",
    ],
  ];
  for (const [answer, why] of refusals) {
    assert("refusal" in answer, `planned: ${JSON.stringify(answer)}`);
    assert(answer.refusal.includes(why), answer.refusal);
  }
  // Wide values are shared out over workgroups.
  assert("how" in plan({ valueDim: 1000 }));
});
