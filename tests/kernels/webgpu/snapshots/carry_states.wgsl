// lion_carry_states states:before,after cotangentStates:before,after
// dispatch 1 × 2 × 4
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
@group(0) @binding(0) var<storage, read_write> states: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> cotangentStates: array<vec4f>;
@group(0) @binding(2) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }
fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(workgroup_id) group: vec3u) {
  let quads = record_quads();
  if (id.x >= quads - 1u) { return; }
  let start = group.y * problem.chunks * 2u;
  var state = vec4f();
  if (group.z == 0u) {
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = step;
      let record = (start + chunk * 2u + 0u) * quads;
      let written = states[record + id.x];
      states[record + id.x] = state;
      state = states[record + quads - 1u].x * state + written;
    }
  }
  if (group.z == 1u) {
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = problem.chunks - 1u - step;
      let record = (start + chunk * 2u + 1u) * quads;
      let written = states[record + id.x];
      states[record + id.x] = state;
      state = states[record + quads - 1u].x * state + written;
    }
  }
  if (group.z == 2u) {
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = step;
      let record = (start + chunk * 2u + 0u) * quads;
      let written = cotangentStates[record + id.x];
      cotangentStates[record + id.x] = state;
      state = cotangentStates[record + quads - 1u].x * state + written;
    }
  }
  if (group.z == 3u) {
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = problem.chunks - 1u - step;
      let record = (start + chunk * 2u + 1u) * quads;
      let written = cotangentStates[record + id.x];
      cotangentStates[record + id.x] = state;
      state = cotangentStates[record + quads - 1u].x * state + written;
    }
  }
}
