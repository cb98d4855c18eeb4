/**
 * Second step of the chunkwise form: states travel from chunk to chunk.
 *
 * In place, what each chunk wrote is replaced by what reaches it from the
 * chunks on that side: the sum of theirs, each decayed by the chunks between.
 * Without a mask, the first chunk's record becomes the sum of all.
 *
 * @module
 */
import { type Side, sidesOf } from "./mask.ts";
import {
  declare,
  keyOf,
  type Launch,
  output,
  type Shader,
} from "../../tfjs/webgpu/shader.ts";
import {
  directionsOf,
  RECORD_QUADS,
  recordQuads,
  type States,
} from "./states.ts";
import { QUADS } from "./vectors.ts";

const THREADS = 64;

/** A thread carries one quad of a state through all chunks. */
export function carryStatesShader(
  states: readonly States[],
  launch: Launch,
): Shader {
  const bindings = states.map(({ name }) => output(name, "vec4f"));
  const directions = directionsOf(states[0]!.mask);
  const sides = states.map(({ mask }): (Side | null)[] =>
    mask ? sidesOf(mask) : [null]
  );
  return {
    key: keyOf(
      "carry_states",
      ...states.map(({ name }, i) =>
        `${name}:${sides[i]!.map((side) => side ?? "maskless")}`
      ),
    ),
    bindings,
    dispatch: [
      Math.ceil((recordQuads(launch) - 1) / THREADS),
      launch.sequences,
      states.length * directions,
    ],
    code: () =>
      /* wgsl */ `${declare(bindings)}
${QUADS}${RECORD_QUADS}
@compute @workgroup_size(${THREADS})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
  let quads = record_quads();
  if (id.x >= quads - 1u) { return; }
  let start = group.y * problem.chunks * ${directions}u;
  var state = vec4f();
${
        states.map(({ name }, i) =>
          sides[i]!.map((side, direction) =>
            `  if (group.z == ${i * directions + direction}u) {
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = ${side === "after" ? "problem.chunks - 1u - step" : "step"};
      let record = (start + chunk * ${directions}u + ${direction}u) * quads;
${carry(name, side)}
  }`
          ).join("\n")
        ).join("\n")
      }
}
`,
  };
}

/** The end of the loop over chunks, and what follows it. */
function carry(name: string, side: Side | null): string {
  return side === null
    ? /* wgsl */ `      state += ${name}[record + id.x];
    }
    ${name}[start * quads + id.x] = state;`
    : /* wgsl */ `      let written = ${name}[record + id.x];
      ${name}[record + id.x] = state;
      state = ${name}[record + quads - 1u].x * state + written;
    }`;
}
