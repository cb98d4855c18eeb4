// lion_chunk_operands add diagonal
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
  stateQuads: u32,
  firstSequence: u32,
  records: u32,
  direction: u32,
}
@group(0) @binding(0) var<storage, read> q: array<Pack>;
@group(0) @binding(1) var<storage, read> k: array<Pack>;
@group(0) @binding(2) var<storage, read> decays: array<Pack>;
@group(0) @binding(3) var<storage, read_write> operands: array<vec4f>;
@group(0) @binding(4) var<uniform> uniforms: Uniforms;

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
  let rows = (chunk.record * 1u + matrix) * uniforms.rows + row;
  return rows * (uniforms.rows / 4u) + block;
}
fn first_operand(chunk: Chunk) -> u32 {
  return chunk.record * (2u * uniforms.rows + 1u + uniforms.rows / 4u);
}
// A quad of a row's operand.
fn at_operand(chunk: Chunk, kind: u32, row: u32, quad: u32) -> u32 {
  return (first_operand(chunk) + kind * uniforms.rows + row) * uniforms.headQuads + quad;
}
// What passes the chunk pays.
fn at_chunk_decay(chunk: Chunk, quad: u32) -> u32 {
  return (first_operand(chunk) + 2u * uniforms.rows) * uniforms.headQuads + quad;
}
// What passes a block of its rows pays.
fn at_block_decay(chunk: Chunk, block: u32, quad: u32) -> u32 {
  return (first_operand(chunk) + 2u * uniforms.rows + 1u + block) * uniforms.headQuads + quad;
}
fn at_v_new(chunk: Chunk, row: u32, quad: u32) -> u32 {
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
  return select(vec4f(), read_q(token_of(chunk, row), quad), has_token(chunk, row));
}
fn read_k(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.headDim + column;
  return vec4f(select(0.0, k[first + 0u], column + 0u < uniforms.headDim), select(0.0, k[first + 1u], column + 1u < uniforms.headDim), select(0.0, k[first + 2u], column + 2u < uniforms.headDim), select(0.0, k[first + 3u], column + 3u < uniforms.headDim));
}
fn row_of_k(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_k(token_of(chunk, row), quad), has_token(chunk, row));
}
fn read_decays(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.headDim + column;
  return vec4f(select(0.0, decays[first + 0u], column + 0u < uniforms.headDim), select(0.0, decays[first + 1u], column + 1u < uniforms.headDim), select(0.0, decays[first + 2u], column + 2u < uniforms.headDim), select(0.0, decays[first + 3u], column + 3u < uniforms.headDim));
}
fn decay_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(1.0), read_decays(token_of(chunk, row), quad), has_token(chunk, row));
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
  for (var item = local; item < 2u * uniforms.headQuads; item += 64u) {
    let quad = item % uniforms.headQuads;
    var path = vec4f(1.0);
    if (item < uniforms.headQuads) {
      var block = vec4f(1.0);
      for (var row = 0u; row < uniforms.rows; row++) {
        let decay = decay_of(chunk, row, quad);
        path *= decay;
        block *= decay;
        operands[at_operand(chunk, DECAYED_Q, row, quad)] = path * row_of_q(chunk, row, quad);
        if (row % 4u == 3u) {
          operands[at_block_decay(chunk, row / 4u, quad)] = block;
          block = vec4f(1.0);
        }
      }
      operands[at_chunk_decay(chunk, quad)] = path;
    } else {
      for (var end = uniforms.rows; end > 0u; end--) {
        let row = end - 1u;
        operands[at_operand(chunk, DECAYED_K, row, quad)] = path * row_of_k(chunk, row, quad);
        path *= decay_of(chunk, row, quad);
      }
    }
  }
}
