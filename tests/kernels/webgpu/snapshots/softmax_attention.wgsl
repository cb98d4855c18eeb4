// lion_softmax_attention threads=64 perRow=16 columns=4 staged=16 vec4
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
const THREADS = 64u;

var<workgroup> tiles: array<vec4f, 512>;
var<workgroup> staged: array<vec4f, 256>;

// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}

var<workgroup> highest: array<vec4f, 128>;
fn read_q(token: u32, quad: u32) -> vec4f { return q[token * (uniforms.headDim / 4u) + quad]; }
fn read_k(token: u32, quad: u32) -> vec4f { return k[token * (uniforms.headDim / 4u) + quad]; }
fn read_v(token: u32, quad: u32) -> vec4f { return v[token * (uniforms.valueDim / 4u) + quad]; }
fn write_y(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.valueDim + 3u) / 4u) { y[token * (uniforms.valueDim / 4u) + quad] = x; }
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let workgroup = group.y * groups.x + group.x;
  let layer = group.z;
  if (workgroup >= uniforms.workgroups) { return; }

  let base = workgroup / uniforms.blocks * uniforms.length;
  let first_row = workgroup % uniforms.blocks * 32u;
  let lane = local % 16u;
  let tile_row = local / 16u * 8u;
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
  let quad0 = (layer * 1u + 0u) * 16u + lane;

  var sum0_0 = vec4f();
  var sum1_0 = vec4f();
  var sum2_0 = vec4f();
  var sum3_0 = vec4f();
  var sum4_0 = vec4f();
  var sum5_0 = vec4f();
  var sum6_0 = vec4f();
  var sum7_0 = vec4f();
  var maxima0 = vec4f(-3.4e38);
  var total0 = vec4f();
  var maxima1 = vec4f(-3.4e38);
  var total1 = vec4f();
  let end = select(uniforms.length, min(uniforms.length, first_row + 32u), uniforms.causal != 0u);

  let start = 0u;
  for (var first = start; first < end; first += 64u) {


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
    for (var start_quad = 0u; start_quad < (uniforms.headDim + 3u) / 4u; start_quad += 4u) {
      workgroupBarrier();
      for (var i = local; i < 64u; i += 64u) {
        let place = i % 4u;
        let quad = start_quad + place;
        let block = i / 4u;
        if (quad < (uniforms.headDim + 3u) / 4u) {
          let numbers = transpose(mat4x4f(read_k(base + min(first + 4u * block + 0u, last), quad), read_k(base + min(first + 4u * block + 1u, last), quad), read_k(base + min(first + 4u * block + 2u, last), quad), read_k(base + min(first + 4u * block + 3u, last), quad)));
          staged[(4u * place + 0u) * 16u + block] = numbers[0];
          staged[(4u * place + 1u) * 16u + block] = numbers[1];
          staged[(4u * place + 2u) * 16u + block] = numbers[2];
          staged[(4u * place + 3u) * 16u + block] = numbers[3];
        }
      }
      workgroupBarrier();
      for (var n = 0u; n < min(4u, (uniforms.headDim + 3u) / 4u - start_quad); n++) {
      let columns = mat4x4f(staged[(4u * n + 0u) * 16u + lane], staged[(4u * n + 1u) * 16u + lane], staged[(4u * n + 2u) * 16u + lane], staged[(4u * n + 3u) * 16u + lane]);
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
    let kept0 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 1u), uniforms.causal != 0u)));
    score0 = select(vec4f(-3.4e38), uniforms.scale * score0, kept0);
    let kept1 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 2u), uniforms.causal != 0u)));
    score1 = select(vec4f(-3.4e38), uniforms.scale * score1, kept1);
    let kept2 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 3u), uniforms.causal != 0u)));
    score2 = select(vec4f(-3.4e38), uniforms.scale * score2, kept2);
    let kept3 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 4u), uniforms.causal != 0u)));
    score3 = select(vec4f(-3.4e38), uniforms.scale * score3, kept3);
    let kept4 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 5u), uniforms.causal != 0u)));
    score4 = select(vec4f(-3.4e38), uniforms.scale * score4, kept4);
    let kept5 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 6u), uniforms.causal != 0u)));
    score5 = select(vec4f(-3.4e38), uniforms.scale * score5, kept5);
    let kept6 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 7u), uniforms.causal != 0u)));
    score6 = select(vec4f(-3.4e38), uniforms.scale * score6, kept6);
    let kept7 = (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 8u), uniforms.causal != 0u)));
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
    highest[lane * 8u + tile_row / 4u + 0u] = vec4f(max(pair0.x, pair0.y), max(pair1.x, pair1.y), max(pair2.x, pair2.y), max(pair3.x, pair3.y));
    highest[lane * 8u + tile_row / 4u + 1u] = vec4f(max(pair4.x, pair4.y), max(pair5.x, pair5.y), max(pair6.x, pair6.y), max(pair7.x, pair7.y));
    workgroupBarrier();
    for (var other = 0u; other < 16u; other++) {
      maxima0 = max(maxima0, highest[other * 8u + tile_row / 4u + 0u]);
      maxima1 = max(maxima1, highest[other * 8u + tile_row / 4u + 1u]);
    }
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
    tiles[(tile_row + 0u) * 16u + lane] = score0;
    tiles[(tile_row + 1u) * 16u + lane] = score1;
    tiles[(tile_row + 2u) * 16u + lane] = score2;
    tiles[(tile_row + 3u) * 16u + lane] = score3;
    tiles[(tile_row + 4u) * 16u + lane] = score4;
    tiles[(tile_row + 5u) * 16u + lane] = score5;
    tiles[(tile_row + 6u) * 16u + lane] = score6;
    tiles[(tile_row + 7u) * 16u + lane] = score7;
    workgroupBarrier();

    sum0_0 *= left0[0];
    sum1_0 *= left0[1];
    sum2_0 *= left0[2];
    sum3_0 *= left0[3];
    sum4_0 *= left1[0];
    sum5_0 *= left1[1];
    sum6_0 *= left1[2];
    sum7_0 *= left1[3];
    for (var block = 0u; block < min(16u, (end - first + 3u) / 4u); block++) {
      let token0 = base + min(first + 4u * block + 0u, last);
      let token1 = base + min(first + 4u * block + 1u, last);
      let token2 = base + min(first + 4u * block + 2u, last);
      let token3 = base + min(first + 4u * block + 3u, last);

      let vectors0 = mat4x4f(read_v(token0, quad0), read_v(token1, quad0), read_v(token2, quad0), read_v(token3, quad0));
      {
        let weights = tiles[(tile_row + 0u) * 16u + block];
        sum0_0 = accumulate(sum0_0, vectors0, weights);
        total0[0] += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 1u) * 16u + block];
        sum1_0 = accumulate(sum1_0, vectors0, weights);
        total0[1] += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 2u) * 16u + block];
        sum2_0 = accumulate(sum2_0, vectors0, weights);
        total0[2] += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 3u) * 16u + block];
        sum3_0 = accumulate(sum3_0, vectors0, weights);
        total0[3] += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 4u) * 16u + block];
        sum4_0 = accumulate(sum4_0, vectors0, weights);
        total1[0] += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 5u) * 16u + block];
        sum5_0 = accumulate(sum5_0, vectors0, weights);
        total1[1] += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 6u) * 16u + block];
        sum6_0 = accumulate(sum6_0, vectors0, weights);
        total1[2] += dot(weights, vec4f(1.0));
      }
      {
        let weights = tiles[(tile_row + 7u) * 16u + block];
        sum7_0 = accumulate(sum7_0, vectors0, weights);
        total1[3] += dot(weights, vec4f(1.0));
      }
    }
  }
  if (row + 0u <= last) {
    write_y(row0, quad0, sum0_0 / total0[0]);
    if (lane == 0u && layer == 0u) {
      maxima[row0] = maxima0[0];
      sums[row0] = total0[0];
    }
  }
  if (row + 1u <= last) {
    write_y(row1, quad0, sum1_0 / total0[1]);
    if (lane == 0u && layer == 0u) {
      maxima[row1] = maxima0[1];
      sums[row1] = total0[1];
    }
  }
  if (row + 2u <= last) {
    write_y(row2, quad0, sum2_0 / total0[2]);
    if (lane == 0u && layer == 0u) {
      maxima[row2] = maxima0[2];
      sums[row2] = total0[2];
    }
  }
  if (row + 3u <= last) {
    write_y(row3, quad0, sum3_0 / total0[3]);
    if (lane == 0u && layer == 0u) {
      maxima[row3] = maxima0[3];
      sums[row3] = total0[3];
    }
  }
  if (row + 4u <= last) {
    write_y(row4, quad0, sum4_0 / total1[0]);
    if (lane == 0u && layer == 0u) {
      maxima[row4] = maxima1[0];
      sums[row4] = total1[0];
    }
  }
  if (row + 5u <= last) {
    write_y(row5, quad0, sum5_0 / total1[1]);
    if (lane == 0u && layer == 0u) {
      maxima[row5] = maxima1[1];
      sums[row5] = total1[1];
    }
  }
  if (row + 6u <= last) {
    write_y(row6, quad0, sum6_0 / total1[2]);
    if (lane == 0u && layer == 0u) {
      maxima[row6] = maxima1[2];
      sums[row6] = total1[2];
    }
  }
  if (row + 7u <= last) {
    write_y(row7, quad0, sum7_0 / total1[3]);
    if (lane == 0u && layer == 0u) {
      maxima[row7] = maxima1[3];
      sums[row7] = total1[3];
    }
  }
}
