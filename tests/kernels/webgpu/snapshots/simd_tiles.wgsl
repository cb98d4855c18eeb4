// lion_simd_tiles y=q·k·v+states(k·v):attention before=f,after=b quads=16 subgroups
// dispatch 3 × 2 × 1
enable subgroups;
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
  for (var i = 0u; i < 4u && quad * 4u + i < problem.valueDim; i++) {
    y[token * problem.valueDim + quad * 4u + i] = value[i];
  }
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) lane: u32, @builtin(workgroup_id) group: vec3u) {
  let always = problem.length > 0u;
  let base = (problem.firstSequence + group.y) * problem.length;
  let last = problem.length - 1u;
  let first_row = group.x * problem.chunkSize;
  let row_count = min(problem.chunkSize, problem.length - first_row);
  let tile_row = (group.z * 8u + lane) * 4u;
  let row = first_row + tile_row;
  let row0 = base + min(row + 0u, last);
  let row1 = base + min(row + 1u, last);
  let row2 = base + min(row + 2u, last);
  let row3 = base + min(row + 3u, last);

  var own_q: array<mat4x4f, 16>;
  for (var n = 0u; n < key_quads(); n++) {
    own_q[n] = transpose(mat4x4f(read_q(row0, n), read_q(row1, n), read_q(row2, n), read_q(row3, n)));
  }

  var sum: array<mat4x4f, 16>;
  var weight = vec4f();

  // Tokens of earlier passes, of which the decays' buffers know nothing.
  let skipped = problem.firstSequence * problem.length;
  let of_row0 = tileFactors[row0 - skipped];
  let of_row1 = tileFactors[row1 - skipped];
  let of_row2 = tileFactors[row2 - skipped];
  let of_row3 = tileFactors[row3 - skipped];
  var all: array<mat4x4f, 16>;
  var all_weight = vec4f();

  for (var side = 0u; side <= 2u; side++) {
    let is_own = side >= 2u;
    let steps = select(select(problem.chunks - 1u - group.x, group.x, side == 0u), 1u, is_own);

    // Log decay of the tiles between.
    var between = 0.0;
    for (var step = 1u; step <= steps; step++) {
      let other = select(select(group.x + step, group.x - step, side == 0u), group.x, is_own);
      let start = other * problem.chunkSize;
      let end = min(start + problem.chunkSize, problem.length);
      let passed = exp(between);

  for (var first = start; first < end; first += 32u) {
    let column0 = base + min(first + 0u + lane, end - 1u);
    let factor0 = select(0.0, select(select(tileFactors[column0 - skipped].w, tileFactors[column0 - skipped].y, side == 0u) * passed, 1.0, is_own), first + 0u + lane < end);
    let column1 = base + min(first + 8u + lane, end - 1u);
    let factor1 = select(0.0, select(select(tileFactors[column1 - skipped].w, tileFactors[column1 - skipped].y, side == 0u) * passed, 1.0, is_own), first + 8u + lane < end);
    let column2 = base + min(first + 16u + lane, end - 1u);
    let factor2 = select(0.0, select(select(tileFactors[column2 - skipped].w, tileFactors[column2 - skipped].y, side == 0u) * passed, 1.0, is_own), first + 16u + lane < end);
    let column3 = base + min(first + 24u + lane, end - 1u);
    let factor3 = select(0.0, select(select(tileFactors[column3 - skipped].w, tileFactors[column3 - skipped].y, side == 0u) * passed, 1.0, is_own), first + 24u + lane < end);

    var score0 = vec4f();
    var score1 = vec4f();
    var score2 = vec4f();
    var score3 = vec4f();
    var score4 = vec4f();
    var score5 = vec4f();
    var score6 = vec4f();
    var score7 = vec4f();
    var score8 = vec4f();
    var score9 = vec4f();
    var score10 = vec4f();
    var score11 = vec4f();
    var score12 = vec4f();
    var score13 = vec4f();
    var score14 = vec4f();
    var score15 = vec4f();
    var score16 = vec4f();
    var score17 = vec4f();
    var score18 = vec4f();
    var score19 = vec4f();
    var score20 = vec4f();
    var score21 = vec4f();
    var score22 = vec4f();
    var score23 = vec4f();
    var score24 = vec4f();
    var score25 = vec4f();
    var score26 = vec4f();
    var score27 = vec4f();
    var score28 = vec4f();
    var score29 = vec4f();
    var score30 = vec4f();
    var score31 = vec4f();
    for (var n = 0u; n < key_quads(); n++) {
      let rows = own_q[n];
      if (always) {
        let of_lane = read_k(column0, n);
        let x0 = subgroupBroadcast(of_lane, 0u);
        score0 += rows * x0;
        let x1 = subgroupBroadcast(of_lane, 1u);
        score1 += rows * x1;
        let x2 = subgroupBroadcast(of_lane, 2u);
        score2 += rows * x2;
        let x3 = subgroupBroadcast(of_lane, 3u);
        score3 += rows * x3;
        let x4 = subgroupBroadcast(of_lane, 4u);
        score4 += rows * x4;
        let x5 = subgroupBroadcast(of_lane, 5u);
        score5 += rows * x5;
        let x6 = subgroupBroadcast(of_lane, 6u);
        score6 += rows * x6;
        let x7 = subgroupBroadcast(of_lane, 7u);
        score7 += rows * x7;
      }
      if (always) {
        let of_lane = read_k(column1, n);
        let x8 = subgroupBroadcast(of_lane, 0u);
        score8 += rows * x8;
        let x9 = subgroupBroadcast(of_lane, 1u);
        score9 += rows * x9;
        let x10 = subgroupBroadcast(of_lane, 2u);
        score10 += rows * x10;
        let x11 = subgroupBroadcast(of_lane, 3u);
        score11 += rows * x11;
        let x12 = subgroupBroadcast(of_lane, 4u);
        score12 += rows * x12;
        let x13 = subgroupBroadcast(of_lane, 5u);
        score13 += rows * x13;
        let x14 = subgroupBroadcast(of_lane, 6u);
        score14 += rows * x14;
        let x15 = subgroupBroadcast(of_lane, 7u);
        score15 += rows * x15;
      }
      if (always) {
        let of_lane = read_k(column2, n);
        let x16 = subgroupBroadcast(of_lane, 0u);
        score16 += rows * x16;
        let x17 = subgroupBroadcast(of_lane, 1u);
        score17 += rows * x17;
        let x18 = subgroupBroadcast(of_lane, 2u);
        score18 += rows * x18;
        let x19 = subgroupBroadcast(of_lane, 3u);
        score19 += rows * x19;
        let x20 = subgroupBroadcast(of_lane, 4u);
        score20 += rows * x20;
        let x21 = subgroupBroadcast(of_lane, 5u);
        score21 += rows * x21;
        let x22 = subgroupBroadcast(of_lane, 6u);
        score22 += rows * x22;
        let x23 = subgroupBroadcast(of_lane, 7u);
        score23 += rows * x23;
      }
      if (always) {
        let of_lane = read_k(column3, n);
        let x24 = subgroupBroadcast(of_lane, 0u);
        score24 += rows * x24;
        let x25 = subgroupBroadcast(of_lane, 1u);
        score25 += rows * x25;
        let x26 = subgroupBroadcast(of_lane, 2u);
        score26 += rows * x26;
        let x27 = subgroupBroadcast(of_lane, 3u);
        score27 += rows * x27;
        let x28 = subgroupBroadcast(of_lane, 4u);
        score28 += rows * x28;
        let x29 = subgroupBroadcast(of_lane, 5u);
        score29 += rows * x29;
        let x30 = subgroupBroadcast(of_lane, 6u);
        score30 += rows * x30;
        let x31 = subgroupBroadcast(of_lane, 7u);
        score31 += rows * x31;
      }
    }


    if (side >= 2u) {
      var mask: array<vec4f, 32>;
      for (var i = 0u; i < min(32u, (end - first + 3u) / 4u * 4u); i++) {
        mask[i] = tileMask[(base + min(row + i % 4u, last) - skipped) * 16u + (first - start + i) / 4u];
      }
      score0 = select(vec4f(), score0 * vec4f(mask[0][0], mask[1][0], mask[2][0], mask[3][0]), first + 0u < end);
      score1 = select(vec4f(), score1 * vec4f(mask[0][1], mask[1][1], mask[2][1], mask[3][1]), first + 1u < end);
      score2 = select(vec4f(), score2 * vec4f(mask[0][2], mask[1][2], mask[2][2], mask[3][2]), first + 2u < end);
      score3 = select(vec4f(), score3 * vec4f(mask[0][3], mask[1][3], mask[2][3], mask[3][3]), first + 3u < end);
      score4 = select(vec4f(), score4 * vec4f(mask[4][0], mask[5][0], mask[6][0], mask[7][0]), first + 4u < end);
      score5 = select(vec4f(), score5 * vec4f(mask[4][1], mask[5][1], mask[6][1], mask[7][1]), first + 5u < end);
      score6 = select(vec4f(), score6 * vec4f(mask[4][2], mask[5][2], mask[6][2], mask[7][2]), first + 6u < end);
      score7 = select(vec4f(), score7 * vec4f(mask[4][3], mask[5][3], mask[6][3], mask[7][3]), first + 7u < end);
      score8 = select(vec4f(), score8 * vec4f(mask[8][0], mask[9][0], mask[10][0], mask[11][0]), first + 8u < end);
      score9 = select(vec4f(), score9 * vec4f(mask[8][1], mask[9][1], mask[10][1], mask[11][1]), first + 9u < end);
      score10 = select(vec4f(), score10 * vec4f(mask[8][2], mask[9][2], mask[10][2], mask[11][2]), first + 10u < end);
      score11 = select(vec4f(), score11 * vec4f(mask[8][3], mask[9][3], mask[10][3], mask[11][3]), first + 11u < end);
      score12 = select(vec4f(), score12 * vec4f(mask[12][0], mask[13][0], mask[14][0], mask[15][0]), first + 12u < end);
      score13 = select(vec4f(), score13 * vec4f(mask[12][1], mask[13][1], mask[14][1], mask[15][1]), first + 13u < end);
      score14 = select(vec4f(), score14 * vec4f(mask[12][2], mask[13][2], mask[14][2], mask[15][2]), first + 14u < end);
      score15 = select(vec4f(), score15 * vec4f(mask[12][3], mask[13][3], mask[14][3], mask[15][3]), first + 15u < end);
      score16 = select(vec4f(), score16 * vec4f(mask[16][0], mask[17][0], mask[18][0], mask[19][0]), first + 16u < end);
      score17 = select(vec4f(), score17 * vec4f(mask[16][1], mask[17][1], mask[18][1], mask[19][1]), first + 17u < end);
      score18 = select(vec4f(), score18 * vec4f(mask[16][2], mask[17][2], mask[18][2], mask[19][2]), first + 18u < end);
      score19 = select(vec4f(), score19 * vec4f(mask[16][3], mask[17][3], mask[18][3], mask[19][3]), first + 19u < end);
      score20 = select(vec4f(), score20 * vec4f(mask[20][0], mask[21][0], mask[22][0], mask[23][0]), first + 20u < end);
      score21 = select(vec4f(), score21 * vec4f(mask[20][1], mask[21][1], mask[22][1], mask[23][1]), first + 21u < end);
      score22 = select(vec4f(), score22 * vec4f(mask[20][2], mask[21][2], mask[22][2], mask[23][2]), first + 22u < end);
      score23 = select(vec4f(), score23 * vec4f(mask[20][3], mask[21][3], mask[22][3], mask[23][3]), first + 23u < end);
      score24 = select(vec4f(), score24 * vec4f(mask[24][0], mask[25][0], mask[26][0], mask[27][0]), first + 24u < end);
      score25 = select(vec4f(), score25 * vec4f(mask[24][1], mask[25][1], mask[26][1], mask[27][1]), first + 25u < end);
      score26 = select(vec4f(), score26 * vec4f(mask[24][2], mask[25][2], mask[26][2], mask[27][2]), first + 26u < end);
      score27 = select(vec4f(), score27 * vec4f(mask[24][3], mask[25][3], mask[26][3], mask[27][3]), first + 27u < end);
      score28 = select(vec4f(), score28 * vec4f(mask[28][0], mask[29][0], mask[30][0], mask[31][0]), first + 28u < end);
      score29 = select(vec4f(), score29 * vec4f(mask[28][1], mask[29][1], mask[30][1], mask[31][1]), first + 29u < end);
      score30 = select(vec4f(), score30 * vec4f(mask[28][2], mask[29][2], mask[30][2], mask[31][2]), first + 30u < end);
      score31 = select(vec4f(), score31 * vec4f(mask[28][3], mask[29][3], mask[30][3], mask[31][3]), first + 31u < end);
    }
      if (always) {
        let of_lane = factor0;
        let x0 = subgroupBroadcast(of_lane, 0u);
        weight += score0 * x0;
        let x1 = subgroupBroadcast(of_lane, 1u);
        weight += score1 * x1;
        let x2 = subgroupBroadcast(of_lane, 2u);
        weight += score2 * x2;
        let x3 = subgroupBroadcast(of_lane, 3u);
        weight += score3 * x3;
        let x4 = subgroupBroadcast(of_lane, 4u);
        weight += score4 * x4;
        let x5 = subgroupBroadcast(of_lane, 5u);
        weight += score5 * x5;
        let x6 = subgroupBroadcast(of_lane, 6u);
        weight += score6 * x6;
        let x7 = subgroupBroadcast(of_lane, 7u);
        weight += score7 * x7;
      }
      if (always) {
        let of_lane = factor1;
        let x8 = subgroupBroadcast(of_lane, 0u);
        weight += score8 * x8;
        let x9 = subgroupBroadcast(of_lane, 1u);
        weight += score9 * x9;
        let x10 = subgroupBroadcast(of_lane, 2u);
        weight += score10 * x10;
        let x11 = subgroupBroadcast(of_lane, 3u);
        weight += score11 * x11;
        let x12 = subgroupBroadcast(of_lane, 4u);
        weight += score12 * x12;
        let x13 = subgroupBroadcast(of_lane, 5u);
        weight += score13 * x13;
        let x14 = subgroupBroadcast(of_lane, 6u);
        weight += score14 * x14;
        let x15 = subgroupBroadcast(of_lane, 7u);
        weight += score15 * x15;
      }
      if (always) {
        let of_lane = factor2;
        let x16 = subgroupBroadcast(of_lane, 0u);
        weight += score16 * x16;
        let x17 = subgroupBroadcast(of_lane, 1u);
        weight += score17 * x17;
        let x18 = subgroupBroadcast(of_lane, 2u);
        weight += score18 * x18;
        let x19 = subgroupBroadcast(of_lane, 3u);
        weight += score19 * x19;
        let x20 = subgroupBroadcast(of_lane, 4u);
        weight += score20 * x20;
        let x21 = subgroupBroadcast(of_lane, 5u);
        weight += score21 * x21;
        let x22 = subgroupBroadcast(of_lane, 6u);
        weight += score22 * x22;
        let x23 = subgroupBroadcast(of_lane, 7u);
        weight += score23 * x23;
      }
      if (always) {
        let of_lane = factor3;
        let x24 = subgroupBroadcast(of_lane, 0u);
        weight += score24 * x24;
        let x25 = subgroupBroadcast(of_lane, 1u);
        weight += score25 * x25;
        let x26 = subgroupBroadcast(of_lane, 2u);
        weight += score26 * x26;
        let x27 = subgroupBroadcast(of_lane, 3u);
        weight += score27 * x27;
        let x28 = subgroupBroadcast(of_lane, 4u);
        weight += score28 * x28;
        let x29 = subgroupBroadcast(of_lane, 5u);
        weight += score29 * x29;
        let x30 = subgroupBroadcast(of_lane, 6u);
        weight += score30 * x30;
        let x31 = subgroupBroadcast(of_lane, 7u);
        weight += score31 * x31;
      }

    for (var n = 0u; n < value_quads(); n++) {
      var sums = sum[n];
      if (always) {
        let of_lane = factor0 * read_v(column0, n);
        let x0 = subgroupBroadcast(of_lane, 0u);
        sums[0] += score0[0] * x0; sums[1] += score0[1] * x0; sums[2] += score0[2] * x0; sums[3] += score0[3] * x0;
        let x1 = subgroupBroadcast(of_lane, 1u);
        sums[0] += score1[0] * x1; sums[1] += score1[1] * x1; sums[2] += score1[2] * x1; sums[3] += score1[3] * x1;
        let x2 = subgroupBroadcast(of_lane, 2u);
        sums[0] += score2[0] * x2; sums[1] += score2[1] * x2; sums[2] += score2[2] * x2; sums[3] += score2[3] * x2;
        let x3 = subgroupBroadcast(of_lane, 3u);
        sums[0] += score3[0] * x3; sums[1] += score3[1] * x3; sums[2] += score3[2] * x3; sums[3] += score3[3] * x3;
        let x4 = subgroupBroadcast(of_lane, 4u);
        sums[0] += score4[0] * x4; sums[1] += score4[1] * x4; sums[2] += score4[2] * x4; sums[3] += score4[3] * x4;
        let x5 = subgroupBroadcast(of_lane, 5u);
        sums[0] += score5[0] * x5; sums[1] += score5[1] * x5; sums[2] += score5[2] * x5; sums[3] += score5[3] * x5;
        let x6 = subgroupBroadcast(of_lane, 6u);
        sums[0] += score6[0] * x6; sums[1] += score6[1] * x6; sums[2] += score6[2] * x6; sums[3] += score6[3] * x6;
        let x7 = subgroupBroadcast(of_lane, 7u);
        sums[0] += score7[0] * x7; sums[1] += score7[1] * x7; sums[2] += score7[2] * x7; sums[3] += score7[3] * x7;
      }
      if (always) {
        let of_lane = factor1 * read_v(column1, n);
        let x8 = subgroupBroadcast(of_lane, 0u);
        sums[0] += score8[0] * x8; sums[1] += score8[1] * x8; sums[2] += score8[2] * x8; sums[3] += score8[3] * x8;
        let x9 = subgroupBroadcast(of_lane, 1u);
        sums[0] += score9[0] * x9; sums[1] += score9[1] * x9; sums[2] += score9[2] * x9; sums[3] += score9[3] * x9;
        let x10 = subgroupBroadcast(of_lane, 2u);
        sums[0] += score10[0] * x10; sums[1] += score10[1] * x10; sums[2] += score10[2] * x10; sums[3] += score10[3] * x10;
        let x11 = subgroupBroadcast(of_lane, 3u);
        sums[0] += score11[0] * x11; sums[1] += score11[1] * x11; sums[2] += score11[2] * x11; sums[3] += score11[3] * x11;
        let x12 = subgroupBroadcast(of_lane, 4u);
        sums[0] += score12[0] * x12; sums[1] += score12[1] * x12; sums[2] += score12[2] * x12; sums[3] += score12[3] * x12;
        let x13 = subgroupBroadcast(of_lane, 5u);
        sums[0] += score13[0] * x13; sums[1] += score13[1] * x13; sums[2] += score13[2] * x13; sums[3] += score13[3] * x13;
        let x14 = subgroupBroadcast(of_lane, 6u);
        sums[0] += score14[0] * x14; sums[1] += score14[1] * x14; sums[2] += score14[2] * x14; sums[3] += score14[3] * x14;
        let x15 = subgroupBroadcast(of_lane, 7u);
        sums[0] += score15[0] * x15; sums[1] += score15[1] * x15; sums[2] += score15[2] * x15; sums[3] += score15[3] * x15;
      }
      if (always) {
        let of_lane = factor2 * read_v(column2, n);
        let x16 = subgroupBroadcast(of_lane, 0u);
        sums[0] += score16[0] * x16; sums[1] += score16[1] * x16; sums[2] += score16[2] * x16; sums[3] += score16[3] * x16;
        let x17 = subgroupBroadcast(of_lane, 1u);
        sums[0] += score17[0] * x17; sums[1] += score17[1] * x17; sums[2] += score17[2] * x17; sums[3] += score17[3] * x17;
        let x18 = subgroupBroadcast(of_lane, 2u);
        sums[0] += score18[0] * x18; sums[1] += score18[1] * x18; sums[2] += score18[2] * x18; sums[3] += score18[3] * x18;
        let x19 = subgroupBroadcast(of_lane, 3u);
        sums[0] += score19[0] * x19; sums[1] += score19[1] * x19; sums[2] += score19[2] * x19; sums[3] += score19[3] * x19;
        let x20 = subgroupBroadcast(of_lane, 4u);
        sums[0] += score20[0] * x20; sums[1] += score20[1] * x20; sums[2] += score20[2] * x20; sums[3] += score20[3] * x20;
        let x21 = subgroupBroadcast(of_lane, 5u);
        sums[0] += score21[0] * x21; sums[1] += score21[1] * x21; sums[2] += score21[2] * x21; sums[3] += score21[3] * x21;
        let x22 = subgroupBroadcast(of_lane, 6u);
        sums[0] += score22[0] * x22; sums[1] += score22[1] * x22; sums[2] += score22[2] * x22; sums[3] += score22[3] * x22;
        let x23 = subgroupBroadcast(of_lane, 7u);
        sums[0] += score23[0] * x23; sums[1] += score23[1] * x23; sums[2] += score23[2] * x23; sums[3] += score23[3] * x23;
      }
      if (always) {
        let of_lane = factor3 * read_v(column3, n);
        let x24 = subgroupBroadcast(of_lane, 0u);
        sums[0] += score24[0] * x24; sums[1] += score24[1] * x24; sums[2] += score24[2] * x24; sums[3] += score24[3] * x24;
        let x25 = subgroupBroadcast(of_lane, 1u);
        sums[0] += score25[0] * x25; sums[1] += score25[1] * x25; sums[2] += score25[2] * x25; sums[3] += score25[3] * x25;
        let x26 = subgroupBroadcast(of_lane, 2u);
        sums[0] += score26[0] * x26; sums[1] += score26[1] * x26; sums[2] += score26[2] * x26; sums[3] += score26[3] * x26;
        let x27 = subgroupBroadcast(of_lane, 3u);
        sums[0] += score27[0] * x27; sums[1] += score27[1] * x27; sums[2] += score27[2] * x27; sums[3] += score27[3] * x27;
        let x28 = subgroupBroadcast(of_lane, 4u);
        sums[0] += score28[0] * x28; sums[1] += score28[1] * x28; sums[2] += score28[2] * x28; sums[3] += score28[3] * x28;
        let x29 = subgroupBroadcast(of_lane, 5u);
        sums[0] += score29[0] * x29; sums[1] += score29[1] * x29; sums[2] += score29[2] * x29; sums[3] += score29[3] * x29;
        let x30 = subgroupBroadcast(of_lane, 6u);
        sums[0] += score30[0] * x30; sums[1] += score30[1] * x30; sums[2] += score30[2] * x30; sums[3] += score30[3] * x30;
        let x31 = subgroupBroadcast(of_lane, 7u);
        sums[0] += score31[0] * x31; sums[1] += score31[1] * x31; sums[2] += score31[2] * x31; sums[3] += score31[3] * x31;
      }
      sum[n] = sums;
    }
  }
      between += tileDecays[2u * (group.y * problem.chunks + other) + select(1u, 0u, side == 0u)];
    }
    let reader0 = select(select(of_row0.z, of_row0.x, side == 0u), 1.0, is_own);
    let reader1 = select(select(of_row1.z, of_row1.x, side == 0u), 1.0, is_own);
    let reader2 = select(select(of_row2.z, of_row2.x, side == 0u), 1.0, is_own);
    let reader3 = select(select(of_row3.z, of_row3.x, side == 0u), 1.0, is_own);

    for (var n = 0u; n < value_quads(); n++) {
      let sum0 = reader0 * sum[n][0];
      let sum1 = reader1 * sum[n][1];
      let sum2 = reader2 * sum[n][2];
      let sum3 = reader3 * sum[n][3];
      all[n] += mat4x4f(sum0, sum1, sum2, sum3);
      sum[n] = mat4x4f();
    }
    all_weight += weight * vec4f(reader0, reader1, reader2, reader3);
    weight = vec4f();
  }
  let row_sums = problem.scale * all_weight;
  let divisors = select(vec4f(1.0), row_sums + problem.epsilon, problem.normalize == 1u);
  if (tile_row + 0u < row_count) { rowSums[row0] = row_sums[0]; }
  if (tile_row + 1u < row_count) { rowSums[row1] = row_sums[1]; }
  if (tile_row + 2u < row_count) { rowSums[row2] = row_sums[2]; }
  if (tile_row + 3u < row_count) { rowSums[row3] = row_sums[3]; }
  for (var n = 0u; n < value_quads(); n++) {
    if (tile_row + 0u < row_count) { write_y(row0, n, problem.scale * all[n][0] / divisors[0]); }
    if (tile_row + 1u < row_count) { write_y(row1, n, problem.scale * all[n][1] / divisors[1]); }
    if (tile_row + 2u < row_count) { write_y(row2, n, problem.scale * all[n][2] / divisors[2]); }
    if (tile_row + 3u < row_count) { write_y(row3, n, problem.scale * all[n][3] / divisors[3]); }
  }
}
