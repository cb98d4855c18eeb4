/** Access to the states that enter and leave a kernel as tensors of TensorFlow.js. @module */

/**
 * WGSL functions that read and write four columns of a row of states
 * `[sequences, headDim, valueDim + 1]`. Rows and columns beyond the tensor's read as zero,
 * and are not written.
 *
 * @param enters Buffers to be read: `enter_<name>(sequence, row, vec) -> vec4f`.
 * @param leaves Buffers to be written: `leave_<name>(sequence, row, vec, state)`.
 * @param all Names that have both functions even if they are not among these: zeros
 * enter, and nothing is written.
 */
export function borderStates(
  enters: readonly string[],
  leaves: readonly string[],
  all: readonly string[] = [],
): string {
  const absent = (present: readonly string[]) =>
    all.filter((name) => !present.includes(name));
  const each = (statement: string) => /* wgsl */ `
  for (var i = 0u; i < 4u; i++) {
    let column = 4u * vec + i;
    if (row >= uniforms.headDim || column > uniforms.valueDim) { continue; }
    let at = (sequence * uniforms.headDim + row) * (uniforms.valueDim + 1u) + column;
    ${statement}
  }`;
  return [
    ...enters.map((name) => /* wgsl */ `
fn enter_${name}(sequence: u32, row: u32, vec: u32) -> vec4f {
  var state = vec4f();${each(`state[i] = ${name}[at];`)}
  return state;
}`),
    ...leaves.map((name) => /* wgsl */ `
fn leave_${name}(sequence: u32, row: u32, vec: u32, state: vec4f) {${
      each(`${name}[at] = state[i];`)
    }
}`),
    ...absent(enters).map((name) =>
      `fn enter_${name}(sequence: u32, row: u32, vec: u32) -> vec4f { return vec4f(); }`
    ),
    ...absent(leaves).map((name) =>
      `fn leave_${name}(sequence: u32, row: u32, vec: u32, state: vec4f) {}`
    ),
  ].join("\n") + "\n";
}
