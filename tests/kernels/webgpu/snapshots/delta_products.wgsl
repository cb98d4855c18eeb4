// lion_delta_products vec4
// dispatch 12 × 1 × 1
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
  firstSequence: u32,
  scale: f32,
}
@group(0) @binding(0) var<storage, read> v: array<Pack>;
@group(0) @binding(1) var<storage, read> beta: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<Pack>;
@group(0) @binding(3) var<storage, read> written: array<vec4f>;
@group(0) @binding(4) var<storage, read> dnews: array<vec4f>;
@group(0) @binding(5) var<storage, read> states: array<vec4f>;
@group(0) @binding(6) var<storage, read> dstates: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> products: array<vec4f>;
@group(0) @binding(8) var<storage, read_write> borders: array<vec4f>;
@group(0) @binding(9) var<uniform> uniforms: Uniforms;

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

fn read_v(token: u32, quad: u32) -> vec4f { return v[token * (uniforms.valueDim / 4u) + quad]; }
fn row_of_v(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_v(token_of(chunk, row), quad), row < chunk.count);
}
fn read_dy(token: u32, quad: u32) -> vec4f { return dy[token * (uniforms.valueDim / 4u) + quad]; }
fn row_of_dy(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_dy(token_of(chunk, row), quad), row < chunk.count);
}

fn beta_of(chunk: Chunk, row: u32) -> f32 {
  return select(0.0, beta[token_of(chunk, row)], row < chunk.count);
}
fn slope_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return uniforms.scale * row_of_dy(chunk, row, quad);
}

fn multiply_pairs(chunk: Chunk, row_block: u32, column_block: u32) {
  let row = row_block * 4u;
  let column = column_block * 4u;
  let subtracts = chunk.back && row_block == column_block;
  var of_news0 = vec4f();
  var of_sums0 = vec4f();
  var of_news1 = vec4f();
  var of_sums1 = vec4f();
  var of_news2 = vec4f();
  var of_sums2 = vec4f();
  var of_news3 = vec4f();
  var of_sums3 = vec4f();
  for (var e = 0u; e < uniforms.valueQuads && column_block <= row_block; e++) {
    let found = mat4x4f(written[at_written(chunk, column + 0u, e)], written[at_written(chunk, column + 1u, e)], written[at_written(chunk, column + 2u, e)], written[at_written(chunk, column + 3u, e)]);
    let slope0 = slope_of(chunk, row + 0u, e);
    of_news0 += dnews[at_written(chunk, row + 0u, e)] * found;
    of_sums0 += slope0 * found;
    let slope1 = slope_of(chunk, row + 1u, e);
    of_news1 += dnews[at_written(chunk, row + 1u, e)] * found;
    of_sums1 += slope1 * found;
    let slope2 = slope_of(chunk, row + 2u, e);
    of_news2 += dnews[at_written(chunk, row + 2u, e)] * found;
    of_sums2 += slope2 * found;
    let slope3 = slope_of(chunk, row + 3u, e);
    of_news3 += dnews[at_written(chunk, row + 3u, e)] * found;
    of_sums3 += slope3 * found;
    if (subtracts) {
      of_sums0[0] -= beta_of(chunk, row + 0u) * dot(slope0, row_of_v(chunk, row + 0u, e));
      of_sums1[1] -= beta_of(chunk, row + 1u) * dot(slope1, row_of_v(chunk, row + 1u, e));
      of_sums2[2] -= beta_of(chunk, row + 2u) * dot(slope2, row_of_v(chunk, row + 2u, e));
      of_sums3[3] -= beta_of(chunk, row + 3u) * dot(slope3, row_of_v(chunk, row + 3u, e));
    }
  }
  products[at_pair(chunk, SYSTEM, row + 0u, column_block)] = of_news0;
  products[at_pair(chunk, SCORES, row + 0u, column_block)] = of_sums0;
  products[at_pair(chunk, SYSTEM, row + 1u, column_block)] = of_news1;
  products[at_pair(chunk, SCORES, row + 1u, column_block)] = of_sums1;
  products[at_pair(chunk, SYSTEM, row + 2u, column_block)] = of_news2;
  products[at_pair(chunk, SCORES, row + 2u, column_block)] = of_sums2;
  products[at_pair(chunk, SYSTEM, row + 3u, column_block)] = of_news3;
  products[at_pair(chunk, SCORES, row + 3u, column_block)] = of_sums3;
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

  let chunk = chunk_of(workgroup / uniforms.chunks, workgroup % uniforms.chunks);

  let blocks = uniforms.rows / 4u;
  if (local / 8u < blocks && local % 8u < blocks) { multiply_pairs(chunk, local / 8u, local % 8u); }

  for (var item = local; item < uniforms.rows / 4u * uniforms.headQuads; item += 64u) {
    let row = item / uniforms.headQuads * 4u;
    let quad = item % uniforms.headQuads;


      var erased0 = vec4f();
      var erased1 = vec4f();
      var erased2 = vec4f();
      var erased3 = vec4f();
      for (var e = 0u; e < uniforms.valueQuads; e++) {
        let state = mat4x4f(states[at_state(chunk, 4u * quad + 0u, e)], states[at_state(chunk, 4u * quad + 1u, e)], states[at_state(chunk, 4u * quad + 2u, e)], states[at_state(chunk, 4u * quad + 3u, e)]);
        erased0 += dnews[at_written(chunk, row + 0u, e)] * state;
        erased1 += dnews[at_written(chunk, row + 1u, e)] * state;
        erased2 += dnews[at_written(chunk, row + 2u, e)] * state;
        erased3 += dnews[at_written(chunk, row + 3u, e)] * state;
      }

      var read0 = vec4f();
      var read1 = vec4f();
      var read2 = vec4f();
      var read3 = vec4f();
      for (var e = 0u; e < uniforms.valueQuads; e++) {
        let state = mat4x4f(states[at_state(chunk, 4u * quad + 0u, e)], states[at_state(chunk, 4u * quad + 1u, e)], states[at_state(chunk, 4u * quad + 2u, e)], states[at_state(chunk, 4u * quad + 3u, e)]);
        read0 += slope_of(chunk, row + 0u, e) * state;
        read1 += slope_of(chunk, row + 1u, e) * state;
        read2 += slope_of(chunk, row + 2u, e) * state;
        read3 += slope_of(chunk, row + 3u, e) * state;
      }

      var wrote0 = vec4f();
      var wrote1 = vec4f();
      var wrote2 = vec4f();
      var wrote3 = vec4f();
      for (var e = 0u; e < uniforms.valueQuads; e++) {
        let state = mat4x4f(dstates[at_state(chunk, 4u * quad + 0u, e)], dstates[at_state(chunk, 4u * quad + 1u, e)], dstates[at_state(chunk, 4u * quad + 2u, e)], dstates[at_state(chunk, 4u * quad + 3u, e)]);
        wrote0 += written[at_written(chunk, row + 0u, e)] * state;
        wrote1 += written[at_written(chunk, row + 1u, e)] * state;
        wrote2 += written[at_written(chunk, row + 2u, e)] * state;
        wrote3 += written[at_written(chunk, row + 3u, e)] * state;
      }
      borders[at_prepared(chunk, ERASED, row + 0u, quad)] = erased0;
      borders[at_prepared(chunk, READ, row + 0u, quad)] = read0;
      borders[at_prepared(chunk, WRITTEN, row + 0u, quad)] = wrote0;
      borders[at_prepared(chunk, ERASED, row + 1u, quad)] = erased1;
      borders[at_prepared(chunk, READ, row + 1u, quad)] = read1;
      borders[at_prepared(chunk, WRITTEN, row + 1u, quad)] = wrote1;
      borders[at_prepared(chunk, ERASED, row + 2u, quad)] = erased2;
      borders[at_prepared(chunk, READ, row + 2u, quad)] = read2;
      borders[at_prepared(chunk, WRITTEN, row + 2u, quad)] = wrote2;
      borders[at_prepared(chunk, ERASED, row + 3u, quad)] = erased3;
      borders[at_prepared(chunk, READ, row + 3u, quad)] = read3;
      borders[at_prepared(chunk, WRITTEN, row + 3u, quad)] = wrote3;
      if (row == 0u) {
        var passed = vec4f();
        for (var e = 0u; e < uniforms.valueQuads; e++) {
          let at0 = at_state(chunk, 4u * quad + 0u, e);
          passed[0] += dot(states[at0], dstates[at0]);
          let at1 = at_state(chunk, 4u * quad + 1u, e);
          passed[1] += dot(states[at1], dstates[at1]);
          let at2 = at_state(chunk, 4u * quad + 2u, e);
          passed[2] += dot(states[at2], dstates[at2]);
          let at3 = at_state(chunk, 4u * quad + 3u, e);
          passed[3] += dot(states[at3], dstates[at3]);
        }
        borders[at_prepared(chunk, THROUGH, 0u, quad)] = passed;
      }
  }
}
