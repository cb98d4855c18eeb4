// lion_softmax_key_gradients_simd quads=16 subgroups vec4
// dispatch 4 × 1 × 1
enable subgroups;
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
@group(0) @binding(3) var<storage, read> dy: array<Pack>;
@group(0) @binding(4) var<storage, read> rows: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dk: array<Pack>;
@group(0) @binding(6) var<storage, read_write> dv: array<Pack>;
@group(0) @binding(7) var<uniform> uniforms: Uniforms;

fn read_q(token: u32, quad: u32) -> vec4f { return q[token * (uniforms.headDim / 4u) + quad]; }
fn read_k(token: u32, quad: u32) -> vec4f { return k[token * (uniforms.headDim / 4u) + quad]; }
fn read_v(token: u32, quad: u32) -> vec4f { return v[token * (uniforms.valueDim / 4u) + quad]; }
fn read_dy(token: u32, quad: u32) -> vec4f { return dy[token * (uniforms.valueDim / 4u) + quad]; }
fn write_dk(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.headDim + 3u) / 4u) { dk[token * (uniforms.headDim / 4u) + quad] = x; }
}
fn write_dv(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.valueDim + 3u) / 4u) { dv[token * (uniforms.valueDim / 4u) + quad] = x; }
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
  let own0 = rows[row0];
  let own1 = rows[row1];
  let own2 = rows[row2];
  let own3 = rows[row3];
  let numbers = vec4f(own0.w, own1.w, own2.w, own3.w);
  let lowest = select(vec4u(), places, uniforms.causal != 0u);

  var own_k: array<mat4x4f, 16>;
  for (var n = 0u; n < (uniforms.headDim + 3u) / 4u; n++) {
    own_k[n] = transpose(mat4x4f(read_k(row0, n), read_k(row1, n), read_k(row2, n), read_k(row3, n)));
  }

  var own_v: array<mat4x4f, 16>;
  for (var n = 0u; n < (uniforms.valueDim + 3u) / 4u; n++) {
    own_v[n] = transpose(mat4x4f(read_v(row0, n), read_v(row1, n), read_v(row2, n), read_v(row3, n)));
  }
  var key: array<mat4x4f, 16>;
  var value: array<mat4x4f, 16>;
  let end = uniforms.length;

  let last_segment = abs(rows[base + min(first_row + 31u, last)].w);
  var start = 0u;
  while (start + 32u <= first_row && abs(rows[base + start + 31u].w) < abs(rows[base + first_row].w)) { start += 32u; }
  if (uniforms.causal != 0u) { start = first_row / 32u * 32u; }

  for (var first = start; first < end; first += 32u) {
    if (abs(rows[base + first].w) > last_segment) { break; }
    let column0 = base + min(first + 0u + lane, end - 1u);
    let factor0 = select(0.0, select(0.0, 1.0, rows[column0].w > 0.0), first + 0u + lane < end);
    let column1 = base + min(first + 8u + lane, end - 1u);
    let factor1 = select(0.0, select(0.0, 1.0, rows[column1].w > 0.0), first + 8u + lane < end);
    let column2 = base + min(first + 16u + lane, end - 1u);
    let factor2 = select(0.0, select(0.0, 1.0, rows[column2].w > 0.0), first + 16u + lane < end);
    let column3 = base + min(first + 24u + lane, end - 1u);
    let factor3 = select(0.0, select(0.0, 1.0, rows[column3].w > 0.0), first + 24u + lane < end);


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
      let rows = own_k[n];
      if (always) {
        let of_lane = read_q(column0, n);
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
        let of_lane = read_q(column1, n);
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
        let of_lane = read_q(column2, n);
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
        let of_lane = read_q(column3, n);
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

    var slope0 = vec4f();
    var slope1 = vec4f();
    var slope2 = vec4f();
    var slope3 = vec4f();
    var slope4 = vec4f();
    var slope5 = vec4f();
    var slope6 = vec4f();
    var slope7 = vec4f();
    var slope8 = vec4f();
    var slope9 = vec4f();
    var slope10 = vec4f();
    var slope11 = vec4f();
    var slope12 = vec4f();
    var slope13 = vec4f();
    var slope14 = vec4f();
    var slope15 = vec4f();
    var slope16 = vec4f();
    var slope17 = vec4f();
    var slope18 = vec4f();
    var slope19 = vec4f();
    var slope20 = vec4f();
    var slope21 = vec4f();
    var slope22 = vec4f();
    var slope23 = vec4f();
    var slope24 = vec4f();
    var slope25 = vec4f();
    var slope26 = vec4f();
    var slope27 = vec4f();
    var slope28 = vec4f();
    var slope29 = vec4f();
    var slope30 = vec4f();
    var slope31 = vec4f();
    for (var n = 0u; n < (uniforms.valueDim + 3u) / 4u; n++) {
      let rows = own_v[n];
      if (always) {
        let of_lane = read_dy(column0, n);
        let x0 = subgroupBroadcast(of_lane, 0u);
        slope0 += rows * x0;
        let x1 = subgroupBroadcast(of_lane, 1u);
        slope1 += rows * x1;
        let x2 = subgroupBroadcast(of_lane, 2u);
        slope2 += rows * x2;
        let x3 = subgroupBroadcast(of_lane, 3u);
        slope3 += rows * x3;
        let x4 = subgroupBroadcast(of_lane, 4u);
        slope4 += rows * x4;
        let x5 = subgroupBroadcast(of_lane, 5u);
        slope5 += rows * x5;
        let x6 = subgroupBroadcast(of_lane, 6u);
        slope6 += rows * x6;
        let x7 = subgroupBroadcast(of_lane, 7u);
        slope7 += rows * x7;
      }
      if (always) {
        let of_lane = read_dy(column1, n);
        let x8 = subgroupBroadcast(of_lane, 0u);
        slope8 += rows * x8;
        let x9 = subgroupBroadcast(of_lane, 1u);
        slope9 += rows * x9;
        let x10 = subgroupBroadcast(of_lane, 2u);
        slope10 += rows * x10;
        let x11 = subgroupBroadcast(of_lane, 3u);
        slope11 += rows * x11;
        let x12 = subgroupBroadcast(of_lane, 4u);
        slope12 += rows * x12;
        let x13 = subgroupBroadcast(of_lane, 5u);
        slope13 += rows * x13;
        let x14 = subgroupBroadcast(of_lane, 6u);
        slope14 += rows * x14;
        let x15 = subgroupBroadcast(of_lane, 7u);
        slope15 += rows * x15;
      }
      if (always) {
        let of_lane = read_dy(column2, n);
        let x16 = subgroupBroadcast(of_lane, 0u);
        slope16 += rows * x16;
        let x17 = subgroupBroadcast(of_lane, 1u);
        slope17 += rows * x17;
        let x18 = subgroupBroadcast(of_lane, 2u);
        slope18 += rows * x18;
        let x19 = subgroupBroadcast(of_lane, 3u);
        slope19 += rows * x19;
        let x20 = subgroupBroadcast(of_lane, 4u);
        slope20 += rows * x20;
        let x21 = subgroupBroadcast(of_lane, 5u);
        slope21 += rows * x21;
        let x22 = subgroupBroadcast(of_lane, 6u);
        slope22 += rows * x22;
        let x23 = subgroupBroadcast(of_lane, 7u);
        slope23 += rows * x23;
      }
      if (always) {
        let of_lane = read_dy(column3, n);
        let x24 = subgroupBroadcast(of_lane, 0u);
        slope24 += rows * x24;
        let x25 = subgroupBroadcast(of_lane, 1u);
        slope25 += rows * x25;
        let x26 = subgroupBroadcast(of_lane, 2u);
        slope26 += rows * x26;
        let x27 = subgroupBroadcast(of_lane, 3u);
        slope27 += rows * x27;
        let x28 = subgroupBroadcast(of_lane, 4u);
        slope28 += rows * x28;
        let x29 = subgroupBroadcast(of_lane, 5u);
        slope29 += rows * x29;
        let x30 = subgroupBroadcast(of_lane, 6u);
        slope30 += rows * x30;
        let x31 = subgroupBroadcast(of_lane, 7u);
        slope31 += rows * x31;
      }
    }
      if (always) {
        let of_lane = rows[column0];
        let x0 = subgroupBroadcast(of_lane, 0u);
        let kept0 = (vec4f(x0.w) == numbers) & (lowest <= vec4u(first + 0u)) & vec4<bool>(first + 0u < end);
        score0 = select(vec4f(), exp(uniforms.scale * score0 - x0.x) * x0.y, kept0);
        slope0 = select(vec4f(), score0 * (slope0 - x0.z), kept0);
        let x1 = subgroupBroadcast(of_lane, 1u);
        let kept1 = (vec4f(x1.w) == numbers) & (lowest <= vec4u(first + 1u)) & vec4<bool>(first + 1u < end);
        score1 = select(vec4f(), exp(uniforms.scale * score1 - x1.x) * x1.y, kept1);
        slope1 = select(vec4f(), score1 * (slope1 - x1.z), kept1);
        let x2 = subgroupBroadcast(of_lane, 2u);
        let kept2 = (vec4f(x2.w) == numbers) & (lowest <= vec4u(first + 2u)) & vec4<bool>(first + 2u < end);
        score2 = select(vec4f(), exp(uniforms.scale * score2 - x2.x) * x2.y, kept2);
        slope2 = select(vec4f(), score2 * (slope2 - x2.z), kept2);
        let x3 = subgroupBroadcast(of_lane, 3u);
        let kept3 = (vec4f(x3.w) == numbers) & (lowest <= vec4u(first + 3u)) & vec4<bool>(first + 3u < end);
        score3 = select(vec4f(), exp(uniforms.scale * score3 - x3.x) * x3.y, kept3);
        slope3 = select(vec4f(), score3 * (slope3 - x3.z), kept3);
        let x4 = subgroupBroadcast(of_lane, 4u);
        let kept4 = (vec4f(x4.w) == numbers) & (lowest <= vec4u(first + 4u)) & vec4<bool>(first + 4u < end);
        score4 = select(vec4f(), exp(uniforms.scale * score4 - x4.x) * x4.y, kept4);
        slope4 = select(vec4f(), score4 * (slope4 - x4.z), kept4);
        let x5 = subgroupBroadcast(of_lane, 5u);
        let kept5 = (vec4f(x5.w) == numbers) & (lowest <= vec4u(first + 5u)) & vec4<bool>(first + 5u < end);
        score5 = select(vec4f(), exp(uniforms.scale * score5 - x5.x) * x5.y, kept5);
        slope5 = select(vec4f(), score5 * (slope5 - x5.z), kept5);
        let x6 = subgroupBroadcast(of_lane, 6u);
        let kept6 = (vec4f(x6.w) == numbers) & (lowest <= vec4u(first + 6u)) & vec4<bool>(first + 6u < end);
        score6 = select(vec4f(), exp(uniforms.scale * score6 - x6.x) * x6.y, kept6);
        slope6 = select(vec4f(), score6 * (slope6 - x6.z), kept6);
        let x7 = subgroupBroadcast(of_lane, 7u);
        let kept7 = (vec4f(x7.w) == numbers) & (lowest <= vec4u(first + 7u)) & vec4<bool>(first + 7u < end);
        score7 = select(vec4f(), exp(uniforms.scale * score7 - x7.x) * x7.y, kept7);
        slope7 = select(vec4f(), score7 * (slope7 - x7.z), kept7);
      }
      if (always) {
        let of_lane = rows[column1];
        let x8 = subgroupBroadcast(of_lane, 0u);
        let kept8 = (vec4f(x8.w) == numbers) & (lowest <= vec4u(first + 8u)) & vec4<bool>(first + 8u < end);
        score8 = select(vec4f(), exp(uniforms.scale * score8 - x8.x) * x8.y, kept8);
        slope8 = select(vec4f(), score8 * (slope8 - x8.z), kept8);
        let x9 = subgroupBroadcast(of_lane, 1u);
        let kept9 = (vec4f(x9.w) == numbers) & (lowest <= vec4u(first + 9u)) & vec4<bool>(first + 9u < end);
        score9 = select(vec4f(), exp(uniforms.scale * score9 - x9.x) * x9.y, kept9);
        slope9 = select(vec4f(), score9 * (slope9 - x9.z), kept9);
        let x10 = subgroupBroadcast(of_lane, 2u);
        let kept10 = (vec4f(x10.w) == numbers) & (lowest <= vec4u(first + 10u)) & vec4<bool>(first + 10u < end);
        score10 = select(vec4f(), exp(uniforms.scale * score10 - x10.x) * x10.y, kept10);
        slope10 = select(vec4f(), score10 * (slope10 - x10.z), kept10);
        let x11 = subgroupBroadcast(of_lane, 3u);
        let kept11 = (vec4f(x11.w) == numbers) & (lowest <= vec4u(first + 11u)) & vec4<bool>(first + 11u < end);
        score11 = select(vec4f(), exp(uniforms.scale * score11 - x11.x) * x11.y, kept11);
        slope11 = select(vec4f(), score11 * (slope11 - x11.z), kept11);
        let x12 = subgroupBroadcast(of_lane, 4u);
        let kept12 = (vec4f(x12.w) == numbers) & (lowest <= vec4u(first + 12u)) & vec4<bool>(first + 12u < end);
        score12 = select(vec4f(), exp(uniforms.scale * score12 - x12.x) * x12.y, kept12);
        slope12 = select(vec4f(), score12 * (slope12 - x12.z), kept12);
        let x13 = subgroupBroadcast(of_lane, 5u);
        let kept13 = (vec4f(x13.w) == numbers) & (lowest <= vec4u(first + 13u)) & vec4<bool>(first + 13u < end);
        score13 = select(vec4f(), exp(uniforms.scale * score13 - x13.x) * x13.y, kept13);
        slope13 = select(vec4f(), score13 * (slope13 - x13.z), kept13);
        let x14 = subgroupBroadcast(of_lane, 6u);
        let kept14 = (vec4f(x14.w) == numbers) & (lowest <= vec4u(first + 14u)) & vec4<bool>(first + 14u < end);
        score14 = select(vec4f(), exp(uniforms.scale * score14 - x14.x) * x14.y, kept14);
        slope14 = select(vec4f(), score14 * (slope14 - x14.z), kept14);
        let x15 = subgroupBroadcast(of_lane, 7u);
        let kept15 = (vec4f(x15.w) == numbers) & (lowest <= vec4u(first + 15u)) & vec4<bool>(first + 15u < end);
        score15 = select(vec4f(), exp(uniforms.scale * score15 - x15.x) * x15.y, kept15);
        slope15 = select(vec4f(), score15 * (slope15 - x15.z), kept15);
      }
      if (always) {
        let of_lane = rows[column2];
        let x16 = subgroupBroadcast(of_lane, 0u);
        let kept16 = (vec4f(x16.w) == numbers) & (lowest <= vec4u(first + 16u)) & vec4<bool>(first + 16u < end);
        score16 = select(vec4f(), exp(uniforms.scale * score16 - x16.x) * x16.y, kept16);
        slope16 = select(vec4f(), score16 * (slope16 - x16.z), kept16);
        let x17 = subgroupBroadcast(of_lane, 1u);
        let kept17 = (vec4f(x17.w) == numbers) & (lowest <= vec4u(first + 17u)) & vec4<bool>(first + 17u < end);
        score17 = select(vec4f(), exp(uniforms.scale * score17 - x17.x) * x17.y, kept17);
        slope17 = select(vec4f(), score17 * (slope17 - x17.z), kept17);
        let x18 = subgroupBroadcast(of_lane, 2u);
        let kept18 = (vec4f(x18.w) == numbers) & (lowest <= vec4u(first + 18u)) & vec4<bool>(first + 18u < end);
        score18 = select(vec4f(), exp(uniforms.scale * score18 - x18.x) * x18.y, kept18);
        slope18 = select(vec4f(), score18 * (slope18 - x18.z), kept18);
        let x19 = subgroupBroadcast(of_lane, 3u);
        let kept19 = (vec4f(x19.w) == numbers) & (lowest <= vec4u(first + 19u)) & vec4<bool>(first + 19u < end);
        score19 = select(vec4f(), exp(uniforms.scale * score19 - x19.x) * x19.y, kept19);
        slope19 = select(vec4f(), score19 * (slope19 - x19.z), kept19);
        let x20 = subgroupBroadcast(of_lane, 4u);
        let kept20 = (vec4f(x20.w) == numbers) & (lowest <= vec4u(first + 20u)) & vec4<bool>(first + 20u < end);
        score20 = select(vec4f(), exp(uniforms.scale * score20 - x20.x) * x20.y, kept20);
        slope20 = select(vec4f(), score20 * (slope20 - x20.z), kept20);
        let x21 = subgroupBroadcast(of_lane, 5u);
        let kept21 = (vec4f(x21.w) == numbers) & (lowest <= vec4u(first + 21u)) & vec4<bool>(first + 21u < end);
        score21 = select(vec4f(), exp(uniforms.scale * score21 - x21.x) * x21.y, kept21);
        slope21 = select(vec4f(), score21 * (slope21 - x21.z), kept21);
        let x22 = subgroupBroadcast(of_lane, 6u);
        let kept22 = (vec4f(x22.w) == numbers) & (lowest <= vec4u(first + 22u)) & vec4<bool>(first + 22u < end);
        score22 = select(vec4f(), exp(uniforms.scale * score22 - x22.x) * x22.y, kept22);
        slope22 = select(vec4f(), score22 * (slope22 - x22.z), kept22);
        let x23 = subgroupBroadcast(of_lane, 7u);
        let kept23 = (vec4f(x23.w) == numbers) & (lowest <= vec4u(first + 23u)) & vec4<bool>(first + 23u < end);
        score23 = select(vec4f(), exp(uniforms.scale * score23 - x23.x) * x23.y, kept23);
        slope23 = select(vec4f(), score23 * (slope23 - x23.z), kept23);
      }
      if (always) {
        let of_lane = rows[column3];
        let x24 = subgroupBroadcast(of_lane, 0u);
        let kept24 = (vec4f(x24.w) == numbers) & (lowest <= vec4u(first + 24u)) & vec4<bool>(first + 24u < end);
        score24 = select(vec4f(), exp(uniforms.scale * score24 - x24.x) * x24.y, kept24);
        slope24 = select(vec4f(), score24 * (slope24 - x24.z), kept24);
        let x25 = subgroupBroadcast(of_lane, 1u);
        let kept25 = (vec4f(x25.w) == numbers) & (lowest <= vec4u(first + 25u)) & vec4<bool>(first + 25u < end);
        score25 = select(vec4f(), exp(uniforms.scale * score25 - x25.x) * x25.y, kept25);
        slope25 = select(vec4f(), score25 * (slope25 - x25.z), kept25);
        let x26 = subgroupBroadcast(of_lane, 2u);
        let kept26 = (vec4f(x26.w) == numbers) & (lowest <= vec4u(first + 26u)) & vec4<bool>(first + 26u < end);
        score26 = select(vec4f(), exp(uniforms.scale * score26 - x26.x) * x26.y, kept26);
        slope26 = select(vec4f(), score26 * (slope26 - x26.z), kept26);
        let x27 = subgroupBroadcast(of_lane, 3u);
        let kept27 = (vec4f(x27.w) == numbers) & (lowest <= vec4u(first + 27u)) & vec4<bool>(first + 27u < end);
        score27 = select(vec4f(), exp(uniforms.scale * score27 - x27.x) * x27.y, kept27);
        slope27 = select(vec4f(), score27 * (slope27 - x27.z), kept27);
        let x28 = subgroupBroadcast(of_lane, 4u);
        let kept28 = (vec4f(x28.w) == numbers) & (lowest <= vec4u(first + 28u)) & vec4<bool>(first + 28u < end);
        score28 = select(vec4f(), exp(uniforms.scale * score28 - x28.x) * x28.y, kept28);
        slope28 = select(vec4f(), score28 * (slope28 - x28.z), kept28);
        let x29 = subgroupBroadcast(of_lane, 5u);
        let kept29 = (vec4f(x29.w) == numbers) & (lowest <= vec4u(first + 29u)) & vec4<bool>(first + 29u < end);
        score29 = select(vec4f(), exp(uniforms.scale * score29 - x29.x) * x29.y, kept29);
        slope29 = select(vec4f(), score29 * (slope29 - x29.z), kept29);
        let x30 = subgroupBroadcast(of_lane, 6u);
        let kept30 = (vec4f(x30.w) == numbers) & (lowest <= vec4u(first + 30u)) & vec4<bool>(first + 30u < end);
        score30 = select(vec4f(), exp(uniforms.scale * score30 - x30.x) * x30.y, kept30);
        slope30 = select(vec4f(), score30 * (slope30 - x30.z), kept30);
        let x31 = subgroupBroadcast(of_lane, 7u);
        let kept31 = (vec4f(x31.w) == numbers) & (lowest <= vec4u(first + 31u)) & vec4<bool>(first + 31u < end);
        score31 = select(vec4f(), exp(uniforms.scale * score31 - x31.x) * x31.y, kept31);
        slope31 = select(vec4f(), score31 * (slope31 - x31.z), kept31);
      }

    for (var n = 0u; n < (uniforms.valueDim + 3u) / 4u; n++) {
      var sums = value[n];
      if (always) {
        let of_lane = select(vec4f(), read_dy(column0, n), factor0 != 0.0);
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
        let of_lane = select(vec4f(), read_dy(column1, n), factor1 != 0.0);
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
        let of_lane = select(vec4f(), read_dy(column2, n), factor2 != 0.0);
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
        let of_lane = select(vec4f(), read_dy(column3, n), factor3 != 0.0);
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
      value[n] = sums;
    }

    for (var n = 0u; n < (uniforms.headDim + 3u) / 4u; n++) {
      var sums = key[n];
      if (always) {
        let of_lane = select(vec4f(), read_q(column0, n), factor0 != 0.0);
        let x0 = subgroupBroadcast(of_lane, 0u);
        sums[0] += slope0[0] * x0; sums[1] += slope0[1] * x0; sums[2] += slope0[2] * x0; sums[3] += slope0[3] * x0;
        let x1 = subgroupBroadcast(of_lane, 1u);
        sums[0] += slope1[0] * x1; sums[1] += slope1[1] * x1; sums[2] += slope1[2] * x1; sums[3] += slope1[3] * x1;
        let x2 = subgroupBroadcast(of_lane, 2u);
        sums[0] += slope2[0] * x2; sums[1] += slope2[1] * x2; sums[2] += slope2[2] * x2; sums[3] += slope2[3] * x2;
        let x3 = subgroupBroadcast(of_lane, 3u);
        sums[0] += slope3[0] * x3; sums[1] += slope3[1] * x3; sums[2] += slope3[2] * x3; sums[3] += slope3[3] * x3;
        let x4 = subgroupBroadcast(of_lane, 4u);
        sums[0] += slope4[0] * x4; sums[1] += slope4[1] * x4; sums[2] += slope4[2] * x4; sums[3] += slope4[3] * x4;
        let x5 = subgroupBroadcast(of_lane, 5u);
        sums[0] += slope5[0] * x5; sums[1] += slope5[1] * x5; sums[2] += slope5[2] * x5; sums[3] += slope5[3] * x5;
        let x6 = subgroupBroadcast(of_lane, 6u);
        sums[0] += slope6[0] * x6; sums[1] += slope6[1] * x6; sums[2] += slope6[2] * x6; sums[3] += slope6[3] * x6;
        let x7 = subgroupBroadcast(of_lane, 7u);
        sums[0] += slope7[0] * x7; sums[1] += slope7[1] * x7; sums[2] += slope7[2] * x7; sums[3] += slope7[3] * x7;
      }
      if (always) {
        let of_lane = select(vec4f(), read_q(column1, n), factor1 != 0.0);
        let x8 = subgroupBroadcast(of_lane, 0u);
        sums[0] += slope8[0] * x8; sums[1] += slope8[1] * x8; sums[2] += slope8[2] * x8; sums[3] += slope8[3] * x8;
        let x9 = subgroupBroadcast(of_lane, 1u);
        sums[0] += slope9[0] * x9; sums[1] += slope9[1] * x9; sums[2] += slope9[2] * x9; sums[3] += slope9[3] * x9;
        let x10 = subgroupBroadcast(of_lane, 2u);
        sums[0] += slope10[0] * x10; sums[1] += slope10[1] * x10; sums[2] += slope10[2] * x10; sums[3] += slope10[3] * x10;
        let x11 = subgroupBroadcast(of_lane, 3u);
        sums[0] += slope11[0] * x11; sums[1] += slope11[1] * x11; sums[2] += slope11[2] * x11; sums[3] += slope11[3] * x11;
        let x12 = subgroupBroadcast(of_lane, 4u);
        sums[0] += slope12[0] * x12; sums[1] += slope12[1] * x12; sums[2] += slope12[2] * x12; sums[3] += slope12[3] * x12;
        let x13 = subgroupBroadcast(of_lane, 5u);
        sums[0] += slope13[0] * x13; sums[1] += slope13[1] * x13; sums[2] += slope13[2] * x13; sums[3] += slope13[3] * x13;
        let x14 = subgroupBroadcast(of_lane, 6u);
        sums[0] += slope14[0] * x14; sums[1] += slope14[1] * x14; sums[2] += slope14[2] * x14; sums[3] += slope14[3] * x14;
        let x15 = subgroupBroadcast(of_lane, 7u);
        sums[0] += slope15[0] * x15; sums[1] += slope15[1] * x15; sums[2] += slope15[2] * x15; sums[3] += slope15[3] * x15;
      }
      if (always) {
        let of_lane = select(vec4f(), read_q(column2, n), factor2 != 0.0);
        let x16 = subgroupBroadcast(of_lane, 0u);
        sums[0] += slope16[0] * x16; sums[1] += slope16[1] * x16; sums[2] += slope16[2] * x16; sums[3] += slope16[3] * x16;
        let x17 = subgroupBroadcast(of_lane, 1u);
        sums[0] += slope17[0] * x17; sums[1] += slope17[1] * x17; sums[2] += slope17[2] * x17; sums[3] += slope17[3] * x17;
        let x18 = subgroupBroadcast(of_lane, 2u);
        sums[0] += slope18[0] * x18; sums[1] += slope18[1] * x18; sums[2] += slope18[2] * x18; sums[3] += slope18[3] * x18;
        let x19 = subgroupBroadcast(of_lane, 3u);
        sums[0] += slope19[0] * x19; sums[1] += slope19[1] * x19; sums[2] += slope19[2] * x19; sums[3] += slope19[3] * x19;
        let x20 = subgroupBroadcast(of_lane, 4u);
        sums[0] += slope20[0] * x20; sums[1] += slope20[1] * x20; sums[2] += slope20[2] * x20; sums[3] += slope20[3] * x20;
        let x21 = subgroupBroadcast(of_lane, 5u);
        sums[0] += slope21[0] * x21; sums[1] += slope21[1] * x21; sums[2] += slope21[2] * x21; sums[3] += slope21[3] * x21;
        let x22 = subgroupBroadcast(of_lane, 6u);
        sums[0] += slope22[0] * x22; sums[1] += slope22[1] * x22; sums[2] += slope22[2] * x22; sums[3] += slope22[3] * x22;
        let x23 = subgroupBroadcast(of_lane, 7u);
        sums[0] += slope23[0] * x23; sums[1] += slope23[1] * x23; sums[2] += slope23[2] * x23; sums[3] += slope23[3] * x23;
      }
      if (always) {
        let of_lane = select(vec4f(), read_q(column3, n), factor3 != 0.0);
        let x24 = subgroupBroadcast(of_lane, 0u);
        sums[0] += slope24[0] * x24; sums[1] += slope24[1] * x24; sums[2] += slope24[2] * x24; sums[3] += slope24[3] * x24;
        let x25 = subgroupBroadcast(of_lane, 1u);
        sums[0] += slope25[0] * x25; sums[1] += slope25[1] * x25; sums[2] += slope25[2] * x25; sums[3] += slope25[3] * x25;
        let x26 = subgroupBroadcast(of_lane, 2u);
        sums[0] += slope26[0] * x26; sums[1] += slope26[1] * x26; sums[2] += slope26[2] * x26; sums[3] += slope26[3] * x26;
        let x27 = subgroupBroadcast(of_lane, 3u);
        sums[0] += slope27[0] * x27; sums[1] += slope27[1] * x27; sums[2] += slope27[2] * x27; sums[3] += slope27[3] * x27;
        let x28 = subgroupBroadcast(of_lane, 4u);
        sums[0] += slope28[0] * x28; sums[1] += slope28[1] * x28; sums[2] += slope28[2] * x28; sums[3] += slope28[3] * x28;
        let x29 = subgroupBroadcast(of_lane, 5u);
        sums[0] += slope29[0] * x29; sums[1] += slope29[1] * x29; sums[2] += slope29[2] * x29; sums[3] += slope29[3] * x29;
        let x30 = subgroupBroadcast(of_lane, 6u);
        sums[0] += slope30[0] * x30; sums[1] += slope30[1] * x30; sums[2] += slope30[2] * x30; sums[3] += slope30[3] * x30;
        let x31 = subgroupBroadcast(of_lane, 7u);
        sums[0] += slope31[0] * x31; sums[1] += slope31[1] * x31; sums[2] += slope31[2] * x31; sums[3] += slope31[3] * x31;
      }
      key[n] = sums;
    }
  }

  for (var n = 0u; n < (uniforms.headDim + 3u) / 4u; n++) {
    if (row + 0u <= last) { write_dk(row0, n, select(vec4f(), uniforms.scale * key[n][0], own0.w > 0.0)); }
    if (row + 1u <= last) { write_dk(row1, n, select(vec4f(), uniforms.scale * key[n][1], own1.w > 0.0)); }
    if (row + 2u <= last) { write_dk(row2, n, select(vec4f(), uniforms.scale * key[n][2], own2.w > 0.0)); }
    if (row + 3u <= last) { write_dk(row3, n, select(vec4f(), uniforms.scale * key[n][3], own3.w > 0.0)); }
  }

  for (var n = 0u; n < (uniforms.valueDim + 3u) / 4u; n++) {
    if (row + 0u <= last) { write_dv(row0, n, select(vec4f(), value[n][0], own0.w > 0.0)); }
    if (row + 1u <= last) { write_dv(row1, n, select(vec4f(), value[n][1], own1.w > 0.0)); }
    if (row + 2u <= last) { write_dv(row2, n, select(vec4f(), value[n][2], own2.w > 0.0)); }
    if (row + 3u <= last) { write_dv(row3, n, select(vec4f(), value[n][3], own3.w > 0.0)); }
  }
}
