// lion_chunk_states states(k·v):before=g.f,after=g.b cotangentStates(q·g):before=g.b-1,after=g.f+1 chunk=64
// dispatch 3 × 2 × 2
struct Problem {
  length: u32,
  tokens: u32,
  chunks: u32,
  chunkSize: u32,
  firstSequence: u32,
  headDim: u32,
  valueDim: u32,
  normalize: u32,
  scale: f32,
  epsilon: f32,
  joinedHeads: u32,
}
@group(0) @binding(0) var<storage, read> k: array<vec4f>;
@group(0) @binding(1) var<storage, read> v: array<vec4f>;
@group(0) @binding(2) var<storage, read> q: array<vec4f>;
@group(0) @binding(3) var<storage, read> g: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> states: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> cotangentStates: array<vec4f>;
@group(0) @binding(6) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }
fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }

fn read_k(token: u32, quad: u32) -> vec4f { return vec4f(k[token * key_quads() + quad]); }
fn read_v(token: u32, quad: u32) -> vec4f {
  let quads = value_quads();
  let values = select(vec4f(), vec4f(v[token * quads + quad]), quad < quads);
  return select(values, vec4f(1.0), quad * 4u + vec4u(0u, 1u, 2u, 3u) == vec4u(problem.valueDim));
}
fn read_q(token: u32, quad: u32) -> vec4f { return vec4f(q[token * key_quads() + quad]); }
fn read_g(token: u32, quad: u32) -> vec4f { return vec4f(g[token * sum_quads() + quad]); }
fn log_f(token: u32) -> f32 {
  let at = token;
  return g[problem.tokens * sum_quads() + at / 4u][at % 4u];
}
fn log_b(token: u32) -> f32 {
  let at = problem.tokens + token;
  return g[problem.tokens * sum_quads() + at / 4u][at % 4u];
}
var<workgroup> to_end_before: array<f32, 64>;
var<workgroup> to_end_after: array<f32, 64>;

var<workgroup> before: array<f32, 64>;
var<workgroup> before_four: array<f32, 16>;
fn path_before(start: u32, end: u32) -> f32 {
  var sum = 0.0;
  var t = start;
  for (; t < end && t % 4u != 0u; t++) { sum += before[t]; }
  for (; t + 4u <= end; t += 4u) { sum += before_four[t / 4u]; }
  for (; t < end; t++) { sum += before[t]; }
  return sum;
}

var<workgroup> after: array<f32, 64>;
var<workgroup> after_four: array<f32, 16>;
fn path_after(start: u32, end: u32) -> f32 {
  var sum = 0.0;
  var t = start;
  for (; t < end && t % 4u != 0u; t++) { sum += after[t]; }
  for (; t + 4u <= end; t += 4u) { sum += after_four[t / 4u]; }
  for (; t < end; t++) { sum += after[t]; }
  return sum;
}

fn write_states(thread: u32, group: vec3u, tile: u32) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + group.y) * problem.length;

  for (var i = thread; i < 64u; i += 136u) {
    let t = first + i;
    before[i] = select(0.0, log_f(base + min(t, problem.length - 1u)), i < count && t > 0u);
    after[i] = select(0.0, log_b(base + min(t, problem.length - 1u)), i < count && t + 1u < problem.length);
  }
  workgroupBarrier();
  for (var i = thread; i < 16u; i += 136u) {
    before_four[i] = (before[4u * i] + before[4u * i + 1u]) + (before[4u * i + 2u] + before[4u * i + 3u]);
    after_four[i] = (after[4u * i] + after[4u * i + 1u]) + (after[4u * i + 2u] + after[4u * i + 3u]);
  }
  workgroupBarrier();
  for (var j = thread; j < count; j += 136u) {
    to_end_before[j] = exp(path_before(j + 1u, count));
    to_end_after[j] = exp(path_after(0u, j));
  }
  workgroupBarrier();
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
    let x0 = read_k(token, min(rowQuad + 0u, rowQuads - 1u));
    let x1 = read_k(token, min(rowQuad + 1u, rowQuads - 1u));
    let y0 = to_end_before[j] * y;
    sum0_0 += x0[0] * y0;
    sum0_1 += x0[1] * y0;
    sum0_2 += x0[2] * y0;
    sum0_3 += x0[3] * y0;
    sum0_4 += x1[0] * y0;
    sum0_5 += x1[1] * y0;
    sum0_6 += x1[2] * y0;
    sum0_7 += x1[3] * y0;
    let y1 = to_end_after[j] * y;
    sum1_0 += x0[0] * y1;
    sum1_1 += x0[1] * y1;
    sum1_2 += x0[2] * y1;
    sum1_3 += x0[3] * y1;
    sum1_4 += x1[0] * y1;
    sum1_5 += x1[1] * y1;
    sum1_6 += x1[2] * y1;
    sum1_7 += x1[3] * y1;
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
    if (tile == 0u) { states[start + record_quads() - 1u] = vec4f(exp(path_before(0u, count))); }
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
    if (tile == 0u) { states[start + record_quads() - 1u] = vec4f(exp(path_after(0u, count))); }
  }
}

fn write_cotangentStates(thread: u32, group: vec3u, tile: u32) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + group.y) * problem.length;

  for (var i = thread; i < 64u; i += 136u) {
    let t = first + i;
    before[i] = select(0.0, log_b(base + min(max(t, 1u) - 1u, problem.length - 1u)), i < count && t > 0u);
    after[i] = select(0.0, log_f(base + min(t + 1u, problem.length - 1u)), i < count && t + 1u < problem.length);
  }
  workgroupBarrier();
  for (var i = thread; i < 16u; i += 136u) {
    before_four[i] = (before[4u * i] + before[4u * i + 1u]) + (before[4u * i + 2u] + before[4u * i + 3u]);
    after_four[i] = (after[4u * i] + after[4u * i + 1u]) + (after[4u * i + 2u] + after[4u * i + 3u]);
  }
  workgroupBarrier();
  for (var j = thread; j < count; j += 136u) {
    to_end_before[j] = exp(path_before(j + 1u, count));
    to_end_after[j] = exp(path_after(0u, j));
  }
  workgroupBarrier();
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
    let x0 = read_q(token, min(rowQuad + 0u, rowQuads - 1u));
    let x1 = read_q(token, min(rowQuad + 1u, rowQuads - 1u));
    let y0 = to_end_before[j] * y;
    sum0_0 += x0[0] * y0;
    sum0_1 += x0[1] * y0;
    sum0_2 += x0[2] * y0;
    sum0_3 += x0[3] * y0;
    sum0_4 += x1[0] * y0;
    sum0_5 += x1[1] * y0;
    sum0_6 += x1[2] * y0;
    sum0_7 += x1[3] * y0;
    let y1 = to_end_after[j] * y;
    sum1_0 += x0[0] * y1;
    sum1_1 += x0[1] * y1;
    sum1_2 += x0[2] * y1;
    sum1_3 += x0[3] * y1;
    sum1_4 += x1[0] * y1;
    sum1_5 += x1[1] * y1;
    sum1_6 += x1[2] * y1;
    sum1_7 += x1[3] * y1;
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
    if (tile == 0u) { cotangentStates[start + record_quads() - 1u] = vec4f(exp(path_before(0u, count))); }
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
    if (tile == 0u) { cotangentStates[start + record_quads() - 1u] = vec4f(exp(path_after(0u, count))); }
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
