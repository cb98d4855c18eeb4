/**
 * The text of the shaders is committed in `snapshots/`, so that a review shows
 * what a change of a generator does to it. `LION_UPDATE_SNAPSHOTS=1` rewrites it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { attendShader } from "../../../lib/kernels/webgpu/attend.ts";
import { shapeFor } from "../../../lib/kernels/webgpu/attend_shape.ts";
import { carryStatesShader } from "../../../lib/kernels/webgpu/carry_states.ts";
import { chunkStatesShader } from "../../../lib/kernels/webgpu/chunk_states.ts";
import {
  COTANGENTS as g,
  cotangentsShader,
} from "../../../lib/kernels/webgpu/cotangents.ts";
import { decayGradientsShader } from "../../../lib/kernels/webgpu/decay_gradients.ts";
import {
  forwardMask,
  type MaskSource,
  transposedMask,
} from "../../../lib/kernels/webgpu/mask.ts";
import { packShader } from "../../../lib/kernels/webgpu/pack.ts";
import type { Role } from "../../../lib/kernels/webgpu/roles.ts";
import type { Shader } from "../../../lib/tfjs/webgpu/shader.ts";
import type { Launch } from "../../../lib/kernels/webgpu/problem.ts";
import type { States } from "../../../lib/kernels/webgpu/states.ts";
import type { Vectors } from "../../../lib/kernels/webgpu/vectors.ts";
import { assertSnapshot } from "./snapshot.ts";

const LAUNCH: Launch = {
  length: 40,
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
const shape = shapeFor(LAUNCH.chunkSize, LAUNCH, 16384)!;
const largestChunk = 64;

const [q, k, v]: [Vectors, Vectors, Vectors] = [
  { name: "q", columns: "key", half: false },
  { name: "k", columns: "key", half: false },
  { name: "v", columns: "value", half: false },
];
const both = forwardMask(false);

function statesOf(mask: MaskSource | null): States {
  return { name: "states", rows: k, columns: v, mask };
}

const cotangentStates: States = {
  name: "cotangentStates",
  rows: q,
  columns: g,
  mask: transposedMask(false),
};

function attention(mask: MaskSource | null): Role {
  return {
    rows: q,
    others: k,
    values: v,
    states: statesOf(mask),
    output: { name: "y", columns: "value" },
    finish: { kind: "attention" },
  };
}

const queryGradient: Role = {
  rows: g,
  others: v,
  values: k,
  states: statesOf(both),
  output: { name: "dq", columns: "key" },
  finish: { kind: "shares", own: q, name: "queryShares" },
};

/** The shader of attention with this mask. */
function attend(mask: MaskSource | null): Shader {
  return attendShader({ roles: [attention(mask)], mask, shape }, LAUNCH);
}

const SHADERS: Record<string, Shader> = {
  attend: attend(both),
  attend_causal: attend(forwardMask(true)),
  attend_maskless: attend(null),
  attend_query_gradient: attendShader(
    { roles: [queryGradient], mask: both, shape },
    LAUNCH,
  ),
  carry_states: carryStatesShader([statesOf(both), cotangentStates], LAUNCH),
  carry_piece_states: carryStatesShader([statesOf(both)], LAUNCH, {
    ...{ before: true, after: true, backward: true },
  }),
  carry_piece_states_maskless: carryStatesShader([statesOf(null)], LAUNCH, {
    ...{ before: true, after: false, backward: true },
  }),
  chunk_states: chunkStatesShader(
    { states: [statesOf(both), cotangentStates], largestChunk },
    LAUNCH,
  ),
  cotangents: cotangentsShader(LAUNCH),
  decay_gradients: decayGradientsShader({
    causal: false,
    largestChunk,
    alone: false,
    states: ["states", "cotangentStates"],
  }, LAUNCH),
  pack_halves: packShader({ ...v, columns: "value", half: true }, LAUNCH),
};

Deno.test("shaders have the text of their snapshots", async (t) => {
  for (const [name, shader] of Object.entries(SHADERS)) {
    await t.step(name, () => assertSnapshot(name, shader));
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

Deno.test("shaders differ if their keys do, and depend on no size", () => {
  const byKey = new Map<string, string>();
  const launches = [LAUNCH, {
    ...LAUNCH,
    headDim: 64,
    valueDim: 64,
    length: 3,
  }];
  const decays = { causal: true, alone: true, largestChunk };
  for (const launch of launches) {
    for (const mask of [null, forwardMask(true), both]) {
      const roles = [attention(mask)];
      const states = [statesOf(mask)];
      for (
        const { key, code } of [
          attendShader({ roles, mask, shape }, launch),
          chunkStatesShader({ states, largestChunk }, launch),
          carryStatesShader(states, launch),
          carryStatesShader(states, launch, {
            ...{ before: true, after: mask === both, backward: mask === both },
          }),
          cotangentsShader(launch),
          packShader({ ...v, columns: "value" }, launch),
          decayGradientsShader({ ...decays, states: ["a", "b"] }, launch),
        ]
      ) {
        assertEquals(byKey.get(key) ?? code(), code());
        byKey.set(key, code());
      }
    }
  }
  assertEquals(new Set(byKey.values()).size, byKey.size);
});
