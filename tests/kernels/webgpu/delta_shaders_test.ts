/**
 * What shaders_test.ts sees of the others' shaders, of the delta rule's, and what
 * their plans say.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { DeltaRequest } from "../../../lib/attention/planning/delta_kernel.ts";
import {
  type BorderStates,
  carryProgram,
  chunkStatesProgram,
} from "../../../lib/kernels/webgpu/chunk_engine/added_states.ts";
import {
  type ChunkProgram,
  type ChunkSizes,
  layoutOf,
} from "../../../lib/kernels/webgpu/chunk_engine/chunk_layout.ts";
import { decayGradientsProgram } from "../../../lib/kernels/webgpu/chunk_engine/decay_gradients.ts";
import { gateGradientsProgram } from "../../../lib/kernels/webgpu/delta/delta_backward_decay.ts";
import { keyGradientsProgram } from "../../../lib/kernels/webgpu/chunk_engine/key_gradients.ts";
import { operandsProgram } from "../../../lib/kernels/webgpu/chunk_engine/operands.ts";
import {
  addedValueGradientsProgram,
  outputsProgram,
} from "../../../lib/kernels/webgpu/chunk_engine/outputs.ts";
import { planDeltaKernel } from "../../../lib/kernels/webgpu/delta/delta_plan.ts";
import { productsProgram } from "../../../lib/kernels/webgpu/chunk_engine/products.ts";
import { wyProgram } from "../../../lib/kernels/webgpu/delta/delta_wy.ts";
import { stateGradientsProgram } from "../../../lib/kernels/webgpu/delta/delta_state_gradients.ts";
import { statesProgram } from "../../../lib/kernels/webgpu/delta/delta_states.ts";
import { scoresProgram } from "../../../lib/kernels/webgpu/chunk_engine/scores.ts";
import {
  rhsGradientProgram,
  solveTriangularProgram,
} from "../../../lib/kernels/webgpu/delta/solve_triangular.ts";
import { valueGradientsProgram } from "../../../lib/kernels/webgpu/delta/delta_value_gradients.ts";
import { type Program, shaderOf } from "../../../lib/tfjs/webgpu/program.ts";
import {
  distinctShaders,
  testCompiling,
  workgroupBytes,
} from "./shader_checks.ts";

const PASS = { firstSequence: 0, sequences: 2 };
const tensor: TensorInfo = { dataId: {}, shape: [64], dtype: "float32" };

/** A program with buffers, whose sizes no text depends on. */
const bound = ({ reads, writes, ...program }: ChunkProgram): Program => {
  const [read, written] = [reads, writes].map((names) =>
    Object.fromEntries(names.map((name) => [name, tensor]))
  );
  return { ...program, reads: read!, writes: written! };
};

const byName = (all: ChunkProgram[]): Record<string, Program> =>
  Object.fromEntries(all.map((program) => [program.name, bound(program)]));

/** All programs of the delta rule for a problem, by their names. */
function programsOf(sizes: ChunkSizes): Record<string, Program> {
  const layout = layoutOf(sizes), pass = PASS;
  const ends = { first_state: tensor, last_state: tensor };
  const none = { first_state: undefined, last_state: undefined };
  return byName([
    operandsProgram(layout, pass, 0),
    scoresProgram(layout, pass, 0),
    solveTriangularProgram(layout, pass),
    wyProgram(layout, pass, 1),
    statesProgram(layout, pass, ends),
    outputsProgram(layout, pass, { scale: 0.5 }),
    stateGradientsProgram(layout, pass, none, 0.5),
    rhsGradientProgram(layout, pass),
    productsProgram(layout, pass, 0.5),
    valueGradientsProgram(layout, pass, 0.5),
    keyGradientsProgram(layout, pass, 1),
    gateGradientsProgram(layout, pass, 1),
  ]);
}

/** All programs of the rule "add" for a problem, by their names. */
function addingPrograms(
  sizes: Omit<ChunkSizes, "rule" | "decay">,
): Record<string, Program> {
  const { directions, withStates } = sizes;
  const layout = layoutOf({ ...sizes, rule: "add", decay: "diagonal" });
  const pass = PASS, last = directions - 1;
  const piece: BorderStates = {
    enters: withStates ? ["before"] : [],
    leaves: withStates ? ["forward"] : [],
  };
  return byName([
    operandsProgram(layout, pass, last),
    scoresProgram(layout, pass, last),
    chunkStatesProgram(layout, pass, false),
    carryProgram(layout, pass, piece, false),
    outputsProgram(layout, pass, {
      ...{ scale: 0.5, normalize: true, epsilon: 1e-6 },
    }),
    ...(withStates ? [] : [
      productsProgram(layout, pass, 1),
      addedValueGradientsProgram(layout, pass),
      keyGradientsProgram(layout, pass, last),
      decayGradientsProgram(layout, pass, last),
    ]),
  ]);
}

/** The programs of problems of many sizes, of both rules. */
function* variants(): Generator<Program> {
  for (const [headDim, valueDim] of [[1, 1], [6, 5], [64, 64], [512, 130]]) {
    for (const [length, directions] of [[1, 1], [70, 2]]) {
      const sizes = {
        ...{ length: length!, headDim: headDim!, valueDim: valueDim! },
        ...{ chunkSize: Math.min(32, length!), directions: directions! },
      };
      for (const withStates of [false, true]) {
        yield* Object.values(addingPrograms({ ...sizes, withStates }));
      }
      for (const decay of ["none", "scalar", "diagonal"] as const) {
        // Of heads of one channel the two kinds are the same.
        if (headDim === 1 && decay === "diagonal") continue;
        const delta = {
          ...sizes,
          rule: "delta",
          decay,
          withStates: false,
        } as const;
        yield* Object.values(programsOf(delta));
      }
    }
  }
}

const shaders = () => variants().map((program) => shaderOf(program, 65535));

Deno.test("shaders of chunked linear attention differ if their keys do, and fit every device", () => {
  for (const program of variants()) assert(program.threads <= 256);
  for (const { code } of distinctShaders(shaders())) {
    assert(workgroupBytes(code()) <= 16384);
  }
});

testCompiling("chunked linear attention", shaders);

const REQUEST: DeltaRequest = {
  ...{ batch: 1, heads: 4, length: 1024, headDim: 64, valueDim: 64 },
  ...{ diagonal: false, causal: false, chunkSize: undefined },
};

/** What WebGPU guarantees. */
const LIMITS = {
  maxStorageBuffersPerShaderStage: 8,
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
    (3 * 32 + 1 + 8) * 64 + 32 * 64 + // operands and decays, and what is written
    64 * 64); // a state

Deno.test("planDeltaKernel() of the delta rule says how many launches, and what they need", () => {
  assertEquals(plan({}), {
    chunkSize: 32,
    scratchBytes: 4 * 2 * 32 * OF_CHUNK,
    how: "webgpu, 9 launches",
  });
  assertEquals(plan({ causal: true, chunkSize: 1000 }), {
    chunkSize: 32,
    scratchBytes: 4 * 32 * OF_CHUNK,
    how: "webgpu, 6 launches",
  });
  for (const [wanted, chunkSize] of [[1, 1], [20, 20], [33, 32]] as const) {
    const answer = plan({ chunkSize: wanted });
    assert("chunkSize" in answer);
    assertEquals(answer.chunkSize, chunkSize);
  }
  // Three of the four heads have records that fit in a buffer.
  const largest = 2 * 32 * 4 * (3 * 32 + 1 + 8) * 64;
  const limits = { maxStorageBufferBindingSize: 3 * largest };
  assertEquals(plan({}, limits), {
    chunkSize: 32,
    scratchBytes: 3 * 2 * 32 * OF_CHUNK,
    how: "webgpu, 18 launches",
  });
});

Deno.test("planDeltaKernel() of the delta rule refuses what the device cannot hold, in words", () => {
  const refusals: [ReturnType<typeof plan>, string][] = [
    [plan({ headDim: 513 }), "headDim is 513"],
    [
      plan({}, { maxStorageBuffersPerShaderStage: 7 }),
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
