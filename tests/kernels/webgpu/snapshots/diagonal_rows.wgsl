// lion_diagonal_rows channels
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
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> f: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read_write> queries: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> keys: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> logs: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> through: array<vec4f>;
@group(0) @binding(8) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }

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
fn read_q(token: u32, quad: u32) -> vec4f { return vec4f(q[token * key_quads() + quad]); }
fn read_k(token: u32, quad: u32) -> vec4f { return vec4f(k[token * key_quads() + quad]); }

fn given_before(base: u32, token: u32, quad: u32) -> vec4f {
  var log = vec4f();
  if (token == 0u) { return log; }
  for (var i = 0u; i < 4u && quad * 4u + i < problem.headDim; i++) {
    let x = f[(base + token) * problem.headDim + quad * 4u + i];
    let isNumber = (bitcast<u32>(x) & 0x7fffffffu) <= 0x7f800000u;
    log[i] = select(x, -10000.0, isNumber && x < -10000.0);
  }
  return log;
}

fn given_after(base: u32, token: u32, quad: u32) -> vec4f {
  var log = vec4f();
  if (token == problem.length - 1u) { return log; }
  for (var i = 0u; i < 4u && quad * 4u + i < problem.headDim; i++) {
    let x = b[(base + token) * problem.headDim + quad * 4u + i];
    let isNumber = (bitcast<u32>(x) & 0x7fffffffu) <= 0x7f800000u;
    log[i] = select(x, -10000.0, isNumber && x < -10000.0);
  }
  return log;
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let item = group.z * 64u + thread;
  let slot = item / key_quads();
  let quad = item % key_quads();
  if (slot >= chunk_slots()) { return; }
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + sequence) * problem.length;
  if (slot == 0u) {
    {
    var path = vec4f();
    for (var n = 0u; n < count; n++) {
      let token = first + 0u + n;
      let log = given_before(base, token, quad);
      logs[log_at(sequence, 0u, token, quad)] = log;
      path += log;
      queries[row_at(sequence, slot, token, quad)] = exp(path) * read_q(base + token, quad);
    }
    through[through_at(sequence, group.x, 0u, quad)] = exp(path);
    }
    {
    var path = vec4f();
    for (var n = 0u; n < count; n++) {
      let token = first + count - 1u - n;
      let log = given_before(base, token, quad);
      keys[row_at(sequence, slot, token, quad)] = exp(path) * read_k(base + token, quad);
      path += log;
    }
    }
    return;
  }
  if (slot == 1u) {
    {
    var path = vec4f();
    for (var n = 0u; n < count; n++) {
      let token = first + count - 1u - n;
      let log = given_after(base, token, quad);
      logs[log_at(sequence, 1u, token, quad)] = log;
      path += log;
      queries[row_at(sequence, slot, token, quad)] = exp(path) * read_q(base + token, quad);
    }
    through[through_at(sequence, group.x, 1u, quad)] = exp(path);
    }
    {
    var path = vec4f();
    for (var n = 0u; n < count; n++) {
      let token = first + 0u + n;
      let log = given_after(base, token, quad);
      keys[row_at(sequence, slot, token, quad)] = exp(path) * read_k(base + token, quad);
      path += log;
    }
    }
    return;
  }
  let half = 8u << (slot - 2u);
  for (var middle = half; middle < count; middle += 2u * half) {
    let rest = min(half, count - middle);
    {
    var path = vec4f();
    for (var n = 0u; n < rest; n++) {
      let token = first + middle + n;
      let log = given_before(base, token, quad);
      path += log;
      queries[row_at(sequence, slot, token, quad)] = exp(path) * read_q(base + token, quad);
    }
    }
    {
    var path = vec4f();
    for (var n = 0u; n < half; n++) {
      let token = first + middle - 1u - n;
      let log = given_before(base, token, quad);
      keys[row_at(sequence, slot, token, quad)] = exp(path) * read_k(base + token, quad);
      path += log;
    }
    }
    {
    var path = vec4f();
    for (var n = 0u; n < half; n++) {
      let token = first + middle - 1u - n;
      let log = given_after(base, token, quad);
      path += log;
      queries[row_at(sequence, slot, token, quad)] = exp(path) * read_q(base + token, quad);
    }
    }
    {
    var path = vec4f();
    for (var n = 0u; n < rest; n++) {
      let token = first + middle + n;
      let log = given_after(base, token, quad);
      keys[row_at(sequence, slot, token, quad)] = exp(path) * read_k(base + token, quad);
      path += log;
    }
    }
  }
}
