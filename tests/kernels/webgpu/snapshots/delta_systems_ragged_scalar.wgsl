// lion_delta_systems scalar
// dispatch 6 × 1 × 1
alias Pack = f32;
struct Uniforms {
  workgroups: u32,
  length: u32,
  headDim: u32,
  valueDim: u32,
  chunkSize: u32,
  directions: u32,
  chunks: u32,
  rows: u32,
  headQuads: u32,
  valueQuads: u32,
  firstSequence: u32,
  direction: u32,
}
@group(0) @binding(0) var<storage, read> q: array<Pack>;
@group(0) @binding(1) var<storage, read> k: array<Pack>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> decays: array<f32>;
@group(0) @binding(4) var<storage, read_write> systems: array<vec4f>;
@group(0) @binding(5) var<uniform> uniforms: Uniforms;

struct Chunk {
  // Its place among those of all sweeps.
  record: u32,
  // Its first token, among those of all sequences.
  start: u32,
  // Its tokens.
  count: u32,
  // Whether the sweep comes from the right.
  back: bool,
}

fn chunk_of(sweep: u32, number: u32) -> Chunk {
  let first = number * uniforms.chunkSize;
  let sequence = uniforms.firstSequence + sweep / uniforms.directions;
  return Chunk(
    sweep * uniforms.chunks + number,
    sequence * uniforms.length + first,
    min(uniforms.chunkSize, uniforms.length - first),
    sweep % uniforms.directions == 1u,
  );
}

fn token_of(chunk: Chunk, row: u32) -> u32 {
  let inside = min(row, chunk.count - 1u);
  return chunk.start + select(inside, chunk.count - 1u - inside, chunk.back);
}

const SYSTEM = 0u;
const INVERSE = 1u;
const SCORES = 2u;

const ERASED = 0u;
const READ = 1u;
const WRITTEN = 2u;
const THROUGH = 3u;

// Four columns of a row of a matrix of pairs.
fn at_pair(chunk: Chunk, matrix: u32, row: u32, block: u32) -> u32 {
  let rows = (chunk.record * 3u + matrix) * uniforms.rows + row;
  return rows * (uniforms.rows / 4u) + block;
}
// A quad of what a row erases, reads or writes; THROUGH has one row.
fn at_prepared(chunk: Chunk, kind: u32, row: u32, quad: u32) -> u32 {
  let rows = 3u * uniforms.rows + 1u;
  return (chunk.record * rows + kind * uniforms.rows + row) * uniforms.headQuads + quad;
}
fn at_written(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * uniforms.rows + row) * uniforms.valueQuads + quad;
}
// A quad of columns of a row of the state.
fn at_state(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * 4u * uniforms.headQuads + row) * uniforms.valueQuads + quad;
}

fn read_q(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.headDim + column;
  return vec4f(select(0.0, q[first + 0u], column + 0u < uniforms.headDim), select(0.0, q[first + 1u], column + 1u < uniforms.headDim), select(0.0, q[first + 2u], column + 2u < uniforms.headDim), select(0.0, q[first + 3u], column + 3u < uniforms.headDim));
}
fn row_of_q(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_q(token_of(chunk, row), quad), row < chunk.count);
}
fn read_k(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.headDim + column;
  return vec4f(select(0.0, k[first + 0u], column + 0u < uniforms.headDim), select(0.0, k[first + 1u], column + 1u < uniforms.headDim), select(0.0, k[first + 2u], column + 2u < uniforms.headDim), select(0.0, k[first + 3u], column + 3u < uniforms.headDim));
}
fn row_of_k(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_k(token_of(chunk, row), quad), row < chunk.count);
}

fn beta_of(chunk: Chunk, row: u32) -> f32 {
  return select(0.0, beta[token_of(chunk, row)], row < chunk.count);
}

fn decay_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(1.0), vec4f(decays[token_of(chunk, row)]), row < chunk.count);
}

fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = row_block * 4u;
  let column = column_block * 4u;
  let own = row_block == column_block;
  var key_score0 = vec4f();
  var score0 = vec4f();
  var key_score1 = vec4f();
  var score1 = vec4f();
  var key_score2 = vec4f();
  var score2 = vec4f();
  var key_score3 = vec4f();
  var score3 = vec4f();
  // Above the diagonal there is nothing, and zeros are written.
  for (var n = 0u; n < uniforms.headQuads && column_block <= row_block; n++) {
    var key0 = row_of_k(chunk, column + 0u, n);
    var key1 = row_of_k(chunk, column + 1u, n);
    var key2 = row_of_k(chunk, column + 2u, n);
    var key3 = row_of_k(chunk, column + 3u, n);

    if (!own) {
      var way = vec4f(1.0);
      for (var t = row; t > column + 4u; t--) { way *= decay_of(chunk, t - 1u, n); }
      key3 *= way; way *= decay_of(chunk, column + 3u, n);
      key2 *= way; way *= decay_of(chunk, column + 2u, n);
      key1 *= way; way *= decay_of(chunk, column + 1u, n);
      key0 *= way;
    }
    let paid0 = decay_of(chunk, row + 0u, n);
    key0 *= select(paid0, vec4f(1.0), own);
    key1 *= select(paid0, vec4f(1.0), own);
    key2 *= select(paid0, vec4f(1.0), own);
    key3 *= select(paid0, vec4f(1.0), own);
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      key_score0 += row_of_k(chunk, row + 0u, n) * keys;
      score0 += row_of_q(chunk, row + 0u, n) * keys;
    }
    let paid1 = decay_of(chunk, row + 1u, n);
    key0 *= paid1;
    key1 *= select(paid1, vec4f(1.0), own);
    key2 *= select(paid1, vec4f(1.0), own);
    key3 *= select(paid1, vec4f(1.0), own);
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      key_score1 += row_of_k(chunk, row + 1u, n) * keys;
      score1 += row_of_q(chunk, row + 1u, n) * keys;
    }
    let paid2 = decay_of(chunk, row + 2u, n);
    key0 *= paid2;
    key1 *= paid2;
    key2 *= select(paid2, vec4f(1.0), own);
    key3 *= select(paid2, vec4f(1.0), own);
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      key_score2 += row_of_k(chunk, row + 2u, n) * keys;
      score2 += row_of_q(chunk, row + 2u, n) * keys;
    }
    let paid3 = decay_of(chunk, row + 3u, n);
    key0 *= paid3;
    key1 *= paid3;
    key2 *= paid3;
    key3 *= select(paid3, vec4f(1.0), own);
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      key_score3 += row_of_k(chunk, row + 3u, n) * keys;
      score3 += row_of_q(chunk, row + 3u, n) * keys;
    }
  }
  let columns = column + vec4u(0u, 1u, 2u, 3u);
  {
    let i = row + 0u;
    systems[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score0, columns <= vec4u(i));
    systems[at_pair(chunk, SYSTEM, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score0, columns < vec4u(i));
  }
  {
    let i = row + 1u;
    systems[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score1, columns <= vec4u(i));
    systems[at_pair(chunk, SYSTEM, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score1, columns < vec4u(i));
  }
  {
    let i = row + 2u;
    systems[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score2, columns <= vec4u(i));
    systems[at_pair(chunk, SYSTEM, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score2, columns < vec4u(i));
  }
  {
    let i = row + 3u;
    systems[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score3, columns <= vec4u(i));
    systems[at_pair(chunk, SYSTEM, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score3, columns < vec4u(i));
  }
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

  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);

  let blocks = uniforms.rows / 4u;
  if (local / 8u < blocks && local % 8u < blocks) { multiply_pairs(chunk, local / 8u, local % 8u); }
}
