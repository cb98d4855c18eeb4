// lion_diagonal_attend dv+g:none channels quads=17 rows=32
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
@group(0) @binding(1) var<storage, read> g: array<vec4f>;
@group(0) @binding(2) var<storage, read> keys: array<vec4f>;
@group(0) @binding(3) var<storage, read> cotangentStates: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dv: array<f32>;
@group(0) @binding(5) var<uniform> problem: Problem;

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
fn read_g(token: u32, quad: u32) -> vec4f { return vec4f(g[token * sum_quads() + quad]); }
fn write_dv(token: u32, quad: u32, value: vec4f) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.valueDim; i++) {
    dv[token * problem.valueDim + quad * 4u + i] = value[i];
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
  let quads = value_quads();
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
  let rowQuad = row / 4u;
  let nextQuad = min(rowQuad + 1u, score_quads() - 1u);

  for (var block = 0u; block < (count + 3u) / 4u; block++) {
    {
      let token = min(block * 4u + 0u, count - 1u);
      let x = select(vec4f(), read_g(base + token, outputQuad), block * 4u + 0u < count);
      let at = score_row(sequence, first + token);
      let quads = array<vec4f, 2>(scores[at + rowQuad], scores[at + nextQuad]);
      sum0 += quads[0][0] * x;
      sum1 += quads[0][1] * x;
      sum2 += quads[0][2] * x;
      sum3 += quads[0][3] * x;
      sum4 += quads[1][0] * x;
      sum5 += quads[1][1] * x;
      sum6 += quads[1][2] * x;
      sum7 += quads[1][3] * x;
    }
    {
      let token = min(block * 4u + 1u, count - 1u);
      let x = select(vec4f(), read_g(base + token, outputQuad), block * 4u + 1u < count);
      let at = score_row(sequence, first + token);
      let quads = array<vec4f, 2>(scores[at + rowQuad], scores[at + nextQuad]);
      sum0 += quads[0][0] * x;
      sum1 += quads[0][1] * x;
      sum2 += quads[0][2] * x;
      sum3 += quads[0][3] * x;
      sum4 += quads[1][0] * x;
      sum5 += quads[1][1] * x;
      sum6 += quads[1][2] * x;
      sum7 += quads[1][3] * x;
    }
    {
      let token = min(block * 4u + 2u, count - 1u);
      let x = select(vec4f(), read_g(base + token, outputQuad), block * 4u + 2u < count);
      let at = score_row(sequence, first + token);
      let quads = array<vec4f, 2>(scores[at + rowQuad], scores[at + nextQuad]);
      sum0 += quads[0][0] * x;
      sum1 += quads[0][1] * x;
      sum2 += quads[0][2] * x;
      sum3 += quads[0][3] * x;
      sum4 += quads[1][0] * x;
      sum5 += quads[1][1] * x;
      sum6 += quads[1][2] * x;
      sum7 += quads[1][3] * x;
    }
    {
      let token = min(block * 4u + 3u, count - 1u);
      let x = select(vec4f(), read_g(base + token, outputQuad), block * 4u + 3u < count);
      let at = score_row(sequence, first + token);
      let quads = array<vec4f, 2>(scores[at + rowQuad], scores[at + nextQuad]);
      sum0 += quads[0][0] * x;
      sum1 += quads[0][1] * x;
      sum2 += quads[0][2] * x;
      sum3 += quads[0][3] * x;
      sum4 += quads[1][0] * x;
      sum5 += quads[1][1] * x;
      sum6 += quads[1][2] * x;
      sum7 += quads[1][3] * x;
    }
  }

  let stride = sum_quads();
  let record = (sequence * problem.chunks + group.x) * 2u * record_quads();
  for (var quad = 0u; quad < select(key_quads(), 0u, problem.chunks == 1u); quad++) {
    let at = record + 0u * record_quads() + quad * 4u * stride + outputQuad;
    let columns = mat4x4f(cotangentStates[at + 0u * stride], cotangentStates[at + 1u * stride], cotangentStates[at + 2u * stride], cotangentStates[at + 3u * stride]);
    sum0 = accumulate(sum0, columns, keys[row_at(sequence, 1u, first + min(row + 0u, count - 1u), quad)]);
    sum1 = accumulate(sum1, columns, keys[row_at(sequence, 1u, first + min(row + 1u, count - 1u), quad)]);
    sum2 = accumulate(sum2, columns, keys[row_at(sequence, 1u, first + min(row + 2u, count - 1u), quad)]);
    sum3 = accumulate(sum3, columns, keys[row_at(sequence, 1u, first + min(row + 3u, count - 1u), quad)]);
    sum4 = accumulate(sum4, columns, keys[row_at(sequence, 1u, first + min(row + 4u, count - 1u), quad)]);
    sum5 = accumulate(sum5, columns, keys[row_at(sequence, 1u, first + min(row + 5u, count - 1u), quad)]);
    sum6 = accumulate(sum6, columns, keys[row_at(sequence, 1u, first + min(row + 6u, count - 1u), quad)]);
    sum7 = accumulate(sum7, columns, keys[row_at(sequence, 1u, first + min(row + 7u, count - 1u), quad)]);
  }
  for (var quad = 0u; quad < select(key_quads(), 0u, problem.chunks == 1u); quad++) {
    let at = record + 1u * record_quads() + quad * 4u * stride + outputQuad;
    let columns = mat4x4f(cotangentStates[at + 0u * stride], cotangentStates[at + 1u * stride], cotangentStates[at + 2u * stride], cotangentStates[at + 3u * stride]);
    sum0 = accumulate(sum0, columns, keys[row_at(sequence, 0u, first + min(row + 0u, count - 1u), quad)]);
    sum1 = accumulate(sum1, columns, keys[row_at(sequence, 0u, first + min(row + 1u, count - 1u), quad)]);
    sum2 = accumulate(sum2, columns, keys[row_at(sequence, 0u, first + min(row + 2u, count - 1u), quad)]);
    sum3 = accumulate(sum3, columns, keys[row_at(sequence, 0u, first + min(row + 3u, count - 1u), quad)]);
    sum4 = accumulate(sum4, columns, keys[row_at(sequence, 0u, first + min(row + 4u, count - 1u), quad)]);
    sum5 = accumulate(sum5, columns, keys[row_at(sequence, 0u, first + min(row + 5u, count - 1u), quad)]);
    sum6 = accumulate(sum6, columns, keys[row_at(sequence, 0u, first + min(row + 6u, count - 1u), quad)]);
    sum7 = accumulate(sum7, columns, keys[row_at(sequence, 0u, first + min(row + 7u, count - 1u), quad)]);
  }

  if (hasTile) {
    if (row + 0u < count) { write_dv(row0, outputQuad, sum0); }
    if (row + 1u < count) { write_dv(row1, outputQuad, sum1); }
    if (row + 2u < count) { write_dv(row2, outputQuad, sum2); }
    if (row + 3u < count) { write_dv(row3, outputQuad, sum3); }
    if (row + 4u < count) { write_dv(row4, outputQuad, sum4); }
    if (row + 5u < count) { write_dv(row5, outputQuad, sum5); }
    if (row + 6u < count) { write_dv(row6, outputQuad, sum6); }
    if (row + 7u < count) { write_dv(row7, outputQuad, sum7); }
  }
}
