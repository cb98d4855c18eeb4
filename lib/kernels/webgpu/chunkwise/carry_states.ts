/**
 * Second step of the chunkwise form: states are scanned over the chunks.
 *
 * In place, what each chunk wrote is replaced by what reaches it from the
 * chunks on that side: the sum of theirs, each decayed by the chunks between.
 * Without a mask, the first chunk's record becomes the sum of all. Where the
 * sequence is a piece of a longer one, states come from outside of it, and those
 * that leave it are written too.
 *
 * @module
 */
import type { Program, Tensors } from "../../../tfjs/webgpu/program.ts";
import { declareConstants, instance } from "../../../tfjs/webgpu/wgsl.ts";
import { borderStates, noBorderStates } from "../frame/border_states.ts";
import { type Launch, problemProgram, tensorsOf } from "../frame/problem.ts";
import { QUADS } from "../frame/vectors.ts";
import {
  directionsOf,
  logDecaysOf,
  maskConstants,
  maskKey,
  type MaskSource,
} from "./mask.ts";
import { recordQuads, STATES, type States } from "./states.ts";

const THREADS = 64;

/** The states of a piece of a sequence, by the buffers that have them. */
export interface SequenceBorders {
  /** Whether a state comes from the tokens before the piece. */
  readonly before: boolean;
  /** Whether one comes from those after it. */
  readonly after: boolean;
  /** Whether the backward state leaves it, as the forward one does. */
  readonly backward: boolean;
}

/**
 * The program, of which a thread carries one quad of a state through all chunks.
 *
 * @param borders If the sequence is a piece; then there is one kind of states.
 */
export function carryStatesProgram(
  states: readonly States[],
  launch: Launch,
  tensors: Tensors,
  borders?: SequenceBorders,
): Program {
  const directions = directionsOf(states[0]!.decays);
  const names = states.map(({ name }) => name);
  const { before = false, after = false, backward = false } = borders ?? {};
  const [enters, others] = partition({ before, after });
  const [leaves, kept] = partition({ forward: !!borders, backward });
  const decays = borders ? states[0]!.decays : null;
  return {
    ...problemProgram(launch),
    name: "carry_states",
    variants: [
      ...states.map(({ name, decays }) => `${name}:${maskKey(decays)}`),
      borders !== undefined && `piece=${[...enters, ...leaves]}`,
    ],
    constants: {
      ENTERS_BEFORE: before,
      ENTERS_AFTER: after,
    },
    elements: Object.fromEntries(names.map((name) => [name, "vec4f"])),
    reads: tensorsOf([...logDecaysOf([decays], false), ...enters], tensors),
    writes: tensorsOf([...names, ...leaves], tensors),
    threads: THREADS,
    workgroups: [
      Math.ceil((recordQuads(launch) - 1) / THREADS),
      launch.sequences,
    ],
    layers: states.length * directions,
    functions: () =>
      [
        ...[QUADS, borderStates(enters, leaves), noBorderStates(others, kept)],
        borderDecays(decays),
        ...states.map(({ name, decays }) => {
          const constants = declareConstants(maskConstants(decays));
          const operands =
            `fn read(at: u32) -> vec4f { return ${name}[at]; }\n` +
            `fn write(at: u32, value: vec4f) { ${name}[at] = value; }\n`;
          return instance(constants + operands + STATES + CARRY, name);
        }),
      ].join(""),
    body: names.map((name, i) =>
      `  if (layer / ${directions}u == ${i}u) { carry_${name}(group, layer % ${directions}u, local); }`
    ).join("\n"),
  };
}

/** The names of what there is, and of what there is not. */
function partition(
  all: Readonly<Record<string, boolean>>,
): [string[], string[]] {
  const names = Object.keys(all);
  return [names.filter((name) => all[name]), names.filter((x) => !all[x])];
}

/** WGSL functions that read the log decays of a sequence's first and last token. */
function borderDecays(decays: MaskSource | null): string {
  const { before, after } = decays ?? {};
  return /* wgsl */ `
fn first_decay(base: u32) -> f32 { return ${
    before ? `${before.name}[base]` : "0.0"
  }; }
fn last_decay(base: u32) -> f32 { return ${
    after ? `${after.name}[base + uniforms.length - 1u]` : "0.0"
  }; }
`;
}

const CARRY = /* wgsl */ `
fn carry(group: vec3u, direction: u32, thread: u32) {
  let quads = record_quads();
  let at = group.x * THREADS + thread;
  if (at >= quads - 1u) { return; }
  let sequence = group.y;
  // Its place in the states of all sequences.
  let place = uniforms.firstSequence + sequence;
  let row = at / sum_quads();
  let quad = at % sum_quads();
  let side = select(1u, direction, BEFORE);
  var state = vec4f();
  if (!DECAYS) {
    let start = state_at(sequence, 0u, 0u) + at;
    for (var chunk = 0u; chunk < uniforms.chunks; chunk++) { state += read(start + chunk * quads); }
    let before = enter_before(place, row, quad);
    let after = enter_after(place, row, quad);
    leave_forward(place, row, quad, state + before);
    leave_backward(place, row, quad, state + after);
    write(start, state + before + after);
    return;
  }
  // An initial state decays by the decay of the first token that it comes to.
  let base = place * uniforms.length;
  if (ENTERS_BEFORE && side == 0u) { state = exp(first_decay(base)) * enter_before(place, row, quad); }
  if (ENTERS_AFTER && side == 1u) { state = exp(last_decay(base)) * enter_after(place, row, quad); }
  let length = DIRECTIONS * quads;
  var start = state_at(sequence, select(0u, uniforms.chunks - 1u, side == 1u), side);
  for (var step = 0u; step < uniforms.chunks; step++) {
    let written = read(start + at);
    write(start + at, state);
    state = read(start + quads - 1u).x * state + written;
    start = select(start + length, start - length, side == 1u);
  }
  if (side == 0u) { leave_forward(place, row, quad, state); }
  if (side == 1u) { leave_backward(place, row, quad, state); }
}
`;
