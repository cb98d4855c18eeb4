// lion_chunk_scores delta diagonal vec4
// dispatch 6 × 1 × 1
alias Pack = vec4f;
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
  stateQuads: u32,
  firstSequence: u32,
  records: u32,
  direction: u32,
}
@group(0) @binding(0) var<storage, read> q: array<Pack>;
@group(0) @binding(1) var<storage, read> k: array<Pack>;
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> operands: array<vec4f>;
@group(0) @binding(4) var<storage, read> decays: array<Pack>;
@group(0) @binding(5) var<storage, read_write> pairs: array<vec4f>;
@group(0) @binding(6) var<uniform> uniforms: Uniforms;
const THREADS = 64u;

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

fn place_of(chunk: Chunk, row: u32) -> u32 {
  return select(row, uniforms.rows - 1u - row, chunk.back);
}
fn has_token(chunk: Chunk, row: u32) -> bool { return place_of(chunk, row) < chunk.count; }
fn token_of(chunk: Chunk, row: u32) -> u32 {
  return chunk.start + min(place_of(chunk, row), chunk.count - 1u);
}
fn row_at(chunk: Chunk, place: u32) -> u32 {
  return min(place_of(chunk, place), uniforms.rows - 1u);
}

// Matrices of pairs: queries with keys, and of the delta rule β times keys with
// keys below the diagonal, and what inverts one more than that.
const SCORES = 0u;
const KK_T = 1u;
const INVERSE = 2u;

// Kinds of operands: queries from the chunk's start, keys to its end, and W of the
// delta rule; in the gradient what they have to do with states lies there.
const DECAYED_Q = 0u;
const DECAYED_K = 1u;
const W = 2u;

// Four columns of a row of a matrix of pairs; of blocks above the diagonal nothing is defined.
fn at_pair(chunk: Chunk, matrix: u32, row: u32, block: u32) -> u32 {
  let rows = (chunk.record * 3u + matrix) * uniforms.rows + row;
  return rows * (uniforms.rows / 4u) + block;
}
fn first_operand(chunk: Chunk) -> u32 {
  return chunk.record * (3u * uniforms.rows + 1u + uniforms.rows / 4u);
}
// A quad of a row's operand.
fn at_operand(chunk: Chunk, kind: u32, row: u32, quad: u32) -> u32 {
  return (first_operand(chunk) + kind * uniforms.rows + row) * uniforms.headQuads + quad;
}
// What passes the chunk pays.
fn at_chunk_decay(chunk: Chunk, quad: u32) -> u32 {
  return (first_operand(chunk) + 3u * uniforms.rows) * uniforms.headQuads + quad;
}
// What passes a block of its rows pays.
fn at_block_decay(chunk: Chunk, block: u32, quad: u32) -> u32 {
  return (first_operand(chunk) + 3u * uniforms.rows + 1u + block) * uniforms.headQuads + quad;
}
fn at_v_new(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * uniforms.rows + row) * uniforms.valueQuads + quad;
}
// A quad of columns of a row of the state.
fn at_state(chunk: Chunk, row: u32, quad: u32) -> u32 {
  return (chunk.record * 4u * uniforms.headQuads + row) * uniforms.valueQuads + quad;
}

fn read_q(token: u32, quad: u32) -> vec4f { return q[token * (uniforms.headDim / 4u) + quad]; }

fn row_of_q(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_q(token_of(chunk, row), quad), has_token(chunk, row));
}
fn read_k(token: u32, quad: u32) -> vec4f { return k[token * (uniforms.headDim / 4u) + quad]; }

fn row_of_k(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_k(token_of(chunk, row), quad), has_token(chunk, row));
}

fn beta_of(chunk: Chunk, row: u32) -> f32 {
  return select(0.0, beta[token_of(chunk, row)], has_token(chunk, row));
}
fn read_decays(token: u32, quad: u32) -> vec4f { return decays[token * (uniforms.headDim / 4u) + quad]; }

fn decay_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(1.0), read_decays(token_of(chunk, row), quad), has_token(chunk, row));
}

fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = row_block * 4u;
  let column = column_block * 4u;
  var score0 = vec4f();
  var key_score0 = vec4f();
  var score1 = vec4f();
  var key_score1 = vec4f();
  var score2 = vec4f();
  var key_score2 = vec4f();
  var score3 = vec4f();
  var key_score3 = vec4f();

  if (row_block == column_block) {

  for (var n = 0u; n < uniforms.headQuads; n++) {
    var key0 = row_of_k(chunk, column + 0u, n);
    var key1 = row_of_k(chunk, column + 1u, n);
    var key2 = row_of_k(chunk, column + 2u, n);
    var key3 = row_of_k(chunk, column + 3u, n);


    {
      let keys = mat4x4f(key0, key1, key2, key3);
      score0 += (row_of_q(chunk, row + 0u, n)) * keys;
      key_score0 += (row_of_k(chunk, row + 0u, n)) * keys;
    }
    let paid1 = decay_of(chunk, row + 1u, n);
    key0 *= paid1;
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      score1 += (row_of_q(chunk, row + 1u, n)) * keys;
      key_score1 += (row_of_k(chunk, row + 1u, n)) * keys;
    }
    let paid2 = decay_of(chunk, row + 2u, n);
    key0 *= paid2;
    key1 *= paid2;
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      score2 += (row_of_q(chunk, row + 2u, n)) * keys;
      key_score2 += (row_of_k(chunk, row + 2u, n)) * keys;
    }
    let paid3 = decay_of(chunk, row + 3u, n);
    key0 *= paid3;
    key1 *= paid3;
    key2 *= paid3;
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      score3 += (row_of_q(chunk, row + 3u, n)) * keys;
      key_score3 += (row_of_k(chunk, row + 3u, n)) * keys;
    }
  }
  } else {

  for (var n = 0u; n < uniforms.headQuads; n++) {
    var key0 = row_of_k(chunk, column + 0u, n);
    var key1 = row_of_k(chunk, column + 1u, n);
    var key2 = row_of_k(chunk, column + 2u, n);
    var key3 = row_of_k(chunk, column + 3u, n);

    var path = vec4f(1.0);
    for (var block = column_block + 1u; block < row_block; block++) { path *= operands[at_block_decay(chunk, block, n)]; }
    key3 *= path; path *= decay_of(chunk, column + 3u, n);
    key2 *= path; path *= decay_of(chunk, column + 2u, n);
    key1 *= path; path *= decay_of(chunk, column + 1u, n);
    key0 *= path;
    var from_block = vec4f(1.0);
    from_block *= decay_of(chunk, row + 0u, n);
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      score0 += (from_block * row_of_q(chunk, row + 0u, n)) * keys;
      key_score0 += (from_block * row_of_k(chunk, row + 0u, n)) * keys;
    }
    from_block *= decay_of(chunk, row + 1u, n);
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      score1 += (from_block * row_of_q(chunk, row + 1u, n)) * keys;
      key_score1 += (from_block * row_of_k(chunk, row + 1u, n)) * keys;
    }
    from_block *= decay_of(chunk, row + 2u, n);
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      score2 += (from_block * row_of_q(chunk, row + 2u, n)) * keys;
      key_score2 += (from_block * row_of_k(chunk, row + 2u, n)) * keys;
    }
    from_block *= decay_of(chunk, row + 3u, n);
    {
      let keys = mat4x4f(key0, key1, key2, key3);
      score3 += (from_block * row_of_q(chunk, row + 3u, n)) * keys;
      key_score3 += (from_block * row_of_k(chunk, row + 3u, n)) * keys;
    }
  }
  }
  let columns = column + vec4u(0u, 1u, 2u, 3u);
  {
    let i = row + 0u;
    pairs[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score0, columns <= vec4u(i));
    pairs[at_pair(chunk, KK_T, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score0, columns < vec4u(i));
  }
  {
    let i = row + 1u;
    pairs[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score1, columns <= vec4u(i));
    pairs[at_pair(chunk, KK_T, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score1, columns < vec4u(i));
  }
  {
    let i = row + 2u;
    pairs[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score2, columns <= vec4u(i));
    pairs[at_pair(chunk, KK_T, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score2, columns < vec4u(i));
  }
  {
    let i = row + 3u;
    pairs[at_pair(chunk, SCORES, i, column_block)] = select(vec4f(), score3, columns <= vec4u(i));
    pairs[at_pair(chunk, KK_T, i, column_block)] = beta_of(chunk, i) * select(vec4f(), key_score3, columns < vec4u(i));
  }
}

@compute @workgroup_size(THREADS)
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
  for (var pair = local; pair < blocks * (blocks + 1u) / 2u; pair += 64u) {
    var distance = 0u;
    var column_block = pair;
    while (column_block >= blocks - distance) {
      column_block -= blocks - distance;
      distance++;
    }
    multiply_pairs(chunk, column_block + distance, column_block);
  }
}
