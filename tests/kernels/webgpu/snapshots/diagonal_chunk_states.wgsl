// lion_chunk_states states(k·v):channels cotangentStates(k·g):channels transposed chunk=0
// dispatch 3 × 2 × 2
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
@group(0) @binding(2) var<storage, read> keys: array<vec4f>;
@group(0) @binding(3) var<storage, read> queries: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> states: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> cotangentStates: array<vec4f>;
@group(0) @binding(6) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }
fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }

fn read_v(token: u32, quad: u32) -> vec4f {
  let quads = value_quads();
  let values = select(vec4f(), vec4f(v[token * quads + quad]), quad < quads);
  return select(values, vec4f(1.0), quad * 4u + vec4u(0u, 1u, 2u, 3u) == vec4u(problem.valueDim));
}
fn read_g(token: u32, quad: u32) -> vec4f { return vec4f(g[token * sum_quads() + quad]); }


fn chunk_tiles() -> u32 { return (problem.chunkSize + 7u) / 8u; }
fn chunk_levels() -> u32 {
  let tiles = chunk_tiles();
  return select(firstLeadingBit(max(tiles, 2u) - 1u) + 1u, 0u, tiles == 1u);
}
fn chunk_slots() -> u32 { return 2u + chunk_levels(); }
fn score_quads() -> u32 { return (problem.chunkSize + 3u) / 4u; }
fn score_row(sequence: u32, token: u32) -> u32 {
  return (sequence * problem.length + token) * score_quads();
}
fn row_at(sequence: u32, slot: u32, token: u32, quad: u32) -> u32 {
  return ((sequence * chunk_slots() + slot) * problem.length + token) * key_quads() + quad;
}
fn log_at(sequence: u32, side: u32, token: u32, quad: u32) -> u32 {
  return ((sequence * 2u + side) * problem.length + token) * key_quads() + quad;
}
fn through_at(sequence: u32, chunk: u32, side: u32, quad: u32) -> u32 {
  return ((sequence * problem.chunks + chunk) * 2u + side) * key_quads() + quad;
}
fn total_at(sequence: u32, chunk: u32, tile: u32, slot: u32, quad: u32) -> u32 {
  let tiles = (sequence * problem.chunks + chunk) * chunk_tiles();
  return ((tiles + tile) * chunk_slots() + slot) * key_quads() + quad;
}

fn write_states(thread: u32, group: vec3u, tile: u32) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + group.y) * problem.length;

  let rowQuads = key_quads();
  let columnQuads = sum_quads();
  let rowQuad = tile / columnQuads * 2u;
  let columnQuad = tile % columnQuads;
  if (rowQuad >= rowQuads) { return; }
  var sum0_0 = vec4f();
  var sum0_1 = vec4f();
  var sum0_2 = vec4f();
  var sum0_3 = vec4f();
  var sum0_4 = vec4f();
  var sum0_5 = vec4f();
  var sum0_6 = vec4f();
  var sum0_7 = vec4f();
  var sum1_0 = vec4f();
  var sum1_1 = vec4f();
  var sum1_2 = vec4f();
  var sum1_3 = vec4f();
  var sum1_4 = vec4f();
  var sum1_5 = vec4f();
  var sum1_6 = vec4f();
  var sum1_7 = vec4f();
  for (var j = 0u; j < count; j++) {
    let token = base + first + j;
    let y = read_v(token, columnQuad);
    let x0_0 = keys[row_at(group.y, 0u, first + j, min(rowQuad + 0u, rowQuads - 1u))];
    let x1_0 = keys[row_at(group.y, 1u, first + j, min(rowQuad + 0u, rowQuads - 1u))];
    let x0_1 = keys[row_at(group.y, 0u, first + j, min(rowQuad + 1u, rowQuads - 1u))];
    let x1_1 = keys[row_at(group.y, 1u, first + j, min(rowQuad + 1u, rowQuads - 1u))];
    let y0 = y;
    sum0_0 += x0_0[0] * y0;
    sum0_1 += x0_0[1] * y0;
    sum0_2 += x0_0[2] * y0;
    sum0_3 += x0_0[3] * y0;
    sum0_4 += x0_1[0] * y0;
    sum0_5 += x0_1[1] * y0;
    sum0_6 += x0_1[2] * y0;
    sum0_7 += x0_1[3] * y0;
    let y1 = y;
    sum1_0 += x1_0[0] * y1;
    sum1_1 += x1_0[1] * y1;
    sum1_2 += x1_0[2] * y1;
    sum1_3 += x1_0[3] * y1;
    sum1_4 += x1_1[0] * y1;
    sum1_5 += x1_1[1] * y1;
    sum1_6 += x1_1[2] * y1;
    sum1_7 += x1_1[3] * y1;
  }
  let record = (group.y * problem.chunks + group.x) * 2u;
  {
    let start = (record + 0u) * record_quads();
    let at = start + rowQuad * 4u * columnQuads + columnQuad;
    if (rowQuad + 0u < rowQuads) {
      states[at + 0u * columnQuads] = sum0_0;
      states[at + 1u * columnQuads] = sum0_1;
      states[at + 2u * columnQuads] = sum0_2;
      states[at + 3u * columnQuads] = sum0_3;
    }
    if (rowQuad + 1u < rowQuads) {
      states[at + 4u * columnQuads] = sum0_4;
      states[at + 5u * columnQuads] = sum0_5;
      states[at + 6u * columnQuads] = sum0_6;
      states[at + 7u * columnQuads] = sum0_7;
    }
  }
  {
    let start = (record + 1u) * record_quads();
    let at = start + rowQuad * 4u * columnQuads + columnQuad;
    if (rowQuad + 0u < rowQuads) {
      states[at + 0u * columnQuads] = sum1_0;
      states[at + 1u * columnQuads] = sum1_1;
      states[at + 2u * columnQuads] = sum1_2;
      states[at + 3u * columnQuads] = sum1_3;
    }
    if (rowQuad + 1u < rowQuads) {
      states[at + 4u * columnQuads] = sum1_4;
      states[at + 5u * columnQuads] = sum1_5;
      states[at + 6u * columnQuads] = sum1_6;
      states[at + 7u * columnQuads] = sum1_7;
    }
  }
}

fn write_cotangentStates(thread: u32, group: vec3u, tile: u32) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + group.y) * problem.length;

  let rowQuads = key_quads();
  let columnQuads = sum_quads();
  let rowQuad = tile / columnQuads * 2u;
  let columnQuad = tile % columnQuads;
  if (rowQuad >= rowQuads) { return; }
  var sum0_0 = vec4f();
  var sum0_1 = vec4f();
  var sum0_2 = vec4f();
  var sum0_3 = vec4f();
  var sum0_4 = vec4f();
  var sum0_5 = vec4f();
  var sum0_6 = vec4f();
  var sum0_7 = vec4f();
  var sum1_0 = vec4f();
  var sum1_1 = vec4f();
  var sum1_2 = vec4f();
  var sum1_3 = vec4f();
  var sum1_4 = vec4f();
  var sum1_5 = vec4f();
  var sum1_6 = vec4f();
  var sum1_7 = vec4f();
  for (var j = 0u; j < count; j++) {
    let token = base + first + j;
    let y = read_g(token, columnQuad);
    let x0_0 = queries[row_at(group.y, 1u, first + j, min(rowQuad + 0u, rowQuads - 1u))];
    let x1_0 = queries[row_at(group.y, 0u, first + j, min(rowQuad + 0u, rowQuads - 1u))];
    let x0_1 = queries[row_at(group.y, 1u, first + j, min(rowQuad + 1u, rowQuads - 1u))];
    let x1_1 = queries[row_at(group.y, 0u, first + j, min(rowQuad + 1u, rowQuads - 1u))];
    let y0 = y;
    sum0_0 += x0_0[0] * y0;
    sum0_1 += x0_0[1] * y0;
    sum0_2 += x0_0[2] * y0;
    sum0_3 += x0_0[3] * y0;
    sum0_4 += x0_1[0] * y0;
    sum0_5 += x0_1[1] * y0;
    sum0_6 += x0_1[2] * y0;
    sum0_7 += x0_1[3] * y0;
    let y1 = y;
    sum1_0 += x1_0[0] * y1;
    sum1_1 += x1_0[1] * y1;
    sum1_2 += x1_0[2] * y1;
    sum1_3 += x1_0[3] * y1;
    sum1_4 += x1_1[0] * y1;
    sum1_5 += x1_1[1] * y1;
    sum1_6 += x1_1[2] * y1;
    sum1_7 += x1_1[3] * y1;
  }
  let record = (group.y * problem.chunks + group.x) * 2u;
  {
    let start = (record + 0u) * record_quads();
    let at = start + rowQuad * 4u * columnQuads + columnQuad;
    if (rowQuad + 0u < rowQuads) {
      cotangentStates[at + 0u * columnQuads] = sum0_0;
      cotangentStates[at + 1u * columnQuads] = sum0_1;
      cotangentStates[at + 2u * columnQuads] = sum0_2;
      cotangentStates[at + 3u * columnQuads] = sum0_3;
    }
    if (rowQuad + 1u < rowQuads) {
      cotangentStates[at + 4u * columnQuads] = sum0_4;
      cotangentStates[at + 5u * columnQuads] = sum0_5;
      cotangentStates[at + 6u * columnQuads] = sum0_6;
      cotangentStates[at + 7u * columnQuads] = sum0_7;
    }
  }
  {
    let start = (record + 1u) * record_quads();
    let at = start + rowQuad * 4u * columnQuads + columnQuad;
    if (rowQuad + 0u < rowQuads) {
      cotangentStates[at + 0u * columnQuads] = sum1_0;
      cotangentStates[at + 1u * columnQuads] = sum1_1;
      cotangentStates[at + 2u * columnQuads] = sum1_2;
      cotangentStates[at + 3u * columnQuads] = sum1_3;
    }
    if (rowQuad + 1u < rowQuads) {
      cotangentStates[at + 4u * columnQuads] = sum1_4;
      cotangentStates[at + 5u * columnQuads] = sum1_5;
      cotangentStates[at + 6u * columnQuads] = sum1_6;
      cotangentStates[at + 7u * columnQuads] = sum1_7;
    }
  }
}

@compute @workgroup_size(136)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let tiles = (key_quads() + 1u) / 2u * sum_quads();
  let parts = (tiles + 135u) / 136u;
  let tile = group.z % parts * 136u + thread;
  if (group.z / parts == 0u) { write_states(thread, group, tile); }
  if (group.z / parts == 1u) { write_cotangentStates(thread, group, tile); }
}
