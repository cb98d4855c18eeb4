// lion_delta_states first last vec4
// dispatch 16 × 1 × 1
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
  across: u32,
  parts: u32,
}
@group(0) @binding(0) var<storage, read> operands: array<vec4f>;
@group(0) @binding(1) var<storage, read> first_state: array<Pack>;
@group(0) @binding(2) var<storage, read_write> vNew: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> states: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> last_state: array<Pack>;
@group(0) @binding(5) var<uniform> uniforms: Uniforms;
const THREADS = 64u;

// The state or its gradient, and what a chunk writes or the gradient in that.
var<workgroup> state: array<vec4f, 512>;
var<workgroup> v_new: array<vec4f, 128>;

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

fn read_first_state(token: u32, quad: u32) -> vec4f { return first_state[token * (uniforms.valueDim / 4u) + quad]; }

fn write_last_state(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.valueDim + 3u) / 4u) { last_state[token * (uniforms.valueDim / 4u) + quad] = x; }
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

  let sweep = workgroup / uniforms.parts;
  let back = sweep % uniforms.directions == 1u;
  // Of the states of all sequences, the first row of the own.
  let matrix = (uniforms.firstSequence + sweep / uniforms.directions) * uniforms.headDim;
  let first = workgroup % uniforms.parts * uniforms.across;
  let across = min(uniforms.across, uniforms.valueQuads - first);
  for (var item = local; item < 4u * uniforms.headQuads * across; item += 64u) {
    state[item] = select(vec4f(), read_first_state(matrix + min(item / across, uniforms.headDim - 1u), first + item % across), item / across < uniforms.headDim);
  }
  workgroupBarrier();
  for (var step = 0u; step < uniforms.chunks; step++) {
    let chunk = chunk_of(sweep, select(step, uniforms.chunks - 1u - step, back));
    for (var item = local; item < uniforms.rows / 4u * across; item += 64u) {
      let row = item / across * 4u;
      let place = item % across;
      var sum0 = vNew[at_v_new(chunk, row + 0u, first + place)];
      var sum1 = vNew[at_v_new(chunk, row + 1u, first + place)];
      var sum2 = vNew[at_v_new(chunk, row + 2u, first + place)];
      var sum3 = vNew[at_v_new(chunk, row + 3u, first + place)];
      for (var n = 0u; n < uniforms.headQuads; n++) {
        let carried = mat4x4f(state[(4u * n + 0u) * across + place], state[(4u * n + 1u) * across + place], state[(4u * n + 2u) * across + place], state[(4u * n + 3u) * across + place]);
        sum0 -= carried * operands[at_operand(chunk, W, row + 0u, n)];
        sum1 -= carried * operands[at_operand(chunk, W, row + 1u, n)];
        sum2 -= carried * operands[at_operand(chunk, W, row + 2u, n)];
        sum3 -= carried * operands[at_operand(chunk, W, row + 3u, n)];
      }
      vNew[at_v_new(chunk, row + 0u, first + place)] = sum0;
      v_new[(row + 0u) * across + place] = sum0;
      vNew[at_v_new(chunk, row + 1u, first + place)] = sum1;
      v_new[(row + 1u) * across + place] = sum1;
      vNew[at_v_new(chunk, row + 2u, first + place)] = sum2;
      v_new[(row + 2u) * across + place] = sum2;
      vNew[at_v_new(chunk, row + 3u, first + place)] = sum3;
      v_new[(row + 3u) * across + place] = sum3;
    }
    workgroupBarrier();
    for (var item = local; item < uniforms.headQuads * across; item += 64u) {
      let n = item / across;
      let place = item % across;
      let through = operands[at_chunk_decay(chunk, n)];
      let old = mat4x4f(state[(4u * n + 0u) * across + place], state[(4u * n + 1u) * across + place], state[(4u * n + 2u) * across + place], state[(4u * n + 3u) * across + place]);
      states[at_state(chunk, 4u * n + 0u, first + place)] = old[0];
      var sum0 = through[0] * old[0];
      states[at_state(chunk, 4u * n + 1u, first + place)] = old[1];
      var sum1 = through[1] * old[1];
      states[at_state(chunk, 4u * n + 2u, first + place)] = old[2];
      var sum2 = through[2] * old[2];
      states[at_state(chunk, 4u * n + 3u, first + place)] = old[3];
      var sum3 = through[3] * old[3];
      for (var i = 0u; i < uniforms.rows; i++) {
        let keys = operands[at_operand(chunk, DECAYED_K, i, n)];
        let found = v_new[i * across + place];
        sum0 += keys[0] * found;
        sum1 += keys[1] * found;
        sum2 += keys[2] * found;
        sum3 += keys[3] * found;
      }
      state[(4u * n + 0u) * across + place] = sum0;
      state[(4u * n + 1u) * across + place] = sum1;
      state[(4u * n + 2u) * across + place] = sum2;
      state[(4u * n + 3u) * across + place] = sum3;
    }
    workgroupBarrier();
  }

  for (var item = local; item < uniforms.headDim * across; item += 64u) {
    write_last_state(matrix + item / across, first + item % across, state[item]);
  }
}
