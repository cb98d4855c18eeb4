// lion_cotangents f b
// dispatch 1 × 2 × 1
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
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> rowSums: array<f32>;
@group(0) @binding(3) var<storage, read> f: array<f32>;
@group(0) @binding(4) var<storage, read> b: array<f32>;
@group(0) @binding(5) var<storage, read_write> g: array<f32>;
@group(0) @binding(6) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }

fn joined(token: u32) -> u32 {
  let sequence = token / problem.length;
  let heads = problem.joinedHeads;
  let first = sequence / heads * problem.length;
  return (first + token % problem.length) * heads + sequence % heads;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= problem.length) { return; }
  let token = (problem.firstSequence + id.y) * problem.length + id.x;
  let normalize = problem.normalize == 1u;
  let place = joined(token) * problem.valueDim;
  let factor = problem.scale / select(1.0, rowSums[token] + problem.epsilon, normalize);
  let padded = sum_quads() * 4u;
  var product = 0.0;
  for (var i = 0u; i < problem.valueDim; i++) {
    let gradient = factor * dy[place + i];
    product += gradient * y[place + i];
    g[token * padded + i] = gradient;
  }
  g[token * padded + problem.valueDim] = select(0.0, -product, normalize);
  for (var i = problem.valueDim + 1u; i < padded; i++) { g[token * padded + i] = 0.0; }
  g[problem.tokens * padded + token] = f[token];
  g[problem.tokens * padded + problem.tokens + token] = b[token];
}
