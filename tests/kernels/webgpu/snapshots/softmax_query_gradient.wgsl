// lion_softmax_query_gradient threads=64 lanes=16 quads=1 staged=4 vec4
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
@group(0) @binding(3) var<storage, read> dy: array<Pack>;
@group(0) @binding(4) var<storage, read> rows: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dq: array<Pack>;
@group(0) @binding(6) var<uniform> uniforms: Uniforms;

var<workgroup> tiles: array<vec4f, 512>;
var<workgroup> staged: array<vec4f, 256>;

// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}

fn read_q(token: u32, quad: u32) -> vec4f { return q[token * (uniforms.headDim / 4u) + quad]; }
fn read_k(token: u32, quad: u32) -> vec4f { return k[token * (uniforms.headDim / 4u) + quad]; }
fn read_v(token: u32, quad: u32) -> vec4f { return v[token * (uniforms.valueDim / 4u) + quad]; }
fn read_dy(token: u32, quad: u32) -> vec4f { return dy[token * (uniforms.valueDim / 4u) + quad]; }
fn write_dq(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.headDim + 3u) / 4u) { dq[token * (uniforms.headDim / 4u) + quad] = x; }
}

@compute @workgroup_size(64)
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
  let own0 = rows[row0];
  let own1 = rows[row1];
  let own2 = rows[row2];
  let own3 = rows[row3];
  let own4 = rows[row4];
  let own5 = rows[row5];
  let own6 = rows[row6];
  let own7 = rows[row7];
  var sum0_0 = vec4f();
  var sum1_0 = vec4f();
  var sum2_0 = vec4f();
  var sum3_0 = vec4f();
  var sum4_0 = vec4f();
  var sum5_0 = vec4f();
  var sum6_0 = vec4f();
  var sum7_0 = vec4f();
  let end = select(uniforms.length, min(uniforms.length, first_row + 32u), uniforms.causal != 0u);

  let last_segment = abs(rows[base + min(first_row + 31u, last)].w);
  var start = 0u;
  while (start + 64u <= first_row && abs(rows[base + start + 63u].w) < abs(rows[base + first_row].w)) { start += 64u; }
  for (var first = start; first < end; first += 64u) {
    if (abs(rows[base + first].w) > last_segment) { break; }

    let column = first + 4u * lane;
    let positions = column + vec4u(0u, 1u, 2u, 3u);
    let column0 = base + min(column + 0u, last);
    let column1 = base + min(column + 1u, last);
    let column2 = base + min(column + 2u, last);
    let column3 = base + min(column + 3u, last);
    let numbers = vec4f(rows[column0].w, rows[column1].w, rows[column2].w, rows[column3].w);

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

    var slope0 = vec4f();
    var slope1 = vec4f();
    var slope2 = vec4f();
    var slope3 = vec4f();
    var slope4 = vec4f();
    var slope5 = vec4f();
    var slope6 = vec4f();
    var slope7 = vec4f();
    for (var start_quad = 0u; start_quad < (uniforms.valueDim + 3u) / 4u; start_quad += 4u) {
      workgroupBarrier();
      for (var i = local; i < 64u; i += 64u) {
        let place = i % 4u;
        let quad = start_quad + place;
        let block = i / 4u;
        if (quad < (uniforms.valueDim + 3u) / 4u) {
          let numbers = transpose(mat4x4f(read_v(base + min(first + 4u * block + 0u, last), quad), read_v(base + min(first + 4u * block + 1u, last), quad), read_v(base + min(first + 4u * block + 2u, last), quad), read_v(base + min(first + 4u * block + 3u, last), quad)));
          staged[(4u * place + 0u) * 16u + block] = numbers[0];
          staged[(4u * place + 1u) * 16u + block] = numbers[1];
          staged[(4u * place + 2u) * 16u + block] = numbers[2];
          staged[(4u * place + 3u) * 16u + block] = numbers[3];
        }
      }
      workgroupBarrier();
      for (var n = 0u; n < min(4u, (uniforms.valueDim + 3u) / 4u - start_quad); n++) {
      let columns = mat4x4f(staged[(4u * n + 0u) * 16u + lane], staged[(4u * n + 1u) * 16u + lane], staged[(4u * n + 2u) * 16u + lane], staged[(4u * n + 3u) * 16u + lane]);
      slope0 = accumulate(slope0, columns, read_dy(row0, start_quad + n));
      slope1 = accumulate(slope1, columns, read_dy(row1, start_quad + n));
      slope2 = accumulate(slope2, columns, read_dy(row2, start_quad + n));
      slope3 = accumulate(slope3, columns, read_dy(row3, start_quad + n));
      slope4 = accumulate(slope4, columns, read_dy(row4, start_quad + n));
      slope5 = accumulate(slope5, columns, read_dy(row5, start_quad + n));
      slope6 = accumulate(slope6, columns, read_dy(row6, start_quad + n));
      slope7 = accumulate(slope7, columns, read_dy(row7, start_quad + n));
      }
    }
    let weight0 = exp(uniforms.scale * score0 - own0.x) * own0.y;
    slope0 = select(vec4f(), weight0 * (slope0 - own0.z), (numbers == vec4f(own0.w)) & (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 1u), uniforms.causal != 0u))));
    let weight1 = exp(uniforms.scale * score1 - own1.x) * own1.y;
    slope1 = select(vec4f(), weight1 * (slope1 - own1.z), (numbers == vec4f(own1.w)) & (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 2u), uniforms.causal != 0u))));
    let weight2 = exp(uniforms.scale * score2 - own2.x) * own2.y;
    slope2 = select(vec4f(), weight2 * (slope2 - own2.z), (numbers == vec4f(own2.w)) & (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 3u), uniforms.causal != 0u))));
    let weight3 = exp(uniforms.scale * score3 - own3.x) * own3.y;
    slope3 = select(vec4f(), weight3 * (slope3 - own3.z), (numbers == vec4f(own3.w)) & (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 4u), uniforms.causal != 0u))));
    let weight4 = exp(uniforms.scale * score4 - own4.x) * own4.y;
    slope4 = select(vec4f(), weight4 * (slope4 - own4.z), (numbers == vec4f(own4.w)) & (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 5u), uniforms.causal != 0u))));
    let weight5 = exp(uniforms.scale * score5 - own5.x) * own5.y;
    slope5 = select(vec4f(), weight5 * (slope5 - own5.z), (numbers == vec4f(own5.w)) & (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 6u), uniforms.causal != 0u))));
    let weight6 = exp(uniforms.scale * score6 - own6.x) * own6.y;
    slope6 = select(vec4f(), weight6 * (slope6 - own6.z), (numbers == vec4f(own6.w)) & (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 7u), uniforms.causal != 0u))));
    let weight7 = exp(uniforms.scale * score7 - own7.x) * own7.y;
    slope7 = select(vec4f(), weight7 * (slope7 - own7.z), (numbers == vec4f(own7.w)) & (positions < vec4u(select(uniforms.length, min(uniforms.length, row + 8u), uniforms.causal != 0u))));
    tiles[(tile_row + 0u) * 16u + lane] = slope0;
    tiles[(tile_row + 1u) * 16u + lane] = slope1;
    tiles[(tile_row + 2u) * 16u + lane] = slope2;
    tiles[(tile_row + 3u) * 16u + lane] = slope3;
    tiles[(tile_row + 4u) * 16u + lane] = slope4;
    tiles[(tile_row + 5u) * 16u + lane] = slope5;
    tiles[(tile_row + 6u) * 16u + lane] = slope6;
    tiles[(tile_row + 7u) * 16u + lane] = slope7;
    workgroupBarrier();


    for (var block = 0u; block < min(16u, (end - first + 3u) / 4u); block++) {
      let token0 = base + min(first + 4u * block + 0u, last);
      let token1 = base + min(first + 4u * block + 1u, last);
      let token2 = base + min(first + 4u * block + 2u, last);
      let token3 = base + min(first + 4u * block + 3u, last);
      let is_token0 = rows[token0].w > 0.0;
      let is_token1 = rows[token1].w > 0.0;
      let is_token2 = rows[token2].w > 0.0;
      let is_token3 = rows[token3].w > 0.0;
      let vectors0 = mat4x4f(select(vec4f(), read_k(token0, quad0), is_token0), select(vec4f(), read_k(token1, quad0), is_token1), select(vec4f(), read_k(token2, quad0), is_token2), select(vec4f(), read_k(token3, quad0), is_token3));
      {
        let weights = tiles[(tile_row + 0u) * 16u + block];
        sum0_0 = accumulate(sum0_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 1u) * 16u + block];
        sum1_0 = accumulate(sum1_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 2u) * 16u + block];
        sum2_0 = accumulate(sum2_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 3u) * 16u + block];
        sum3_0 = accumulate(sum3_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 4u) * 16u + block];
        sum4_0 = accumulate(sum4_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 5u) * 16u + block];
        sum5_0 = accumulate(sum5_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 6u) * 16u + block];
        sum6_0 = accumulate(sum6_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 7u) * 16u + block];
        sum7_0 = accumulate(sum7_0, vectors0, weights);
      }
    }
    workgroupBarrier();
  }
  if (row + 0u <= last) {
    write_dq(row0, quad0, select(vec4f(), uniforms.scale * sum0_0, own0.w > 0.0));
  }
  if (row + 1u <= last) {
    write_dq(row1, quad0, select(vec4f(), uniforms.scale * sum1_0, own1.w > 0.0));
  }
  if (row + 2u <= last) {
    write_dq(row2, quad0, select(vec4f(), uniforms.scale * sum2_0, own2.w > 0.0));
  }
  if (row + 3u <= last) {
    write_dq(row3, quad0, select(vec4f(), uniforms.scale * sum3_0, own3.w > 0.0));
  }
  if (row + 4u <= last) {
    write_dq(row4, quad0, select(vec4f(), uniforms.scale * sum4_0, own4.w > 0.0));
  }
  if (row + 5u <= last) {
    write_dq(row5, quad0, select(vec4f(), uniforms.scale * sum5_0, own5.w > 0.0));
  }
  if (row + 6u <= last) {
    write_dq(row6, quad0, select(vec4f(), uniforms.scale * sum6_0, own6.w > 0.0));
  }
  if (row + 7u <= last) {
    write_dq(row7, quad0, select(vec4f(), uniforms.scale * sum7_0, own7.w > 0.0));
  }
}
