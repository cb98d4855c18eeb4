/**
 * The text of the shaders of the delta rule, as shaders_test.ts has it of the
 * others, and what their plans say.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { DeltaRequest } from "../../../lib/attention/planning/delta_kernel.ts";
import {
  type DeltaDecays,
  type DeltaSizes,
  layoutOf,
} from "../../../lib/kernels/webgpu/delta/delta_chunks.ts";
import { gateGradientsProgram } from "../../../lib/kernels/webgpu/delta/delta_backward_decay.ts";
import { keyGradientsProgram } from "../../../lib/kernels/webgpu/delta/delta_key_gradients.ts";
import { outputsProgram } from "../../../lib/kernels/webgpu/delta/delta_outputs.ts";
import { planDeltaKernel } from "../../../lib/kernels/webgpu/delta/delta_plan.ts";
import {
  newsGradientProgram,
  productsProgram,
} from "../../../lib/kernels/webgpu/delta/delta_backward_scores.ts";
import { wyProgram } from "../../../lib/kernels/webgpu/delta/delta_wy.ts";
import { stateGradientsProgram } from "../../../lib/kernels/webgpu/delta/delta_state_gradients.ts";
import { statesProgram } from "../../../lib/kernels/webgpu/delta/delta_states.ts";
import {
  inversesProgram,
  systemsProgram,
} from "../../../lib/kernels/webgpu/delta/delta_scores.ts";
import { valueGradientsProgram } from "../../../lib/kernels/webgpu/delta/delta_value_gradients.ts";
import { type Program, shaderOf } from "../../../lib/tfjs/webgpu/program.ts";
import { testCompiling } from "./shader_checks.ts";
import { assertSnapshot } from "./snapshot.ts";

/** All programs for a problem, by their names. */
function programsOf(
  sizes: DeltaSizes,
  kind: DeltaDecays,
): Record<string, Program> {
  const tensor = (...shape: number[]): TensorInfo => ({
    dataId: {},
    shape,
    dtype: "float32",
  });
  const { length, headDim, valueDim } = sizes;
  const layout = layoutOf(sizes), pass = { firstSequence: 0, sequences: 2 };
  const q = tensor(1, 2, length, headDim), v = tensor(1, 2, length, valueDim);
  const beta = tensor(1, 2, length, 1), scratch = tensor(64);
  const state = tensor(1, 2, headDim, valueDim);
  const [systems, prepared, written] = [scratch, scratch, scratch];
  const [states, dwritten, dstates, dnews] = [
    scratch,
    scratch,
    scratch,
    scratch,
  ];
  const [products, borders] = [scratch, scratch];
  const decays = { none: undefined, scalar: beta, diagonal: q }[kind];
  const all = [
    systemsProgram(
      { reads: { q, k: q, beta }, decays, writes: { systems } },
      layout,
      pass,
      0,
    ),
    inversesProgram(systems, layout, pass),
    wyProgram(
      {
        reads: { q, k: q, v, beta, systems },
        decays,
        writes: { prepared, written },
      },
      layout,
      pass,
      1,
    ),
    statesProgram(
      {
        reads: { prepared },
        writes: { written, states },
        ends: { first: state, last: state },
      },
      layout,
      pass,
    ),
    outputsProgram(
      {
        reads: { v, beta, systems, prepared, written, states },
        writes: { y: v },
      },
      layout,
      pass,
      0.5,
    ),
    stateGradientsProgram(
      {
        reads: { dy: v, systems, prepared },
        writes: { dwritten, dstates },
        ends: { first: undefined, last: undefined },
      },
      layout,
      pass,
      0.5,
    ),
    newsGradientProgram(
      { reads: { systems, dwritten }, writes: { dnews } },
      layout,
      pass,
    ),
    productsProgram(
      {
        reads: { v, beta, dy: v, written, dnews, states, dstates },
        writes: { products, borders },
      },
      layout,
      pass,
      0.5,
    ),
    valueGradientsProgram(
      {
        reads: { v, beta, dy: v, systems, dnews },
        writes: { dv: v, dbeta: beta },
      },
      layout,
      pass,
      0.5,
    ),
    keyGradientsProgram(
      {
        reads: { q, k: q, beta, products },
        decays,
        writes: { borders, dq: q, dk: q },
      },
      layout,
      pass,
      1,
    ),
    gateGradientsProgram(
      { borders, dbeta: beta, dlog: decays },
      layout,
      pass,
      1,
    ),
  ];
  return Object.fromEntries(all.map((program) => [program.name, program]));
}

const SIZES: DeltaSizes = {
  ...{ length: 70, headDim: 64, valueDim: 64, chunkSize: 32 },
  ...{ directions: 2, inLanes: false },
};

Deno.test("shaders of the delta rule have the text of their snapshots", async (t) => {
  const programs = programsOf(SIZES, "diagonal");
  for (const name of ["delta_systems", "delta_states"]) {
    await t.step(
      name,
      () => assertSnapshot(name, shaderOf(programs[name]!, 65535)),
    );
  }
});

Deno.test("shaders of the delta rule differ if their keys do, and fit every device", () => {
  const byKey = new Map<string, string>();
  for (const inLanes of [false, true]) {
    for (const [headDim, valueDim] of [[1, 1], [6, 5], [64, 64], [512, 130]]) {
      for (const kind of ["none", "scalar", "diagonal"] as const) {
        // Of heads of one channel the two kinds are the same.
        if (headDim === 1 && kind === "diagonal") continue;
        for (const [length, directions] of [[1, 1], [70, 2]]) {
          const sizes: DeltaSizes = {
            ...{ length: length!, headDim: headDim!, valueDim: valueDim! },
            chunkSize: Math.min(32, length!),
            ...{ directions: directions!, inLanes },
          };
          for (const program of Object.values(programsOf(sizes, kind))) {
            const { key, code, bindings } = shaderOf(program, 65535);
            assert(bindings.length <= 10);
            assert(program.threads <= 256);
            assert(workgroupBytes(code()) <= 16384);
            assertEquals(byKey.get(key) ?? code(), code());
            byKey.set(key, code());
          }
        }
      }
    }
  }
  assertEquals(new Set(byKey.values()).size, byKey.size);
});

testCompiling("the delta rule", function* () {
  for (const headDim of [6, 64]) {
    for (const kind of ["none", "scalar", "diagonal"] as const) {
      const programs = programsOf({ ...SIZES, headDim }, kind);
      for (const program of Object.values(programs)) {
        yield shaderOf(program, 65535);
      }
    }
  }
});

/** Memory of a workgroup that a text declares. */
function workgroupBytes(code: string): number {
  const sizes: Record<string, number> = { f32: 4, vec3f: 16, vec4f: 16 };
  return [...code.matchAll(/var<workgroup> \w+: array<(\w+), (\d+)>/g)]
    .reduce((sum, [, type, count]) => sum + sizes[type!]! * Number(count), 0);
}

const REQUEST: DeltaRequest = {
  ...{ batch: 1, heads: 4, length: 1024, headDim: 64, valueDim: 64 },
  ...{ diagonal: false, causal: false, chunkSize: undefined },
};

/** What WebGPU guarantees, but for the storage buffers. */
const LIMITS = {
  maxStorageBuffersPerShaderStage: 10,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
};

function plan(
  request: Partial<DeltaRequest>,
  limits: Partial<typeof LIMITS> = {},
) {
  return planDeltaKernel(
    { ...REQUEST, ...request },
    { ...LIMITS, ...limits } as unknown as GPUSupportedLimits,
    { chunkSize: 32 },
  );
}

/** Bytes of a chunk of 32 tokens with heads of 64. */
const OF_CHUNK = 4 *
  (3 * 32 * 32 + // matrices of pairs
    (3 * 32 + 1) * 64 + 32 * 64 + // rows of keys, and of values
    64 * 64); // a state

Deno.test("planDeltaKernel() of the delta rule says how many launches, and what they need", () => {
  assertEquals(plan({}), {
    chunkSize: 32,
    scratchBytes: 4 * 2 * 32 * OF_CHUNK,
    how: "webgpu, 7 launches",
  });
  assertEquals(plan({ causal: true, chunkSize: 1000 }), {
    chunkSize: 32,
    scratchBytes: 4 * 32 * OF_CHUNK,
    how: "webgpu, 5 launches",
  });
  for (const [wanted, chunkSize] of [[1, 1], [20, 20], [33, 32]] as const) {
    const answer = plan({ chunkSize: wanted });
    assert("chunkSize" in answer);
    assertEquals(answer.chunkSize, chunkSize);
  }
  // Three of the four heads have records that fit in a buffer.
  const largest = 2 * 32 * 4 * (3 * 32 + 1) * 64;
  const limits = { maxStorageBufferBindingSize: 3 * largest };
  assertEquals(plan({}, limits), {
    chunkSize: 32,
    scratchBytes: 3 * 2 * 32 * OF_CHUNK,
    how: "webgpu, 14 launches",
  });
});

Deno.test("planDeltaKernel() of the delta rule refuses what the device cannot hold, in words", () => {
  const refusals: [ReturnType<typeof plan>, string][] = [
    [plan({ headDim: 513 }), "headDim is 513"],
    [
      plan({}, { maxStorageBuffersPerShaderStage: 8 }),
      "maxStorageBuffersPerShaderStage",
    ],
    [plan({ length: 2 ** 18 }), "maxStorageBufferBindingSize"],
  ];
  for (const [answer, why] of refusals) {
    assert("refusal" in answer, `planned: ${JSON.stringify(answer)}`);
    assert(answer.refusal.includes(why), answer.refusal);
  }
  assert("how" in plan({ headDim: 512, valueDim: 1000 }));
});
