// lion_chunk_key_gradients add diagonal states
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
  direction: u32,
}
@group(0) @binding(0) var<storage, read> q: array<Pack>;
@group(0) @binding(1) var<storage, read> k: array<Pack>;
@group(0) @binding(2) var<storage, read> products: array<vec4f>;
@group(0) @binding(3) var<storage, read> decays: array<Pack>;
@group(0) @binding(4) var<storage, read_write> stateProducts: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dq: array<Pack>;
@group(0) @binding(6) var<storage, read_write> dk: array<Pack>;
@group(0) @binding(7) var<uniform> uniforms: Uniforms;

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
fn read_dq(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.headDim + column;
  return vec4f(select(0.0, dq[first + 0u], column + 0u < uniforms.headDim), select(0.0, dq[first + 1u], column + 1u < uniforms.headDim), select(0.0, dq[first + 2u], column + 2u < uniforms.headDim), select(0.0, dq[first + 3u], column + 3u < uniforms.headDim));
}
fn write_dq(token: u32, quad: u32, x: vec4f) {
  for (var i = 0u; i < 4u && 4u * quad + i < uniforms.headDim; i++) {
    dq[token * uniforms.headDim + 4u * quad + i] = x[i];
  }
}
fn add_dq(token: u32, quad: u32, x: vec4f) {
  let old = read_dq(token, quad);
  write_dq(token, quad, select(x, old + x, uniforms.direction > 0u));
}
fn read_dk(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.headDim + column;
  return vec4f(select(0.0, dk[first + 0u], column + 0u < uniforms.headDim), select(0.0, dk[first + 1u], column + 1u < uniforms.headDim), select(0.0, dk[first + 2u], column + 2u < uniforms.headDim), select(0.0, dk[first + 3u], column + 3u < uniforms.headDim));
}
fn write_dk(token: u32, quad: u32, x: vec4f) {
  for (var i = 0u; i < 4u && 4u * quad + i < uniforms.headDim; i++) {
    dk[token * uniforms.headDim + 4u * quad + i] = x[i];
  }
}
fn add_dk(token: u32, quad: u32, x: vec4f) {
  let old = read_dk(token, quad);
  write_dk(token, quad, select(x, old + x, uniforms.direction > 0u));
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

  for (var item = local; item < (uniforms.rows + 3u) / 4u * uniforms.headQuads; item += 64u) {
    let row = item / uniforms.headQuads * 4u;
    let quad = item % uniforms.headQuads;

      let own_block = row / 4u;
      // Of the keys before each row.
      var read0 = vec4f();
      var read1 = vec4f();
      var read2 = vec4f();
      var read3 = vec4f();
      var from_start = vec4f(1.0);
      for (var block = 0u; block < own_block; block++) {
        let sums0 = products[at_pair(chunk, SCORES, row + 0u, block)];
        let sums1 = products[at_pair(chunk, SCORES, row + 1u, block)];
        let sums2 = products[at_pair(chunk, SCORES, row + 2u, block)];
        let sums3 = products[at_pair(chunk, SCORES, row + 3u, block)];
        {
          let decay = decay_of(chunk, 4u * block + 0u, quad);
          let key = row_of_k(chunk, 4u * block + 0u, quad);
          from_start *= decay;
          read0 = decay * read0 + sums0[0] * key;
          read1 = decay * read1 + sums1[0] * key;
          read2 = decay * read2 + sums2[0] * key;
          read3 = decay * read3 + sums3[0] * key;
        }
        {
          let decay = decay_of(chunk, 4u * block + 1u, quad);
          let key = row_of_k(chunk, 4u * block + 1u, quad);
          from_start *= decay;
          read0 = decay * read0 + sums0[1] * key;
          read1 = decay * read1 + sums1[1] * key;
          read2 = decay * read2 + sums2[1] * key;
          read3 = decay * read3 + sums3[1] * key;
        }
        {
          let decay = decay_of(chunk, 4u * block + 2u, quad);
          let key = row_of_k(chunk, 4u * block + 2u, quad);
          from_start *= decay;
          read0 = decay * read0 + sums0[2] * key;
          read1 = decay * read1 + sums1[2] * key;
          read2 = decay * read2 + sums2[2] * key;
          read3 = decay * read3 + sums3[2] * key;
        }
        {
          let decay = decay_of(chunk, 4u * block + 3u, quad);
          let key = row_of_k(chunk, 4u * block + 3u, quad);
          from_start *= decay;
          read0 = decay * read0 + sums0[3] * key;
          read1 = decay * read1 + sums1[3] * key;
          read2 = decay * read2 + sums2[3] * key;
          read3 = decay * read3 + sums3[3] * key;
        }
      }
      let sums0 = products[at_pair(chunk, SCORES, row + 0u, own_block)];
      let decay0 = decay_of(chunk, row + 0u, quad);
      let query0 = row_of_q(chunk, row + 0u, quad);
      let key0 = row_of_k(chunk, row + 0u, quad);
      let sums1 = products[at_pair(chunk, SCORES, row + 1u, own_block)];
      let decay1 = decay_of(chunk, row + 1u, quad);
      let query1 = row_of_q(chunk, row + 1u, quad);
      let key1 = row_of_k(chunk, row + 1u, quad);
      let sums2 = products[at_pair(chunk, SCORES, row + 2u, own_block)];
      let decay2 = decay_of(chunk, row + 2u, quad);
      let query2 = row_of_q(chunk, row + 2u, quad);
      let key2 = row_of_k(chunk, row + 2u, quad);
      let sums3 = products[at_pair(chunk, SCORES, row + 3u, own_block)];
      let decay3 = decay_of(chunk, row + 3u, quad);
      let query3 = row_of_q(chunk, row + 3u, quad);
      let key3 = row_of_k(chunk, row + 3u, quad);
      from_start *= decay0;
      let from_start0 = from_start;
      read0 = decay0 * read0;
      read1 = decay0 * read1 + sums1[0] * key0;
      read2 = decay0 * read2 + sums2[0] * key0;
      read3 = decay0 * read3 + sums3[0] * key0;
      from_start *= decay1;
      let from_start1 = from_start;
      read1 = decay1 * read1;
      read2 = decay1 * read2 + sums2[1] * key1;
      read3 = decay1 * read3 + sums3[1] * key1;
      from_start *= decay2;
      let from_start2 = from_start;
      read2 = decay2 * read2;
      read3 = decay2 * read3 + sums3[2] * key2;
      from_start *= decay3;
      let from_start3 = from_start;
      read3 = decay3 * read3;
      // Of the rows that read each key after it.
      var found0 = vec4f();
      var found1 = vec4f();
      var found2 = vec4f();
      var found3 = vec4f();
      var to_end = vec4f(1.0);
      for (var end = uniforms.rows; end > row + 4u; end--) {
        let i = end - 1u;
        let decay = decay_of(chunk, i, quad);
        let sums = products[at_pair(chunk, SCORES, i, own_block)];
        let query = row_of_q(chunk, i, quad);
        found0 = decay * (found0 + sums[0] * query);
        found1 = decay * (found1 + sums[1] * query);
        found2 = decay * (found2 + sums[2] * query);
        found3 = decay * (found3 + sums[3] * query);
        to_end *= decay;
      }
      let to_end3 = to_end;
      to_end *= decay3;
      found0 = decay3 * (found0 + sums3[0] * query3);
      found1 = decay3 * (found1 + sums3[1] * query3);
      found2 = decay3 * (found2 + sums3[2] * query3);
      let to_end2 = to_end;
      to_end *= decay2;
      found0 = decay2 * (found0 + sums2[0] * query2);
      found1 = decay2 * (found1 + sums2[1] * query2);
      let to_end1 = to_end;
      to_end *= decay1;
      found0 = decay1 * (found0 + sums1[0] * query1);
      let to_end0 = to_end;
      to_end *= decay0;

      let last_row = select(chunk.count - 1u, uniforms.rows - 1u, chunk.back);
      if (has_token(chunk, row + 0u)) {
        let token = token_of(chunk, row + 0u);
        let of_state = from_start0 * stateProducts[at_operand(chunk, DECAYED_Q, row + 0u, quad)];
        let given = to_end0 * stateProducts[at_operand(chunk, DECAYED_K, row + 0u, quad)];
        add_dq(token, quad, read0 + of_state + sums0[0] * key0);
        add_dk(token, quad, found0 + given + sums0[0] * query0);
        var reads = query0 * of_state;
        // What passes the whole chunk passes all rows, as what comes to the last does.
        if (row + 0u == last_row) { reads += from_start0 * stateProducts[at_chunk_decay(chunk, quad)]; }
        stateProducts[at_operand(chunk, DECAYED_Q, row + 0u, quad)] = reads;
        stateProducts[at_operand(chunk, DECAYED_K, row + 0u, quad)] = key0 * (given + found0) - query0 * read0;
      }
      if (has_token(chunk, row + 1u)) {
        let token = token_of(chunk, row + 1u);
        let of_state = from_start1 * stateProducts[at_operand(chunk, DECAYED_Q, row + 1u, quad)];
        let given = to_end1 * stateProducts[at_operand(chunk, DECAYED_K, row + 1u, quad)];
        add_dq(token, quad, read1 + of_state + sums1[1] * key1);
        add_dk(token, quad, found1 + given + sums1[1] * query1);
        var reads = query1 * of_state;
        // What passes the whole chunk passes all rows, as what comes to the last does.
        if (row + 1u == last_row) { reads += from_start1 * stateProducts[at_chunk_decay(chunk, quad)]; }
        stateProducts[at_operand(chunk, DECAYED_Q, row + 1u, quad)] = reads;
        stateProducts[at_operand(chunk, DECAYED_K, row + 1u, quad)] = key1 * (given + found1) - query1 * read1;
      }
      if (has_token(chunk, row + 2u)) {
        let token = token_of(chunk, row + 2u);
        let of_state = from_start2 * stateProducts[at_operand(chunk, DECAYED_Q, row + 2u, quad)];
        let given = to_end2 * stateProducts[at_operand(chunk, DECAYED_K, row + 2u, quad)];
        add_dq(token, quad, read2 + of_state + sums2[2] * key2);
        add_dk(token, quad, found2 + given + sums2[2] * query2);
        var reads = query2 * of_state;
        // What passes the whole chunk passes all rows, as what comes to the last does.
        if (row + 2u == last_row) { reads += from_start2 * stateProducts[at_chunk_decay(chunk, quad)]; }
        stateProducts[at_operand(chunk, DECAYED_Q, row + 2u, quad)] = reads;
        stateProducts[at_operand(chunk, DECAYED_K, row + 2u, quad)] = key2 * (given + found2) - query2 * read2;
      }
      if (has_token(chunk, row + 3u)) {
        let token = token_of(chunk, row + 3u);
        let of_state = from_start3 * stateProducts[at_operand(chunk, DECAYED_Q, row + 3u, quad)];
        let given = to_end3 * stateProducts[at_operand(chunk, DECAYED_K, row + 3u, quad)];
        add_dq(token, quad, read3 + of_state + sums3[3] * key3);
        add_dk(token, quad, found3 + given + sums3[3] * query3);
        var reads = query3 * of_state;
        // What passes the whole chunk passes all rows, as what comes to the last does.
        if (row + 3u == last_row) { reads += from_start3 * stateProducts[at_chunk_decay(chunk, quad)]; }
        stateProducts[at_operand(chunk, DECAYED_Q, row + 3u, quad)] = reads;
        stateProducts[at_operand(chunk, DECAYED_K, row + 3u, quad)] = key3 * (given + found3) - query3 * read3;
      }
  }
}
