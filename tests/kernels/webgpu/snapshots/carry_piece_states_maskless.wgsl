// lion_carry_states states:maskless piece=before,forward,backward
// dispatch 1 × 2 × 1
struct Problem {
  length: u32,
  chunks: u32,
  chunkSize: u32,
  firstSequence: u32,
  headDim: u32,
  valueDim: u32,
  normalize: u32,
  scale: f32,
  epsilon: f32,
}
@group(0) @binding(0) var<storage, read> before: array<f32>;
@group(0) @binding(1) var<storage, read_write> states: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> forward: array<f32>;
@group(0) @binding(3) var<storage, read_write> backward: array<f32>;
@group(0) @binding(4) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }
fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }

fn enter_before(sequence: u32, row: u32, quad: u32) -> vec4f {
  var state = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let column = 4u * quad + i;
    if (row >= problem.headDim || column > problem.valueDim) { continue; }
    let at = (sequence * problem.headDim + row) * (problem.valueDim + 1u) + column;
    state[i] = before[at];
  }
  return state;
}

fn leave_forward(sequence: u32, row: u32, quad: u32, state: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    let column = 4u * quad + i;
    if (row >= problem.headDim || column > problem.valueDim) { continue; }
    let at = (sequence * problem.headDim + row) * (problem.valueDim + 1u) + column;
    forward[at] = state[i];
  }
}

fn leave_backward(sequence: u32, row: u32, quad: u32, state: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    let column = 4u * quad + i;
    if (row >= problem.headDim || column > problem.valueDim) { continue; }
    let at = (sequence * problem.headDim + row) * (problem.valueDim + 1u) + column;
    backward[at] = state[i];
  }
}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
  let quads = record_quads();
  if (id.x >= quads - 1u) { return; }
  let start = group.y * problem.chunks * 1u;
  let sequence = problem.firstSequence + group.y;
  let row = id.x / sum_quads();
  let quad = id.x % sum_quads();
  var state = vec4f();
  if (group.z == 0u) {
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = step;
      let record = (start + chunk * 1u + 0u) * quads;
      state += states[record + id.x];
    }
    leave_forward(sequence, row, quad, state + enter_before(sequence, row, quad));
    leave_backward(sequence, row, quad, state);
    states[start * quads + id.x] = state + enter_before(sequence, row, quad);
  }
}
