// lion_attend y=q·k·v+states(k·v):attention before=f,after=b chunk=64 quads=17 rows=32
// dispatch 3 × 2 × 1
struct Problem {
  length: u32,
  tokens: u32,
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
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> f: array<f32>;
@group(0) @binding(4) var<storage, read> b: array<f32>;
@group(0) @binding(5) var<storage, read> states: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> rowSums: array<f32>;
@group(0) @binding(8) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }
fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }

fn read_q(token: u32, quad: u32) -> vec4f { return vec4f(q[token * key_quads() + quad]); }
fn read_k(token: u32, quad: u32) -> vec4f { return vec4f(k[token * key_quads() + quad]); }
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
// The weighted scores of the block's rows, and later parts of their sums.
var<workgroup> scores: array<vec4f, 544>;
var<workgroup> totals: array<f32, 32>;
var<workgroup> from_start_before: array<f32, 32>;
var<workgroup> from_start_after: array<f32, 32>;

var<workgroup> before: array<f32, 64>;
var<workgroup> before_four: array<f32, 16>;
fn path_before(start: u32, end: u32) -> f32 {
  var sum = 0.0;
  var t = start;
  for (; t < end && t % 4u != 0u; t++) { sum += before[t]; }
  for (; t + 4u <= end; t += 4u) { sum += before_four[t / 4u]; }
  for (; t < end; t++) { sum += before[t]; }
  return sum;
}

var<workgroup> after: array<f32, 64>;
var<workgroup> after_four: array<f32, 16>;
fn path_after(start: u32, end: u32) -> f32 {
  var sum = 0.0;
  var t = start;
  for (; t < end && t % 4u != 0u; t++) { sum += after[t]; }
  for (; t + 4u <= end; t += 4u) { sum += after_four[t / 4u]; }
  for (; t < end; t++) { sum += after[t]; }
  return sum;
}

var<workgroup> through: array<f32, 32>;
var<workgroup> toReader: array<vec4f, 32>;
var<workgroup> fromSource: array<vec4f, 32>;
var<workgroup> diagonal: array<mat4x4f, 16>;
fn weights(rowBlock: u32, columnBlock: u32) -> mat4x4f {
  if (rowBlock == columnBlock) { return diagonal[rowBlock]; }
  let side = select(0u, 16u, columnBlock > rowBlock);
  var between = 0.0;
  for (var block = min(rowBlock, columnBlock) + 1u; block < max(rowBlock, columnBlock); block++) {
    between += through[side + block];
  }
  let reader = exp(between) * toReader[side + rowBlock];
  let source = fromSource[side + columnBlock];
  return mat4x4f(reader.x * source, reader.y * source, reader.z * source, reader.w * source);
}

// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}

fn attend_y(thread: u32, group: vec3u, firstRow: u32) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  if (firstRow >= count) { return; }
  let base = (problem.firstSequence + group.y) * problem.length;
  let last = base + first + count - 1u;

  for (var i = thread; i < 64u; i += 68u) {
    let t = first + i;
    before[i] = select(0.0, f[base + min(t, problem.length - 1u)], i < count && t > 0u);
    after[i] = select(0.0, b[base + min(t, problem.length - 1u)], i < count && t + 1u < problem.length);
  }
  workgroupBarrier();
  for (var i = thread; i < 16u; i += 68u) {
    before_four[i] = (before[4u * i] + before[4u * i + 1u]) + (before[4u * i + 2u] + before[4u * i + 3u]);
    after_four[i] = (after[4u * i] + after[4u * i + 1u]) + (after[4u * i + 2u] + after[4u * i + 3u]);
  }
  workgroupBarrier();
  for (var i = thread; i < 16u; i += 68u) {
    let before0 = before[i * 4u + 0u];
    let before1 = before[i * 4u + 1u];
    let before2 = before[i * 4u + 2u];
    let before3 = before[i * 4u + 3u];
    through[i] = before_four[i];
    toReader[i] = exp(vec4f(before0, before0 + before1, before0 + before1 + before2, before0 + before1 + before2 + before3));
    fromSource[i] = exp(vec4f(before1 + before2 + before3, before2 + before3, before3, 0.0));
    let after0 = after[i * 4u + 0u];
    let after1 = after[i * 4u + 1u];
    let after2 = after[i * 4u + 2u];
    let after3 = after[i * 4u + 3u];
    through[16u + i] = after_four[i];
    toReader[16u + i] = exp(vec4f(after0 + after1 + after2 + after3, after1 + after2 + after3, after2 + after3, after3));
    fromSource[16u + i] = exp(vec4f(0.0, after0, after0 + after1, after0 + after1 + after2));
    diagonal[i] = mat4x4f(
      vec4f(1.0, exp(after0), exp(after0 + after1), exp(after0 + after1 + after2)),
      vec4f(exp(before1), 1.0, exp(after1), exp(after1 + after2)),
      vec4f(exp(before1 + before2), exp(before2), 1.0, exp(after2)),
      vec4f(exp(before1 + before2 + before3), exp(before2 + before3), exp(before3), 1.0),
    );
  }
  workgroupBarrier();
  for (var r = thread; r < 32u; r += 68u) {
    let i = min(firstRow + r, count - 1u);
    from_start_before[r] = exp(path_before(0u, i + 1u));
    from_start_after[r] = exp(path_after(i, count));
  }

  for (var tile = thread; tile < 64u; tile += 68u) {
    let columnBlock = tile % 16u;
    let row = tile / 16u * 8u;
    let rowBlock = (firstRow + row) / 4u;
    let column = columnBlock * 4u;
    if (column >= count || firstRow + row >= count) { continue; }
    let token = base + first + firstRow + row;
    let row0 = min(token + 0u, last);
    let row1 = min(token + 1u, last);
    let row2 = min(token + 2u, last);
    let row3 = min(token + 3u, last);
    let row4 = min(token + 4u, last);
    let row5 = min(token + 5u, last);
    let row6 = min(token + 6u, last);
    let row7 = min(token + 7u, last);
    let column0 = min(base + first + column + 0u, last);
    let column1 = min(base + first + column + 1u, last);
    let column2 = min(base + first + column + 2u, last);
    let column3 = min(base + first + column + 3u, last);
    var sum0 = vec4f();
    var sum1 = vec4f();
    var sum2 = vec4f();
    var sum3 = vec4f();
    var sum4 = vec4f();
    var sum5 = vec4f();
    var sum6 = vec4f();
    var sum7 = vec4f();
    for (var quad = 0u; quad < key_quads(); quad++) {
      let columns = transpose(mat4x4f(read_k(column0, quad), read_k(column1, quad), read_k(column2, quad), read_k(column3, quad)));
      sum0 = accumulate(sum0, columns, read_q(row0, quad));
      sum1 = accumulate(sum1, columns, read_q(row1, quad));
      sum2 = accumulate(sum2, columns, read_q(row2, quad));
      sum3 = accumulate(sum3, columns, read_q(row3, quad));
      sum4 = accumulate(sum4, columns, read_q(row4, quad));
      sum5 = accumulate(sum5, columns, read_q(row5, quad));
      sum6 = accumulate(sum6, columns, read_q(row6, quad));
      sum7 = accumulate(sum7, columns, read_q(row7, quad));
    }
    let kept = select(vec4f(0.0), vec4f(1.0), column + vec4u(0u, 1u, 2u, 3u) < vec4u(count));
    let at = row * 17u + columnBlock;
    let weights0 = weights(rowBlock + 0u, columnBlock);
    let weights1 = weights(rowBlock + 1u, columnBlock);
    scores[at + 0u] = sum0 * kept * weights0[0];
    scores[at + 17u] = sum1 * kept * weights0[1];
    scores[at + 34u] = sum2 * kept * weights0[2];
    scores[at + 51u] = sum3 * kept * weights0[3];
    scores[at + 68u] = sum4 * kept * weights1[0];
    scores[at + 85u] = sum5 * kept * weights1[1];
    scores[at + 102u] = sum6 * kept * weights1[2];
    scores[at + 119u] = sum7 * kept * weights1[3];
  }
  workgroupBarrier();
  let quads = sum_quads();
  let hasTile = thread < 4u * quads;
  let tile = select(0u, thread, hasTile);
  let rowTile = tile / quads;
  let outputQuad = tile % quads;
  let row = firstRow + rowTile * 8u;
  let token = base + first + row;
  let row0 = min(token + 0u, last);
  let row1 = min(token + 1u, last);
  let row2 = min(token + 2u, last);
  let row3 = min(token + 3u, last);
  let row4 = min(token + 4u, last);
  let row5 = min(token + 5u, last);
  let row6 = min(token + 6u, last);
  let row7 = min(token + 7u, last);
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  var sum4 = vec4f();
  var sum5 = vec4f();
  var sum6 = vec4f();
  var sum7 = vec4f();


  for (var block = 0u; block < (count + 3u) / 4u; block++) {
    let column = base + first + block * 4u;
    let columns = mat4x4f(read_v(min(column + 0u, last), outputQuad), read_v(min(column + 1u, last), outputQuad), read_v(min(column + 2u, last), outputQuad), read_v(min(column + 3u, last), outputQuad));
    let at = rowTile * 136u + block;
    sum0 = accumulate(sum0, columns, scores[at + 0u]);
    sum1 = accumulate(sum1, columns, scores[at + 17u]);
    sum2 = accumulate(sum2, columns, scores[at + 34u]);
    sum3 = accumulate(sum3, columns, scores[at + 51u]);
    sum4 = accumulate(sum4, columns, scores[at + 68u]);
    sum5 = accumulate(sum5, columns, scores[at + 85u]);
    sum6 = accumulate(sum6, columns, scores[at + 102u]);
    sum7 = accumulate(sum7, columns, scores[at + 119u]);
  }

  let stride = sum_quads();
  let record = (group.y * problem.chunks + group.x) * 2u * record_quads();
  var beforeState0 = vec4f();
  var beforeState1 = vec4f();
  var beforeState2 = vec4f();
  var beforeState3 = vec4f();
  var beforeState4 = vec4f();
  var beforeState5 = vec4f();
  var beforeState6 = vec4f();
  var beforeState7 = vec4f();
  var afterState0 = vec4f();
  var afterState1 = vec4f();
  var afterState2 = vec4f();
  var afterState3 = vec4f();
  var afterState4 = vec4f();
  var afterState5 = vec4f();
  var afterState6 = vec4f();
  var afterState7 = vec4f();
  for (var quad = 0u; quad < select(key_quads(), 0u, problem.chunks == 1u); quad++) {
    let at = record + quad * 4u * stride + outputQuad;
    let beforeStateColumns = mat4x4f(states[at + 0u * stride], states[at + 1u * stride], states[at + 2u * stride], states[at + 3u * stride]);
    let afterStateColumns = mat4x4f(states[at + 1u * record_quads() + 0u * stride], states[at + 1u * record_quads() + 1u * stride], states[at + 1u * record_quads() + 2u * stride], states[at + 1u * record_quads() + 3u * stride]);
    let x0 = read_q(row0, quad);
    beforeState0 = accumulate(beforeState0, beforeStateColumns, x0);
    afterState0 = accumulate(afterState0, afterStateColumns, x0);
    let x1 = read_q(row1, quad);
    beforeState1 = accumulate(beforeState1, beforeStateColumns, x1);
    afterState1 = accumulate(afterState1, afterStateColumns, x1);
    let x2 = read_q(row2, quad);
    beforeState2 = accumulate(beforeState2, beforeStateColumns, x2);
    afterState2 = accumulate(afterState2, afterStateColumns, x2);
    let x3 = read_q(row3, quad);
    beforeState3 = accumulate(beforeState3, beforeStateColumns, x3);
    afterState3 = accumulate(afterState3, afterStateColumns, x3);
    let x4 = read_q(row4, quad);
    beforeState4 = accumulate(beforeState4, beforeStateColumns, x4);
    afterState4 = accumulate(afterState4, afterStateColumns, x4);
    let x5 = read_q(row5, quad);
    beforeState5 = accumulate(beforeState5, beforeStateColumns, x5);
    afterState5 = accumulate(afterState5, afterStateColumns, x5);
    let x6 = read_q(row6, quad);
    beforeState6 = accumulate(beforeState6, beforeStateColumns, x6);
    afterState6 = accumulate(afterState6, afterStateColumns, x6);
    let x7 = read_q(row7, quad);
    beforeState7 = accumulate(beforeState7, beforeStateColumns, x7);
    afterState7 = accumulate(afterState7, afterStateColumns, x7);
  }
  beforeState0 *= from_start_before[rowTile * 8u + 0u];
  sum0 += beforeState0;
  afterState0 *= from_start_after[rowTile * 8u + 0u];
  sum0 += afterState0;
  beforeState1 *= from_start_before[rowTile * 8u + 1u];
  sum1 += beforeState1;
  afterState1 *= from_start_after[rowTile * 8u + 1u];
  sum1 += afterState1;
  beforeState2 *= from_start_before[rowTile * 8u + 2u];
  sum2 += beforeState2;
  afterState2 *= from_start_after[rowTile * 8u + 2u];
  sum2 += afterState2;
  beforeState3 *= from_start_before[rowTile * 8u + 3u];
  sum3 += beforeState3;
  afterState3 *= from_start_after[rowTile * 8u + 3u];
  sum3 += afterState3;
  beforeState4 *= from_start_before[rowTile * 8u + 4u];
  sum4 += beforeState4;
  afterState4 *= from_start_after[rowTile * 8u + 4u];
  sum4 += afterState4;
  beforeState5 *= from_start_before[rowTile * 8u + 5u];
  sum5 += beforeState5;
  afterState5 *= from_start_after[rowTile * 8u + 5u];
  sum5 += afterState5;
  beforeState6 *= from_start_before[rowTile * 8u + 6u];
  sum6 += beforeState6;
  afterState6 *= from_start_after[rowTile * 8u + 6u];
  sum6 += afterState6;
  beforeState7 *= from_start_before[rowTile * 8u + 7u];
  sum7 += beforeState7;
  afterState7 *= from_start_after[rowTile * 8u + 7u];
  sum7 += afterState7;

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

@compute @workgroup_size(68)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let blocks = (problem.chunkSize + 31u) / 32u;
  let firstRow = group.z % blocks * 32u;
  if (group.z / blocks == 0u) { attend_y(thread, group, firstRow); }
}
