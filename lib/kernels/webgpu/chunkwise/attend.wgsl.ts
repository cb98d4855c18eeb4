/**
 * The text of `attend.ts`, whose head says what it computes.
 *
 * @module
 */

/** WGSL declarations that all roles of a program share. */
export const ATTEND_SCRATCH = /* wgsl */ `
const TILE = 8u;
// The weighted scores of the block's rows, and later the terms of their decays.
var<workgroup> scores: array<vec4f, SCORES>;
var<workgroup> totals: array<f32, ROWS>;
// The decay between the chunk's borders and a row.
var<workgroup> row_decays: array<vec2f, ROWS>;
`;

/** WGSL of a role's step; `read_r`, `read_o` and `read_x` read vectors of the role's operands. */
export const ATTEND = /* wgsl */ `
fn inner_vecs() -> u32 { return select(key_vecs(), sum_vecs(), TRANSPOSED); }

// The values of the four tokens from \`token\` on.
fn values_of(token: u32, last: u32, vec: u32) -> mat4x4f {
  return mat4x4f(read_x(min(token, last), vec), read_x(min(token + 1u, last), vec),
    read_x(min(token + 2u, last), vec), read_x(min(token + 3u, last), vec));
}

// The rows 4 n … 4 n + 3 of the state that begins at \`start\`, in four of its columns.
fn state_of(start: u32, n: u32, vec: u32) -> mat4x4f {
  let stride = sum_vecs();
  let at = start + select(4u * n * stride + vec, 4u * vec * stride + n, TRANSPOSED);
  let state = mat4x4f(read_state(at), read_state(at + stride),
    read_state(at + 2u * stride), read_state(at + 3u * stride));
  if (TRANSPOSED) { return transpose(state); }
  return state;
}

fn step(group: vec3u, layer: u32, thread: u32) {
  let first_row = layer * ROWS;
  let chunk = group.x;
  let sequence = group.y;
  let first = chunk * uniforms.chunkSize;
  let count = min(uniforms.chunkSize, uniforms.length - first);
  if (first_row >= count) { return; }
  let base = (uniforms.firstSequence + sequence) * uniforms.length;
  let start = base + first;
  let last = start + count - 1u;
  let blocks = (count + 3u) / 4u;

  // 1. The scores M ∘ (R Oᵀ) of the block's rows with all tokens of the chunk.
  if (DECAYS) {
    load_decays(base, first, count, thread);
    load_weights(thread);
    for (var r = thread; r < ROWS; r += THREADS) {
      row_decays[r] = exp(from_start(min(first_row + r, count - 1u), count));
    }
    for (var tile = thread; tile < ROWS / TILE * (TOKENS / 4u); tile += THREADS) {
      let column_block = tile % (TOKENS / 4u);
      let row = tile / (TOKENS / 4u) * TILE;
      let row_block = (first_row + row) / 4u;
      let column = 4u * column_block;
      if (column >= count || first_row + row >= count) { continue; }
      if ((!BEFORE && column_block < row_block) || (!AFTER && column_block > row_block + 1u)) { continue; }
      let sources = min(start + column + vec4u(0u, 1u, 2u, 3u), vec4u(last));
      var readers = array<u32, TILE>();
      for (var r = 0u; r < TILE; r++) { // unroll
        readers[r] = min(start + first_row + row + r, last);
      }
      var sum = array<vec4f, TILE>();
      for (var vec = 0u; vec < inner_vecs(); vec++) {
        let columns = transpose(mat4x4f(read_o(sources.x, vec), read_o(sources.y, vec),
          read_o(sources.z, vec), read_o(sources.w, vec)));
        for (var r = 0u; r < TILE; r++) { // unroll
          sum[r] = accumulate(sum[r], columns, read_r(readers[r], vec));
        }
      }
      let kept = select(vec4f(0.0), vec4f(1.0), column + vec4u(0u, 1u, 2u, 3u) < vec4u(count));
      for (var half = 0u; half < TILE / 4u; half++) { // unroll
        let m = weights(row_block + half, column_block);
        for (var r = 0u; r < 4u; r++) { // unroll
          scores[(row + 4u * half + r) * STRIDE + column_block] = sum[4u * half + r] * kept * m[r];
        }
      }
    }
    workgroupBarrier();
  }

  // 2. The sums that the rows of the thread's tile read of their chunk.
  let vecs = output_vecs();
  let has_tile = thread < ROWS / TILE * vecs;
  let tile = select(0u, thread, has_tile);
  let tile_row = tile / vecs * TILE;
  let vec = tile % vecs;
  let row = first_row + tile_row;
  let token = start + row;
  let own_block = row / 4u;
  var sum = array<vec4f, TILE>();
  var readers = array<u32, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    readers[r] = min(token + r, last);
  }
  var own_rows = array<vec4f, TILE>();
  var terms = array<vec4f, TILE>();
  if (DECAYS && !HAS_TERMS) {
    let end = select(min(own_block + TILE / 4u, blocks), blocks, AFTER);
    for (var block = select(own_block, 0u, BEFORE); block < end; block++) {
      let columns = values_of(start + 4u * block, last, vec);
      for (var r = 0u; r < TILE; r++) { // unroll
        sum[r] = accumulate(sum[r], columns, scores[(tile_row + r) * STRIDE + block]);
      }
    }
  }
  // The contributions of tokens before and of tokens after are kept in separate terms, since a
  // log decay is on the paths of one side only. A token's own score is on no path.
  if (HAS_TERMS) {
    var of_side = array<array<vec4f, TILE>, 2>();
    for (var side = 0u; side < 2u; side++) { // unroll
      let end = select(blocks, own_block, side == 0u);
      for (var block = select(own_block + TILE / 4u, 0u, side == 0u); has(side) && block < end; block++) {
        let columns = values_of(start + 4u * block, last, vec);
        for (var r = 0u; r < TILE; r++) { // unroll
          of_side[side][r] = accumulate(of_side[side][r], columns, scores[(tile_row + r) * STRIDE + block]);
        }
      }
    }
    for (var half = 0u; half < TILE / 4u; half++) { // unroll
      let block = own_block + half;
      if (block < blocks) {
        let columns = values_of(start + 4u * block, last, vec);
        let at = 4u * half + vec4u(0u, 1u, 2u, 3u);
        for (var r = 0u; r < TILE; r++) { // unroll
          let score = scores[(tile_row + r) * STRIDE + block];
          if (r / 4u == half) { sum[r] = accumulate(sum[r], columns, score * vec4f(at == vec4u(r))); }
          if (BEFORE && 4u * half < r) {
            of_side[0][r] = accumulate(of_side[0][r], columns, score * vec4f(at < vec4u(r)));
          }
          if (AFTER && 4u * half + 3u > r) {
            of_side[1][r] = accumulate(of_side[1][r], columns, score * vec4f(at > vec4u(r)));
          }
        }
      }
    }
    for (var r = 0u; r < TILE; r++) { // unroll
      own_rows[r] = read_own(readers[r], vec);
      for (var side = 0u; side < 2u; side++) { // unroll
        if (has(side)) {
          terms[r][side] = dot(own_rows[r], of_side[side][r]);
          sum[r] += of_side[side][r];
        }
      }
    }
  }

  // 3. The sums that the tile's rows read of the states that reach the chunk.
  var of_states = array<array<vec4f, TILE>, 2>();
  if (UNSCANNED) {
    for (var side = 0u; side < 2u; side++) { // unroll
      // The states of other chunks are added up from the nearest chunk on.
      let others = select(uniforms.chunks - 1u - chunk, chunk, side == 0u);
      var factor = 1.0;
      for (var step = 1u; has(side) && step <= others; step++) {
        let state = state_at(sequence, select(chunk + step, chunk - step, side == 0u), side);
        for (var n = 0u; n < inner_vecs(); n++) {
          let columns = state_of(state, n, vec);
          for (var r = 0u; r < TILE; r++) { // unroll
            of_states[side][r] = accumulate(of_states[side][r], columns, factor * read_r(readers[r], n));
          }
        }
        factor *= read_state(state + record_vecs() - 1u).x;
      }
    }
  } else {
    // Without decays there is one state; a chunk alone has decays and none.
    let reached = select(0u, chunk, DECAYS);
    let start_before = state_at(sequence, reached, 0u);
    let start_after = state_at(sequence, reached, 1u);
    for (var n = 0u; n < select(inner_vecs(), 0u, DECAYS && uniforms.chunks == 1u); n++) {
      let before = state_of(start_before, n, vec);
      let after = state_of(start_after, n, vec);
      for (var r = 0u; r < TILE; r++) { // unroll
        let x = read_r(readers[r], n);
        if (has(0u)) { of_states[0][r] = accumulate(of_states[0][r], before, x); }
        if (has(1u)) { of_states[1][r] = accumulate(of_states[1][r], after, x); }
      }
    }
  }
  for (var r = 0u; r < TILE; r++) { // unroll
    for (var side = 0u; side < 2u; side++) { // unroll
      if (has(side)) {
        if (DECAYS) { of_states[side][r] *= row_decays[tile_row + r][side]; }
        if (HAS_TERMS) { terms[r][2u + side] = dot(own_rows[r], of_states[side][r]); }
        sum[r] += of_states[side][r];
      }
    }
  }

  // Where a token's heads lie side by side, the next row of a head is as many vectors further as
  // there are heads.
  let heads = select(1u, uniforms.joinedHeads, MAY_JOIN_HEADS);
  let place = select(start, joined_heads_at(start), MAY_JOIN_HEADS) + row * heads;

  // 4. The row sums, which the last four columns have, and the division by them.
  if (NORMALIZES) {
    if (has_tile && vec == vecs - 1u) {
      for (var r = 0u; r < TILE; r++) { // unroll
        totals[tile_row + r] = uniforms.scale * sum[r][uniforms.valueDim % 4u];
        if (row + r < count) { write_row_sum(token + r, totals[tile_row + r]); }
      }
    }
    workgroupBarrier();
    if (has_tile) {
      for (var r = 0u; r < TILE; r++) { // unroll
        let divisor = select(1.0, totals[tile_row + r] + uniforms.epsilon, uniforms.normalize == 1u);
        if (row + r < count) { write_z(place + r * heads, vec, uniforms.scale * sum[r] / divisor); }
      }
    }
    return;
  }
  if (has_tile) {
    for (var r = 0u; r < TILE; r++) { // unroll
      if (row + r < count) { write_z(place + r * heads, vec, sum[r]); }
    }
  }
  if (HAS_TERMS) {
    workgroupBarrier();
    if (has_tile) {
      for (var r = 0u; r < TILE; r++) { // unroll
        scores[(tile_row + r) * vecs + vec] = terms[r];
      }
    }
    workgroupBarrier();
    for (var r = thread; r < ROWS && first_row + r < count; r += THREADS) {
      var sums = vec4f();
      for (var n = 0u; n < vecs; n++) { sums += scores[r * vecs + n]; }
      write_terms(start + first_row + r, sums);
    }
  }
}
`;
