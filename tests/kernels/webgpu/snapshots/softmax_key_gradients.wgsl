// lion_softmax_key_gradients threads=64 lanes=16 quads=1 staged=4 vec4
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
@group(0) @binding(5) var<storage, read_write> dk: array<Pack>;
@group(0) @binding(6) var<storage, read_write> dv: array<Pack>;
@group(0) @binding(7) var<uniform> uniforms: Uniforms;

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
fn write_dk(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.headDim + 3u) / 4u) { dk[token * (uniforms.headDim / 4u) + quad] = x; }
}
fn write_dv(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.valueDim + 3u) / 4u) { dv[token * (uniforms.valueDim / 4u) + quad] = x; }
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
  var key0_0 = vec4f();
  var key1_0 = vec4f();
  var key2_0 = vec4f();
  var key3_0 = vec4f();
  var key4_0 = vec4f();
  var key5_0 = vec4f();
  var key6_0 = vec4f();
  var key7_0 = vec4f();
  var value0_0 = vec4f();
  var value1_0 = vec4f();
  var value2_0 = vec4f();
  var value3_0 = vec4f();
  var value4_0 = vec4f();
  var value5_0 = vec4f();
  var value6_0 = vec4f();
  var value7_0 = vec4f();
  let number0 = rows[row0].w;
  let number1 = rows[row1].w;
  let number2 = rows[row2].w;
  let number3 = rows[row3].w;
  let number4 = rows[row4].w;
  let number5 = rows[row5].w;
  let number6 = rows[row6].w;
  let number7 = rows[row7].w;
  let end = uniforms.length;

  let last_segment = abs(rows[base + min(first_row + 31u, last)].w);
  var start = 0u;
  while (start + 64u <= first_row && abs(rows[base + start + 63u].w) < abs(rows[base + first_row].w)) { start += 64u; }
  if (uniforms.causal != 0u) { start = first_row / 64u * 64u; }
  for (var first = start; first < end; first += 64u) {
    if (abs(rows[base + first].w) > last_segment) { break; }

    let column = first + 4u * lane;
    let positions = column + vec4u(0u, 1u, 2u, 3u);
    let column0 = base + min(column + 0u, last);
    let column1 = base + min(column + 1u, last);
    let column2 = base + min(column + 2u, last);
    let column3 = base + min(column + 3u, last);
    let other0 = rows[column0];
    let other1 = rows[column1];
    let other2 = rows[column2];
    let other3 = rows[column3];
    let maxima = vec4f(other0.x, other1.x, other2.x, other3.x);
    let shares = vec4f(other0.y, other1.y, other2.y, other3.y);
    let slopes = vec4f(other0.z, other1.z, other2.z, other3.z);
    let numbers = vec4f(other0.w, other1.w, other2.w, other3.w);
    let queries = positions < vec4u(uniforms.length);

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
          let numbers = transpose(mat4x4f(read_q(base + min(first + 4u * block + 0u, last), quad), read_q(base + min(first + 4u * block + 1u, last), quad), read_q(base + min(first + 4u * block + 2u, last), quad), read_q(base + min(first + 4u * block + 3u, last), quad)));
          staged[(4u * place + 0u) * 16u + block] = numbers[0];
          staged[(4u * place + 1u) * 16u + block] = numbers[1];
          staged[(4u * place + 2u) * 16u + block] = numbers[2];
          staged[(4u * place + 3u) * 16u + block] = numbers[3];
        }
      }
      workgroupBarrier();
      for (var n = 0u; n < min(4u, (uniforms.headDim + 3u) / 4u - start_quad); n++) {
      let columns = mat4x4f(staged[(4u * n + 0u) * 16u + lane], staged[(4u * n + 1u) * 16u + lane], staged[(4u * n + 2u) * 16u + lane], staged[(4u * n + 3u) * 16u + lane]);
      score0 = accumulate(score0, columns, read_k(row0, start_quad + n));
      score1 = accumulate(score1, columns, read_k(row1, start_quad + n));
      score2 = accumulate(score2, columns, read_k(row2, start_quad + n));
      score3 = accumulate(score3, columns, read_k(row3, start_quad + n));
      score4 = accumulate(score4, columns, read_k(row4, start_quad + n));
      score5 = accumulate(score5, columns, read_k(row5, start_quad + n));
      score6 = accumulate(score6, columns, read_k(row6, start_quad + n));
      score7 = accumulate(score7, columns, read_k(row7, start_quad + n));
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
          let numbers = transpose(mat4x4f(read_dy(base + min(first + 4u * block + 0u, last), quad), read_dy(base + min(first + 4u * block + 1u, last), quad), read_dy(base + min(first + 4u * block + 2u, last), quad), read_dy(base + min(first + 4u * block + 3u, last), quad)));
          staged[(4u * place + 0u) * 16u + block] = numbers[0];
          staged[(4u * place + 1u) * 16u + block] = numbers[1];
          staged[(4u * place + 2u) * 16u + block] = numbers[2];
          staged[(4u * place + 3u) * 16u + block] = numbers[3];
        }
      }
      workgroupBarrier();
      for (var n = 0u; n < min(4u, (uniforms.valueDim + 3u) / 4u - start_quad); n++) {
      let columns = mat4x4f(staged[(4u * n + 0u) * 16u + lane], staged[(4u * n + 1u) * 16u + lane], staged[(4u * n + 2u) * 16u + lane], staged[(4u * n + 3u) * 16u + lane]);
      slope0 = accumulate(slope0, columns, read_v(row0, start_quad + n));
      slope1 = accumulate(slope1, columns, read_v(row1, start_quad + n));
      slope2 = accumulate(slope2, columns, read_v(row2, start_quad + n));
      slope3 = accumulate(slope3, columns, read_v(row3, start_quad + n));
      slope4 = accumulate(slope4, columns, read_v(row4, start_quad + n));
      slope5 = accumulate(slope5, columns, read_v(row5, start_quad + n));
      slope6 = accumulate(slope6, columns, read_v(row6, start_quad + n));
      slope7 = accumulate(slope7, columns, read_v(row7, start_quad + n));
      }
    }
    let kept0 = queries & (numbers == vec4f(number0)) & (vec4u(select(0u, row + 0u, uniforms.causal != 0u)) <= positions);
    score0 = select(vec4f(), exp(uniforms.scale * score0 - maxima) * shares, kept0);
    slope0 = select(vec4f(), score0 * (slope0 - slopes), kept0);
    let kept1 = queries & (numbers == vec4f(number1)) & (vec4u(select(0u, row + 1u, uniforms.causal != 0u)) <= positions);
    score1 = select(vec4f(), exp(uniforms.scale * score1 - maxima) * shares, kept1);
    slope1 = select(vec4f(), score1 * (slope1 - slopes), kept1);
    let kept2 = queries & (numbers == vec4f(number2)) & (vec4u(select(0u, row + 2u, uniforms.causal != 0u)) <= positions);
    score2 = select(vec4f(), exp(uniforms.scale * score2 - maxima) * shares, kept2);
    slope2 = select(vec4f(), score2 * (slope2 - slopes), kept2);
    let kept3 = queries & (numbers == vec4f(number3)) & (vec4u(select(0u, row + 3u, uniforms.causal != 0u)) <= positions);
    score3 = select(vec4f(), exp(uniforms.scale * score3 - maxima) * shares, kept3);
    slope3 = select(vec4f(), score3 * (slope3 - slopes), kept3);
    let kept4 = queries & (numbers == vec4f(number4)) & (vec4u(select(0u, row + 4u, uniforms.causal != 0u)) <= positions);
    score4 = select(vec4f(), exp(uniforms.scale * score4 - maxima) * shares, kept4);
    slope4 = select(vec4f(), score4 * (slope4 - slopes), kept4);
    let kept5 = queries & (numbers == vec4f(number5)) & (vec4u(select(0u, row + 5u, uniforms.causal != 0u)) <= positions);
    score5 = select(vec4f(), exp(uniforms.scale * score5 - maxima) * shares, kept5);
    slope5 = select(vec4f(), score5 * (slope5 - slopes), kept5);
    let kept6 = queries & (numbers == vec4f(number6)) & (vec4u(select(0u, row + 6u, uniforms.causal != 0u)) <= positions);
    score6 = select(vec4f(), exp(uniforms.scale * score6 - maxima) * shares, kept6);
    slope6 = select(vec4f(), score6 * (slope6 - slopes), kept6);
    let kept7 = queries & (numbers == vec4f(number7)) & (vec4u(select(0u, row + 7u, uniforms.causal != 0u)) <= positions);
    score7 = select(vec4f(), exp(uniforms.scale * score7 - maxima) * shares, kept7);
    slope7 = select(vec4f(), score7 * (slope7 - slopes), kept7);
    tiles[(tile_row + 0u) * 16u + lane] = score0;
    tiles[(tile_row + 1u) * 16u + lane] = score1;
    tiles[(tile_row + 2u) * 16u + lane] = score2;
    tiles[(tile_row + 3u) * 16u + lane] = score3;
    tiles[(tile_row + 4u) * 16u + lane] = score4;
    tiles[(tile_row + 5u) * 16u + lane] = score5;
    tiles[(tile_row + 6u) * 16u + lane] = score6;
    tiles[(tile_row + 7u) * 16u + lane] = score7;
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
      let vectors0 = mat4x4f(select(vec4f(), read_dy(token0, quad0), is_token0), select(vec4f(), read_dy(token1, quad0), is_token1), select(vec4f(), read_dy(token2, quad0), is_token2), select(vec4f(), read_dy(token3, quad0), is_token3));
      {
        let weights = tiles[(tile_row + 0u) * 16u + block];
        value0_0 = accumulate(value0_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 1u) * 16u + block];
        value1_0 = accumulate(value1_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 2u) * 16u + block];
        value2_0 = accumulate(value2_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 3u) * 16u + block];
        value3_0 = accumulate(value3_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 4u) * 16u + block];
        value4_0 = accumulate(value4_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 5u) * 16u + block];
        value5_0 = accumulate(value5_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 6u) * 16u + block];
        value6_0 = accumulate(value6_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 7u) * 16u + block];
        value7_0 = accumulate(value7_0, vectors0, weights);
      }
    }
    workgroupBarrier();
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
      let vectors0 = mat4x4f(select(vec4f(), read_q(token0, quad0), is_token0), select(vec4f(), read_q(token1, quad0), is_token1), select(vec4f(), read_q(token2, quad0), is_token2), select(vec4f(), read_q(token3, quad0), is_token3));
      {
        let weights = tiles[(tile_row + 0u) * 16u + block];
        key0_0 = accumulate(key0_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 1u) * 16u + block];
        key1_0 = accumulate(key1_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 2u) * 16u + block];
        key2_0 = accumulate(key2_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 3u) * 16u + block];
        key3_0 = accumulate(key3_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 4u) * 16u + block];
        key4_0 = accumulate(key4_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 5u) * 16u + block];
        key5_0 = accumulate(key5_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 6u) * 16u + block];
        key6_0 = accumulate(key6_0, vectors0, weights);
      }
      {
        let weights = tiles[(tile_row + 7u) * 16u + block];
        key7_0 = accumulate(key7_0, vectors0, weights);
      }
    }
    workgroupBarrier();
  }
  if (row + 0u <= last) {
    let is_token = rows[row0].w > 0.0;
    write_dk(row0, quad0, select(vec4f(), uniforms.scale * key0_0, is_token));
    write_dv(row0, quad0, select(vec4f(), value0_0, is_token));
  }
  if (row + 1u <= last) {
    let is_token = rows[row1].w > 0.0;
    write_dk(row1, quad0, select(vec4f(), uniforms.scale * key1_0, is_token));
    write_dv(row1, quad0, select(vec4f(), value1_0, is_token));
  }
  if (row + 2u <= last) {
    let is_token = rows[row2].w > 0.0;
    write_dk(row2, quad0, select(vec4f(), uniforms.scale * key2_0, is_token));
    write_dv(row2, quad0, select(vec4f(), value2_0, is_token));
  }
  if (row + 3u <= last) {
    let is_token = rows[row3].w > 0.0;
    write_dk(row3, quad0, select(vec4f(), uniforms.scale * key3_0, is_token));
    write_dv(row3, quad0, select(vec4f(), value3_0, is_token));
  }
  if (row + 4u <= last) {
    let is_token = rows[row4].w > 0.0;
    write_dk(row4, quad0, select(vec4f(), uniforms.scale * key4_0, is_token));
    write_dv(row4, quad0, select(vec4f(), value4_0, is_token));
  }
  if (row + 5u <= last) {
    let is_token = rows[row5].w > 0.0;
    write_dk(row5, quad0, select(vec4f(), uniforms.scale * key5_0, is_token));
    write_dv(row5, quad0, select(vec4f(), value5_0, is_token));
  }
  if (row + 6u <= last) {
    let is_token = rows[row6].w > 0.0;
    write_dk(row6, quad0, select(vec4f(), uniforms.scale * key6_0, is_token));
    write_dv(row6, quad0, select(vec4f(), value6_0, is_token));
  }
  if (row + 7u <= last) {
    let is_token = rows[row7].w > 0.0;
    write_dk(row7, quad0, select(vec4f(), uniforms.scale * key7_0, is_token));
    write_dv(row7, quad0, select(vec4f(), value7_0, is_token));
  }
}
