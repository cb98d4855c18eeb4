/**
 * The text of a few shaders is committed in `snapshots/`, so that a review shows
 * what a change of a generator does to it. `LION_UPDATE_SNAPSHOTS=1` rewrites it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { webGpuNumbers } from "../../../lib/kernels/numbers.ts";
import { attendShader } from "../../../lib/kernels/webgpu/chunkwise/attend.ts";
import { shapeFor } from "../../../lib/kernels/webgpu/chunkwise/attend_shape.ts";
import { carryStatesShader } from "../../../lib/kernels/webgpu/chunkwise/carry_states.ts";
import { chunkStatesShader } from "../../../lib/kernels/webgpu/chunkwise/chunk_states.ts";
import {
  COTANGENTS as g,
  cotangentsShader,
} from "../../../lib/kernels/webgpu/frame/cotangents.ts";
import { decayGradientsShader } from "../../../lib/kernels/webgpu/chunkwise/decay_gradients.ts";
import { packShader } from "../../../lib/kernels/webgpu/frame/pack.ts";
import { maskFor } from "../../../lib/kernels/webgpu/chunkwise/chunk_operands.ts";
import {
  forwardMask,
  type MaskSource,
  transposedMask,
} from "../../../lib/kernels/webgpu/chunkwise/mask.ts";
import type { Role } from "../../../lib/kernels/webgpu/chunkwise/roles.ts";
import { tilingOf } from "../../../lib/kernels/webgpu/score_tiles/score_tiles.ts";
import { tileDecaysShader } from "../../../lib/kernels/webgpu/full/tile_decays.ts";
import { fullShader } from "../../../lib/kernels/webgpu/full/full_shader.ts";
import type { Shader } from "../../../lib/tfjs/webgpu/shader.ts";
import type { Launch } from "../../../lib/kernels/webgpu/frame/problem.ts";
import type { States } from "../../../lib/kernels/webgpu/chunkwise/states.ts";
import type { Vectors } from "../../../lib/kernels/webgpu/frame/vectors.ts";
import { distinctShaders, testCompiling } from "./shader_checks.ts";
import { assertSnapshot } from "./snapshot.ts";

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
const NUMBERS = webGpuNumbers("integrated", undefined);
const LIMITS = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupStorageSize: 16384,
};
const shape = shapeFor(LAUNCH.chunkSize, LAUNCH, 16384, 32)!;
const largestChunk = 64;
const STATES = ["states", "cotangentStates"] as const;

const [q, k, v]: [Vectors, Vectors, Vectors] = [
  { name: "q", columns: "key", half: false },
  { name: "k", columns: "key", half: false },
  { name: "v", columns: "value", half: false },
];
const both = maskFor(true, false)!;
const packed = forwardMask(false, true);
const causal = maskFor(true, true)!;

function statesOf(decays: MaskSource | null): States {
  return { name: "states", rows: k, columns: v, decays };
}

const cotangentStates: States = {
  name: "cotangentStates",
  rows: q,
  columns: g,
  decays: transposedMask(false),
};

function attention(decays: MaskSource | null): Role {
  return {
    rows: q,
    others: k,
    values: v,
    states: statesOf(decays),
    output: { name: "y", columns: "value" },
    finish: { kind: "attention" },
  };
}

const queryGradient: Role = {
  rows: g,
  others: v,
  values: k,
  states: statesOf(packed),
  output: { name: "dq", columns: "key" },
  finish: { kind: "decayTerms", own: q, name: "queryTerms" },
};

const keyGradient: Role = {
  rows: v,
  others: g,
  values: q,
  states: cotangentStates,
  output: { name: "dk", columns: "key" },
  finish: { kind: "decayTerms", own: k, name: "keyTerms" },
};

const valueGradient: Role = {
  rows: k,
  others: q,
  values: g,
  states: cotangentStates,
  output: { name: "dv", columns: "value" },
  finish: { kind: "none" },
};

/** The shader of attention with these decays. */
function attend(decays: MaskSource | null): Shader {
  return attendShader({ roles: [attention(decays)], decays, shape }, LAUNCH);
}

/** The shader of the full form. */
function full(decays: MaskSource | null): Shader {
  const tiling = tilingOf(LAUNCH, NUMBERS(LAUNCH).full, LIMITS);
  return fullShader({ vectors: [q, k, v], decays, tiling }, LAUNCH);
}

const SHADERS: Record<string, Shader> = {
  attend: attend(both),
  attend_causal: attend(causal),
  attend_maskless: attend(null),
  attend_query_gradient: attendShader(
    { roles: [queryGradient], decays: packed, shape },
    LAUNCH,
  ),
  attend_key_gradients: attendShader({
    roles: [keyGradient, valueGradient],
    decays: transposedMask(false),
    shape,
  }, LAUNCH),
  attend_query_gradient_apart: attendShader(
    { roles: [queryGradient], decays: packed, shape, areApart: true },
    LAUNCH,
  ),
  attend_key_gradients_apart: attendShader({
    roles: [keyGradient, valueGradient],
    decays: transposedMask(false),
    shape,
    areApart: true,
  }, LAUNCH),
  carry_states: carryStatesShader([statesOf(both), cotangentStates], LAUNCH),
  carry_piece_states: carryStatesShader([statesOf(both)], LAUNCH, {
    ...{ before: true, after: true, backward: true },
  }),
  carry_piece_states_maskless: carryStatesShader([statesOf(null)], LAUNCH, {
    ...{ before: true, after: false, backward: true },
  }),
  chunk_states: chunkStatesShader(
    { states: [statesOf(packed), cotangentStates], largestChunk },
    LAUNCH,
  ),
  cotangents: cotangentsShader(["f", "b"], LAUNCH),
  decay_gradients: decayGradientsShader({
    causal: false,
    largestChunk,
    alone: false,
    states: STATES,
  }, LAUNCH),
  tile_decays: tileDecaysShader({ decays: both, largestTile: 64 }, LAUNCH),
  full: full(both),
  pack_halves: packShader({ ...v, columns: "value", half: true }, LAUNCH),
};

/** One for each idea; the others are compiled, and their results checked elsewhere. */
const SNAPSHOTS = [
  "attend",
  "chunk_states",
  "decay_gradients",
  "full",
];

Deno.test("shaders have the text of their snapshots", async (t) => {
  for (const name of SNAPSHOTS) {
    await t.step(name, () => assertSnapshot(name, SHADERS[name]!));
  }
});

Deno.test("shaders bind what their text declares, in this order", () => {
  for (const { bindings, code } of Object.values(SHADERS)) {
    const declared = [
      ...code().matchAll(
        /@binding\((\d+)\) var<storage, (\w+)> (\w+): array<(\w+)>/g,
      ),
    ];
    assertEquals(
      declared.map(([, , access, name, element]) => ({
        name,
        element,
        access,
      })),
      bindings.map(({ name, element, access }) => ({ name, element, access })),
    );
    declared.forEach(([, binding], i) => assertEquals(binding, String(i)));
  }
});

/** The shaders of two problems of other sizes: causal, of decays and of none. */
function* variants(): Generator<Shader> {
  const launches = [LAUNCH, {
    ...LAUNCH,
    headDim: 64,
    valueDim: 64,
    length: 3,
  }];
  const gradients = { causal: true, alone: true, largestChunk };
  for (const launch of launches) {
    for (const decays of [null, causal, both]) {
      const roles = [attention(decays)];
      const states = [statesOf(decays)];
      yield attendShader({ roles, decays, shape }, launch);
      if (decays) {
        yield attendShader({ roles, decays, shape, areApart: true }, launch);
      }
      yield chunkStatesShader({ states, largestChunk }, launch);
      yield carryStatesShader(states, launch);
      yield carryStatesShader(states, launch, {
        ...{
          before: true,
          after: decays === both,
          backward: decays !== causal,
        },
      });
      yield cotangentsShader(decays ? ["f"] : [], launch);
      yield packShader({ ...v, columns: "value" }, launch);
      for (
        const numbers of [
          NUMBERS(launch).full,
          { threads: 32, columnsPerThread: 8, stagedColumns: 0 },
          { threads: 64, columnsPerThread: 16, stagedColumns: 32 },
        ]
      ) {
        const tiling = tilingOf(launch, numbers, LIMITS);
        yield fullShader({ vectors: [q, k, v], decays, tiling }, launch);
      }
      if (decays) yield tileDecaysShader({ decays, largestTile: 64 }, launch);
      yield decayGradientsShader({ ...gradients, states: STATES }, launch);
      yield decayGradientsShader({
        ...gradients,
        causal: decays === causal,
        alone: false,
        areApart: true,
        states: STATES,
      }, launch);
    }
  }
}

Deno.test("shaders differ if their keys do, and depend on no size", () => {
  distinctShaders(variants());
});

testCompiling("attention", function* () {
  yield* Object.values(SHADERS);
  yield* variants();
});
