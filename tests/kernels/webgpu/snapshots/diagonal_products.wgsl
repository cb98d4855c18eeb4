// lion_diagonal_products channels
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
@group(0) @binding(0) var<storage, read> g: array<vec4f>;
@group(0) @binding(1) var<storage, read> v: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> products: array<vec4f>;
@group(0) @binding(3) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }

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
fn read_g(token: u32, quad: u32) -> vec4f { return vec4f(g[token * sum_quads() + quad]); }
fn read_v(token: u32, quad: u32) -> vec4f {
  let quads = value_quads();
  let values = select(vec4f(), vec4f(v[token * quads + quad]), quad < quads);
  return select(values, vec4f(1.0), quad * 4u + vec4u(0u, 1u, 2u, 3u) == vec4u(problem.valueDim));
}
// sum + columns · x
fn accumulate(sum: vec4f, columns: mat4x4f, x: vec4f) -> vec4f {
  return sum + x.x * columns[0] + x.y * columns[1] + x.z * columns[2] + x.w * columns[3];
}

fn score_block(group: vec3u, item: u32) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let last = count - 1u;
  let block = item % score_quads();
  let column = block * 4u;
  let rowTile = item / score_quads();
  let columnTile = column / 8u;
  if (rowTile * 8u >= count || column >= count) { return; }
  let base = (problem.firstSequence + sequence) * problem.length + first;
  let row = rowTile * 8u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  var sum4 = vec4f();
  var sum5 = vec4f();
  var sum6 = vec4f();
  var sum7 = vec4f();
  for (var quad = 0u; quad < sum_quads(); quad++) {
    let columns = transpose(mat4x4f(read_v(base + min(column + 0u, last), quad), read_v(base + min(column + 1u, last), quad), read_v(base + min(column + 2u, last), quad), read_v(base + min(column + 3u, last), quad)));
    sum0 = accumulate(sum0, columns, read_g(base + min(row + 0u, last), quad));
    sum1 = accumulate(sum1, columns, read_g(base + min(row + 1u, last), quad));
    sum2 = accumulate(sum2, columns, read_g(base + min(row + 2u, last), quad));
    sum3 = accumulate(sum3, columns, read_g(base + min(row + 3u, last), quad));
    sum4 = accumulate(sum4, columns, read_g(base + min(row + 4u, last), quad));
    sum5 = accumulate(sum5, columns, read_g(base + min(row + 5u, last), quad));
    sum6 = accumulate(sum6, columns, read_g(base + min(row + 6u, last), quad));
    sum7 = accumulate(sum7, columns, read_g(base + min(row + 7u, last), quad));
  }
  let kept = column + vec4u(0u, 1u, 2u, 3u) < vec4u(count);
  if (row + 0u < count) { products[score_row(sequence, first + row + 0u) + block] = select(vec4f(), sum0, kept); }
  if (row + 1u < count) { products[score_row(sequence, first + row + 1u) + block] = select(vec4f(), sum1, kept); }
  if (row + 2u < count) { products[score_row(sequence, first + row + 2u) + block] = select(vec4f(), sum2, kept); }
  if (row + 3u < count) { products[score_row(sequence, first + row + 3u) + block] = select(vec4f(), sum3, kept); }
  if (row + 4u < count) { products[score_row(sequence, first + row + 4u) + block] = select(vec4f(), sum4, kept); }
  if (row + 5u < count) { products[score_row(sequence, first + row + 5u) + block] = select(vec4f(), sum5, kept); }
  if (row + 6u < count) { products[score_row(sequence, first + row + 6u) + block] = select(vec4f(), sum6, kept); }
  if (row + 7u < count) { products[score_row(sequence, first + row + 7u) + block] = select(vec4f(), sum7, kept); }
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  score_block(group, group.z * 64u + thread);
}
