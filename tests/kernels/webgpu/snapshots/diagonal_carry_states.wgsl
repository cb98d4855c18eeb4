// lion_carry_states states:before,after cotangentStates:before,after channels
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
@group(0) @binding(0) var<storage, read> through: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> states: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> cotangentStates: array<vec4f>;
@group(0) @binding(3) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }
fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }

fn chunk_tiles() -> u32 { return (problem.chunkSize + 7u) / 8u; }
fn chunk_levels() -> u32 {
  let tiles = chunk_tiles();
  return select(firstLeadingBit(max(tiles, 2u) - 1u) + 1u, 0u, tiles == 1u);
}
fn chunk_slots() -> u32 { return 2u + chunk_levels(); }
fn score_quads() -> u32 { return (problem.chunkSize + 3u) / 4u; }
fn score_row(sequence: u32, token: u32) -> u32 {
  return (sequence * problem.length + token) * score_quads();
}
fn row_at(sequence: u32, slot: u32, token: u32, quad: u32) -> u32 {
  return ((sequence * chunk_slots() + slot) * problem.length + token) * key_quads() + quad;
}
fn log_at(sequence: u32, side: u32, token: u32, quad: u32) -> u32 {
  return ((sequence * 2u + side) * problem.length + token) * key_quads() + quad;
}
fn through_at(sequence: u32, chunk: u32, side: u32, quad: u32) -> u32 {
  return ((sequence * problem.chunks + chunk) * 2u + side) * key_quads() + quad;
}
fn total_at(sequence: u32, chunk: u32, tile: u32, slot: u32, quad: u32) -> u32 {
  let tiles = (sequence * problem.chunks + chunk) * chunk_tiles();
  return ((tiles + tile) * chunk_slots() + slot) * key_quads() + quad;
}
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
      state = through[through_at(group.y, chunk, 0u, id.x / sum_quads() / 4u)][id.x / sum_quads() % 4u] * state + written;
    }
  }
  if (group.z == 1u) {
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = problem.chunks - 1u - step;
      let record = (start + chunk * 2u + 1u) * quads;
      let written = states[record + id.x];
      states[record + id.x] = state;
      state = through[through_at(group.y, chunk, 1u, id.x / sum_quads() / 4u)][id.x / sum_quads() % 4u] * state + written;
    }
  }
  if (group.z == 2u) {
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = step;
      let record = (start + chunk * 2u + 0u) * quads;
      let written = cotangentStates[record + id.x];
      cotangentStates[record + id.x] = state;
      state = through[through_at(group.y, chunk, 1u, id.x / sum_quads() / 4u)][id.x / sum_quads() % 4u] * state + written;
    }
  }
  if (group.z == 3u) {
    for (var step = 0u; step < problem.chunks; step++) {
      let chunk = problem.chunks - 1u - step;
      let record = (start + chunk * 2u + 1u) * quads;
      let written = cotangentStates[record + id.x];
      cotangentStates[record + id.x] = state;
      state = through[through_at(group.y, chunk, 0u, id.x / sum_quads() / 4u)][id.x / sum_quads() % 4u] * state + written;
    }
  }
}
