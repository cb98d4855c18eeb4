// lion_diagonal_decay_gradients channels
// dispatch 3 × 2 × 1
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
@group(0) @binding(0) var<storage, read> slopes: array<vec4f>;
@group(0) @binding(1) var<storage, read> queryTotals: array<vec4f>;
@group(0) @binding(2) var<storage, read> keyTotals: array<vec4f>;
@group(0) @binding(3) var<storage, read> through: array<vec4f>;
@group(0) @binding(4) var<storage, read> states: array<vec4f>;
@group(0) @binding(5) var<storage, read> cotangentStates: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> df: array<f32>;
@group(0) @binding(7) var<storage, read_write> db: array<f32>;
@group(0) @binding(8) var<uniform> problem: Problem;

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
fn write_df(token: u32, quad: u32, value: vec4f) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.headDim; i++) {
    df[token * problem.headDim + quad * 4u + i] = value[i];
  }
}
fn write_db(token: u32, quad: u32, value: vec4f) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.headDim; i++) {
    db[token * problem.headDim + quad * 4u + i] = value[i];
  }
}
var<workgroup> passing_before: array<vec4f, 32>;
var<workgroup> passing_after: array<vec4f, 32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + sequence) * problem.length;
  let tiles = (count + 7u) / 8u;
  let start = (sequence * problem.chunks + group.x) * 2u * record_quads();
  let columns = select(sum_quads(), 0u, problem.chunks == 1u);
  for (var quad = thread; quad < key_quads(); quad += 64u) {
    var product_before = vec4f();
    var product_after = vec4f();
    for (var i = 0u; i < 4u; i++) {
      for (var column = 0u; column < columns; column++) {
        let at = (quad * 4u + i) * sum_quads() + column;
        product_before[i] += dot(states[start + 0u * record_quads() + at], cotangentStates[start + 1u * record_quads() + at]);
        product_after[i] += dot(states[start + 1u * record_quads() + at], cotangentStates[start + 0u * record_quads() + at]);
      }
    }
    passing_before[quad] = product_before * through[through_at(sequence, group.x, 0u, quad)];
    passing_after[quad] = product_after * through[through_at(sequence, group.x, 1u, quad)];
  }
  workgroupBarrier();
  for (var item = thread; item < tiles * key_quads(); item += 64u) {
    let tile = item / key_quads();
    let quad = item % key_quads();
    var beyond_before = passing_before[quad];
    var beyond_after = passing_after[quad];
      for (var t = tile + 1u; t < tiles; t++) { beyond_before += queryTotals[total_at(sequence, group.x, t, 0u, quad)]; }
      for (var t = 0u; t < tile; t++) { beyond_before += keyTotals[total_at(sequence, group.x, t, 0u, quad)]; }
      for (var t = 0u; t < tile; t++) { beyond_after += queryTotals[total_at(sequence, group.x, t, 1u, quad)]; }
      for (var t = tile + 1u; t < tiles; t++) { beyond_after += keyTotals[total_at(sequence, group.x, t, 1u, quad)]; }
    for (var level = 0u; level < chunk_levels(); level++) {
      let run = tile >> level;
      let start = run << level;
      let end = min(start + (1u << level), tiles);
      let slot = 2u + level;
      if ((run & 1u) == 1u) {
      for (var t = tile + 1u; t < end; t++) { beyond_before += queryTotals[total_at(sequence, group.x, t, slot, quad)]; }
      for (var t = tile + 1u; t < end; t++) { beyond_after += keyTotals[total_at(sequence, group.x, t, slot, quad)]; }
      } else {
      for (var t = start; t < tile; t++) { beyond_before += keyTotals[total_at(sequence, group.x, t, slot, quad)]; }
      for (var t = start; t < tile; t++) { beyond_after += queryTotals[total_at(sequence, group.x, t, slot, quad)]; }
      }
    }
    for (var r = 0u; r < 8u; r++) {
      let place = tile * 8u + r;
      if (place >= count) { break; }
      let token = first + place;
      write_df(base + token, quad, select(vec4f(), beyond_before + slopes[log_at(sequence, 0u, token, quad)], token > 0u));
      write_db(base + token, quad, select(vec4f(), beyond_after + slopes[log_at(sequence, 1u, token, quad)], token + 1u < problem.length));
    }
  }
}
