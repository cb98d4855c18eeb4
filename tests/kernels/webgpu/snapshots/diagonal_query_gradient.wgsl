// lion_diagonal_gradients dq channels quads=17 rows=32
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
@group(0) @binding(0) var<storage, read> products: array<vec4f>;
@group(0) @binding(1) var<storage, read> keys: array<vec4f>;
@group(0) @binding(2) var<storage, read> logs: array<vec4f>;
@group(0) @binding(3) var<storage, read> q: array<vec4f>;
@group(0) @binding(4) var<storage, read> g: array<vec4f>;
@group(0) @binding(5) var<storage, read> states: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dq: array<f32>;
@group(0) @binding(7) var<storage, read_write> slopes: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> queryTotals: array<vec4f>;
@group(0) @binding(9) var<uniform> problem: Problem;

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
fn paid(sequence: u32, side: u32, first: u32, token: u32, count: u32, quad: u32) -> vec4f {
  return select(vec4f(), logs[log_at(sequence, side, first + min(token, count - 1u), quad)], token < count);
}
fn read_q(token: u32, quad: u32) -> vec4f { return vec4f(q[token * key_quads() + quad]); }
fn read_g(token: u32, quad: u32) -> vec4f { return vec4f(g[token * sum_quads() + quad]); }
fn add_dq(token: u32, quad: u32, value: vec4f, isFirst: bool) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.headDim; i++) {
    let at = token * problem.headDim + quad * 4u + i;
    dq[at] = value[i] + select(dq[at], 0.0, isFirst);
  }
}
// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}
@compute @workgroup_size(68)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let quads = key_quads();
  let outputQuad = thread % quads;
  let row = group.z * 32u + thread / quads * 8u;
  if (thread >= 4u * quads || row >= count) { return; }
  let base = (problem.firstSequence + sequence) * problem.length + first;
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
  var slopes_before0 = vec4f();
  var slopes_before1 = vec4f();
  var slopes_before2 = vec4f();
  var slopes_before3 = vec4f();
  var slopes_before4 = vec4f();
  var slopes_before5 = vec4f();
  var slopes_before6 = vec4f();
  var slopes_before7 = vec4f();
  var slopes_after0 = vec4f();
  var slopes_after1 = vec4f();
  var slopes_after2 = vec4f();
  var slopes_after3 = vec4f();
  var slopes_after4 = vec4f();
  var slopes_after5 = vec4f();
  var slopes_after6 = vec4f();
  var slopes_after7 = vec4f();
  let weights0 = score_row(sequence, first + min(row + 0u, count - 1u));
  let weights1 = score_row(sequence, first + min(row + 1u, count - 1u));
  let weights2 = score_row(sequence, first + min(row + 2u, count - 1u));
  let weights3 = score_row(sequence, first + min(row + 3u, count - 1u));
  let weights4 = score_row(sequence, first + min(row + 4u, count - 1u));
  let weights5 = score_row(sequence, first + min(row + 5u, count - 1u));
  let weights6 = score_row(sequence, first + min(row + 6u, count - 1u));
  let weights7 = score_row(sequence, first + min(row + 7u, count - 1u));
  for (var slot = 0u; slot < chunk_slots(); slot++) {
    var isRight: bool;
    var place: u32;
    var part0 = vec4f();
    var part1 = vec4f();
    var part2 = vec4f();
    var part3 = vec4f();
    var part4 = vec4f();
    var part5 = vec4f();
    var part6 = vec4f();
    var part7 = vec4f();
    if (slot < 2u) {
    isRight = select(false, true, slot == 0u);
    place = select(count, 0u, isRight);
    let direction = select(1u, 0u, slot == 0u);
    let stride = sum_quads();
    let record = ((sequence * problem.chunks + group.x) * 2u + direction) * record_quads();
    for (var quad = 0u; quad < select(stride, 0u, problem.chunks == 1u); quad++) {
      let at = record + outputQuad * 4u * stride + quad;
      let columns = transpose(mat4x4f(states[at + 0u * stride], states[at + 1u * stride], states[at + 2u * stride], states[at + 3u * stride]));
      part0 = accumulate(part0, columns, read_g(row0, quad));
      part1 = accumulate(part1, columns, read_g(row1, quad));
      part2 = accumulate(part2, columns, read_g(row2, quad));
      part3 = accumulate(part3, columns, read_g(row3, quad));
      part4 = accumulate(part4, columns, read_g(row4, quad));
      part5 = accumulate(part5, columns, read_g(row5, quad));
      part6 = accumulate(part6, columns, read_g(row6, quad));
      part7 = accumulate(part7, columns, read_g(row7, quad));
    }
    } else {
    let level = slot - 2u;
    let run = (row / 8u) >> level;
    let tokens = 8u << level;
    let other = (run ^ 1u) * tokens;
    isRight = (run & 1u) == 1u;
    place = (run | 1u) * tokens;
    let isMet = other < count;

  for (var block = other / 4u; block < select(0u, (min(other + tokens, count) + 3u) / 4u, isMet); block++) {
    let columns = mat4x4f(keys[row_at(sequence, slot, first + min(block * 4u + 0u, count - 1u), outputQuad)], keys[row_at(sequence, slot, first + min(block * 4u + 1u, count - 1u), outputQuad)], keys[row_at(sequence, slot, first + min(block * 4u + 2u, count - 1u), outputQuad)], keys[row_at(sequence, slot, first + min(block * 4u + 3u, count - 1u), outputQuad)]);
    part0 = accumulate(part0, columns, products[weights0 + block]);
    part1 = accumulate(part1, columns, products[weights1 + block]);
    part2 = accumulate(part2, columns, products[weights2 + block]);
    part3 = accumulate(part3, columns, products[weights3 + block]);
    part4 = accumulate(part4, columns, products[weights4 + block]);
    part5 = accumulate(part5, columns, products[weights5 + block]);
    part6 = accumulate(part6, columns, products[weights6 + block]);
    part7 = accumulate(part7, columns, products[weights7 + block]);
  }
    }

    let side = select(1u, 0u, isRight);
    var path = vec4f();
    if (isRight) {
      for (var t = place; t < row; t++) { path += paid(sequence, side, first, t, count, outputQuad); }
    } else {
      for (var t = place; t > row + 8u; t--) { path += paid(sequence, side, first, t - 1u, count, outputQuad); }
    }
    let near0 = select(row + 7u, row + 0u, isRight);
    var way0 = select(part7, part0, isRight);
    let near1 = select(row + 6u, row + 1u, isRight);
    var way1 = select(part6, part1, isRight);
    let near2 = select(row + 5u, row + 2u, isRight);
    var way2 = select(part5, part2, isRight);
    let near3 = select(row + 4u, row + 3u, isRight);
    var way3 = select(part4, part3, isRight);
    let near4 = select(row + 3u, row + 4u, isRight);
    var way4 = select(part3, part4, isRight);
    let near5 = select(row + 2u, row + 5u, isRight);
    var way5 = select(part2, part5, isRight);
    let near6 = select(row + 1u, row + 6u, isRight);
    var way6 = select(part1, part6, isRight);
    let near7 = select(row + 0u, row + 7u, isRight);
    var way7 = select(part0, part7, isRight);
    path += paid(sequence, side, first, near0, count, outputQuad);
    way0 *= exp(path);
    path += paid(sequence, side, first, near1, count, outputQuad);
    way1 *= exp(path);
    path += paid(sequence, side, first, near2, count, outputQuad);
    way2 *= exp(path);
    path += paid(sequence, side, first, near3, count, outputQuad);
    way3 *= exp(path);
    path += paid(sequence, side, first, near4, count, outputQuad);
    way4 *= exp(path);
    path += paid(sequence, side, first, near5, count, outputQuad);
    way5 *= exp(path);
    path += paid(sequence, side, first, near6, count, outputQuad);
    way6 *= exp(path);
    path += paid(sequence, side, first, near7, count, outputQuad);
    way7 *= exp(path);
    var total = vec4f();
    total += select(vec4f(), way7 * read_q(base + min(near7, count - 1u), outputQuad), near7 < count);
    let passed7 = total;
    total += select(vec4f(), way6 * read_q(base + min(near6, count - 1u), outputQuad), near6 < count);
    let passed6 = total;
    total += select(vec4f(), way5 * read_q(base + min(near5, count - 1u), outputQuad), near5 < count);
    let passed5 = total;
    total += select(vec4f(), way4 * read_q(base + min(near4, count - 1u), outputQuad), near4 < count);
    let passed4 = total;
    total += select(vec4f(), way3 * read_q(base + min(near3, count - 1u), outputQuad), near3 < count);
    let passed3 = total;
    total += select(vec4f(), way2 * read_q(base + min(near2, count - 1u), outputQuad), near2 < count);
    let passed2 = total;
    total += select(vec4f(), way1 * read_q(base + min(near1, count - 1u), outputQuad), near1 < count);
    let passed1 = total;
    total += select(vec4f(), way0 * read_q(base + min(near0, count - 1u), outputQuad), near0 < count);
    let passed0 = total;
    if (isRight) {
    sum0 += way0;
    slopes_before0 += passed0;
    sum1 += way1;
    slopes_before1 += passed1;
    sum2 += way2;
    slopes_before2 += passed2;
    sum3 += way3;
    slopes_before3 += passed3;
    sum4 += way4;
    slopes_before4 += passed4;
    sum5 += way5;
    slopes_before5 += passed5;
    sum6 += way6;
    slopes_before6 += passed6;
    sum7 += way7;
    slopes_before7 += passed7;
    } else {
    sum0 += way7;
    slopes_after0 += passed7;
    sum1 += way6;
    slopes_after1 += passed6;
    sum2 += way5;
    slopes_after2 += passed5;
    sum3 += way4;
    slopes_after3 += passed4;
    sum4 += way3;
    slopes_after4 += passed3;
    sum5 += way2;
    slopes_after5 += passed2;
    sum6 += way1;
    slopes_after6 += passed1;
    sum7 += way0;
    slopes_after7 += passed0;
    }
    queryTotals[total_at(sequence, group.x, row / 8u, slot, outputQuad)] = total;
  }
  if (row + 0u < count) {
    add_dq(row0, outputQuad, sum0, false);
    slopes[log_at(sequence, 0u, first + row + 0u, outputQuad)] += slopes_before0;
    slopes[log_at(sequence, 1u, first + row + 0u, outputQuad)] += slopes_after0;
  }
  if (row + 1u < count) {
    add_dq(row1, outputQuad, sum1, false);
    slopes[log_at(sequence, 0u, first + row + 1u, outputQuad)] += slopes_before1;
    slopes[log_at(sequence, 1u, first + row + 1u, outputQuad)] += slopes_after1;
  }
  if (row + 2u < count) {
    add_dq(row2, outputQuad, sum2, false);
    slopes[log_at(sequence, 0u, first + row + 2u, outputQuad)] += slopes_before2;
    slopes[log_at(sequence, 1u, first + row + 2u, outputQuad)] += slopes_after2;
  }
  if (row + 3u < count) {
    add_dq(row3, outputQuad, sum3, false);
    slopes[log_at(sequence, 0u, first + row + 3u, outputQuad)] += slopes_before3;
    slopes[log_at(sequence, 1u, first + row + 3u, outputQuad)] += slopes_after3;
  }
  if (row + 4u < count) {
    add_dq(row4, outputQuad, sum4, false);
    slopes[log_at(sequence, 0u, first + row + 4u, outputQuad)] += slopes_before4;
    slopes[log_at(sequence, 1u, first + row + 4u, outputQuad)] += slopes_after4;
  }
  if (row + 5u < count) {
    add_dq(row5, outputQuad, sum5, false);
    slopes[log_at(sequence, 0u, first + row + 5u, outputQuad)] += slopes_before5;
    slopes[log_at(sequence, 1u, first + row + 5u, outputQuad)] += slopes_after5;
  }
  if (row + 6u < count) {
    add_dq(row6, outputQuad, sum6, false);
    slopes[log_at(sequence, 0u, first + row + 6u, outputQuad)] += slopes_before6;
    slopes[log_at(sequence, 1u, first + row + 6u, outputQuad)] += slopes_after6;
  }
  if (row + 7u < count) {
    add_dq(row7, outputQuad, sum7, false);
    slopes[log_at(sequence, 0u, first + row + 7u, outputQuad)] += slopes_before7;
    slopes[log_at(sequence, 1u, first + row + 7u, outputQuad)] += slopes_after7;
  }
}
