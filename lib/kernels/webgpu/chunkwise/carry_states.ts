/**
 * Second step of the chunkwise form: states travel from chunk to chunk.
 *
 * In place, what each chunk wrote is replaced by what reaches it from the
 * chunks on that side: the sum of theirs, each decayed by the chunks between.
 * Without a mask, the first chunk's record becomes the sum of all. Where the
 * sequence is a piece of a longer one, states come from outside of it, and those
 * that leave it are written too.
 *
 * @module
 */
import { borderStates } from "../frame/border_states.ts";
import { inputsOfDecays } from "./chunk_operands.ts";
import { type MaskSource, type Side, sidesOf } from "./mask.ts";
import {
  input,
  keyOf,
  output,
  type Shader,
} from "../../../tfjs/webgpu/shader.ts";
import { declare, type Launch } from "../frame/problem.ts";
import {
  directionsOf,
  RECORD_QUADS,
  recordQuads,
  type States,
} from "./states.ts";
import { QUADS } from "../frame/vectors.ts";

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
 * A thread carries one quad of a state through all chunks.
 *
 * @param borders If the sequence is a piece; then there is one kind of states.
 */
export function carryStatesShader(
  states: readonly States[],
  launch: Launch,
  borders?: SequenceBorders,
): Shader {
  const { decays } = states[0]!;
  const directions = directionsOf(decays);
  const sides = states.map(({ decays }): readonly (Side | null)[] =>
    decays ? sidesOf(decays) : [null]
  );
  const enters = borders ? sidesWith(borders) : [];
  const leaves = borders
    ? ["forward", ...(borders.backward ? ["backward"] : [])]
    : [];
  const bindings = [
    ...(borders ? inputsOfDecays([decays]) : []),
    ...enters.map((name) => input(name, "f32")),
    ...states.map(({ name }) => output(name, "vec4f")),
    ...leaves.map((name) => output(name, "f32")),
  ];
  return {
    key: keyOf(
      "carry_states",
      ...states.map(({ name }, i) =>
        `${name}:${sides[i]!.map((side) => side ?? "maskless")}`
      ),
      borders !== undefined && `piece=${[...enters, ...leaves]}`,
    ),
    bindings,
    dispatch: [
      Math.ceil((recordQuads(launch) - 1) / THREADS),
      launch.sequences,
      states.length * directions,
    ],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}${RECORD_QUADS}${borders ? borderStates("problem", enters, leaves) : ""}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
  let quads = record_quads();
  if (id.x >= quads - 1u) { return; }
  let start = group.y * problem.chunks * ${directions}u;${borders ? PLACE : ""}
  var state = vec4f();
${
        states.map((_, i) =>
          sides[i]!.map((side, direction) =>
            `  if (group.z == ${i * directions + direction}u) {${
              borders && side ? arrive(side, decays!, borders) : ""
            }
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = ${side === "after" ? "problem.chunks - 1u - step" : "step"};
      let record = (start + chunk * ${directions}u + ${direction}u) * quads;
${carry(states[i]!, side, borders)}
  }`
          ).join("\n")
        ).join("\n")
      }
}
`,
  };
}

function sidesWith(borders: SequenceBorders): Side[] {
  return (["before", "after"] as const).filter((side) => borders[side]);
}

/** Where a thread's quad lies in the states of the piece. */
const PLACE = /* wgsl */ `
  let sequence = problem.firstSequence + group.y;
  let row = id.x / sum_quads();
  let quad = id.x % sum_quads();`;

/** The state that comes to a piece pays what the piece's first token on that side says. */
function arrive(
  side: Side,
  decays: MaskSource,
  borders: SequenceBorders,
): string {
  if (!borders[side]) return "";
  const first = side === "before" ? "0u" : "problem.length - 1u";
  return /* wgsl */ `
    state = exp(${
    decays[side]!.name
  }[sequence * problem.length + ${first}]) * enter_${side}(sequence, row, quad);`;
}

/** The end of the loop over chunks, and what follows it. */
function carry(
  { name }: States,
  side: Side | null,
  borders: SequenceBorders | undefined,
): string {
  const leave = (state: (side: Side) => string, ...sides: Side[]) =>
    borders
      ? sides.map((side) => {
        const to = side === "before" ? "forward" : "backward";
        return `
    leave_${to}(sequence, row, quad, ${state(side)});`;
      }).join("")
      : "";
  if (side === null) {
    const entered = borders ? sidesWith(borders) : [];
    const enter = (side: Side) =>
      borders?.[side] ? ` + enter_${side}(sequence, row, quad)` : "";
    return /* wgsl */ `      state += ${name}[record + id.x];
    }${leave((side) => `state${enter(side)}`, "before", "after")}
    ${name}[start * quads + id.x] = state${entered.map(enter).join("")};`;
  }
  return /* wgsl */ `      let written = ${name}[record + id.x];
      ${name}[record + id.x] = state;
      state = ${name}[record + quads - 1u].x * state + written;
    }${leave(() => "state", side)}`;
}
