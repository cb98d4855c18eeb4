/**
 * What shaders_test.ts sees of the others' shaders, of those of transitions, and what
 * their plans say.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { Reads } from "../../../lib/attention/forms/transition_inputs.ts";
import type { TransitionRequest } from "../../../lib/attention/planning/transition_kernel.ts";
import { gateGradientsProgram } from "../../../lib/kernels/webgpu/transition/gate_gradients.ts";
import {
  type ChunkProgram,
  layoutOf,
  type Sizes,
} from "../../../lib/kernels/webgpu/transition/layout.ts";
import { operandsProgram } from "../../../lib/kernels/webgpu/transition/operands.ts";
import { outputsProgram } from "../../../lib/kernels/webgpu/transition/outputs.ts";
import { productsProgram } from "../../../lib/kernels/webgpu/transition/products.ts";
import { scoresProgram } from "../../../lib/kernels/webgpu/transition/scores.ts";
import {
  solveGradientProgram,
  solveProgram,
} from "../../../lib/kernels/webgpu/transition/solve.ts";
import { statesProgram } from "../../../lib/kernels/webgpu/transition/states.ts";
import { sumsProgram } from "../../../lib/kernels/webgpu/transition/sums.ts";
import { planTransition } from "../../../lib/kernels/webgpu/transition/transition_plan.ts";
import { valueGradientsProgram } from "../../../lib/kernels/webgpu/transition/value_gradients.ts";
import { vectorGradientsPrograms } from "../../../lib/kernels/webgpu/transition/vector_gradients.ts";
import { type Program, shaderOf } from "../../../lib/tfjs/webgpu/program.ts";
import {
  distinctShaders,
  testCompiling,
  workgroupBytes,
} from "./shader_checks.ts";

const BATCH = { firstSequence: 0, sequences: 2 };
const tensor: TensorInfo = { dataId: {}, shape: [64], dtype: "float32" };

/** A program with buffers, whose sizes no text depends on. */
const bound = ({ reads, writes, ...program }: ChunkProgram): Program => {
  const [read, written] = [reads, writes].map((names) =>
    Object.fromEntries(names.flatMap((name) => name ? [[name, tensor]] : []))
  );
  return { ...program, reads: read!, writes: written! };
};

/** All programs of a problem. */
function programsOf(sizes: Sizes): ChunkProgram[] {
  const layout = layoutOf(sizes), { reads, decay, hasStates, isPiece } = layout;
  const isReading = reads !== "none";
  const gives = reads === "none" || reads === "untied";
  const ends = isPiece ? { before: tensor, forward: tensor } : {};
  return [
    operandsProgram(layout, BATCH),
    scoresProgram(layout, BATCH),
    ...isReading
      ? [solveProgram(layout, BATCH), solveGradientProgram(layout, BATCH)]
      : [],
    ...hasStates
      ? [
        ...gives ? [sumsProgram(layout, BATCH, undefined)] : [],
        statesProgram(layout, BATCH, ends, undefined),
        sumsProgram(layout, BATCH, 0.5),
        statesProgram(layout, BATCH, ends, 0.5),
      ]
      : [],
    outputsProgram(layout, BATCH, { scale: 0.5 }),
    productsProgram(layout, BATCH, 0.5),
    valueGradientsProgram(layout, BATCH, 0.5),
    ...vectorGradientsPrograms(layout, BATCH),
    ...reads === "delta" || decay !== "none"
      ? [gateGradientsProgram(layout, BATCH)]
      : [],
  ];
}

const READS: readonly Reads[] = ["none", "delta", "tied", "untied"];
const DECAYS = ["none", "token", "channel"] as const;

/** The programs of problems of many sizes, whatever is read and decays. */
function* variants(): Generator<Program> {
  for (const [headDim, valueDim] of [[6, 5], [64, 64], [512, 130]] as const) {
    for (
      const [length, directions, steps] of [[1, 1, 1], [70, 2, 3]] as const
    ) {
      const sizes = {
        ...{ length, directions, steps, headDim, valueDim },
        ...{ chunkSize: Math.min(10, length), hasRowSums: false },
        isPiece: directions === 1,
      };
      for (const reads of READS) {
        for (const decay of DECAYS) {
          for (const program of programsOf({ ...sizes, reads, decay })) {
            yield bound(program);
          }
        }
      }
      const diagonal = { reads: "none", decay: "channel", steps: 1 } as const;
      for (const isPiece of [false, true]) {
        const problem = { ...sizes, ...diagonal, hasRowSums: true, isPiece };
        for (const program of programsOf(problem)) yield bound(program);
      }
    }
  }
}

const shaders = () => variants().map((program) => shaderOf(program, 65535));

Deno.test("shaders of transitions differ if their keys do, and fit every device", () => {
  for (const program of variants()) assert(program.threads <= 256);
  for (const { code } of distinctShaders(shaders())) {
    assert(workgroupBytes(code()) <= 16384);
  }
});

testCompiling("transitions", shaders);

const REQUEST: TransitionRequest = {
  ...{ batch: 1, heads: 4, length: 1024, headDim: 64, valueDim: 64 },
  ...{ reads: "delta", steps: 1, diagonal: false, causal: false },
  chunkSize: undefined,
};

/** What WebGPU guarantees. */
const LIMITS = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupsPerDimension: 65535,
  maxStorageBufferBindingSize: 2 ** 27,
  maxBufferSize: 2 ** 28,
};

function plan(
  request: Partial<TransitionRequest>,
  limits: Partial<typeof LIMITS> = {},
) {
  return planTransition(
    { ...REQUEST, ...request },
    { ...LIMITS, ...limits } as unknown as GPUSupportedLimits,
    { delta: { chunkSize: 32 }, channels: { chunkSize: 16 } },
  );
}

/** Bytes of the operands of a chunk of 32 tokens with heads of 64, and one decay for each. */
const OPERANDS = 4 * ((3 * 32 + 1 + 8) * 64 + 32 * 4);
/** Bytes of all that is known of it: pairs of rows, operands, what is read, and a state. */
const OF_CHUNK = 4 * 2 * 32 * 32 + OPERANDS + 4 * 32 * 64 + 4 * 64 * 64;

Deno.test("planTransition() says how many launches, and what they need", () => {
  assertEquals(plan({}), {
    chunkSize: 32,
    scratchBytes: 4 * 2 * 32 * OF_CHUNK,
    how: "webgpu, 5 launches",
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
  const limits = { maxStorageBufferBindingSize: 3 * 2 * 32 * OPERANDS };
  assertEquals(plan({}, limits), {
    chunkSize: 32,
    scratchBytes: 3 * 2 * 32 * OF_CHUNK,
    how: "webgpu, 10 launches",
  });
});

Deno.test("planTransition() counts the steps of a chunk, and what a rule reads", () => {
  const answers = [
    plan({ steps: 4 }),
    plan({ steps: 3, chunkSize: 30 }),
    plan({ reads: "none" }),
    plan({ reads: "untied" }),
  ].map((answer) => "how" in answer && [answer.chunkSize, answer.how]);
  assertEquals(answers, [
    [8, "webgpu, 5 launches"],
    [10, "webgpu, 5 launches"],
    [16, "webgpu, 5 launches"],
    [32, "webgpu, 6 launches"],
  ]);
});

Deno.test("planTransition() refuses what the device cannot hold, in words", () => {
  const refusals: [ReturnType<typeof plan>, string][] = [
    [plan({ headDim: 513 }), "headDim is 513"],
    [plan({ steps: 33 }), "33 steps"],
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
