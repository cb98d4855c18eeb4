/**
 * The texts of softmax attention's decay: log M_ij, which is added to the scores, and the
 * gradient in it.
 *
 * Every exponent is the sum of the log decays on its own path, and never a difference of
 * longer sums: the tokens are divided into units, and a path goes from its source to the
 * end of the unit, through the units between, and from the beginning of the reader's unit
 * to the reader; within a unit token by token.
 *
 * Of each token `rows` has three vectors: its statistics; f and b, and b of the token
 * before and f of the token after; and f after the token up to its unit's end, f from the
 * unit's beginning up to the token, b before the token down to the beginning, and b from
 * the end down to the token. Behind them it has, for each reader's and each source's unit
 * of a sequence, the sum over the units between.
 *
 * @module
 */

/** Tokens of a unit: whole tiles of any tiling. */
export const UNIT = 64;

/** The functions of {@linkcode LOG_MASK} where there is no decay. */
export const NO_LOG_MASK = /* wgsl */ `
fn scaled(score: vec4f, log_mask: vec4f) -> vec4f { return uniforms.scale * score; }
fn log_masks(place: Place, first: u32) -> array<vec4f, TILE> { return array<vec4f, TILE>(); }
`;

/**
 * `log_masks`, log M of a tile, and `scaled`, scores with it. With ROWS_READ, the rows are
 * the readers and the columns the sources, else the other way round.
 */
export const LOG_MASK = /* wgsl */ `
fn scaled(score: vec4f, log_mask: vec4f) -> vec4f { return uniforms.scale * score + log_mask; }
// The log decays of the steps to a token from the one before, or from the one after, on
// the way between a row and a column.
fn step_up(place: Place, position: u32) -> f32 {
  let steps = rows[STRIDE * (place.base + min(position, place.last)) + 1u];
  return select(steps.z, steps.x, ROWS_READ);
}
fn step_down(place: Place, position: u32) -> f32 {
  let steps = rows[STRIDE * (place.base + min(position, place.last)) + 1u];
  return select(steps.w, steps.y, ROWS_READ);
}
// A column's part of the path to rows of a later unit, or of an earlier one; and a row's.
fn of_column(token: u32, is_later: bool) -> f32 {
  let sums = rows[STRIDE * token + 2u];
  return select(select(sums.y, sums.z, ROWS_READ), select(sums.w, sums.x, ROWS_READ), is_later);
}
fn of_row(token: u32, is_later: bool) -> f32 {
  let sums = rows[STRIDE * token + 2u];
  return select(select(sums.x, sums.w, ROWS_READ), select(sums.z, sums.y, ROWS_READ), is_later);
}
fn between(place: Place, row_unit: u32, column_unit: u32) -> f32 {
  let units = (uniforms.length + UNIT - 1u) / UNIT;
  let pair = select(column_unit * units + row_unit, row_unit * units + column_unit, ROWS_READ);
  let sequence = place.base / uniforms.length;
  return rows[STRIDE * uniforms.tokens + sequence * ((units * units + 3u) / 4u) + pair / 4u][pair % 4u];
}

// Log M of the tile's rows and its columns in the block from a position on.
fn log_masks(place: Place, first: u32) -> array<vec4f, TILE> {
  let column = first + 4u * place.lane;
  let row_unit = min(place.row, place.last) / UNIT;
  let column_unit = min(column, place.last) / UNIT;
  if (row_unit == column_unit) { return log_masks_within(place, column); }
  var log_mask = array<vec4f, TILE>();
  let is_later = column_unit < row_unit;
  let tokens = tokens_at(place, column);
  let columns = between(place, row_unit, column_unit) + vec4f(
    of_column(tokens.x, is_later), of_column(tokens.y, is_later), of_column(tokens.z, is_later), of_column(tokens.w, is_later));
  for (var r = 0u; r < TILE; r++) { // unroll
    log_mask[r] = columns + of_row(place.base + min(place.row + r, place.last), is_later);
  }
  return log_mask;
}

fn log_masks_within(place: Place, column: u32) -> array<vec4f, TILE> {
  let columns = column + vec4u(0u, 1u, 2u, 3u);
  let reads_both = uniforms.causal == 0u;
  var log_mask = array<vec4f, TILE>();
  if (ROWS_READ || reads_both) {
    var sum = vec4f();
    for (var m = column + 1u; m < place.row; m++) {
      sum += select(vec4f(), vec4f(step_up(place, m)), vec4u(m) > columns);
    }
    for (var r = 0u; r < TILE; r++) { // unroll
      sum += select(vec4f(), vec4f(step_up(place, place.row + r)), vec4u(place.row + r) > columns);
      log_mask[r] = sum;
    }
  }
  if (!ROWS_READ || reads_both) {
    var sum = vec4f();
    for (var m = column + 2u; m >= place.row + TILE; m--) {
      sum += select(vec4f(), vec4f(step_down(place, m)), vec4u(m) < columns);
    }
    for (var s = 0u; s < TILE; s++) { // unroll
      let row = place.row + TILE - 1u - s;
      sum += select(vec4f(), vec4f(step_down(place, row)), vec4u(row) < columns);
      log_mask[TILE - 1u - s] += sum;
    }
  }
  return log_mask;
}
`;

/** Writes the numbers of a token, or four sums over units. */
export const DECAYS = /* wgsl */ `
  let units = (uniforms.length + UNIT - 1u) / UNIT;
  let index = workgroup * THREADS + local;
  if (index < uniforms.tokens) {
    let position = index % uniforms.length;
    let base = index - position;
    let start = position / UNIT * UNIT;
    let end = min(start + UNIT, uniforms.length);
    var sums = vec4f();
    for (var m = start; m < end; m++) {
      let forward = f[base + m];
      let back = read_b(base + m);
      sums += select(vec4f(), vec4f(forward, forward, back, back),
        vec4<bool>(m > position, m <= position, (m < position), (m >= position)));
    }
    let before = base + max(position, 1u) - 1u;
    let after = base + min(position + 1u, uniforms.length - 1u);
    let at = index / uniforms.length / uniforms.heads * uniforms.length + position;
    let segment = segment_of(at, 0u);
    rows[STRIDE * index] = vec4f(0.0, 0.0, 0.0, select(-segment, segment, is_token(at, 0u)));
    rows[STRIDE * index + 1u] = vec4f(f[index], read_b(index), read_b(before), f[after]);
    rows[STRIDE * index + 2u] = sums;
    return;
  }
  let quads = (units * units + 3u) / 4u;
  let quad = index - uniforms.tokens;
  let sequence = quad / quads;
  if (sequence >= uniforms.tokens / uniforms.length) { return; }
  var sums = vec4f();
  for (var x = 0u; x < 4u; x++) { // unroll
    let pair = 4u * (quad % quads) + x;
    let reader = pair / units;
    let source = pair % units;
    for (var unit = min(reader, source) + 1u; unit < max(reader, source); unit++) {
      var sum = 0.0;
      for (var m = unit * UNIT; m < min((unit + 1u) * UNIT, uniforms.length); m++) {
        let token = sequence * uniforms.length + m;
        if (reader > source) { sum += f[token]; } else { sum += read_b(token); }
      }
      sums[x] += sum;
    }
  }
  rows[STRIDE * uniforms.tokens + quad] = sums;`;

/**
 * `add_sides`: adds a tile's t_ij to the sums of its rows over columns before the row and
 * over columns after it; `write_sides` adds up those of all lanes.
 */
export const SIDES = /* wgsl */ `
fn add_sides(place: Place, first: u32, t: array<vec4f, TILE>, sides: ptr<function, array<vec2f, TILE>>) {
  let columns = first + 4u * place.lane + vec4u(0u, 1u, 2u, 3u);
  for (var r = 0u; r < TILE; r++) { // unroll
    let row = vec4u(place.row + r);
    (*sides)[r] += vec2f(
      dot(select(vec4f(), t[r], columns < row), vec4f(1.0)),
      dot(select(vec4f(), t[r], columns > row), vec4f(1.0)));
  }
}
fn write_sides(place: Place, layer: u32, sides: array<vec2f, TILE>) {
  var tile = array<vec4f, TILE>();
  for (var r = 0u; r < TILE; r++) { // unroll
    tile[r] = vec4f(sides[r], 0.0, 0.0);
  }
  workgroupBarrier();
  share(place, tile);
  if (layer > 0u) { return; }
  for (var r = place.lane; r < TILE; r += PER_ROW) {
    if (place.row + r > place.last) { continue; }
    var sum = vec2f();
    for (var lane = 0u; lane < PER_ROW; lane++) {
      sum += tiles[(place.tile_row + r) * PER_ROW + lane].xy;
    }
    let token = place.base + place.row + r;
    // Padding reads padding in the tiles, which may give anything.
    sum = select(vec2f(), sum, is_token(token, place.to_entry));
    row_sides[2u * token] = sum.x;
    row_sides[2u * token + 1u] = sum.y;
  }
}
`;

/** The functions of {@linkcode SIDES} where there is no decay. */
export const NO_SIDES = /* wgsl */ `
fn add_sides(place: Place, first: u32, t: array<vec4f, TILE>, sides: ptr<function, array<vec2f, TILE>>) {}
fn write_sides(place: Place, layer: u32, sides: array<vec2f, TILE>) {}
`;

/**
 * df_m = Σ_{j < m <= i} t_ij and db_m = Σ_{i <= m < j} t_ij, of the sums of t_ij of each
 * token as reader and as source: a workgroup adds up those of other units, and then its own
 * token by token.
 */
export const DECAY_GRADIENTS = /* wgsl */ `
  let units = (uniforms.length + UNIT - 1u) / UNIT;
  let base = workgroup / units * uniforms.length;
  let start = workgroup % units * UNIT;
  let end = min(start + UNIT, uniforms.length);
  var sum = vec2f();
  for (var m = end + local; m < uniforms.length; m += UNIT) { sum.x += rest_of(base + m).x; }
  for (var m = local; m < start; m += UNIT) { sum.y += rest_of(base + m).y; }
  others[local] = sum;
  if (start + local < end) { own[local] = rest_of(base + start + local); }
  workgroupBarrier();
  if (start + local >= end) { return; }
  sum = vec2f();
  for (var i = 0u; i < UNIT; i++) { sum += others[i]; }
  for (var i = local; i < end - start; i++) { sum.x += own[i].x; }
  for (var i = 0u; i <= local; i++) { sum.y += own[i].y; }
  let position = start + local;
  // Nobody arrives at the first token from the left, nor at the last from the right.
  df[base + position] = select(0.0, sum.x, position > 0u);
  write_db(base + position, select(0.0, sum.y, position + 1u < uniforms.length));`;

export const REST = /* wgsl */ `
var<workgroup> others: array<vec2f, UNIT>;
var<workgroup> own: array<vec2f, UNIT>;
// What a token reads less what is read of it, in each direction.
fn rest_of(token: u32) -> vec2f {
  return vec2f(query_sides[2u * token] - key_sides[2u * token + 1u], query_sides[2u * token + 1u] - key_sides[2u * token]);
}
`;
