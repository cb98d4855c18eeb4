/**
 * The texts of softmax attention, in tiles of scores (`score_tiles.ts`).
 *
 * The forward pass has a running maximum and sum for each row, and a running weighted sum of
 * values, scaled down whenever the maximum rises. The gradient computes the scores again.
 * With the weights p_ij and D_i = dy_i · y_i,
 *
 *     dv_j = Σ_i p_ij dy_i          t_ij = p_ij (dy_i · v_j - D_i)
 *     dq_i = s Σ_j t_ij k_j         dk_j = s Σ_i t_ij q_i
 *
 * and t_ij is the gradient in log M_ij (`log_mask.wgsl.ts`).
 *
 * @module
 */

/** Segments are numbered in order. */
export const SEGMENTS = /* wgsl */ `
// A number below all scores; it is finite, since WGSL has no infinity.
const LOWEST = -3.4e38;
// The first block with a column of the segments that the workgroup's rows are of.
fn first_block(base: u32, first_row: u32, to_entry: u32) -> u32 {
  var start = 0u;
  while (start + COLUMNS <= first_row && segment_of(base + start + COLUMNS - 1u, to_entry) < segment_of(base + first_row, to_entry)) {
    start += COLUMNS;
  }
  return start;
}
// The last of the segments that the workgroup's rows are of.
fn last_segment(base: u32, first_row: u32, to_entry: u32) -> f32 {
  return segment_of(base + min(first_row + ROWS - 1u, uniforms.length - 1u), to_entry);
}
// The end of the columns that a row reads.
fn end_of(row: u32) -> u32 {
  return select(uniforms.length, min(uniforms.length, row + 1u), uniforms.causal != 0u);
}
`;

/** The maxima that the lanes of the tile's rows have found, of all of them. */
export const IN_SUBGROUPS = /* wgsl */ `
fn highest_of(place: Place, own: array<vec4f, 2>) -> array<vec4f, 2> {
  var highest = own;
  for (var distance = 1u; distance < PER_ROW; distance *= 2u) {
    highest[0] = max(highest[0], subgroupShuffleXor(highest[0], distance));
    highest[1] = max(highest[1], subgroupShuffleXor(highest[1], distance));
  }
  workgroupBarrier();
  return highest;
}
`;

export const IN_MEMORY = /* wgsl */ `
var<workgroup> highest: array<vec4f, PER_ROW * ROWS / 4u>;
fn highest_of(place: Place, own: array<vec4f, 2>) -> array<vec4f, 2> {
  var found = array<vec4f, 2>(vec4f(LOWEST), vec4f(LOWEST));
  for (var half = 0u; half < 2u; half++) { // unroll
    highest[place.lane * (ROWS / 4u) + place.tile_row / 4u + half] = own[half];
  }
  workgroupBarrier();
  for (var other = 0u; other < PER_ROW; other++) {
    for (var half = 0u; half < 2u; half++) { // unroll
      found[half] = max(found[half], highest[other * (ROWS / 4u) + place.tile_row / 4u + half]);
    }
  }
  return found;
}
`;

/** WGSL that declares where a thread is, and the last segment of its workgroup's rows. */
const PLACE = /* wgsl */ `
  let base = workgroup / uniforms.blocks * uniforms.length;
  let first_row = workgroup % uniforms.blocks * ROWS;
  let to_entry = workgroup / uniforms.blocks / uniforms.heads * uniforms.length - base;
  let place = place_of(base, first_row, layer, to_entry, local);
  let tokens_of_rows = rows_of(place);
  let last = last_segment(base, first_row, to_entry);`;

/**
 * WGSL that ends a loop at a block without the rows' segments, and declares a thread's
 * columns in the block.
 */
const COLUMNS_OF_BLOCK = /* wgsl */ `
    if (segment_of(base + first, to_entry) > last) { break; }
    let positions = first + 4u * place.lane + vec4u(0u, 1u, 2u, 3u);
    let tokens = tokens_at(place, first + 4u * place.lane);
`;

export const FORWARD = /* wgsl */ `${PLACE}
  var numbers = array<f32, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    numbers[r] = segment_of(tokens_of_rows[r], to_entry);
  }
  var sum = array<array<vec4f, TILE>, SUM_QUADS>();
  var totals = array<f32, TILE>();
  // The maxima of the tile's rows, four in a vector.
  var maximum = array<vec4f, 2>(vec4f(LOWEST), vec4f(LOWEST));
  let end = end_of(first_row + ROWS - 1u);
  for (var first = first_block(base, first_row, to_entry); first < end; first += COLUMNS) {${COLUMNS_OF_BLOCK}    let present = are_tokens(tokens, to_entry);
    let segment = vec4f(segment_of(tokens.x, to_entry), segment_of(tokens.y, to_entry), segment_of(tokens.z, to_entry), segment_of(tokens.w, to_entry));
    var score = products_scores(place, tokens_of_rows, first, local);
    let log_mask = log_masks(place, first);
    var kept = array<vec4<bool>, TILE>();
    var own = array<vec4f, 2>();
    for (var r = 0u; r < TILE; r++) { // unroll
      kept[r] = (positions < vec4u(end_of(place.row + r))) & present & (segment == vec4f(numbers[r]));
      score[r] = select(vec4f(LOWEST), scaled(score[r], log_mask[r]), kept[r]);
      let pair = max(score[r].xy, score[r].zw);
      own[r / 4u][r % 4u] = max(pair.x, pair.y);
    }
    // No thread still reads the previous block's tiles after this.
    let highest_now = highest_of(place, own);
    for (var half = 0u; half < 2u; half++) { // unroll
      let risen = max(maximum[half], highest_now[half]);
      let left = exp(maximum[half] - risen);
      maximum[half] = risen;
      for (var r = 0u; r < 4u; r++) { // unroll
        totals[4u * half + r] *= left[r];
        for (var i = 0u; i < SUM_QUADS; i++) { // unroll
          sum[i][4u * half + r] *= left[r];
        }
      }
    }
    for (var r = 0u; r < TILE; r++) { // unroll
      score[r] = select(vec4f(), exp(score[r] - maximum[r / 4u][r % 4u]), kept[r]);
    }
    share(place, score);
    add_columns_values(place, first, end, &sum, &totals);
  }
  for (var r = 0u; r < TILE; r++) { // unroll
    if (place.row + r <= place.last) {
      for (var i = 0u; i < SUM_QUADS; i++) { // unroll
        write_y(tokens_of_rows[r], place.quad + i * PER_ROW, select(vec4f(), sum[i][r] / totals[r], is_token(tokens_of_rows[r], to_entry)));
      }
      if (place.lane == 0u && layer == 0u) {
        maxima[tokens_of_rows[r]] = maximum[r / 4u][r % 4u];
        sums[tokens_of_rows[r]] = totals[r];
      }
    }
  }`;

export const ROWS = /* wgsl */ `
  let row = row_of(workgroup, local);
  let packs = packs_of(row);
  var part = 0.0;
  for (var i = local % uniforms.team; i < packs; i += uniforms.team) {
    part += total(y[row * uniforms.packs + i] * dy[row * uniforms.packs + i]);
  }
  let product = team_sum(local, vec2f(part, 0.0)).x;
  if (row < uniforms.rows && local % uniforms.team == 0u) {
    let at = row / uniforms.length / uniforms.heads * uniforms.length + row % uniforms.length;
    let found = vec4f(maxima[row], 1.0 / sums[row], product, segment_of(at, 0u));
    rows[STRIDE * row] = select(vec4f(0.0, 0.0, 0.0, -segment_of(at, 0u)), found, is_token(at, 0u));
  }`;

/**
 * WGSL functions of a token's statistics, and of padding and segments, from these; the
 * segments of padding count too.
 */
export const TOKENS = /* wgsl */ `
fn statistics_of(token: u32) -> vec4f { return rows[STRIDE * token]; }
fn is_token(token: u32, to_entry: u32) -> bool { return statistics_of(token).w > 0.0; }
fn segment_of(token: u32, to_entry: u32) -> f32 { return abs(statistics_of(token).w); }
`;

export const QUERY_GRADIENT = /* wgsl */ `${PLACE}
  var own = array<vec4f, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    own[r] = statistics_of(tokens_of_rows[r]);
  }
  var sides = array<vec2f, TILE>();
  var sum = array<array<vec4f, TILE>, SUM_QUADS>();
  var totals = array<f32, TILE>();
  let end = end_of(first_row + ROWS - 1u);
  for (var first = first_block(base, first_row, to_entry); first < end; first += COLUMNS) {${COLUMNS_OF_BLOCK}    let numbers = vec4f(statistics_of(tokens.x).w, statistics_of(tokens.y).w, statistics_of(tokens.z).w, statistics_of(tokens.w).w);
    let score = products_scores(place, tokens_of_rows, first, local);
    let log_mask = log_masks(place, first);
    var gradient = products_gradients(place, tokens_of_rows, first, local);
    for (var r = 0u; r < TILE; r++) { // unroll
      let weight = exp(scaled(score[r], log_mask[r]) - own[r].x) * own[r].y;
      gradient[r] = select(vec4f(), weight * (gradient[r] - own[r].z),
        (numbers == vec4f(own[r].w)) & (positions < vec4u(end_of(place.row + r))));
    }
    add_sides(place, first, gradient, &sides);
    share(place, gradient);
    add_columns_keys(place, first, end, &sum, &totals);
    workgroupBarrier();
  }
  write_sides(place, layer, sides);
  for (var r = 0u; r < TILE; r++) { // unroll
    if (place.row + r <= place.last) {
      for (var i = 0u; i < SUM_QUADS; i++) { // unroll
        write_dq(tokens_of_rows[r], place.quad + i * PER_ROW, select(vec4f(), uniforms.scale * sum[i][r], own[r].w > 0.0));
      }
    }
  }`;

export const KEY_GRADIENTS = /* wgsl */ `${PLACE}
  var number = array<f32, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    number[r] = statistics_of(tokens_of_rows[r]).w;
  }
  var sides = array<vec2f, TILE>();
  var key = array<array<vec4f, TILE>, SUM_QUADS>();
  var value = array<array<vec4f, TILE>, SUM_QUADS>();
  var totals = array<f32, TILE>();
  let end = uniforms.length;
  let start = select(first_block(base, first_row, to_entry), first_row / COLUMNS * COLUMNS, uniforms.causal != 0u);
  for (var first = start; first < end; first += COLUMNS) {${COLUMNS_OF_BLOCK}    let others = transpose(mat4x4f(statistics_of(tokens.x), statistics_of(tokens.y), statistics_of(tokens.z), statistics_of(tokens.w)));
    var score = products_scores(place, tokens_of_rows, first, local);
    let log_mask = log_masks(place, first);
    var gradient = products_gradients(place, tokens_of_rows, first, local);
    for (var r = 0u; r < TILE; r++) { // unroll
      let first_query = select(0u, place.row + r, uniforms.causal != 0u);
      let kept = (positions < vec4u(end)) & (others[3] == vec4f(number[r])) & (vec4u(first_query) <= positions);
      score[r] = select(vec4f(), exp(scaled(score[r], log_mask[r]) - others[0]) * others[1], kept);
      gradient[r] = select(vec4f(), score[r] * (gradient[r] - others[2]), kept);
    }
    share(place, score);
    add_columns_values(place, first, end, &value, &totals);
    workgroupBarrier();
    add_sides(place, first, gradient, &sides);
    share(place, gradient);
    add_columns_keys(place, first, end, &key, &totals);
    workgroupBarrier();
  }
  write_sides(place, layer, sides);
  for (var r = 0u; r < TILE; r++) { // unroll
    if (place.row + r <= place.last) {
      let token = tokens_of_rows[r];
      for (var i = 0u; i < SUM_QUADS; i++) { // unroll
        let quad = place.quad + i * PER_ROW;
        write_dk(token, quad, select(vec4f(), uniforms.scale * key[i][r], is_token(token, to_entry)));
        write_dv(token, quad, select(vec4f(), value[i][r], is_token(token, to_entry)));
      }
    }
  }`;
