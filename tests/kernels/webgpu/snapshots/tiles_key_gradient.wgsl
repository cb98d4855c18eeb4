// lion_tiles dk=v·g·q+cotangentStates(q·g):shares before=b-1,after=f+1 threads=64 lanes=4 quads=1 staged=4
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
@group(0) @binding(0) var<storage, read> v: array<vec4f>;
@group(0) @binding(1) var<storage, read> g: array<vec4f>;
@group(0) @binding(2) var<storage, read> q: array<vec4f>;
@group(0) @binding(3) var<storage, read> k: array<vec4f>;
@group(0) @binding(4) var<storage, read> tileFactors: array<vec4f>;
@group(0) @binding(5) var<storage, read> tileDecays: array<f32>;
@group(0) @binding(6) var<storage, read> tileMask: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> dk: array<f32>;
@group(0) @binding(8) var<storage, read_write> keyShares: array<vec4f>;
@group(0) @binding(9) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }

fn read_v(token: u32, quad: u32) -> vec4f { return vec4f(v[token * value_quads() + quad]); }
fn read_g(token: u32, quad: u32) -> vec4f { return vec4f(g[token * sum_quads() + quad]); }
fn read_q(token: u32, quad: u32) -> vec4f { return vec4f(q[token * key_quads() + quad]); }
fn read_k(token: u32, quad: u32) -> vec4f { return vec4f(k[token * key_quads() + quad]); }
fn write_dk(token: u32, quad: u32, value: vec4f) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.headDim; i++) {
    dk[token * problem.headDim + quad * 4u + i] = value[i];
  }
}

var<workgroup> tiles: array<vec4f, 512>;
var<workgroup> staged: array<vec4f, 64>;

// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}

fn last_of_g(token: u32) -> f32 { return read_g(token, problem.valueDim / 4u)[problem.valueDim % 4u]; }
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

  // Tokens of earlier passes, of which the decays' buffers know nothing.
  let skipped = problem.firstSequence * problem.length;
  var all0_0 = vec4f();
  var all1_0 = vec4f();
  var all2_0 = vec4f();
  var all3_0 = vec4f();
  var all4_0 = vec4f();
  var all5_0 = vec4f();
  var all6_0 = vec4f();
  var all7_0 = vec4f();
  var share0 = vec4f();
  var share1 = vec4f();
  var share2 = vec4f();
  var share3 = vec4f();
  var share4 = vec4f();
  var share5 = vec4f();
  var share6 = vec4f();
  var share7 = vec4f();
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
    let reader0 = select(ofRow0.y, ofRow0.w, side == 0u);
    let reader1 = select(ofRow1.y, ofRow1.w, side == 0u);
    let reader2 = select(ofRow2.y, ofRow2.w, side == 0u);
    let reader3 = select(ofRow3.y, ofRow3.w, side == 0u);
    let reader4 = select(ofRow4.y, ofRow4.w, side == 0u);
    let reader5 = select(ofRow5.y, ofRow5.w, side == 0u);
    let reader6 = select(ofRow6.y, ofRow6.w, side == 0u);
    let reader7 = select(ofRow7.y, ofRow7.w, side == 0u);
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
    for (var start_quad = 0u; start_quad < value_quads(); start_quad += 4u) {
      workgroupBarrier();
      for (var i = local; i < 16u; i += 64u) {
        let place = i % 4u;
        let quad = start_quad + place;
        let block = i / 4u;
        if (quad < value_quads()) {
          let numbers = transpose(mat4x4f(read_g(base + min(first + 4u * block + 0u, last), quad), read_g(base + min(first + 4u * block + 1u, last), quad), read_g(base + min(first + 4u * block + 2u, last), quad), read_g(base + min(first + 4u * block + 3u, last), quad)));
          staged[(4u * place + 0u) * 4u + block] = numbers[0];
          staged[(4u * place + 1u) * 4u + block] = numbers[1];
          staged[(4u * place + 2u) * 4u + block] = numbers[2];
          staged[(4u * place + 3u) * 4u + block] = numbers[3];
        }
      }
      workgroupBarrier();
      for (var n = 0u; n < min(4u, value_quads() - start_quad); n++) {
      let columns = mat4x4f(staged[(4u * n + 0u) * 4u + lane], staged[(4u * n + 1u) * 4u + lane], staged[(4u * n + 2u) * 4u + lane], staged[(4u * n + 3u) * 4u + lane]);
      score0 = accumulate(score0, columns, read_v(row0, start_quad + n));
      score1 = accumulate(score1, columns, read_v(row1, start_quad + n));
      score2 = accumulate(score2, columns, read_v(row2, start_quad + n));
      score3 = accumulate(score3, columns, read_v(row3, start_quad + n));
      score4 = accumulate(score4, columns, read_v(row4, start_quad + n));
      score5 = accumulate(score5, columns, read_v(row5, start_quad + n));
      score6 = accumulate(score6, columns, read_v(row6, start_quad + n));
      score7 = accumulate(score7, columns, read_v(row7, start_quad + n));
      }
    }    let lasts = vec4f(last_of_g(column0), last_of_g(column1), last_of_g(column2), last_of_g(column3));
    score0 += lasts;
    score1 += lasts;
    score2 += lasts;
    score3 += lasts;
    score4 += lasts;
    score5 += lasts;
    score6 += lasts;
    score7 += lasts;
    let kept = positions < vec4u(end);

    var weights0 = mat4x4f();
    var weights1 = mat4x4f();
    if (side == 2u) {
      weights0 = transpose(mat4x4f(tileMask[(column0 - skipped) * 32u + tile_row / 4u + 0u], tileMask[(column1 - skipped) * 32u + tile_row / 4u + 0u], tileMask[(column2 - skipped) * 32u + tile_row / 4u + 0u], tileMask[(column3 - skipped) * 32u + tile_row / 4u + 0u]));
      weights1 = transpose(mat4x4f(tileMask[(column0 - skipped) * 32u + tile_row / 4u + 1u], tileMask[(column1 - skipped) * 32u + tile_row / 4u + 1u], tileMask[(column2 - skipped) * 32u + tile_row / 4u + 1u], tileMask[(column3 - skipped) * 32u + tile_row / 4u + 1u]));
    } else {
      let factors0 = tileFactors[column0 - skipped];
      let factors1 = tileFactors[column1 - skipped];
      let factors2 = tileFactors[column2 - skipped];
      let factors3 = tileFactors[column3 - skipped];
      let ofColumns = exp(between) * select(vec4f(factors0.x, factors1.x, factors2.x, factors3.x), vec4f(factors0.z, factors1.z, factors2.z, factors3.z), side == 0u);
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

    if (side == 2u) {

    var product0 = vec4f();
    var product1 = vec4f();
    var product2 = vec4f();
    var product3 = vec4f();
    var product4 = vec4f();
    var product5 = vec4f();
    var product6 = vec4f();
    var product7 = vec4f();
    for (var start_quad = 0u; start_quad < key_quads(); start_quad += 4u) {
      workgroupBarrier();
      for (var i = local; i < 16u; i += 64u) {
        let place = i % 4u;
        let quad = start_quad + place;
        let block = i / 4u;
        if (quad < key_quads()) {
          let numbers = transpose(mat4x4f(read_q(base + min(first + 4u * block + 0u, last), quad), read_q(base + min(first + 4u * block + 1u, last), quad), read_q(base + min(first + 4u * block + 2u, last), quad), read_q(base + min(first + 4u * block + 3u, last), quad)));
          staged[(4u * place + 0u) * 4u + block] = numbers[0];
          staged[(4u * place + 1u) * 4u + block] = numbers[1];
          staged[(4u * place + 2u) * 4u + block] = numbers[2];
          staged[(4u * place + 3u) * 4u + block] = numbers[3];
        }
      }
      workgroupBarrier();
      for (var n = 0u; n < min(4u, key_quads() - start_quad); n++) {
      let columns = mat4x4f(staged[(4u * n + 0u) * 4u + lane], staged[(4u * n + 1u) * 4u + lane], staged[(4u * n + 2u) * 4u + lane], staged[(4u * n + 3u) * 4u + lane]);
      product0 = accumulate(product0, columns, read_k(row0, start_quad + n));
      product1 = accumulate(product1, columns, read_k(row1, start_quad + n));
      product2 = accumulate(product2, columns, read_k(row2, start_quad + n));
      product3 = accumulate(product3, columns, read_k(row3, start_quad + n));
      product4 = accumulate(product4, columns, read_k(row4, start_quad + n));
      product5 = accumulate(product5, columns, read_k(row5, start_quad + n));
      product6 = accumulate(product6, columns, read_k(row6, start_quad + n));
      product7 = accumulate(product7, columns, read_k(row7, start_quad + n));
      }
    }
    product0 *= score0;
    share0.x += dot(product0, select(vec4f(), vec4f(1.0), positions < vec4u(row + 0u)));
    share0.y += dot(product0, select(vec4f(), vec4f(1.0), positions > vec4u(row + 0u)));
    product1 *= score1;
    share1.x += dot(product1, select(vec4f(), vec4f(1.0), positions < vec4u(row + 1u)));
    share1.y += dot(product1, select(vec4f(), vec4f(1.0), positions > vec4u(row + 1u)));
    product2 *= score2;
    share2.x += dot(product2, select(vec4f(), vec4f(1.0), positions < vec4u(row + 2u)));
    share2.y += dot(product2, select(vec4f(), vec4f(1.0), positions > vec4u(row + 2u)));
    product3 *= score3;
    share3.x += dot(product3, select(vec4f(), vec4f(1.0), positions < vec4u(row + 3u)));
    share3.y += dot(product3, select(vec4f(), vec4f(1.0), positions > vec4u(row + 3u)));
    product4 *= score4;
    share4.x += dot(product4, select(vec4f(), vec4f(1.0), positions < vec4u(row + 4u)));
    share4.y += dot(product4, select(vec4f(), vec4f(1.0), positions > vec4u(row + 4u)));
    product5 *= score5;
    share5.x += dot(product5, select(vec4f(), vec4f(1.0), positions < vec4u(row + 5u)));
    share5.y += dot(product5, select(vec4f(), vec4f(1.0), positions > vec4u(row + 5u)));
    product6 *= score6;
    share6.x += dot(product6, select(vec4f(), vec4f(1.0), positions < vec4u(row + 6u)));
    share6.y += dot(product6, select(vec4f(), vec4f(1.0), positions > vec4u(row + 6u)));
    product7 *= score7;
    share7.x += dot(product7, select(vec4f(), vec4f(1.0), positions < vec4u(row + 7u)));
    share7.y += dot(product7, select(vec4f(), vec4f(1.0), positions > vec4u(row + 7u)));
    }
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

      let vectors0 = mat4x4f(read_q(token0, quad0), read_q(token1, quad0), read_q(token2, quad0), read_q(token3, quad0));
      {
        let weights = tiles[(tile_row + 0u) * 4u + block];
        sum0_0 = accumulate(sum0_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 1u) * 4u + block];
        sum1_0 = accumulate(sum1_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 2u) * 4u + block];
        sum2_0 = accumulate(sum2_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 3u) * 4u + block];
        sum3_0 = accumulate(sum3_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 4u) * 4u + block];
        sum4_0 = accumulate(sum4_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 5u) * 4u + block];
        sum5_0 = accumulate(sum5_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 6u) * 4u + block];
        sum6_0 = accumulate(sum6_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 7u) * 4u + block];
        sum7_0 = accumulate(sum7_0, vectors0, weights);
      }
    }
    workgroupBarrier();
  }
      between += tileDecays[2u * (group.y * problem.chunks + other) + select(0u, 1u, side == 0u)];
    }

    if (side != 2u) {
    var product0 = 0.0;
    var product1 = 0.0;
    var product2 = 0.0;
    var product3 = 0.0;
    var product4 = 0.0;
    var product5 = 0.0;
    var product6 = 0.0;
    var product7 = 0.0;
    if (quad0 < key_quads()) { product0 += dot(read_k(row0, quad0), sum0_0); }
    if (quad0 < key_quads()) { product1 += dot(read_k(row1, quad0), sum1_0); }
    if (quad0 < key_quads()) { product2 += dot(read_k(row2, quad0), sum2_0); }
    if (quad0 < key_quads()) { product3 += dot(read_k(row3, quad0), sum3_0); }
    if (quad0 < key_quads()) { product4 += dot(read_k(row4, quad0), sum4_0); }
    if (quad0 < key_quads()) { product5 += dot(read_k(row5, quad0), sum5_0); }
    if (quad0 < key_quads()) { product6 += dot(read_k(row6, quad0), sum6_0); }
    if (quad0 < key_quads()) { product7 += dot(read_k(row7, quad0), sum7_0); }
    share0.z += select(0.0, product0, side == 0u);
    share0.w += select(product0, 0.0, side == 0u);
    share1.z += select(0.0, product1, side == 0u);
    share1.w += select(product1, 0.0, side == 0u);
    share2.z += select(0.0, product2, side == 0u);
    share2.w += select(product2, 0.0, side == 0u);
    share3.z += select(0.0, product3, side == 0u);
    share3.w += select(product3, 0.0, side == 0u);
    share4.z += select(0.0, product4, side == 0u);
    share4.w += select(product4, 0.0, side == 0u);
    share5.z += select(0.0, product5, side == 0u);
    share5.w += select(product5, 0.0, side == 0u);
    share6.z += select(0.0, product6, side == 0u);
    share6.w += select(product6, 0.0, side == 0u);
    share7.z += select(0.0, product7, side == 0u);
    share7.w += select(product7, 0.0, side == 0u);
    }
    all0_0 += sum0_0;
    sum0_0 = vec4f();
    all1_0 += sum1_0;
    sum1_0 = vec4f();
    all2_0 += sum2_0;
    sum2_0 = vec4f();
    all3_0 += sum3_0;
    sum3_0 = vec4f();
    all4_0 += sum4_0;
    sum4_0 = vec4f();
    all5_0 += sum5_0;
    sum5_0 = vec4f();
    all6_0 += sum6_0;
    sum6_0 = vec4f();
    all7_0 += sum7_0;
    sum7_0 = vec4f();
  }
  if (tile_row + 0u < row_count) {
    write_dk(row0, quad0, all0_0);
  }
  if (tile_row + 1u < row_count) {
    write_dk(row1, quad0, all1_0);
  }
  if (tile_row + 2u < row_count) {
    write_dk(row2, quad0, all2_0);
  }
  if (tile_row + 3u < row_count) {
    write_dk(row3, quad0, all3_0);
  }
  if (tile_row + 4u < row_count) {
    write_dk(row4, quad0, all4_0);
  }
  if (tile_row + 5u < row_count) {
    write_dk(row5, quad0, all5_0);
  }
  if (tile_row + 6u < row_count) {
    write_dk(row6, quad0, all6_0);
  }
  if (tile_row + 7u < row_count) {
    write_dk(row7, quad0, all7_0);
  }    tiles[(tile_row + 0u) * 4u + lane] = share0;
    tiles[(tile_row + 1u) * 4u + lane] = share1;
    tiles[(tile_row + 2u) * 4u + lane] = share2;
    tiles[(tile_row + 3u) * 4u + lane] = share3;
    tiles[(tile_row + 4u) * 4u + lane] = share4;
    tiles[(tile_row + 5u) * 4u + lane] = share5;
    tiles[(tile_row + 6u) * 4u + lane] = share6;
    tiles[(tile_row + 7u) * 4u + lane] = share7;
    workgroupBarrier();
  if (lane == 0u && tile_row + 0u < row_count) {
    var share = vec4f();
    for (var other = 0u; other < 4u; other++) { share += tiles[(tile_row + 0u) * 4u + other]; }
    keyShares[row0] = share;
  }
  if (lane == 0u && tile_row + 1u < row_count) {
    var share = vec4f();
    for (var other = 0u; other < 4u; other++) { share += tiles[(tile_row + 1u) * 4u + other]; }
    keyShares[row1] = share;
  }
  if (lane == 0u && tile_row + 2u < row_count) {
    var share = vec4f();
    for (var other = 0u; other < 4u; other++) { share += tiles[(tile_row + 2u) * 4u + other]; }
    keyShares[row2] = share;
  }
  if (lane == 0u && tile_row + 3u < row_count) {
    var share = vec4f();
    for (var other = 0u; other < 4u; other++) { share += tiles[(tile_row + 3u) * 4u + other]; }
    keyShares[row3] = share;
  }
  if (lane == 0u && tile_row + 4u < row_count) {
    var share = vec4f();
    for (var other = 0u; other < 4u; other++) { share += tiles[(tile_row + 4u) * 4u + other]; }
    keyShares[row4] = share;
  }
  if (lane == 0u && tile_row + 5u < row_count) {
    var share = vec4f();
    for (var other = 0u; other < 4u; other++) { share += tiles[(tile_row + 5u) * 4u + other]; }
    keyShares[row5] = share;
  }
  if (lane == 0u && tile_row + 6u < row_count) {
    var share = vec4f();
    for (var other = 0u; other < 4u; other++) { share += tiles[(tile_row + 6u) * 4u + other]; }
    keyShares[row6] = share;
  }
  if (lane == 0u && tile_row + 7u < row_count) {
    var share = vec4f();
    for (var other = 0u; other < 4u; other++) { share += tiles[(tile_row + 7u) * 4u + other]; }
    keyShares[row7] = share;
  }
}
