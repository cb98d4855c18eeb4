// lion_tiles y=q·k·v+states(k·v):attention maskless alone copies lanes=1 quads=16
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
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> rowSums: array<f32>;
@group(0) @binding(5) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }

fn read_q(token: u32, quad: u32) -> vec4f { return vec4f(q[token * key_quads() + quad]); }
fn read_k(token: u32, quad: u32) -> vec4f { return vec4f(k[token * key_quads() + quad]); }
fn read_v(token: u32, quad: u32) -> vec4f { return vec4f(v[token * value_quads() + quad]); }
fn write_y(token: u32, quad: u32, value: vec4f) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.valueDim; i++) {
    y[token * problem.valueDim + quad * 4u + i] = value[i];
  }
}

// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}


@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let base = (problem.firstSequence + group.y) * problem.length;
  let last = problem.length - 1u;
  let first_row = group.x * problem.chunkSize;
  let row_count = min(problem.chunkSize, problem.length - first_row);
  let layer = 0u;
  let lane = thread % 1u;
  let tile_row = thread / 1u * 8u;
  let row = first_row + tile_row;
  let row0 = base + min(row + 0u, last);
  let row1 = base + min(row + 1u, last);
  let row2 = base + min(row + 2u, last);
  let row3 = base + min(row + 3u, last);
  let row4 = base + min(row + 4u, last);
  let row5 = base + min(row + 5u, last);
  let row6 = base + min(row + 6u, last);
  let row7 = base + min(row + 7u, last);
  let first_quad = layer * 16u;

  var own_q: array<vec4f, 128>;
  for (var n = 0u; n < key_quads(); n++) {
    own_q[0u + n] = read_q(row0, n);
    own_q[16u + n] = read_q(row1, n);
    own_q[32u + n] = read_q(row2, n);
    own_q[48u + n] = read_q(row3, n);
    own_q[64u + n] = read_q(row4, n);
    own_q[80u + n] = read_q(row5, n);
    own_q[96u + n] = read_q(row6, n);
    own_q[112u + n] = read_q(row7, n);
  }
  var sum: array<vec4f, 128>;
  var block0: array<vec4f, 16>;
  var block1: array<vec4f, 16>;
  var block2: array<vec4f, 16>;
  var block3: array<vec4f, 16>;
  var block4: array<vec4f, 16>;
  var block5: array<vec4f, 16>;
  var block6: array<vec4f, 16>;
  var block7: array<vec4f, 16>;
  var weight0 = 0.0;
  var weight1 = 0.0;
  var weight2 = 0.0;
  var weight3 = 0.0;
  var weight4 = 0.0;
  var weight5 = 0.0;
  var weight6 = 0.0;
  var weight7 = 0.0;

  let end = problem.length;

  for (var first = 0u; first < end; first += 64u) {
    let blocks = min(16u, (end - first + 3u) / 4u);
    for (var lane = 0u; lane < blocks; lane++) {

    let column = first + 4u * lane;
    let positions = column + vec4u(0u, 1u, 2u, 3u);
    let column0 = base + min(column + 0u, last);
    let column1 = base + min(column + 1u, last);
    let column2 = base + min(column + 2u, last);
    let column3 = base + min(column + 3u, last);

    var score0 = vec4f();
    var score1 = vec4f();
    var score2 = vec4f();
    var score3 = vec4f();
    var score4 = vec4f();
    var score5 = vec4f();
    var score6 = vec4f();
    var score7 = vec4f();
    for (var n = 0u; n < key_quads(); n++) {
      let columns = transpose(mat4x4f(read_k(column0, n), read_k(column1, n), read_k(column2, n), read_k(column3, n)));
      score0 = accumulate(score0, columns, own_q[0u + n]);
      score1 = accumulate(score1, columns, own_q[16u + n]);
      score2 = accumulate(score2, columns, own_q[32u + n]);
      score3 = accumulate(score3, columns, own_q[48u + n]);
      score4 = accumulate(score4, columns, own_q[64u + n]);
      score5 = accumulate(score5, columns, own_q[80u + n]);
      score6 = accumulate(score6, columns, own_q[96u + n]);
      score7 = accumulate(score7, columns, own_q[112u + n]);
    }
    let kept = positions < vec4u(end);
    score0 = select(vec4f(), score0, kept);
    score1 = select(vec4f(), score1, kept);
    score2 = select(vec4f(), score2, kept);
    score3 = select(vec4f(), score3, kept);
    score4 = select(vec4f(), score4, kept);
    score5 = select(vec4f(), score5, kept);
    score6 = select(vec4f(), score6, kept);
    score7 = select(vec4f(), score7, kept);
    block0[lane] = score0;
    block1[lane] = score1;
    block2[lane] = score2;
    block3[lane] = score3;
    block4[lane] = score4;
    block5[lane] = score5;
    block6[lane] = score6;
    block7[lane] = score7;
    weight0 += dot(score0, vec4f(1.0));
    weight1 += dot(score1, vec4f(1.0));
    weight2 += dot(score2, vec4f(1.0));
    weight3 += dot(score3, vec4f(1.0));
    weight4 += dot(score4, vec4f(1.0));
    weight5 += dot(score5, vec4f(1.0));
    weight6 += dot(score6, vec4f(1.0));
    weight7 += dot(score7, vec4f(1.0));
    }
    for (var quad = 0u; quad < value_quads(); quad++) {
      var sum0 = sum[0u + quad];
      var sum1 = sum[16u + quad];
      var sum2 = sum[32u + quad];
      var sum3 = sum[48u + quad];
      var sum4 = sum[64u + quad];
      var sum5 = sum[80u + quad];
      var sum6 = sum[96u + quad];
      var sum7 = sum[112u + quad];
      for (var block = 0u; block < blocks; block++) {
        let column = first + 4u * block;
        let vectors = mat4x4f(read_v(base + min(column + 0u, last), quad), read_v(base + min(column + 1u, last), quad), read_v(base + min(column + 2u, last), quad), read_v(base + min(column + 3u, last), quad));
        sum0 = accumulate(sum0, vectors, block0[block]);
        sum1 = accumulate(sum1, vectors, block1[block]);
        sum2 = accumulate(sum2, vectors, block2[block]);
        sum3 = accumulate(sum3, vectors, block3[block]);
        sum4 = accumulate(sum4, vectors, block4[block]);
        sum5 = accumulate(sum5, vectors, block5[block]);
        sum6 = accumulate(sum6, vectors, block6[block]);
        sum7 = accumulate(sum7, vectors, block7[block]);
      }
      sum[0u + quad] = sum0;
      sum[16u + quad] = sum1;
      sum[32u + quad] = sum2;
      sum[48u + quad] = sum3;
      sum[64u + quad] = sum4;
      sum[80u + quad] = sum5;
      sum[96u + quad] = sum6;
      sum[112u + quad] = sum7;
    }
  }

  let normalize = problem.normalize == 1u;
  let rowSum0 = problem.scale * weight0;
  let divisor0 = select(1.0, rowSum0 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 0u < row_count) { rowSums[row0] = rowSum0; }
  let rowSum1 = problem.scale * weight1;
  let divisor1 = select(1.0, rowSum1 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 1u < row_count) { rowSums[row1] = rowSum1; }
  let rowSum2 = problem.scale * weight2;
  let divisor2 = select(1.0, rowSum2 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 2u < row_count) { rowSums[row2] = rowSum2; }
  let rowSum3 = problem.scale * weight3;
  let divisor3 = select(1.0, rowSum3 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 3u < row_count) { rowSums[row3] = rowSum3; }
  let rowSum4 = problem.scale * weight4;
  let divisor4 = select(1.0, rowSum4 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 4u < row_count) { rowSums[row4] = rowSum4; }
  let rowSum5 = problem.scale * weight5;
  let divisor5 = select(1.0, rowSum5 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 5u < row_count) { rowSums[row5] = rowSum5; }
  let rowSum6 = problem.scale * weight6;
  let divisor6 = select(1.0, rowSum6 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 6u < row_count) { rowSums[row6] = rowSum6; }
  let rowSum7 = problem.scale * weight7;
  let divisor7 = select(1.0, rowSum7 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 7u < row_count) { rowSums[row7] = rowSum7; }
  if (tile_row + 0u < row_count) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row0, first_quad + n, problem.scale * sum[0u + n] / divisor0);
    }
  }
  if (tile_row + 1u < row_count) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row1, first_quad + n, problem.scale * sum[16u + n] / divisor1);
    }
  }
  if (tile_row + 2u < row_count) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row2, first_quad + n, problem.scale * sum[32u + n] / divisor2);
    }
  }
  if (tile_row + 3u < row_count) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row3, first_quad + n, problem.scale * sum[48u + n] / divisor3);
    }
  }
  if (tile_row + 4u < row_count) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row4, first_quad + n, problem.scale * sum[64u + n] / divisor4);
    }
  }
  if (tile_row + 5u < row_count) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row5, first_quad + n, problem.scale * sum[80u + n] / divisor5);
    }
  }
  if (tile_row + 6u < row_count) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row6, first_quad + n, problem.scale * sum[96u + n] / divisor6);
    }
  }
  if (tile_row + 7u < row_count) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row7, first_quad + n, problem.scale * sum[112u + n] / divisor7);
    }
  }
}
