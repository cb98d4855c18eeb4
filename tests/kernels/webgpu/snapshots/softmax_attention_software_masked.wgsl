// lion_softmax_attention lanes=1 quads=16 copies mask vec4
// dispatch 2 × 1 × 1
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
@group(0) @binding(3) var<storage, read> mask: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<Pack>;
@group(0) @binding(5) var<storage, read_write> maxima: array<f32>;
@group(0) @binding(6) var<storage, read_write> sums: array<f32>;
@group(0) @binding(7) var<uniform> uniforms: Uniforms;

// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}


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

  let base = workgroup / uniforms.blocks * uniforms.length;
  let first_row = workgroup % uniforms.blocks * 64u;
  let lane = local % 1u;
  let tile_row = local / 1u * 8u;
  let row = first_row + tile_row;
  let last = uniforms.length - 1u;
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
  for (var n = 0u; n < (uniforms.headDim + 3u) / 4u; n++) {
    own_q[0u + n] = read_q(row0, n);
    own_q[16u + n] = read_q(row1, n);
    own_q[32u + n] = read_q(row2, n);
    own_q[48u + n] = read_q(row3, n);
    own_q[64u + n] = read_q(row4, n);
    own_q[80u + n] = read_q(row5, n);
    own_q[96u + n] = read_q(row6, n);
    own_q[112u + n] = read_q(row7, n);
  }
  let entry = workgroup / uniforms.blocks / uniforms.heads * uniforms.length;
  var sum: array<vec4f, 128>;
  var maxima0 = vec4f(-3.4e38);
  var total0 = vec4f();
  var maxima1 = vec4f(-3.4e38);
  var total1 = vec4f();
  let end = select(uniforms.length, min(uniforms.length, first_row + 64u), uniforms.causal != 0u);

  let start = 0u;
  for (var first = start; first < end; first += 4u) {


    let column = first + 4u * lane;
    let positions = column + vec4u(0u, 1u, 2u, 3u);
    let column0 = base + min(column + 0u, last);
    let column1 = base + min(column + 1u, last);
    let column2 = base + min(column + 2u, last);
    let column3 = base + min(column + 3u, last);

    let tokens = vec4<bool>(mask[entry + (column0 - base)] != 0.0, mask[entry + (column1 - base)] != 0.0, mask[entry + (column2 - base)] != 0.0, mask[entry + (column3 - base)] != 0.0);

    var score0 = vec4f();
    var score1 = vec4f();
    var score2 = vec4f();
    var score3 = vec4f();
    var score4 = vec4f();
    var score5 = vec4f();
    var score6 = vec4f();
    var score7 = vec4f();
    for (var n = 0u; n < (uniforms.headDim + 3u) / 4u; n++) {
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
    let kept0 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 1u), uniforms.causal != 0u))) & tokens;
    score0 = select(vec4f(-3.4e38), uniforms.scale * score0, kept0);
    let kept1 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 2u), uniforms.causal != 0u))) & tokens;
    score1 = select(vec4f(-3.4e38), uniforms.scale * score1, kept1);
    let kept2 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 3u), uniforms.causal != 0u))) & tokens;
    score2 = select(vec4f(-3.4e38), uniforms.scale * score2, kept2);
    let kept3 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 4u), uniforms.causal != 0u))) & tokens;
    score3 = select(vec4f(-3.4e38), uniforms.scale * score3, kept3);
    let kept4 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 5u), uniforms.causal != 0u))) & tokens;
    score4 = select(vec4f(-3.4e38), uniforms.scale * score4, kept4);
    let kept5 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 6u), uniforms.causal != 0u))) & tokens;
    score5 = select(vec4f(-3.4e38), uniforms.scale * score5, kept5);
    let kept6 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 7u), uniforms.causal != 0u))) & tokens;
    score6 = select(vec4f(-3.4e38), uniforms.scale * score6, kept6);
    let kept7 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 8u), uniforms.causal != 0u))) & tokens;
    score7 = select(vec4f(-3.4e38), uniforms.scale * score7, kept7);
    let old0 = maxima0;
    let old1 = maxima1;
    let pair0 = max(score0.xy, score0.zw);
    let pair1 = max(score1.xy, score1.zw);
    let pair2 = max(score2.xy, score2.zw);
    let pair3 = max(score3.xy, score3.zw);
    let pair4 = max(score4.xy, score4.zw);
    let pair5 = max(score5.xy, score5.zw);
    let pair6 = max(score6.xy, score6.zw);
    let pair7 = max(score7.xy, score7.zw);
    maxima0 = max(maxima0, vec4f(max(pair0.x, pair0.y), max(pair1.x, pair1.y), max(pair2.x, pair2.y), max(pair3.x, pair3.y)));
    maxima1 = max(maxima1, vec4f(max(pair4.x, pair4.y), max(pair5.x, pair5.y), max(pair6.x, pair6.y), max(pair7.x, pair7.y)));
    let left0 = exp(old0 - maxima0);
    total0 *= left0;
    let left1 = exp(old1 - maxima1);
    total1 *= left1;
    score0 = select(vec4f(), exp(score0 - maxima0[0]), kept0);
    score1 = select(vec4f(), exp(score1 - maxima0[1]), kept1);
    score2 = select(vec4f(), exp(score2 - maxima0[2]), kept2);
    score3 = select(vec4f(), exp(score3 - maxima0[3]), kept3);
    score4 = select(vec4f(), exp(score4 - maxima1[0]), kept4);
    score5 = select(vec4f(), exp(score5 - maxima1[1]), kept5);
    score6 = select(vec4f(), exp(score6 - maxima1[2]), kept6);
    score7 = select(vec4f(), exp(score7 - maxima1[3]), kept7);


    {
      let is_token0 = tokens[0];
      let is_token1 = tokens[1];
      let is_token2 = tokens[2];
      let is_token3 = tokens[3];
      total0[0] += dot(score0, vec4f(1.0));
      total0[1] += dot(score1, vec4f(1.0));
      total0[2] += dot(score2, vec4f(1.0));
      total0[3] += dot(score3, vec4f(1.0));
      total1[0] += dot(score4, vec4f(1.0));
      total1[1] += dot(score5, vec4f(1.0));
      total1[2] += dot(score6, vec4f(1.0));
      total1[3] += dot(score7, vec4f(1.0));
      let end_quad = min(first_quad + 16u, (uniforms.valueDim + 3u) / 4u);
      for (var quad = first_quad; quad < end_quad; quad++) {
        let vectors = mat4x4f(select(vec4f(), read_v(column0, quad), is_token0), select(vec4f(), read_v(column1, quad), is_token1), select(vec4f(), read_v(column2, quad), is_token2), select(vec4f(), read_v(column3, quad), is_token3));
        let n = quad - first_quad;
        sum[0u + n] = accumulate(sum[0u + n] * left0[0], vectors, score0);
        sum[16u + n] = accumulate(sum[16u + n] * left0[1], vectors, score1);
        sum[32u + n] = accumulate(sum[32u + n] * left0[2], vectors, score2);
        sum[48u + n] = accumulate(sum[48u + n] * left0[3], vectors, score3);
        sum[64u + n] = accumulate(sum[64u + n] * left1[0], vectors, score4);
        sum[80u + n] = accumulate(sum[80u + n] * left1[1], vectors, score5);
        sum[96u + n] = accumulate(sum[96u + n] * left1[2], vectors, score6);
        sum[112u + n] = accumulate(sum[112u + n] * left1[3], vectors, score7);
      }
    }
  }
  if (row + 0u <= last) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row0, first_quad + n, select(vec4f(), sum[0u + n] / total0[0], mask[entry + (row0 - base)] != 0.0));
    }
    if (lane == 0u && layer == 0u) {
      maxima[row0] = maxima0[0];
      sums[row0] = total0[0];
    }
  }
  if (row + 1u <= last) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row1, first_quad + n, select(vec4f(), sum[16u + n] / total0[1], mask[entry + (row1 - base)] != 0.0));
    }
    if (lane == 0u && layer == 0u) {
      maxima[row1] = maxima0[1];
      sums[row1] = total0[1];
    }
  }
  if (row + 2u <= last) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row2, first_quad + n, select(vec4f(), sum[32u + n] / total0[2], mask[entry + (row2 - base)] != 0.0));
    }
    if (lane == 0u && layer == 0u) {
      maxima[row2] = maxima0[2];
      sums[row2] = total0[2];
    }
  }
  if (row + 3u <= last) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row3, first_quad + n, select(vec4f(), sum[48u + n] / total0[3], mask[entry + (row3 - base)] != 0.0));
    }
    if (lane == 0u && layer == 0u) {
      maxima[row3] = maxima0[3];
      sums[row3] = total0[3];
    }
  }
  if (row + 4u <= last) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row4, first_quad + n, select(vec4f(), sum[64u + n] / total1[0], mask[entry + (row4 - base)] != 0.0));
    }
    if (lane == 0u && layer == 0u) {
      maxima[row4] = maxima1[0];
      sums[row4] = total1[0];
    }
  }
  if (row + 5u <= last) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row5, first_quad + n, select(vec4f(), sum[80u + n] / total1[1], mask[entry + (row5 - base)] != 0.0));
    }
    if (lane == 0u && layer == 0u) {
      maxima[row5] = maxima1[1];
      sums[row5] = total1[1];
    }
  }
  if (row + 6u <= last) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row6, first_quad + n, select(vec4f(), sum[96u + n] / total1[2], mask[entry + (row6 - base)] != 0.0));
    }
    if (lane == 0u && layer == 0u) {
      maxima[row6] = maxima1[2];
      sums[row6] = total1[2];
    }
  }
  if (row + 7u <= last) {
    for (var n = 0u; n < 16u; n++) {
      write_y(row7, first_quad + n, select(vec4f(), sum[112u + n] / total1[3], mask[entry + (row7 - base)] != 0.0));
    }
    if (lane == 0u && layer == 0u) {
      maxima[row7] = maxima1[3];
      sums[row7] = total1[3];
    }
  }
}
