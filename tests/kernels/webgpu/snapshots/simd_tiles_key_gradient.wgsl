// lion_simd_tiles dk=v·g·q+cotangentStates(q·g):shares before=b-1,after=f+1 quads=16 subgroups
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
fn last_of_g(token: u32) -> f32 { return read_g(token, problem.valueDim / 4u)[problem.valueDim % 4u]; }
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

  var own_v: array<mat4x4f, 16>;
  for (var n = 0u; n < value_quads(); n++) {
    own_v[n] = transpose(mat4x4f(read_v(row0, n), read_v(row1, n), read_v(row2, n), read_v(row3, n)));
  }

  var sum: array<mat4x4f, 16>;


  // Tokens of earlier passes, of which the decays' buffers know nothing.
  let skipped = problem.firstSequence * problem.length;
  let of_row0 = tileFactors[row0 - skipped];
  let of_row1 = tileFactors[row1 - skipped];
  let of_row2 = tileFactors[row2 - skipped];
  let of_row3 = tileFactors[row3 - skipped];
  var all: array<mat4x4f, 16>;

  var share0 = vec4f();
  var share1 = vec4f();
  var share2 = vec4f();
  var share3 = vec4f();
  let places = row + vec4u(0u, 1u, 2u, 3u);
  for (var side = 0u; side <= 4u; side++) {
    let is_own = side >= 2u;
    let steps = select(select(problem.chunks - 1u - group.x, group.x, side == 0u), 1u, is_own);
    let lowest = select(select(vec4u(), places, side == 4u), places + 1u, side == 3u);
    let highest = select(select(vec4u(problem.length), places + 1u, side == 4u), places, side == 2u);
    // Log decay of the tiles between.
    var between = 0.0;
    for (var step = 1u; step <= steps; step++) {
      let other = select(select(group.x + step, group.x - step, side == 0u), group.x, is_own);
      let start = other * problem.chunkSize;
      let end = min(start + problem.chunkSize, problem.length);
      let passed = exp(between);

  for (var first = start; first < end; first += 32u) {
    let column0 = base + min(first + 0u + lane, end - 1u);
    let factor0 = select(0.0, select(select(tileFactors[column0 - skipped].x, tileFactors[column0 - skipped].z, side == 0u) * passed, 1.0, is_own), first + 0u + lane < end);
    let column1 = base + min(first + 8u + lane, end - 1u);
    let factor1 = select(0.0, select(select(tileFactors[column1 - skipped].x, tileFactors[column1 - skipped].z, side == 0u) * passed, 1.0, is_own), first + 8u + lane < end);
    let column2 = base + min(first + 16u + lane, end - 1u);
    let factor2 = select(0.0, select(select(tileFactors[column2 - skipped].x, tileFactors[column2 - skipped].z, side == 0u) * passed, 1.0, is_own), first + 16u + lane < end);
    let column3 = base + min(first + 24u + lane, end - 1u);
    let factor3 = select(0.0, select(select(tileFactors[column3 - skipped].x, tileFactors[column3 - skipped].z, side == 0u) * passed, 1.0, is_own), first + 24u + lane < end);

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
    for (var n = 0u; n < value_quads(); n++) {
      let rows = own_v[n];
      if (always) {
        let of_lane = read_g(column0, n);
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
        let of_lane = read_g(column1, n);
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
        let of_lane = read_g(column2, n);
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
        let of_lane = read_g(column3, n);
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
      if (always) {
        let of_lane = last_of_g(column0);
        let x0 = subgroupBroadcast(of_lane, 0u);
        score0 += x0;
        let x1 = subgroupBroadcast(of_lane, 1u);
        score1 += x1;
        let x2 = subgroupBroadcast(of_lane, 2u);
        score2 += x2;
        let x3 = subgroupBroadcast(of_lane, 3u);
        score3 += x3;
        let x4 = subgroupBroadcast(of_lane, 4u);
        score4 += x4;
        let x5 = subgroupBroadcast(of_lane, 5u);
        score5 += x5;
        let x6 = subgroupBroadcast(of_lane, 6u);
        score6 += x6;
        let x7 = subgroupBroadcast(of_lane, 7u);
        score7 += x7;
      }
      if (always) {
        let of_lane = last_of_g(column1);
        let x8 = subgroupBroadcast(of_lane, 0u);
        score8 += x8;
        let x9 = subgroupBroadcast(of_lane, 1u);
        score9 += x9;
        let x10 = subgroupBroadcast(of_lane, 2u);
        score10 += x10;
        let x11 = subgroupBroadcast(of_lane, 3u);
        score11 += x11;
        let x12 = subgroupBroadcast(of_lane, 4u);
        score12 += x12;
        let x13 = subgroupBroadcast(of_lane, 5u);
        score13 += x13;
        let x14 = subgroupBroadcast(of_lane, 6u);
        score14 += x14;
        let x15 = subgroupBroadcast(of_lane, 7u);
        score15 += x15;
      }
      if (always) {
        let of_lane = last_of_g(column2);
        let x16 = subgroupBroadcast(of_lane, 0u);
        score16 += x16;
        let x17 = subgroupBroadcast(of_lane, 1u);
        score17 += x17;
        let x18 = subgroupBroadcast(of_lane, 2u);
        score18 += x18;
        let x19 = subgroupBroadcast(of_lane, 3u);
        score19 += x19;
        let x20 = subgroupBroadcast(of_lane, 4u);
        score20 += x20;
        let x21 = subgroupBroadcast(of_lane, 5u);
        score21 += x21;
        let x22 = subgroupBroadcast(of_lane, 6u);
        score22 += x22;
        let x23 = subgroupBroadcast(of_lane, 7u);
        score23 += x23;
      }
      if (always) {
        let of_lane = last_of_g(column3);
        let x24 = subgroupBroadcast(of_lane, 0u);
        score24 += x24;
        let x25 = subgroupBroadcast(of_lane, 1u);
        score25 += x25;
        let x26 = subgroupBroadcast(of_lane, 2u);
        score26 += x26;
        let x27 = subgroupBroadcast(of_lane, 3u);
        score27 += x27;
        let x28 = subgroupBroadcast(of_lane, 4u);
        score28 += x28;
        let x29 = subgroupBroadcast(of_lane, 5u);
        score29 += x29;
        let x30 = subgroupBroadcast(of_lane, 6u);
        score30 += x30;
        let x31 = subgroupBroadcast(of_lane, 7u);
        score31 += x31;
      }

    if (side >= 2u) {
      var mask: array<vec4f, 32>;
      for (var i = 0u; i < min(32u, end - first); i++) {
        mask[i] = tileMask[(base + first + i - skipped) * 16u + tile_row / 4u];
      }
      score0 = select(vec4f(), score0 * mask[0], (lowest <= vec4u(first + 0u)) & (vec4u(first + 0u) < highest));
      score1 = select(vec4f(), score1 * mask[1], (lowest <= vec4u(first + 1u)) & (vec4u(first + 1u) < highest));
      score2 = select(vec4f(), score2 * mask[2], (lowest <= vec4u(first + 2u)) & (vec4u(first + 2u) < highest));
      score3 = select(vec4f(), score3 * mask[3], (lowest <= vec4u(first + 3u)) & (vec4u(first + 3u) < highest));
      score4 = select(vec4f(), score4 * mask[4], (lowest <= vec4u(first + 4u)) & (vec4u(first + 4u) < highest));
      score5 = select(vec4f(), score5 * mask[5], (lowest <= vec4u(first + 5u)) & (vec4u(first + 5u) < highest));
      score6 = select(vec4f(), score6 * mask[6], (lowest <= vec4u(first + 6u)) & (vec4u(first + 6u) < highest));
      score7 = select(vec4f(), score7 * mask[7], (lowest <= vec4u(first + 7u)) & (vec4u(first + 7u) < highest));
      score8 = select(vec4f(), score8 * mask[8], (lowest <= vec4u(first + 8u)) & (vec4u(first + 8u) < highest));
      score9 = select(vec4f(), score9 * mask[9], (lowest <= vec4u(first + 9u)) & (vec4u(first + 9u) < highest));
      score10 = select(vec4f(), score10 * mask[10], (lowest <= vec4u(first + 10u)) & (vec4u(first + 10u) < highest));
      score11 = select(vec4f(), score11 * mask[11], (lowest <= vec4u(first + 11u)) & (vec4u(first + 11u) < highest));
      score12 = select(vec4f(), score12 * mask[12], (lowest <= vec4u(first + 12u)) & (vec4u(first + 12u) < highest));
      score13 = select(vec4f(), score13 * mask[13], (lowest <= vec4u(first + 13u)) & (vec4u(first + 13u) < highest));
      score14 = select(vec4f(), score14 * mask[14], (lowest <= vec4u(first + 14u)) & (vec4u(first + 14u) < highest));
      score15 = select(vec4f(), score15 * mask[15], (lowest <= vec4u(first + 15u)) & (vec4u(first + 15u) < highest));
      score16 = select(vec4f(), score16 * mask[16], (lowest <= vec4u(first + 16u)) & (vec4u(first + 16u) < highest));
      score17 = select(vec4f(), score17 * mask[17], (lowest <= vec4u(first + 17u)) & (vec4u(first + 17u) < highest));
      score18 = select(vec4f(), score18 * mask[18], (lowest <= vec4u(first + 18u)) & (vec4u(first + 18u) < highest));
      score19 = select(vec4f(), score19 * mask[19], (lowest <= vec4u(first + 19u)) & (vec4u(first + 19u) < highest));
      score20 = select(vec4f(), score20 * mask[20], (lowest <= vec4u(first + 20u)) & (vec4u(first + 20u) < highest));
      score21 = select(vec4f(), score21 * mask[21], (lowest <= vec4u(first + 21u)) & (vec4u(first + 21u) < highest));
      score22 = select(vec4f(), score22 * mask[22], (lowest <= vec4u(first + 22u)) & (vec4u(first + 22u) < highest));
      score23 = select(vec4f(), score23 * mask[23], (lowest <= vec4u(first + 23u)) & (vec4u(first + 23u) < highest));
      score24 = select(vec4f(), score24 * mask[24], (lowest <= vec4u(first + 24u)) & (vec4u(first + 24u) < highest));
      score25 = select(vec4f(), score25 * mask[25], (lowest <= vec4u(first + 25u)) & (vec4u(first + 25u) < highest));
      score26 = select(vec4f(), score26 * mask[26], (lowest <= vec4u(first + 26u)) & (vec4u(first + 26u) < highest));
      score27 = select(vec4f(), score27 * mask[27], (lowest <= vec4u(first + 27u)) & (vec4u(first + 27u) < highest));
      score28 = select(vec4f(), score28 * mask[28], (lowest <= vec4u(first + 28u)) & (vec4u(first + 28u) < highest));
      score29 = select(vec4f(), score29 * mask[29], (lowest <= vec4u(first + 29u)) & (vec4u(first + 29u) < highest));
      score30 = select(vec4f(), score30 * mask[30], (lowest <= vec4u(first + 30u)) & (vec4u(first + 30u) < highest));
      score31 = select(vec4f(), score31 * mask[31], (lowest <= vec4u(first + 31u)) & (vec4u(first + 31u) < highest));
    }


    for (var n = 0u; n < key_quads(); n++) {
      var sums = sum[n];
      if (always) {
        let of_lane = factor0 * read_q(column0, n);
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
        let of_lane = factor1 * read_q(column1, n);
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
        let of_lane = factor2 * read_q(column2, n);
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
        let of_lane = factor3 * read_q(column3, n);
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
      between += tileDecays[2u * (group.y * problem.chunks + other) + select(0u, 1u, side == 0u)];
    }
    let reader0 = select(select(of_row0.y, of_row0.w, side == 0u), 1.0, is_own);
    let reader1 = select(select(of_row1.y, of_row1.w, side == 0u), 1.0, is_own);
    let reader2 = select(select(of_row2.y, of_row2.w, side == 0u), 1.0, is_own);
    let reader3 = select(select(of_row3.y, of_row3.w, side == 0u), 1.0, is_own);
    let of_side = select(vec4f(), vec4f(1.0), vec4u(2u, 3u, 0u, 1u) == vec4u(side));
    for (var n = 0u; n < key_quads(); n++) {
      let sum0 = reader0 * sum[n][0];
      share0 += dot(read_k(row0, n), sum0) * of_side;
      let sum1 = reader1 * sum[n][1];
      share1 += dot(read_k(row1, n), sum1) * of_side;
      let sum2 = reader2 * sum[n][2];
      share2 += dot(read_k(row2, n), sum2) * of_side;
      let sum3 = reader3 * sum[n][3];
      share3 += dot(read_k(row3, n), sum3) * of_side;
      all[n] += mat4x4f(sum0, sum1, sum2, sum3);
      sum[n] = mat4x4f();
    }

  }

  if (tile_row + 0u < row_count) { keyShares[row0] = share0; }
  if (tile_row + 1u < row_count) { keyShares[row1] = share1; }
  if (tile_row + 2u < row_count) { keyShares[row2] = share2; }
  if (tile_row + 3u < row_count) { keyShares[row3] = share3; }
  for (var n = 0u; n < key_quads(); n++) {
    if (tile_row + 0u < row_count) { write_dk(row0, n, all[n][0]); }
    if (tile_row + 1u < row_count) { write_dk(row1, n, all[n][1]); }
    if (tile_row + 2u < row_count) { write_dk(row2, n, all[n][2]); }
    if (tile_row + 3u < row_count) { write_dk(row3, n, all[n][3]); }
  }
}
