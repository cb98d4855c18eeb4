// lion_attend y=q·k·v+states(k·v):attention maskless chunk=64 quads=17 rows=32
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
@group(0) @binding(1) var<storage, read> states: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> rowSums: array<f32>;
@group(0) @binding(4) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }
fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }

fn read_q(token: u32, quad: u32) -> vec4f { return vec4f(q[token * key_quads() + quad]); }
fn write_y(token: u32, quad: u32, value: vec4f) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.valueDim; i++) {
    y[token * problem.valueDim + quad * 4u + i] = value[i];
  }
}
// The weighted scores of the block's rows, and later parts of their sums.
var<workgroup> scores: array<vec4f, 544>;
var<workgroup> totals: array<f32, 32>;




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



  let stride = sum_quads();
  let record = (group.y * problem.chunks) * 1u * record_quads();

  for (var quad = 0u; quad < key_quads(); quad++) {
    let at = record + quad * 4u * stride + outputQuad;
    let sumColumns = mat4x4f(states[at + 0u * stride], states[at + 1u * stride], states[at + 2u * stride], states[at + 3u * stride]);
    let x0 = read_q(row0, quad);
    sum0 = accumulate(sum0, sumColumns, x0);
    let x1 = read_q(row1, quad);
    sum1 = accumulate(sum1, sumColumns, x1);
    let x2 = read_q(row2, quad);
    sum2 = accumulate(sum2, sumColumns, x2);
    let x3 = read_q(row3, quad);
    sum3 = accumulate(sum3, sumColumns, x3);
    let x4 = read_q(row4, quad);
    sum4 = accumulate(sum4, sumColumns, x4);
    let x5 = read_q(row5, quad);
    sum5 = accumulate(sum5, sumColumns, x5);
    let x6 = read_q(row6, quad);
    sum6 = accumulate(sum6, sumColumns, x6);
    let x7 = read_q(row7, quad);
    sum7 = accumulate(sum7, sumColumns, x7);
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

@compute @workgroup_size(68)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let blocks = (problem.chunkSize + 31u) / 32u;
  let firstRow = group.z % blocks * 32u;
  if (group.z / blocks == 0u) { attend_y(thread, group, firstRow); }
}
