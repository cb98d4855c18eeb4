// lion_simd_tiles y=q·k·v+states(k·v):attention maskless quads=16
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

  let end = problem.length;

  for (var first = 0u; first < end; first += 32u) {
    let column0 = base + min(first + 0u, end - 1u);
    let factor0 = select(0.0, 1.0, first + 0u < end);
    let column1 = base + min(first + 1u, end - 1u);
    let factor1 = select(0.0, 1.0, first + 1u < end);
    let column2 = base + min(first + 2u, end - 1u);
    let factor2 = select(0.0, 1.0, first + 2u < end);
    let column3 = base + min(first + 3u, end - 1u);
    let factor3 = select(0.0, 1.0, first + 3u < end);
    let column4 = base + min(first + 4u, end - 1u);
    let factor4 = select(0.0, 1.0, first + 4u < end);
    let column5 = base + min(first + 5u, end - 1u);
    let factor5 = select(0.0, 1.0, first + 5u < end);
    let column6 = base + min(first + 6u, end - 1u);
    let factor6 = select(0.0, 1.0, first + 6u < end);
    let column7 = base + min(first + 7u, end - 1u);
    let factor7 = select(0.0, 1.0, first + 7u < end);
    let column8 = base + min(first + 8u, end - 1u);
    let factor8 = select(0.0, 1.0, first + 8u < end);
    let column9 = base + min(first + 9u, end - 1u);
    let factor9 = select(0.0, 1.0, first + 9u < end);
    let column10 = base + min(first + 10u, end - 1u);
    let factor10 = select(0.0, 1.0, first + 10u < end);
    let column11 = base + min(first + 11u, end - 1u);
    let factor11 = select(0.0, 1.0, first + 11u < end);
    let column12 = base + min(first + 12u, end - 1u);
    let factor12 = select(0.0, 1.0, first + 12u < end);
    let column13 = base + min(first + 13u, end - 1u);
    let factor13 = select(0.0, 1.0, first + 13u < end);
    let column14 = base + min(first + 14u, end - 1u);
    let factor14 = select(0.0, 1.0, first + 14u < end);
    let column15 = base + min(first + 15u, end - 1u);
    let factor15 = select(0.0, 1.0, first + 15u < end);
    let column16 = base + min(first + 16u, end - 1u);
    let factor16 = select(0.0, 1.0, first + 16u < end);
    let column17 = base + min(first + 17u, end - 1u);
    let factor17 = select(0.0, 1.0, first + 17u < end);
    let column18 = base + min(first + 18u, end - 1u);
    let factor18 = select(0.0, 1.0, first + 18u < end);
    let column19 = base + min(first + 19u, end - 1u);
    let factor19 = select(0.0, 1.0, first + 19u < end);
    let column20 = base + min(first + 20u, end - 1u);
    let factor20 = select(0.0, 1.0, first + 20u < end);
    let column21 = base + min(first + 21u, end - 1u);
    let factor21 = select(0.0, 1.0, first + 21u < end);
    let column22 = base + min(first + 22u, end - 1u);
    let factor22 = select(0.0, 1.0, first + 22u < end);
    let column23 = base + min(first + 23u, end - 1u);
    let factor23 = select(0.0, 1.0, first + 23u < end);
    let column24 = base + min(first + 24u, end - 1u);
    let factor24 = select(0.0, 1.0, first + 24u < end);
    let column25 = base + min(first + 25u, end - 1u);
    let factor25 = select(0.0, 1.0, first + 25u < end);
    let column26 = base + min(first + 26u, end - 1u);
    let factor26 = select(0.0, 1.0, first + 26u < end);
    let column27 = base + min(first + 27u, end - 1u);
    let factor27 = select(0.0, 1.0, first + 27u < end);
    let column28 = base + min(first + 28u, end - 1u);
    let factor28 = select(0.0, 1.0, first + 28u < end);
    let column29 = base + min(first + 29u, end - 1u);
    let factor29 = select(0.0, 1.0, first + 29u < end);
    let column30 = base + min(first + 30u, end - 1u);
    let factor30 = select(0.0, 1.0, first + 30u < end);
    let column31 = base + min(first + 31u, end - 1u);
    let factor31 = select(0.0, 1.0, first + 31u < end);

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

        let x0 = read_k(column0, n);
        score0 += rows * x0;
        let x1 = read_k(column1, n);
        score1 += rows * x1;
        let x2 = read_k(column2, n);
        score2 += rows * x2;
        let x3 = read_k(column3, n);
        score3 += rows * x3;
        let x4 = read_k(column4, n);
        score4 += rows * x4;
        let x5 = read_k(column5, n);
        score5 += rows * x5;
        let x6 = read_k(column6, n);
        score6 += rows * x6;
        let x7 = read_k(column7, n);
        score7 += rows * x7;
      }
      if (always) {

        let x8 = read_k(column8, n);
        score8 += rows * x8;
        let x9 = read_k(column9, n);
        score9 += rows * x9;
        let x10 = read_k(column10, n);
        score10 += rows * x10;
        let x11 = read_k(column11, n);
        score11 += rows * x11;
        let x12 = read_k(column12, n);
        score12 += rows * x12;
        let x13 = read_k(column13, n);
        score13 += rows * x13;
        let x14 = read_k(column14, n);
        score14 += rows * x14;
        let x15 = read_k(column15, n);
        score15 += rows * x15;
      }
      if (always) {

        let x16 = read_k(column16, n);
        score16 += rows * x16;
        let x17 = read_k(column17, n);
        score17 += rows * x17;
        let x18 = read_k(column18, n);
        score18 += rows * x18;
        let x19 = read_k(column19, n);
        score19 += rows * x19;
        let x20 = read_k(column20, n);
        score20 += rows * x20;
        let x21 = read_k(column21, n);
        score21 += rows * x21;
        let x22 = read_k(column22, n);
        score22 += rows * x22;
        let x23 = read_k(column23, n);
        score23 += rows * x23;
      }
      if (always) {

        let x24 = read_k(column24, n);
        score24 += rows * x24;
        let x25 = read_k(column25, n);
        score25 += rows * x25;
        let x26 = read_k(column26, n);
        score26 += rows * x26;
        let x27 = read_k(column27, n);
        score27 += rows * x27;
        let x28 = read_k(column28, n);
        score28 += rows * x28;
        let x29 = read_k(column29, n);
        score29 += rows * x29;
        let x30 = read_k(column30, n);
        score30 += rows * x30;
        let x31 = read_k(column31, n);
        score31 += rows * x31;
      }
    }


      if (always) {

        let x0 = factor0;
        weight += score0 * x0;
        let x1 = factor1;
        weight += score1 * x1;
        let x2 = factor2;
        weight += score2 * x2;
        let x3 = factor3;
        weight += score3 * x3;
        let x4 = factor4;
        weight += score4 * x4;
        let x5 = factor5;
        weight += score5 * x5;
        let x6 = factor6;
        weight += score6 * x6;
        let x7 = factor7;
        weight += score7 * x7;
      }
      if (always) {

        let x8 = factor8;
        weight += score8 * x8;
        let x9 = factor9;
        weight += score9 * x9;
        let x10 = factor10;
        weight += score10 * x10;
        let x11 = factor11;
        weight += score11 * x11;
        let x12 = factor12;
        weight += score12 * x12;
        let x13 = factor13;
        weight += score13 * x13;
        let x14 = factor14;
        weight += score14 * x14;
        let x15 = factor15;
        weight += score15 * x15;
      }
      if (always) {

        let x16 = factor16;
        weight += score16 * x16;
        let x17 = factor17;
        weight += score17 * x17;
        let x18 = factor18;
        weight += score18 * x18;
        let x19 = factor19;
        weight += score19 * x19;
        let x20 = factor20;
        weight += score20 * x20;
        let x21 = factor21;
        weight += score21 * x21;
        let x22 = factor22;
        weight += score22 * x22;
        let x23 = factor23;
        weight += score23 * x23;
      }
      if (always) {

        let x24 = factor24;
        weight += score24 * x24;
        let x25 = factor25;
        weight += score25 * x25;
        let x26 = factor26;
        weight += score26 * x26;
        let x27 = factor27;
        weight += score27 * x27;
        let x28 = factor28;
        weight += score28 * x28;
        let x29 = factor29;
        weight += score29 * x29;
        let x30 = factor30;
        weight += score30 * x30;
        let x31 = factor31;
        weight += score31 * x31;
      }

    for (var n = 0u; n < value_quads(); n++) {
      var sums = sum[n];
      if (always) {

        let x0 = factor0 * read_v(column0, n);
        sums[0] += score0[0] * x0; sums[1] += score0[1] * x0; sums[2] += score0[2] * x0; sums[3] += score0[3] * x0;
        let x1 = factor1 * read_v(column1, n);
        sums[0] += score1[0] * x1; sums[1] += score1[1] * x1; sums[2] += score1[2] * x1; sums[3] += score1[3] * x1;
        let x2 = factor2 * read_v(column2, n);
        sums[0] += score2[0] * x2; sums[1] += score2[1] * x2; sums[2] += score2[2] * x2; sums[3] += score2[3] * x2;
        let x3 = factor3 * read_v(column3, n);
        sums[0] += score3[0] * x3; sums[1] += score3[1] * x3; sums[2] += score3[2] * x3; sums[3] += score3[3] * x3;
        let x4 = factor4 * read_v(column4, n);
        sums[0] += score4[0] * x4; sums[1] += score4[1] * x4; sums[2] += score4[2] * x4; sums[3] += score4[3] * x4;
        let x5 = factor5 * read_v(column5, n);
        sums[0] += score5[0] * x5; sums[1] += score5[1] * x5; sums[2] += score5[2] * x5; sums[3] += score5[3] * x5;
        let x6 = factor6 * read_v(column6, n);
        sums[0] += score6[0] * x6; sums[1] += score6[1] * x6; sums[2] += score6[2] * x6; sums[3] += score6[3] * x6;
        let x7 = factor7 * read_v(column7, n);
        sums[0] += score7[0] * x7; sums[1] += score7[1] * x7; sums[2] += score7[2] * x7; sums[3] += score7[3] * x7;
      }
      if (always) {

        let x8 = factor8 * read_v(column8, n);
        sums[0] += score8[0] * x8; sums[1] += score8[1] * x8; sums[2] += score8[2] * x8; sums[3] += score8[3] * x8;
        let x9 = factor9 * read_v(column9, n);
        sums[0] += score9[0] * x9; sums[1] += score9[1] * x9; sums[2] += score9[2] * x9; sums[3] += score9[3] * x9;
        let x10 = factor10 * read_v(column10, n);
        sums[0] += score10[0] * x10; sums[1] += score10[1] * x10; sums[2] += score10[2] * x10; sums[3] += score10[3] * x10;
        let x11 = factor11 * read_v(column11, n);
        sums[0] += score11[0] * x11; sums[1] += score11[1] * x11; sums[2] += score11[2] * x11; sums[3] += score11[3] * x11;
        let x12 = factor12 * read_v(column12, n);
        sums[0] += score12[0] * x12; sums[1] += score12[1] * x12; sums[2] += score12[2] * x12; sums[3] += score12[3] * x12;
        let x13 = factor13 * read_v(column13, n);
        sums[0] += score13[0] * x13; sums[1] += score13[1] * x13; sums[2] += score13[2] * x13; sums[3] += score13[3] * x13;
        let x14 = factor14 * read_v(column14, n);
        sums[0] += score14[0] * x14; sums[1] += score14[1] * x14; sums[2] += score14[2] * x14; sums[3] += score14[3] * x14;
        let x15 = factor15 * read_v(column15, n);
        sums[0] += score15[0] * x15; sums[1] += score15[1] * x15; sums[2] += score15[2] * x15; sums[3] += score15[3] * x15;
      }
      if (always) {

        let x16 = factor16 * read_v(column16, n);
        sums[0] += score16[0] * x16; sums[1] += score16[1] * x16; sums[2] += score16[2] * x16; sums[3] += score16[3] * x16;
        let x17 = factor17 * read_v(column17, n);
        sums[0] += score17[0] * x17; sums[1] += score17[1] * x17; sums[2] += score17[2] * x17; sums[3] += score17[3] * x17;
        let x18 = factor18 * read_v(column18, n);
        sums[0] += score18[0] * x18; sums[1] += score18[1] * x18; sums[2] += score18[2] * x18; sums[3] += score18[3] * x18;
        let x19 = factor19 * read_v(column19, n);
        sums[0] += score19[0] * x19; sums[1] += score19[1] * x19; sums[2] += score19[2] * x19; sums[3] += score19[3] * x19;
        let x20 = factor20 * read_v(column20, n);
        sums[0] += score20[0] * x20; sums[1] += score20[1] * x20; sums[2] += score20[2] * x20; sums[3] += score20[3] * x20;
        let x21 = factor21 * read_v(column21, n);
        sums[0] += score21[0] * x21; sums[1] += score21[1] * x21; sums[2] += score21[2] * x21; sums[3] += score21[3] * x21;
        let x22 = factor22 * read_v(column22, n);
        sums[0] += score22[0] * x22; sums[1] += score22[1] * x22; sums[2] += score22[2] * x22; sums[3] += score22[3] * x22;
        let x23 = factor23 * read_v(column23, n);
        sums[0] += score23[0] * x23; sums[1] += score23[1] * x23; sums[2] += score23[2] * x23; sums[3] += score23[3] * x23;
      }
      if (always) {

        let x24 = factor24 * read_v(column24, n);
        sums[0] += score24[0] * x24; sums[1] += score24[1] * x24; sums[2] += score24[2] * x24; sums[3] += score24[3] * x24;
        let x25 = factor25 * read_v(column25, n);
        sums[0] += score25[0] * x25; sums[1] += score25[1] * x25; sums[2] += score25[2] * x25; sums[3] += score25[3] * x25;
        let x26 = factor26 * read_v(column26, n);
        sums[0] += score26[0] * x26; sums[1] += score26[1] * x26; sums[2] += score26[2] * x26; sums[3] += score26[3] * x26;
        let x27 = factor27 * read_v(column27, n);
        sums[0] += score27[0] * x27; sums[1] += score27[1] * x27; sums[2] += score27[2] * x27; sums[3] += score27[3] * x27;
        let x28 = factor28 * read_v(column28, n);
        sums[0] += score28[0] * x28; sums[1] += score28[1] * x28; sums[2] += score28[2] * x28; sums[3] += score28[3] * x28;
        let x29 = factor29 * read_v(column29, n);
        sums[0] += score29[0] * x29; sums[1] += score29[1] * x29; sums[2] += score29[2] * x29; sums[3] += score29[3] * x29;
        let x30 = factor30 * read_v(column30, n);
        sums[0] += score30[0] * x30; sums[1] += score30[1] * x30; sums[2] += score30[2] * x30; sums[3] += score30[3] * x30;
        let x31 = factor31 * read_v(column31, n);
        sums[0] += score31[0] * x31; sums[1] += score31[1] * x31; sums[2] += score31[2] * x31; sums[3] += score31[3] * x31;
      }
      sum[n] = sums;
    }
  }
  let row_sums = problem.scale * weight;
  let divisors = select(vec4f(1.0), row_sums + problem.epsilon, problem.normalize == 1u);
  if (tile_row + 0u < row_count) { rowSums[row0] = row_sums[0]; }
  if (tile_row + 1u < row_count) { rowSums[row1] = row_sums[1]; }
  if (tile_row + 2u < row_count) { rowSums[row2] = row_sums[2]; }
  if (tile_row + 3u < row_count) { rowSums[row3] = row_sums[3]; }
  for (var n = 0u; n < value_quads(); n++) {
    if (tile_row + 0u < row_count) { write_y(row0, n, problem.scale * sum[n][0] / divisors[0]); }
    if (tile_row + 1u < row_count) { write_y(row1, n, problem.scale * sum[n][1] / divisors[1]); }
    if (tile_row + 2u < row_count) { write_y(row2, n, problem.scale * sum[n][2] / divisors[2]); }
    if (tile_row + 3u < row_count) { write_y(row3, n, problem.scale * sum[n][3] / divisors[3]); }
  }
}
