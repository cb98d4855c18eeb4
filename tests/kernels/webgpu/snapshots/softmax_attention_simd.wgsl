// lion_softmax_attention_simd quads=16 vec4
// dispatch 4 × 1 × 1
alias Pack = vec4f;
struct Uniforms {
  workgroups: u32,
  length: u32,
  heads: u32,
  headDim: u32,
  valueDim: u32,
  blocks: u32,
  causal: u32,
  scale: f32,
}
@group(0) @binding(0) var<storage, read> q: array<Pack>;
@group(0) @binding(1) var<storage, read> k: array<Pack>;
@group(0) @binding(2) var<storage, read> v: array<Pack>;
@group(0) @binding(3) var<storage, read_write> y: array<Pack>;
@group(0) @binding(4) var<storage, read_write> maxima: array<f32>;
@group(0) @binding(5) var<storage, read_write> sums: array<f32>;
@group(0) @binding(6) var<uniform> uniforms: Uniforms;

fn read_q(token: u32, quad: u32) -> vec4f { return q[token * (uniforms.headDim / 4u) + quad]; }
fn read_k(token: u32, quad: u32) -> vec4f { return k[token * (uniforms.headDim / 4u) + quad]; }
fn read_v(token: u32, quad: u32) -> vec4f { return v[token * (uniforms.valueDim / 4u) + quad]; }
fn write_y(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.valueDim + 3u) / 4u) { y[token * (uniforms.valueDim / 4u) + quad] = x; }
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let workgroup = group.y * groups.x + group.x;
  let layer = group.z;
  if (workgroup >= uniforms.workgroups) { return; }

  let always = uniforms.length > 0u;
  let lane = local;
  let base = workgroup / uniforms.blocks * uniforms.length;
  let first_row = workgroup % uniforms.blocks * 32u;
  let row = first_row + lane * 4u;
  let last = uniforms.length - 1u;
  let places = row + vec4u(0u, 1u, 2u, 3u);
  let row0 = base + min(row + 0u, last);
  let row1 = base + min(row + 1u, last);
  let row2 = base + min(row + 2u, last);
  let row3 = base + min(row + 3u, last);
  let limits = select(vec4u(uniforms.length), min(vec4u(uniforms.length), places + 1u), uniforms.causal != 0u);


  var own_q: array<mat4x4f, 16>;
  for (var n = 0u; n < (uniforms.headDim + 3u) / 4u; n++) {
    own_q[n] = transpose(mat4x4f(read_q(row0, n), read_q(row1, n), read_q(row2, n), read_q(row3, n)));
  }
  var sum: array<mat4x4f, 16>;
  var highest = vec4f(-3.4e38);
  var total = vec4f();
  let end = select(uniforms.length, min(uniforms.length, first_row + 32u), uniforms.causal != 0u);
  let start = 0u;
  for (var first = start; first < end; first += 32u) {

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
    for (var n = 0u; n < (uniforms.headDim + 3u) / 4u; n++) {
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
    score0 = select(vec4f(-3.4e38), uniforms.scale * score0, (vec4u(first + 0u) < limits));
    score1 = select(vec4f(-3.4e38), uniforms.scale * score1, (vec4u(first + 1u) < limits));
    score2 = select(vec4f(-3.4e38), uniforms.scale * score2, (vec4u(first + 2u) < limits));
    score3 = select(vec4f(-3.4e38), uniforms.scale * score3, (vec4u(first + 3u) < limits));
    score4 = select(vec4f(-3.4e38), uniforms.scale * score4, (vec4u(first + 4u) < limits));
    score5 = select(vec4f(-3.4e38), uniforms.scale * score5, (vec4u(first + 5u) < limits));
    score6 = select(vec4f(-3.4e38), uniforms.scale * score6, (vec4u(first + 6u) < limits));
    score7 = select(vec4f(-3.4e38), uniforms.scale * score7, (vec4u(first + 7u) < limits));
    score8 = select(vec4f(-3.4e38), uniforms.scale * score8, (vec4u(first + 8u) < limits));
    score9 = select(vec4f(-3.4e38), uniforms.scale * score9, (vec4u(first + 9u) < limits));
    score10 = select(vec4f(-3.4e38), uniforms.scale * score10, (vec4u(first + 10u) < limits));
    score11 = select(vec4f(-3.4e38), uniforms.scale * score11, (vec4u(first + 11u) < limits));
    score12 = select(vec4f(-3.4e38), uniforms.scale * score12, (vec4u(first + 12u) < limits));
    score13 = select(vec4f(-3.4e38), uniforms.scale * score13, (vec4u(first + 13u) < limits));
    score14 = select(vec4f(-3.4e38), uniforms.scale * score14, (vec4u(first + 14u) < limits));
    score15 = select(vec4f(-3.4e38), uniforms.scale * score15, (vec4u(first + 15u) < limits));
    score16 = select(vec4f(-3.4e38), uniforms.scale * score16, (vec4u(first + 16u) < limits));
    score17 = select(vec4f(-3.4e38), uniforms.scale * score17, (vec4u(first + 17u) < limits));
    score18 = select(vec4f(-3.4e38), uniforms.scale * score18, (vec4u(first + 18u) < limits));
    score19 = select(vec4f(-3.4e38), uniforms.scale * score19, (vec4u(first + 19u) < limits));
    score20 = select(vec4f(-3.4e38), uniforms.scale * score20, (vec4u(first + 20u) < limits));
    score21 = select(vec4f(-3.4e38), uniforms.scale * score21, (vec4u(first + 21u) < limits));
    score22 = select(vec4f(-3.4e38), uniforms.scale * score22, (vec4u(first + 22u) < limits));
    score23 = select(vec4f(-3.4e38), uniforms.scale * score23, (vec4u(first + 23u) < limits));
    score24 = select(vec4f(-3.4e38), uniforms.scale * score24, (vec4u(first + 24u) < limits));
    score25 = select(vec4f(-3.4e38), uniforms.scale * score25, (vec4u(first + 25u) < limits));
    score26 = select(vec4f(-3.4e38), uniforms.scale * score26, (vec4u(first + 26u) < limits));
    score27 = select(vec4f(-3.4e38), uniforms.scale * score27, (vec4u(first + 27u) < limits));
    score28 = select(vec4f(-3.4e38), uniforms.scale * score28, (vec4u(first + 28u) < limits));
    score29 = select(vec4f(-3.4e38), uniforms.scale * score29, (vec4u(first + 29u) < limits));
    score30 = select(vec4f(-3.4e38), uniforms.scale * score30, (vec4u(first + 30u) < limits));
    score31 = select(vec4f(-3.4e38), uniforms.scale * score31, (vec4u(first + 31u) < limits));
    let old = highest;
    highest = max(highest, score0);
    highest = max(highest, score1);
    highest = max(highest, score2);
    highest = max(highest, score3);
    highest = max(highest, score4);
    highest = max(highest, score5);
    highest = max(highest, score6);
    highest = max(highest, score7);
    highest = max(highest, score8);
    highest = max(highest, score9);
    highest = max(highest, score10);
    highest = max(highest, score11);
    highest = max(highest, score12);
    highest = max(highest, score13);
    highest = max(highest, score14);
    highest = max(highest, score15);
    highest = max(highest, score16);
    highest = max(highest, score17);
    highest = max(highest, score18);
    highest = max(highest, score19);
    highest = max(highest, score20);
    highest = max(highest, score21);
    highest = max(highest, score22);
    highest = max(highest, score23);
    highest = max(highest, score24);
    highest = max(highest, score25);
    highest = max(highest, score26);
    highest = max(highest, score27);
    highest = max(highest, score28);
    highest = max(highest, score29);
    highest = max(highest, score30);
    highest = max(highest, score31);
    let left = exp(old - highest);
    total *= left;
    score0 = select(exp(score0 - highest), vec4f(), score0 == vec4f(-3.4e38));
    total += score0;
    score1 = select(exp(score1 - highest), vec4f(), score1 == vec4f(-3.4e38));
    total += score1;
    score2 = select(exp(score2 - highest), vec4f(), score2 == vec4f(-3.4e38));
    total += score2;
    score3 = select(exp(score3 - highest), vec4f(), score3 == vec4f(-3.4e38));
    total += score3;
    score4 = select(exp(score4 - highest), vec4f(), score4 == vec4f(-3.4e38));
    total += score4;
    score5 = select(exp(score5 - highest), vec4f(), score5 == vec4f(-3.4e38));
    total += score5;
    score6 = select(exp(score6 - highest), vec4f(), score6 == vec4f(-3.4e38));
    total += score6;
    score7 = select(exp(score7 - highest), vec4f(), score7 == vec4f(-3.4e38));
    total += score7;
    score8 = select(exp(score8 - highest), vec4f(), score8 == vec4f(-3.4e38));
    total += score8;
    score9 = select(exp(score9 - highest), vec4f(), score9 == vec4f(-3.4e38));
    total += score9;
    score10 = select(exp(score10 - highest), vec4f(), score10 == vec4f(-3.4e38));
    total += score10;
    score11 = select(exp(score11 - highest), vec4f(), score11 == vec4f(-3.4e38));
    total += score11;
    score12 = select(exp(score12 - highest), vec4f(), score12 == vec4f(-3.4e38));
    total += score12;
    score13 = select(exp(score13 - highest), vec4f(), score13 == vec4f(-3.4e38));
    total += score13;
    score14 = select(exp(score14 - highest), vec4f(), score14 == vec4f(-3.4e38));
    total += score14;
    score15 = select(exp(score15 - highest), vec4f(), score15 == vec4f(-3.4e38));
    total += score15;
    score16 = select(exp(score16 - highest), vec4f(), score16 == vec4f(-3.4e38));
    total += score16;
    score17 = select(exp(score17 - highest), vec4f(), score17 == vec4f(-3.4e38));
    total += score17;
    score18 = select(exp(score18 - highest), vec4f(), score18 == vec4f(-3.4e38));
    total += score18;
    score19 = select(exp(score19 - highest), vec4f(), score19 == vec4f(-3.4e38));
    total += score19;
    score20 = select(exp(score20 - highest), vec4f(), score20 == vec4f(-3.4e38));
    total += score20;
    score21 = select(exp(score21 - highest), vec4f(), score21 == vec4f(-3.4e38));
    total += score21;
    score22 = select(exp(score22 - highest), vec4f(), score22 == vec4f(-3.4e38));
    total += score22;
    score23 = select(exp(score23 - highest), vec4f(), score23 == vec4f(-3.4e38));
    total += score23;
    score24 = select(exp(score24 - highest), vec4f(), score24 == vec4f(-3.4e38));
    total += score24;
    score25 = select(exp(score25 - highest), vec4f(), score25 == vec4f(-3.4e38));
    total += score25;
    score26 = select(exp(score26 - highest), vec4f(), score26 == vec4f(-3.4e38));
    total += score26;
    score27 = select(exp(score27 - highest), vec4f(), score27 == vec4f(-3.4e38));
    total += score27;
    score28 = select(exp(score28 - highest), vec4f(), score28 == vec4f(-3.4e38));
    total += score28;
    score29 = select(exp(score29 - highest), vec4f(), score29 == vec4f(-3.4e38));
    total += score29;
    score30 = select(exp(score30 - highest), vec4f(), score30 == vec4f(-3.4e38));
    total += score30;
    score31 = select(exp(score31 - highest), vec4f(), score31 == vec4f(-3.4e38));
    total += score31;

    for (var n = 0u; n < (uniforms.valueDim + 3u) / 4u; n++) {
      var sums = mat4x4f(left[0] * sum[n][0], left[1] * sum[n][1], left[2] * sum[n][2], left[3] * sum[n][3]);
      if (always) {

        let x0 = read_v(column0, n);
        sums[0] += score0[0] * x0; sums[1] += score0[1] * x0; sums[2] += score0[2] * x0; sums[3] += score0[3] * x0;
        let x1 = read_v(column1, n);
        sums[0] += score1[0] * x1; sums[1] += score1[1] * x1; sums[2] += score1[2] * x1; sums[3] += score1[3] * x1;
        let x2 = read_v(column2, n);
        sums[0] += score2[0] * x2; sums[1] += score2[1] * x2; sums[2] += score2[2] * x2; sums[3] += score2[3] * x2;
        let x3 = read_v(column3, n);
        sums[0] += score3[0] * x3; sums[1] += score3[1] * x3; sums[2] += score3[2] * x3; sums[3] += score3[3] * x3;
        let x4 = read_v(column4, n);
        sums[0] += score4[0] * x4; sums[1] += score4[1] * x4; sums[2] += score4[2] * x4; sums[3] += score4[3] * x4;
        let x5 = read_v(column5, n);
        sums[0] += score5[0] * x5; sums[1] += score5[1] * x5; sums[2] += score5[2] * x5; sums[3] += score5[3] * x5;
        let x6 = read_v(column6, n);
        sums[0] += score6[0] * x6; sums[1] += score6[1] * x6; sums[2] += score6[2] * x6; sums[3] += score6[3] * x6;
        let x7 = read_v(column7, n);
        sums[0] += score7[0] * x7; sums[1] += score7[1] * x7; sums[2] += score7[2] * x7; sums[3] += score7[3] * x7;
      }
      if (always) {

        let x8 = read_v(column8, n);
        sums[0] += score8[0] * x8; sums[1] += score8[1] * x8; sums[2] += score8[2] * x8; sums[3] += score8[3] * x8;
        let x9 = read_v(column9, n);
        sums[0] += score9[0] * x9; sums[1] += score9[1] * x9; sums[2] += score9[2] * x9; sums[3] += score9[3] * x9;
        let x10 = read_v(column10, n);
        sums[0] += score10[0] * x10; sums[1] += score10[1] * x10; sums[2] += score10[2] * x10; sums[3] += score10[3] * x10;
        let x11 = read_v(column11, n);
        sums[0] += score11[0] * x11; sums[1] += score11[1] * x11; sums[2] += score11[2] * x11; sums[3] += score11[3] * x11;
        let x12 = read_v(column12, n);
        sums[0] += score12[0] * x12; sums[1] += score12[1] * x12; sums[2] += score12[2] * x12; sums[3] += score12[3] * x12;
        let x13 = read_v(column13, n);
        sums[0] += score13[0] * x13; sums[1] += score13[1] * x13; sums[2] += score13[2] * x13; sums[3] += score13[3] * x13;
        let x14 = read_v(column14, n);
        sums[0] += score14[0] * x14; sums[1] += score14[1] * x14; sums[2] += score14[2] * x14; sums[3] += score14[3] * x14;
        let x15 = read_v(column15, n);
        sums[0] += score15[0] * x15; sums[1] += score15[1] * x15; sums[2] += score15[2] * x15; sums[3] += score15[3] * x15;
      }
      if (always) {

        let x16 = read_v(column16, n);
        sums[0] += score16[0] * x16; sums[1] += score16[1] * x16; sums[2] += score16[2] * x16; sums[3] += score16[3] * x16;
        let x17 = read_v(column17, n);
        sums[0] += score17[0] * x17; sums[1] += score17[1] * x17; sums[2] += score17[2] * x17; sums[3] += score17[3] * x17;
        let x18 = read_v(column18, n);
        sums[0] += score18[0] * x18; sums[1] += score18[1] * x18; sums[2] += score18[2] * x18; sums[3] += score18[3] * x18;
        let x19 = read_v(column19, n);
        sums[0] += score19[0] * x19; sums[1] += score19[1] * x19; sums[2] += score19[2] * x19; sums[3] += score19[3] * x19;
        let x20 = read_v(column20, n);
        sums[0] += score20[0] * x20; sums[1] += score20[1] * x20; sums[2] += score20[2] * x20; sums[3] += score20[3] * x20;
        let x21 = read_v(column21, n);
        sums[0] += score21[0] * x21; sums[1] += score21[1] * x21; sums[2] += score21[2] * x21; sums[3] += score21[3] * x21;
        let x22 = read_v(column22, n);
        sums[0] += score22[0] * x22; sums[1] += score22[1] * x22; sums[2] += score22[2] * x22; sums[3] += score22[3] * x22;
        let x23 = read_v(column23, n);
        sums[0] += score23[0] * x23; sums[1] += score23[1] * x23; sums[2] += score23[2] * x23; sums[3] += score23[3] * x23;
      }
      if (always) {

        let x24 = read_v(column24, n);
        sums[0] += score24[0] * x24; sums[1] += score24[1] * x24; sums[2] += score24[2] * x24; sums[3] += score24[3] * x24;
        let x25 = read_v(column25, n);
        sums[0] += score25[0] * x25; sums[1] += score25[1] * x25; sums[2] += score25[2] * x25; sums[3] += score25[3] * x25;
        let x26 = read_v(column26, n);
        sums[0] += score26[0] * x26; sums[1] += score26[1] * x26; sums[2] += score26[2] * x26; sums[3] += score26[3] * x26;
        let x27 = read_v(column27, n);
        sums[0] += score27[0] * x27; sums[1] += score27[1] * x27; sums[2] += score27[2] * x27; sums[3] += score27[3] * x27;
        let x28 = read_v(column28, n);
        sums[0] += score28[0] * x28; sums[1] += score28[1] * x28; sums[2] += score28[2] * x28; sums[3] += score28[3] * x28;
        let x29 = read_v(column29, n);
        sums[0] += score29[0] * x29; sums[1] += score29[1] * x29; sums[2] += score29[2] * x29; sums[3] += score29[3] * x29;
        let x30 = read_v(column30, n);
        sums[0] += score30[0] * x30; sums[1] += score30[1] * x30; sums[2] += score30[2] * x30; sums[3] += score30[3] * x30;
        let x31 = read_v(column31, n);
        sums[0] += score31[0] * x31; sums[1] += score31[1] * x31; sums[2] += score31[2] * x31; sums[3] += score31[3] * x31;
      }
      sum[n] = sums;
    }
  }


  for (var n = 0u; n < (uniforms.valueDim + 3u) / 4u; n++) {
    if (row + 0u <= last) { write_y(row0, n, sum[n][0] / total[0]); }
    if (row + 1u <= last) { write_y(row1, n, sum[n][1] / total[1]); }
    if (row + 2u <= last) { write_y(row2, n, sum[n][2] / total[2]); }
    if (row + 3u <= last) { write_y(row3, n, sum[n][3] / total[3]); }
  }
  if (row + 0u <= last) {
    maxima[row0] = highest[0];
    sums[row0] = total[0];
  }
  if (row + 1u <= last) {
    maxima[row1] = highest[1];
    sums[row1] = total[1];
  }
  if (row + 2u <= last) {
    maxima[row2] = highest[2];
    sums[row2] = total[2];
  }
  if (row + 3u <= last) {
    maxima[row3] = highest[3];
    sums[row3] = total[3];
  }
}
