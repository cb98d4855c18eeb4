/** The text of the shaders of attention: what it binds, and what its key tells of it. @module */
import { assertEquals } from "@std/assert";
import type { TensorInfo } from "@tensorflow/tfjs-core";
import { webGpuNumbers } from "../../../lib/kernels/numbers.ts";
import {
  attendProgram,
  type Role,
  shapeFor,
} from "../../../lib/kernels/webgpu/chunkwise/attend.ts";
import {
  carryStatesProgram,
  chunkStatesProgram,
  type States,
} from "../../../lib/kernels/webgpu/chunkwise/states.ts";
import {
  COTANGENTS as g,
  cotangentsProgram,
} from "../../../lib/kernels/webgpu/frame/cotangents.ts";
import { decayGradientsProgram } from "../../../lib/kernels/webgpu/chunkwise/decay_gradients.ts";
import {
  type Mask,
  maskFor,
} from "../../../lib/kernels/webgpu/chunkwise/mask.ts";
import { tilingOf } from "../../../lib/kernels/webgpu/score_tiles/score_tiles.ts";
import { tileDecaysProgram } from "../../../lib/kernels/webgpu/full/tile_decays.ts";
import { fullProgram } from "../../../lib/kernels/webgpu/full/full_shader.ts";
import { shaderOf, type Tensors } from "../../../lib/tfjs/webgpu/program.ts";
import {
  boundProgram,
  type Launch,
  type ProblemProgram,
  vec4CopyProgram,
} from "../../../lib/kernels/webgpu/frame/attention_call.ts";
import type { Vectors } from "../../../lib/kernels/webgpu/frame/vectors.ts";
import { distinctShaders, testCompiling } from "./shader_checks.ts";

const LAUNCH: Launch = {
  length: 40,
  tokens: 80,
  chunks: 3,
  chunkSize: 16,
  firstSequence: 0,
  sequences: 2,
  headDim: 6,
  valueDim: 5,
  normalize: true,
  scale: 0.5,
  epsilon: 1e-6,
};
const tensor = (): TensorInfo => ({
  dataId: {},
  shape: [1],
  dtype: "float32",
});
/** A tensor by any name. */
const TENSORS: Tensors = new Proxy({}, { get: tensor });
const NUMBERS = webGpuNumbers("integrated", undefined);
const LIMITS = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
};
const shape = shapeFor(LAUNCH.chunkSize, LAUNCH, 16384, 32)!;
const largestChunk = 64;
const BOTH_STATES = ["states", "cotangentStates"] as const;

const [q, k, v]: [Vectors, Vectors, Vectors] = [
  { name: "q", columns: "key", half: false },
  { name: "k", columns: "key", half: false },
  { name: "v", columns: "value", half: false },
];
const both = maskFor(true, false)!;
const packed: Mask = { ...both, behindCotangents: true };
const transposed: Mask = { ...packed, transposed: true };
const causal = maskFor(true, true)!;

function statesOf(decays: Mask | null): States {
  return { name: "states", rows: k, columns: v, decays };
}

const cotangentStates: States = {
  name: "cotangentStates",
  rows: q,
  columns: g,
  decays: transposed,
};

function attention(decays: Mask | null): Role {
  return {
    rows: q,
    others: k,
    values: v,
    states: statesOf(decays),
    output: { name: "y", columns: "value" },
    normalizes: true,
  };
}

const queryGradient: Role = {
  rows: g,
  others: v,
  values: k,
  states: statesOf(packed),
  output: { name: "dq", columns: "key" },
  ownTerms: { own: q, name: "queryTerms" },
};

const keyGradient: Role = {
  rows: v,
  others: g,
  values: q,
  states: cotangentStates,
  output: { name: "dk", columns: "key" },
  ownTerms: { own: k, name: "keyTerms" },
};

const valueGradient: Role = {
  rows: k,
  others: q,
  values: g,
  states: cotangentStates,
  output: { name: "dv", columns: "value" },
};

/** The programs of a gradient: in queries, in keys and values, and in decays. */
function* gradients(areUnscanned: boolean): Generator<ProblemProgram> {
  const spec = { shape, areUnscanned };
  yield attendProgram(
    { ...spec, roles: [queryGradient], decays: packed },
    LAUNCH,
  );
  const roles = [keyGradient, valueGradient];
  yield attendProgram(
    { ...spec, roles, decays: transposed },
    LAUNCH,
  );
  for (const states of [BOTH_STATES, null]) {
    yield decayGradientsProgram(
      { mask: both, largestChunk, areUnscanned, states },
      LAUNCH,
    );
  }
}

/** The programs of two problems of other sizes: causal, of decays and of none. */
function* variants(): Generator<ProblemProgram> {
  const launches = [LAUNCH, {
    ...LAUNCH,
    headDim: 64,
    valueDim: 64,
    length: 3,
  }];
  for (const launch of launches) {
    for (const decays of [null, causal, both]) {
      const roles = [attention(decays)];
      const states = [statesOf(decays)];
      for (const areUnscanned of decays ? [false, true] : [false]) {
        yield attendProgram({ roles, decays, shape, areUnscanned }, launch);
      }
      yield chunkStatesProgram(states, largestChunk, launch);
      yield carryStatesProgram(states, [], [], launch);
      yield carryStatesProgram(
        states,
        ["before", ...(decays === both ? ["after"] : [])],
        ["forward", ...(decays !== causal ? ["backward"] : [])],
        launch,
      );
      yield cotangentsProgram(decays ? ["f"] : [], launch);
      yield vec4CopyProgram({ columns: "value", half: false }, launch);
      for (
        const numbers of [
          NUMBERS(launch).full,
          { threads: 32, columnsPerThread: 8, stagedColumns: 0 },
          { threads: 64, columnsPerThread: 16, stagedColumns: 32 },
        ]
      ) {
        const tiling = tilingOf(launch, numbers, LIMITS);
        yield fullProgram({ vectors: [q, k, v], decays, tiling }, launch);
      }
      if (decays) yield tileDecaysProgram(decays, 64, launch);
      const mask = decays ?? both;
      yield decayGradientsProgram(
        { mask, largestChunk, states: BOTH_STATES, areUnscanned: true },
        launch,
      );
    }
  }
  for (const areUnscanned of [false, true]) yield* gradients(areUnscanned);
  const kinds = [statesOf(packed), cotangentStates];
  yield chunkStatesProgram(kinds, largestChunk, LAUNCH);
  yield carryStatesProgram(kinds, [], [], LAUNCH);
  yield carryStatesProgram(
    [statesOf(null)],
    ["before"],
    ["forward", "backward"],
    LAUNCH,
  );
  yield cotangentsProgram(["f", "b"], LAUNCH);
  yield vec4CopyProgram({ columns: "value", half: true }, LAUNCH);
}

const shaders = () =>
  variants().map((program) =>
    shaderOf(boundProgram(program, LAUNCH, TENSORS), 65535)
  );

Deno.test("shaders bind what their text declares, in this order", () => {
  for (const { bindings, code } of shaders()) {
    const text = code();
    const pack = /alias Pack = (\w+);/.exec(text)![1];
    const declared = [
      ...text.matchAll(
        /@binding\((\d+)\) var<storage, (\w+)> (\w+): array<(\w+)>/g,
      ),
    ];
    assertEquals(
      declared.map(([, , access, name, element]) => ({
        name,
        element: element === "Pack" ? pack : element,
        access,
      })),
      bindings.map(({ name, element, access }) => ({ name, element, access })),
    );
    declared.forEach(([, binding], i) => assertEquals(binding, String(i)));
  }
});

Deno.test("shaders differ if their keys do, and depend on no size", () => {
  distinctShaders(shaders());
});

testCompiling("attention", shaders);
