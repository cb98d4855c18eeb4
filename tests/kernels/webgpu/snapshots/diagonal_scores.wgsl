// lion_diagonal_scores channels
// dispatch 3 × 2 × 2
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
@group(0) @binding(2) var<storage, read> queries: array<vec4f>;
@group(0) @binding(3) var<storage, read> keys: array<vec4f>;
@group(0) @binding(4) var<storage, read> logs: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> scores: array<vec4f>;
@group(0) @binding(6) var<uniform> problem: Problem;

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
// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}

fn score_block(group: vec3u, item: u32) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let last = count - 1u;
  let block = item % score_quads();
  let column = block * 4u;
  let rowTile = item / score_quads();
  let columnTile = column / 8u;
  if (rowTile * 8u >= count || column >= count || rowTile == columnTile) { return; }
  let slot = 2u + firstLeadingBit(rowTile ^ columnTile);
  let row = rowTile * 8u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  var sum4 = vec4f();
  var sum5 = vec4f();
  var sum6 = vec4f();
  var sum7 = vec4f();
  for (var quad = 0u; quad < key_quads(); quad++) {
    let columns = transpose(mat4x4f(keys[row_at(sequence, slot, first + min(column + 0u, last), quad)], keys[row_at(sequence, slot, first + min(column + 1u, last), quad)], keys[row_at(sequence, slot, first + min(column + 2u, last), quad)], keys[row_at(sequence, slot, first + min(column + 3u, last), quad)]));
    sum0 = accumulate(sum0, columns, queries[row_at(sequence, slot, first + min(row + 0u, last), quad)]);
    sum1 = accumulate(sum1, columns, queries[row_at(sequence, slot, first + min(row + 1u, last), quad)]);
    sum2 = accumulate(sum2, columns, queries[row_at(sequence, slot, first + min(row + 2u, last), quad)]);
    sum3 = accumulate(sum3, columns, queries[row_at(sequence, slot, first + min(row + 3u, last), quad)]);
    sum4 = accumulate(sum4, columns, queries[row_at(sequence, slot, first + min(row + 4u, last), quad)]);
    sum5 = accumulate(sum5, columns, queries[row_at(sequence, slot, first + min(row + 5u, last), quad)]);
    sum6 = accumulate(sum6, columns, queries[row_at(sequence, slot, first + min(row + 6u, last), quad)]);
    sum7 = accumulate(sum7, columns, queries[row_at(sequence, slot, first + min(row + 7u, last), quad)]);
  }
  let kept = column + vec4u(0u, 1u, 2u, 3u) < vec4u(count);
  if (row + 0u < count) { scores[score_row(sequence, first + row + 0u) + block] = select(vec4f(), sum0, kept); }
  if (row + 1u < count) { scores[score_row(sequence, first + row + 1u) + block] = select(vec4f(), sum1, kept); }
  if (row + 2u < count) { scores[score_row(sequence, first + row + 2u) + block] = select(vec4f(), sum2, kept); }
  if (row + 3u < count) { scores[score_row(sequence, first + row + 3u) + block] = select(vec4f(), sum3, kept); }
  if (row + 4u < count) { scores[score_row(sequence, first + row + 4u) + block] = select(vec4f(), sum4, kept); }
  if (row + 5u < count) { scores[score_row(sequence, first + row + 5u) + block] = select(vec4f(), sum5, kept); }
  if (row + 6u < count) { scores[score_row(sequence, first + row + 6u) + block] = select(vec4f(), sum6, kept); }
  if (row + 7u < count) { scores[score_row(sequence, first + row + 7u) + block] = select(vec4f(), sum7, kept); }
}

fn score_own(group: vec3u, token: u32) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  if (token >= count) { return; }
  let base = (problem.firstSequence + sequence) * problem.length + first;
  let place = token % 8u;
  let start = token - place;
  let size = min(8u, count - start);
  var own = 0.0;
  var before1 = 0.0;
  var before2 = 0.0;
  var before3 = 0.0;
  var before4 = 0.0;
  var before5 = 0.0;
  var before6 = 0.0;
  var before7 = 0.0;
  var after1 = 0.0;
  var after2 = 0.0;
  var after3 = 0.0;
  var after4 = 0.0;
  var after5 = 0.0;
  var after6 = 0.0;
  var after7 = 0.0;
  for (var quad = 0u; quad < key_quads(); quad++) {
    let query = read_q(base + token, quad);
    own += dot(query, read_k(base + token, quad));
    {
      var path = vec4f();
      if (place >= 1u) {
        path += logs[log_at(sequence, 0u, first + token - 0u, quad)];
        before1 += dot(exp(path) * query, read_k(base + token - 1u, quad));
      }
      if (place >= 2u) {
        path += logs[log_at(sequence, 0u, first + token - 1u, quad)];
        before2 += dot(exp(path) * query, read_k(base + token - 2u, quad));
      }
      if (place >= 3u) {
        path += logs[log_at(sequence, 0u, first + token - 2u, quad)];
        before3 += dot(exp(path) * query, read_k(base + token - 3u, quad));
      }
      if (place >= 4u) {
        path += logs[log_at(sequence, 0u, first + token - 3u, quad)];
        before4 += dot(exp(path) * query, read_k(base + token - 4u, quad));
      }
      if (place >= 5u) {
        path += logs[log_at(sequence, 0u, first + token - 4u, quad)];
        before5 += dot(exp(path) * query, read_k(base + token - 5u, quad));
      }
      if (place >= 6u) {
        path += logs[log_at(sequence, 0u, first + token - 5u, quad)];
        before6 += dot(exp(path) * query, read_k(base + token - 6u, quad));
      }
      if (place >= 7u) {
        path += logs[log_at(sequence, 0u, first + token - 6u, quad)];
        before7 += dot(exp(path) * query, read_k(base + token - 7u, quad));
      }
    }
    {
      var path = vec4f();
      if (place + 1u < size) {
        path += logs[log_at(sequence, 1u, first + token + 0u, quad)];
        after1 += dot(exp(path) * query, read_k(base + token + 1u, quad));
      }
      if (place + 2u < size) {
        path += logs[log_at(sequence, 1u, first + token + 1u, quad)];
        after2 += dot(exp(path) * query, read_k(base + token + 2u, quad));
      }
      if (place + 3u < size) {
        path += logs[log_at(sequence, 1u, first + token + 2u, quad)];
        after3 += dot(exp(path) * query, read_k(base + token + 3u, quad));
      }
      if (place + 4u < size) {
        path += logs[log_at(sequence, 1u, first + token + 3u, quad)];
        after4 += dot(exp(path) * query, read_k(base + token + 4u, quad));
      }
      if (place + 5u < size) {
        path += logs[log_at(sequence, 1u, first + token + 4u, quad)];
        after5 += dot(exp(path) * query, read_k(base + token + 5u, quad));
      }
      if (place + 6u < size) {
        path += logs[log_at(sequence, 1u, first + token + 5u, quad)];
        after6 += dot(exp(path) * query, read_k(base + token + 6u, quad));
      }
      if (place + 7u < size) {
        path += logs[log_at(sequence, 1u, first + token + 6u, quad)];
        after7 += dot(exp(path) * query, read_k(base + token + 7u, quad));
      }
    }
  }
  var row = array<f32, 15>(before7, before6, before5, before4, before3, before2, before1, own, after1, after2, after3, after4, after5, after6, after7);
  let at = score_row(sequence, first + token) + start / 4u;
  for (var block = 0u; block * 4u < size; block++) {
    var quad = vec4f();
    for (var c = 0u; c < 4u; c++) {
      let column = block * 4u + c;
      if (column < size) { quad[c] = row[7u + column - place]; }
    }
    scores[at + block] = quad;
  }
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let blockGroups = (score_quads() * chunk_tiles() + 63u) / 64u;
  if (group.z < blockGroups) {
    score_block(group, group.z * 64u + thread);
  } else {
    score_own(group, (group.z - blockGroups) * 64u + thread);
  }
}
