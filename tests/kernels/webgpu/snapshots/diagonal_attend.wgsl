// lion_diagonal_attend y+v:attention channels quads=17 rows=32
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
@group(0) @binding(0) var<storage, read> scores: array<vec4f>;
@group(0) @binding(1) var<storage, read> v: array<vec4f>;
@group(0) @binding(2) var<storage, read> queries: array<vec4f>;
@group(0) @binding(3) var<storage, read> states: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<storage, read_write> rowSums: array<f32>;
@group(0) @binding(6) var<uniform> problem: Problem;

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
fn read_v(token: u32, quad: u32) -> vec4f {
  let quads = value_quads();
  let values = select(vec4f(), vec4f(v[token * quads + quad]), quad < quads);
  return select(values, vec4f(1.0), quad * 4u + vec4u(0u, 1u, 2u, 3u) == vec4u(problem.valueDim));
}
fn write_y(token: u32, quad: u32, value: vec4f) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.valueDim; i++) {
    y[token * problem.valueDim + quad * 4u + i] = value[i];
  }
}
var<workgroup> totals: array<f32, 32>;
// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}
@compute @workgroup_size(68)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let firstRow = group.z * 32u;
  if (firstRow >= count) { return; }
  let base = (problem.firstSequence + sequence) * problem.length + first;
  let quads = sum_quads();
  let hasTile = thread < 4u * quads;
  let tile = select(0u, thread, hasTile);
  let rowTile = tile / quads;
  let outputQuad = tile % quads;
  let row = firstRow + rowTile * 8u;
  let row0 = base + min(row + 0u, count - 1u);
  let row1 = base + min(row + 1u, count - 1u);
  let row2 = base + min(row + 2u, count - 1u);
  let row3 = base + min(row + 3u, count - 1u);
  let row4 = base + min(row + 4u, count - 1u);
  let row5 = base + min(row + 5u, count - 1u);
  let row6 = base + min(row + 6u, count - 1u);
  let row7 = base + min(row + 7u, count - 1u);
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  var sum4 = vec4f();
  var sum5 = vec4f();
  var sum6 = vec4f();
  var sum7 = vec4f();
  let weights0 = score_row(sequence, first + min(row + 0u, count - 1u));
  let weights1 = score_row(sequence, first + min(row + 1u, count - 1u));
  let weights2 = score_row(sequence, first + min(row + 2u, count - 1u));
  let weights3 = score_row(sequence, first + min(row + 3u, count - 1u));
  let weights4 = score_row(sequence, first + min(row + 4u, count - 1u));
  let weights5 = score_row(sequence, first + min(row + 5u, count - 1u));
  let weights6 = score_row(sequence, first + min(row + 6u, count - 1u));
  let weights7 = score_row(sequence, first + min(row + 7u, count - 1u));

  for (var block = 0u; block < (count + 3u) / 4u; block++) {
    let columns = mat4x4f(read_v(base + min(block * 4u + 0u, count - 1u), outputQuad), read_v(base + min(block * 4u + 1u, count - 1u), outputQuad), read_v(base + min(block * 4u + 2u, count - 1u), outputQuad), read_v(base + min(block * 4u + 3u, count - 1u), outputQuad));
    sum0 = accumulate(sum0, columns, scores[weights0 + block]);
    sum1 = accumulate(sum1, columns, scores[weights1 + block]);
    sum2 = accumulate(sum2, columns, scores[weights2 + block]);
    sum3 = accumulate(sum3, columns, scores[weights3 + block]);
    sum4 = accumulate(sum4, columns, scores[weights4 + block]);
    sum5 = accumulate(sum5, columns, scores[weights5 + block]);
    sum6 = accumulate(sum6, columns, scores[weights6 + block]);
    sum7 = accumulate(sum7, columns, scores[weights7 + block]);
  }

  let stride = sum_quads();
  let record = (sequence * problem.chunks + group.x) * 2u * record_quads();
  for (var quad = 0u; quad < select(key_quads(), 0u, problem.chunks == 1u); quad++) {
    let at = record + 0u * record_quads() + quad * 4u * stride + outputQuad;
    let columns = mat4x4f(states[at + 0u * stride], states[at + 1u * stride], states[at + 2u * stride], states[at + 3u * stride]);
    sum0 = accumulate(sum0, columns, queries[row_at(sequence, 0u, first + min(row + 0u, count - 1u), quad)]);
    sum1 = accumulate(sum1, columns, queries[row_at(sequence, 0u, first + min(row + 1u, count - 1u), quad)]);
    sum2 = accumulate(sum2, columns, queries[row_at(sequence, 0u, first + min(row + 2u, count - 1u), quad)]);
    sum3 = accumulate(sum3, columns, queries[row_at(sequence, 0u, first + min(row + 3u, count - 1u), quad)]);
    sum4 = accumulate(sum4, columns, queries[row_at(sequence, 0u, first + min(row + 4u, count - 1u), quad)]);
    sum5 = accumulate(sum5, columns, queries[row_at(sequence, 0u, first + min(row + 5u, count - 1u), quad)]);
    sum6 = accumulate(sum6, columns, queries[row_at(sequence, 0u, first + min(row + 6u, count - 1u), quad)]);
    sum7 = accumulate(sum7, columns, queries[row_at(sequence, 0u, first + min(row + 7u, count - 1u), quad)]);
  }
  for (var quad = 0u; quad < select(key_quads(), 0u, problem.chunks == 1u); quad++) {
    let at = record + 1u * record_quads() + quad * 4u * stride + outputQuad;
    let columns = mat4x4f(states[at + 0u * stride], states[at + 1u * stride], states[at + 2u * stride], states[at + 3u * stride]);
    sum0 = accumulate(sum0, columns, queries[row_at(sequence, 1u, first + min(row + 0u, count - 1u), quad)]);
    sum1 = accumulate(sum1, columns, queries[row_at(sequence, 1u, first + min(row + 1u, count - 1u), quad)]);
    sum2 = accumulate(sum2, columns, queries[row_at(sequence, 1u, first + min(row + 2u, count - 1u), quad)]);
    sum3 = accumulate(sum3, columns, queries[row_at(sequence, 1u, first + min(row + 3u, count - 1u), quad)]);
    sum4 = accumulate(sum4, columns, queries[row_at(sequence, 1u, first + min(row + 4u, count - 1u), quad)]);
    sum5 = accumulate(sum5, columns, queries[row_at(sequence, 1u, first + min(row + 5u, count - 1u), quad)]);
    sum6 = accumulate(sum6, columns, queries[row_at(sequence, 1u, first + min(row + 6u, count - 1u), quad)]);
    sum7 = accumulate(sum7, columns, queries[row_at(sequence, 1u, first + min(row + 7u, count - 1u), quad)]);
  }

  if (hasTile && outputQuad == quads - 1u) {
    let ones = problem.valueDim % 4u;
    let total0 = problem.scale * sum0[ones];
    totals[rowTile * 8u + 0u] = total0;
    if (row + 0u < count) { rowSums[row0] = total0; }
    let total1 = problem.scale * sum1[ones];
    totals[rowTile * 8u + 1u] = total1;
    if (row + 1u < count) { rowSums[row1] = total1; }
    let total2 = problem.scale * sum2[ones];
    totals[rowTile * 8u + 2u] = total2;
    if (row + 2u < count) { rowSums[row2] = total2; }
    let total3 = problem.scale * sum3[ones];
    totals[rowTile * 8u + 3u] = total3;
    if (row + 3u < count) { rowSums[row3] = total3; }
    let total4 = problem.scale * sum4[ones];
    totals[rowTile * 8u + 4u] = total4;
    if (row + 4u < count) { rowSums[row4] = total4; }
    let total5 = problem.scale * sum5[ones];
    totals[rowTile * 8u + 5u] = total5;
    if (row + 5u < count) { rowSums[row5] = total5; }
    let total6 = problem.scale * sum6[ones];
    totals[rowTile * 8u + 6u] = total6;
    if (row + 6u < count) { rowSums[row6] = total6; }
    let total7 = problem.scale * sum7[ones];
    totals[rowTile * 8u + 7u] = total7;
    if (row + 7u < count) { rowSums[row7] = total7; }
  }
  workgroupBarrier();
  if (hasTile) {
    let normalize = problem.normalize == 1u;
    if (row + 0u < count) { write_y(row0, outputQuad, problem.scale * sum0 / select(1.0, totals[rowTile * 8u + 0u] + problem.epsilon, normalize)); }
    if (row + 1u < count) { write_y(row1, outputQuad, problem.scale * sum1 / select(1.0, totals[rowTile * 8u + 1u] + problem.epsilon, normalize)); }
    if (row + 2u < count) { write_y(row2, outputQuad, problem.scale * sum2 / select(1.0, totals[rowTile * 8u + 2u] + problem.epsilon, normalize)); }
    if (row + 3u < count) { write_y(row3, outputQuad, problem.scale * sum3 / select(1.0, totals[rowTile * 8u + 3u] + problem.epsilon, normalize)); }
    if (row + 4u < count) { write_y(row4, outputQuad, problem.scale * sum4 / select(1.0, totals[rowTile * 8u + 4u] + problem.epsilon, normalize)); }
    if (row + 5u < count) { write_y(row5, outputQuad, problem.scale * sum5 / select(1.0, totals[rowTile * 8u + 5u] + problem.epsilon, normalize)); }
    if (row + 6u < count) { write_y(row6, outputQuad, problem.scale * sum6 / select(1.0, totals[rowTile * 8u + 6u] + problem.epsilon, normalize)); }
    if (row + 7u < count) { write_y(row7, outputQuad, problem.scale * sum7 / select(1.0, totals[rowTile * 8u + 7u] + problem.epsilon, normalize)); }
  }
}
