// lion_full q k v before=f,after=b threads=64 perRow=4 columns=4 staged=16
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
  joinedHeads: u32,
}
@group(0) @binding(0) var<storage, read> q: array<vec4f>;
@group(0) @binding(1) var<storage, read> k: array<vec4f>;
@group(0) @binding(2) var<storage, read> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> tileFactors: array<vec4f>;
@group(0) @binding(4) var<storage, read> tileDecays: array<f32>;
@group(0) @binding(5) var<storage, read> tileMask: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<storage, read_write> rowSums: array<f32>;
@group(0) @binding(8) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }

fn read_q(token: u32, quad: u32) -> vec4f { return vec4f(q[token * key_quads() + quad]); }
fn read_k(token: u32, quad: u32) -> vec4f { return vec4f(k[token * key_quads() + quad]); }
fn read_v(token: u32, quad: u32) -> vec4f { return vec4f(v[token * value_quads() + quad]); }
fn write_y(token: u32, quad: u32, value: vec4f) {
  let first = token * problem.valueDim;
  for (var i = 0u; i < 4u && quad * 4u + i < problem.valueDim; i++) {
    y[first + quad * 4u + i] = value[i];
  }
}

var<workgroup> tiles: array<vec4f, 512>;
var<workgroup> staged: array<vec4f, 64>;

// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  let base = (problem.firstSequence + group.y) * problem.length;
  let last = problem.length - 1u;
  let first_row = group.x * problem.chunkSize;
  let row_count = min(problem.chunkSize, problem.length - first_row);
  let layer = 0u;
  let lane = local % 4u;
  let tile_row = local / 4u * 8u;
  let row = first_row + tile_row;
  let row0 = base + min(row + 0u, last);
  let row1 = base + min(row + 1u, last);
  let row2 = base + min(row + 2u, last);
  let row3 = base + min(row + 3u, last);
  let row4 = base + min(row + 4u, last);
  let row5 = base + min(row + 5u, last);
  let row6 = base + min(row + 6u, last);
  let row7 = base + min(row + 7u, last);
  let quad0 = (layer * 1u + 0u) * 4u + lane;
  var sum0_0 = vec4f();
  var sum1_0 = vec4f();
  var sum2_0 = vec4f();
  var sum3_0 = vec4f();
  var sum4_0 = vec4f();
  var sum5_0 = vec4f();
  var sum6_0 = vec4f();
  var sum7_0 = vec4f();
  var weight0 = 0.0;
  var weight1 = 0.0;
  var weight2 = 0.0;
  var weight3 = 0.0;
  var weight4 = 0.0;
  var weight5 = 0.0;
  var weight6 = 0.0;
  var weight7 = 0.0;

  // Tokens of earlier batches, of which the decays' buffers know nothing.
  let skipped = problem.firstSequence * problem.length;
  let ofRow0 = tileFactors[row0 - skipped];
  let ofRow1 = tileFactors[row1 - skipped];
  let ofRow2 = tileFactors[row2 - skipped];
  let ofRow3 = tileFactors[row3 - skipped];
  let ofRow4 = tileFactors[row4 - skipped];
  let ofRow5 = tileFactors[row5 - skipped];
  let ofRow6 = tileFactors[row6 - skipped];
  let ofRow7 = tileFactors[row7 - skipped];
  for (var side = 0u; side <= 2u; side++) {
    let steps = select(select(problem.chunks - 1u - group.x, group.x, side == 0u), 1u, side == 2u);
    // Log decay of the tiles between.
    var between = 0.0;
    let reader0 = select(ofRow0.z, ofRow0.x, side == 0u);
    let reader1 = select(ofRow1.z, ofRow1.x, side == 0u);
    let reader2 = select(ofRow2.z, ofRow2.x, side == 0u);
    let reader3 = select(ofRow3.z, ofRow3.x, side == 0u);
    let reader4 = select(ofRow4.z, ofRow4.x, side == 0u);
    let reader5 = select(ofRow5.z, ofRow5.x, side == 0u);
    let reader6 = select(ofRow6.z, ofRow6.x, side == 0u);
    let reader7 = select(ofRow7.z, ofRow7.x, side == 0u);
    for (var step = 1u; step <= steps; step++) {
      let other = select(select(group.x + step, group.x - step, side == 0u), group.x, side == 2u);
      let start = other * problem.chunkSize;
      let end = min(start + problem.chunkSize, problem.length);

  for (var first = start; first < end; first += 16u) {

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
    for (var start_quad = 0u; start_quad < key_quads(); start_quad += 4u) {
      workgroupBarrier();
      for (var i = local; i < 16u; i += 64u) {
        let place = i % 4u;
        let quad = start_quad + place;
        let block = i / 4u;
        if (quad < key_quads()) {
          let numbers = transpose(mat4x4f(read_k(base + min(first + 4u * block + 0u, last), quad), read_k(base + min(first + 4u * block + 1u, last), quad), read_k(base + min(first + 4u * block + 2u, last), quad), read_k(base + min(first + 4u * block + 3u, last), quad)));
          staged[(4u * place + 0u) * 4u + block] = numbers[0];
          staged[(4u * place + 1u) * 4u + block] = numbers[1];
          staged[(4u * place + 2u) * 4u + block] = numbers[2];
          staged[(4u * place + 3u) * 4u + block] = numbers[3];
        }
      }
      workgroupBarrier();
      for (var n = 0u; n < min(4u, key_quads() - start_quad); n++) {
      let columns = mat4x4f(staged[(4u * n + 0u) * 4u + lane], staged[(4u * n + 1u) * 4u + lane], staged[(4u * n + 2u) * 4u + lane], staged[(4u * n + 3u) * 4u + lane]);
      score0 = accumulate(score0, columns, read_q(row0, start_quad + n));
      score1 = accumulate(score1, columns, read_q(row1, start_quad + n));
      score2 = accumulate(score2, columns, read_q(row2, start_quad + n));
      score3 = accumulate(score3, columns, read_q(row3, start_quad + n));
      score4 = accumulate(score4, columns, read_q(row4, start_quad + n));
      score5 = accumulate(score5, columns, read_q(row5, start_quad + n));
      score6 = accumulate(score6, columns, read_q(row6, start_quad + n));
      score7 = accumulate(score7, columns, read_q(row7, start_quad + n));
      }
    }
    let kept = positions < vec4u(end);

    var weights0 = mat4x4f();
    var weights1 = mat4x4f();
    if (side == 2u) {
      weights0 = mat4x4f(tileMask[(row0 - skipped) * 32u + (column - start) / 4u], tileMask[(row1 - skipped) * 32u + (column - start) / 4u], tileMask[(row2 - skipped) * 32u + (column - start) / 4u], tileMask[(row3 - skipped) * 32u + (column - start) / 4u]);
      weights1 = mat4x4f(tileMask[(row4 - skipped) * 32u + (column - start) / 4u], tileMask[(row5 - skipped) * 32u + (column - start) / 4u], tileMask[(row6 - skipped) * 32u + (column - start) / 4u], tileMask[(row7 - skipped) * 32u + (column - start) / 4u]);
    } else {
      let factors0 = tileFactors[column0 - skipped];
      let factors1 = tileFactors[column1 - skipped];
      let factors2 = tileFactors[column2 - skipped];
      let factors3 = tileFactors[column3 - skipped];
      let ofColumns = exp(between) * select(vec4f(factors0.w, factors1.w, factors2.w, factors3.w), vec4f(factors0.y, factors1.y, factors2.y, factors3.y), side == 0u);
      weights0 = mat4x4f(reader0 * ofColumns, reader1 * ofColumns, reader2 * ofColumns, reader3 * ofColumns);
      weights1 = mat4x4f(reader4 * ofColumns, reader5 * ofColumns, reader6 * ofColumns, reader7 * ofColumns);
    }
    score0 = select(vec4f(), score0 * weights0[0], kept);
    score1 = select(vec4f(), score1 * weights0[1], kept);
    score2 = select(vec4f(), score2 * weights0[2], kept);
    score3 = select(vec4f(), score3 * weights0[3], kept);
    score4 = select(vec4f(), score4 * weights1[0], kept);
    score5 = select(vec4f(), score5 * weights1[1], kept);
    score6 = select(vec4f(), score6 * weights1[2], kept);
    score7 = select(vec4f(), score7 * weights1[3], kept);
    tiles[(tile_row + 0u) * 4u + lane] = score0;
    tiles[(tile_row + 1u) * 4u + lane] = score1;
    tiles[(tile_row + 2u) * 4u + lane] = score2;
    tiles[(tile_row + 3u) * 4u + lane] = score3;
    tiles[(tile_row + 4u) * 4u + lane] = score4;
    tiles[(tile_row + 5u) * 4u + lane] = score5;
    tiles[(tile_row + 6u) * 4u + lane] = score6;
    tiles[(tile_row + 7u) * 4u + lane] = score7;
    workgroupBarrier();


    for (var block = 0u; block < min(4u, (end - first + 3u) / 4u); block++) {
      let token0 = base + min(first + 4u * block + 0u, last);
      let token1 = base + min(first + 4u * block + 1u, last);
      let token2 = base + min(first + 4u * block + 2u, last);
      let token3 = base + min(first + 4u * block + 3u, last);

      let vectors0 = mat4x4f(read_v(token0, quad0), read_v(token1, quad0), read_v(token2, quad0), read_v(token3, quad0));
      {
        let weights = tiles[(tile_row + 0u) * 4u + block];
        sum0_0 = accumulate(sum0_0, vectors0, weights);
        weight0 += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 1u) * 4u + block];
        sum1_0 = accumulate(sum1_0, vectors0, weights);
        weight1 += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 2u) * 4u + block];
        sum2_0 = accumulate(sum2_0, vectors0, weights);
        weight2 += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 3u) * 4u + block];
        sum3_0 = accumulate(sum3_0, vectors0, weights);
        weight3 += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 4u) * 4u + block];
        sum4_0 = accumulate(sum4_0, vectors0, weights);
        weight4 += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 5u) * 4u + block];
        sum5_0 = accumulate(sum5_0, vectors0, weights);
        weight5 += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 6u) * 4u + block];
        sum6_0 = accumulate(sum6_0, vectors0, weights);
        weight6 += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 7u) * 4u + block];
        sum7_0 = accumulate(sum7_0, vectors0, weights);
        weight7 += dot(weights, vec4f(1.0));
      }
    }
    workgroupBarrier();
  }
      between += tileDecays[2u * (group.y * problem.chunks + other) + select(1u, 0u, side == 0u)];
    }
  }

  let normalize = problem.normalize == 1u;
  let rowSum0 = problem.scale * weight0;
  let divisor0 = select(1.0, rowSum0 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 0u < row_count) { rowSums[row0] = rowSum0; }
  if (tile_row + 0u < row_count) {
    write_y(row0, quad0, problem.scale * sum0_0 / divisor0);
  }
  let rowSum1 = problem.scale * weight1;
  let divisor1 = select(1.0, rowSum1 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 1u < row_count) { rowSums[row1] = rowSum1; }
  if (tile_row + 1u < row_count) {
    write_y(row1, quad0, problem.scale * sum1_0 / divisor1);
  }
  let rowSum2 = problem.scale * weight2;
  let divisor2 = select(1.0, rowSum2 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 2u < row_count) { rowSums[row2] = rowSum2; }
  if (tile_row + 2u < row_count) {
    write_y(row2, quad0, problem.scale * sum2_0 / divisor2);
  }
  let rowSum3 = problem.scale * weight3;
  let divisor3 = select(1.0, rowSum3 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 3u < row_count) { rowSums[row3] = rowSum3; }
  if (tile_row + 3u < row_count) {
    write_y(row3, quad0, problem.scale * sum3_0 / divisor3);
  }
  let rowSum4 = problem.scale * weight4;
  let divisor4 = select(1.0, rowSum4 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 4u < row_count) { rowSums[row4] = rowSum4; }
  if (tile_row + 4u < row_count) {
    write_y(row4, quad0, problem.scale * sum4_0 / divisor4);
  }
  let rowSum5 = problem.scale * weight5;
  let divisor5 = select(1.0, rowSum5 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 5u < row_count) { rowSums[row5] = rowSum5; }
  if (tile_row + 5u < row_count) {
    write_y(row5, quad0, problem.scale * sum5_0 / divisor5);
  }
  let rowSum6 = problem.scale * weight6;
  let divisor6 = select(1.0, rowSum6 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 6u < row_count) { rowSums[row6] = rowSum6; }
  if (tile_row + 6u < row_count) {
    write_y(row6, quad0, problem.scale * sum6_0 / divisor6);
  }
  let rowSum7 = problem.scale * weight7;
  let divisor7 = select(1.0, rowSum7 + problem.epsilon, normalize);
  if (lane == 0u && tile_row + 7u < row_count) { rowSums[row7] = rowSum7; }
  if (tile_row + 7u < row_count) {
    write_y(row7, quad0, problem.scale * sum7_0 / divisor7);
  }
}
