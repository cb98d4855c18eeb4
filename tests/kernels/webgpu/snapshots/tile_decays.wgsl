// lion_tile_decays before=f,after=b tile=64
// dispatch 3 × 2 × 1
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
@group(0) @binding(0) var<storage, read> f: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> tileFactors: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> tileDecays: array<f32>;
@group(0) @binding(4) var<storage, read_write> tileMask: array<vec4f>;
@group(0) @binding(5) var<uniform> problem: Problem;

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

var<workgroup> through: array<f32, 32>;
var<workgroup> toReader: array<vec4f, 32>;
var<workgroup> fromSource: array<vec4f, 32>;
var<workgroup> diagonal: array<mat4x4f, 16>;
fn weights(rowBlock: u32, columnBlock: u32) -> mat4x4f {
  if (rowBlock == columnBlock) { return diagonal[rowBlock]; }
  let side = select(0u, 16u, columnBlock > rowBlock);
  var between = 0.0;
  for (var block = min(rowBlock, columnBlock) + 1u; block < max(rowBlock, columnBlock); block++) {
    between += through[side + block];
  }
  let reader = exp(between) * toReader[side + rowBlock];
  let source = fromSource[side + columnBlock];
  return mat4x4f(reader.x * source, reader.y * source, reader.z * source, reader.w * source);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let base = (problem.firstSequence + group.y) * problem.length;
  // The buffers are a pass's.
  let written = group.y * problem.length + first;

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

  for (var i = thread; i < 16u; i += 64u) {
    let before0 = before[i * 4u + 0u];
    let before1 = before[i * 4u + 1u];
    let before2 = before[i * 4u + 2u];
    let before3 = before[i * 4u + 3u];
    through[i] = before_four[i];
    toReader[i] = exp(vec4f(before0, before0 + before1, before0 + before1 + before2, before0 + before1 + before2 + before3));
    fromSource[i] = exp(vec4f(before1 + before2 + before3, before2 + before3, before3, 0.0));
    let after0 = after[i * 4u + 0u];
    let after1 = after[i * 4u + 1u];
    let after2 = after[i * 4u + 2u];
    let after3 = after[i * 4u + 3u];
    through[16u + i] = after_four[i];
    toReader[16u + i] = exp(vec4f(after0 + after1 + after2 + after3, after1 + after2 + after3, after2 + after3, after3));
    fromSource[16u + i] = exp(vec4f(0.0, after0, after0 + after1, after0 + after1 + after2));
    diagonal[i] = mat4x4f(
      vec4f(1.0, exp(after0), exp(after0 + after1), exp(after0 + after1 + after2)),
      vec4f(exp(before1), 1.0, exp(after1), exp(after1 + after2)),
      vec4f(exp(before1 + before2), exp(before2), 1.0, exp(after2)),
      vec4f(exp(before1 + before2 + before3), exp(before2 + before3), exp(before3), 1.0),
    );
  }
  workgroupBarrier();
  for (var i = thread; i < count; i += 64u) {
    tileFactors[written + i] = vec4f(exp(path_before(0u, i + 1u)), exp(path_before(i + 1u, count)), exp(path_after(i, count)), exp(path_after(0u, i)));
  }
  if (thread == 0u) {
    let tile = 2u * (group.y * problem.chunks + group.x);
    tileDecays[tile + 0u] = path_before(0u, count);
    tileDecays[tile + 1u] = path_after(0u, count);
  }
  let blocks = (count + 3u) / 4u;
  for (var i = thread; i < blocks * blocks; i += 64u) {
    let entries = weights(i / blocks, i % blocks);
    for (var r = 0u; r < 4u && i / blocks * 4u + r < count; r++) {
      let row = written + i / blocks * 4u + r;
      tileMask[row * 16u + i % blocks] = entries[r];
    }
  }
}
