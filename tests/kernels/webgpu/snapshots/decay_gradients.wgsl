// lion_decay_gradients chunk=64
// dispatch 3 × 2 × 1
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
@group(0) @binding(0) var<storage, read> queryTerms: array<vec4f>;
@group(0) @binding(1) var<storage, read> keyTerms: array<vec4f>;
@group(0) @binding(2) var<storage, read> f: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;
@group(0) @binding(4) var<storage, read> states: array<vec4f>;
@group(0) @binding(5) var<storage, read> cotangentStates: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> df: array<f32>;
@group(0) @binding(7) var<storage, read_write> db: array<f32>;
@group(0) @binding(8) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }
fn record_quads() -> u32 { return 4u * key_quads() * sum_quads() + 1u; }

// For each token: what it reads less what is read of it in the chunk (intra), and
// what is read of it in other chunks (inter).
var<workgroup> intra_before: array<f32, 64>;
var<workgroup> inter_before: array<f32, 64>;
var<workgroup> intra_after: array<f32, 64>;
var<workgroup> inter_after: array<f32, 64>;
var<workgroup> products: array<vec2f, 64>;

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

fn is_nothing(x: f32) -> bool {
  let bits = bitcast<u32>(x);
  return (bits > u32(3268411392u)) & (bits <= u32(0xff800000u));
}


@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + group.y) * problem.length;
  // [chunk before, chunk after, state before, state after]; those that read a
  // key in the forward direction come after it.
  for (var t = thread; t < count; t += 64u) {
    let query = queryTerms[base + first + t];
    let key = keyTerms[base + first + t];
    intra_before[t] = query.x + query.z - key.y;
    inter_before[t] = key.w;
    intra_after[t] = query.y + query.w - key.x;
    inter_after[t] = key.z;
  }
  var through = vec2f();

  for (var i = thread; i < 64u; i += 64u) {
    let t = first + i;
    before[i] = select(0.0, f[base + min(t, problem.length - 1u)], i < count && t > 0u);
    after[i] = select(0.0, b[base + min(t, problem.length - 1u)], i < count && t + 1u < problem.length);
  }
  workgroupBarrier();
  for (var i = thread; i < 16u; i += 64u) {
    before_four[i] = (before[4u * i] + before[4u * i + 1u]) + (before[4u * i + 2u] + before[4u * i + 3u]);
    after_four[i] = (after[4u * i] + after[4u * i + 1u]) + (after[4u * i + 2u] + after[4u * i + 3u]);
  }
  workgroupBarrier();
  let record = record_quads();
  let start = (group.y * problem.chunks + group.x) * 2u * record;
  var product = vec2f();
  for (var at = thread; at < record - 1u; at += 64u) {
    product += vec2f(dot(states[start + at], cotangentStates[start + record + at]), dot(states[start + record + at], cotangentStates[start + at]));
  }
  products[thread] = product;
  workgroupBarrier();
  for (var i = 0u; i < 64u; i++) { through += products[i]; }
  if (first + count < problem.length) { through[0] *= exp(path_before(0u, count) + f[base + first + count]); }
  if (first > 0u) { through[1] *= exp(path_after(0u, count) + b[base + max(first, 1u) - 1u]); }
  for (var m = thread; m < count; m += 64u) {
    var sum = through;
    for (var t = 0u; t < m; t++) { sum.x += inter_before[t]; }
    for (var t = m; t < count && !is_nothing(before[t]); t++) { sum.x += intra_before[t]; }
    for (var t = m + 1u; t < count; t++) { sum.y += inter_after[t]; }
    for (var t = m + 1u; t > 0u && !is_nothing(after[t - 1u]); t--) { sum.y += intra_after[t - 1u]; }
    let token = first + m;
    // Nobody arrives at the first token from the left, nor at the last from the right.
    df[base + token] = select(0.0, sum.x, token > 0u);
    db[base + token] = select(0.0, sum.y, token + 1u < problem.length);
  }
}
