// lion_pack value half
// dispatch 1 × 2 × 2
enable f16;
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
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> packed: array<vec4h>;
@group(0) @binding(2) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= problem.length) { return; }
  let token = (problem.firstSequence + id.y) * problem.length + id.x;
  var quad = vec4f();
  for (var i = 0u; i < 4u && id.z * 4u + i < problem.valueDim; i++) {
    quad[i] = x[token * problem.valueDim + id.z * 4u + i];
  }
  packed[token * value_quads() + id.z] = vec4h(quad);
}
