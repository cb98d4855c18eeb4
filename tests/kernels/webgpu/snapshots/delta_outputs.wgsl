// lion_delta_outputs vec4
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
  firstSequence: u32,
  scale: f32,
}
@group(0) @binding(0) var<storage, read> v: array<Pack>;
@group(0) @binding(1) var<storage, read> beta: array<f32>;
@group(0) @binding(2) var<storage, read> systems: array<vec4f>;
@group(0) @binding(3) var<storage, read> prepared: array<vec4f>;
@group(0) @binding(4) var<storage, read> written: array<vec4f>;
@group(0) @binding(5) var<storage, read> states: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<Pack>;
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

fn beta_of(chunk: Chunk, row: u32) -> f32 {
  return select(0.0, beta[token_of(chunk, row)], row < chunk.count);
}
fn write_y(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.valueDim + 3u) / 4u) { y[token * (uniforms.valueDim / 4u) + quad] = x; }
}

fn own_score(chunk: Chunk, row: u32) -> f32 {
  return systems[at_pair(chunk, SCORES, row, row / 4u)][row % 4u];
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

  let number = workgroup % uniforms.chunks;
  let first_sweep = workgroup / uniforms.chunks * uniforms.directions;
  // Of the first direction, whose rows are in the order of the tokens.
  let tokens = chunk_of(first_sweep, number);

  for (var item = local; item < uniforms.rows / 4u * uniforms.valueQuads; item += 64u) {
    let row = item / uniforms.valueQuads * 4u;
    let quad = item % uniforms.valueQuads;

      var sum0 = vec4f();
      var sum1 = vec4f();
      var sum2 = vec4f();
      var sum3 = vec4f();
      for (var direction = 0u; direction < uniforms.directions; direction++) {
        let chunk = chunk_of(first_sweep + direction, number);
        let last = chunk.count - 1u;
        let place0 = min(row + 0u, last);
        let row0 = select(place0, last - place0, chunk.back);
        let place1 = min(row + 1u, last);
        let row1 = select(place1, last - place1, chunk.back);
        let place2 = min(row + 2u, last);
        let row2 = select(place2, last - place2, chunk.back);
        let place3 = min(row + 3u, last);
        let row3 = select(place3, last - place3, chunk.back);
        for (var n = 0u; n < uniforms.headQuads; n++) {
          let carried = mat4x4f(states[at_state(chunk, 4u * n + 0u, quad)], states[at_state(chunk, 4u * n + 1u, quad)], states[at_state(chunk, 4u * n + 2u, quad)], states[at_state(chunk, 4u * n + 3u, quad)]);
          sum0 += carried * prepared[at_prepared(chunk, READ, row0, n)];
          sum1 += carried * prepared[at_prepared(chunk, READ, row1, n)];
          sum2 += carried * prepared[at_prepared(chunk, READ, row2, n)];
          sum3 += carried * prepared[at_prepared(chunk, READ, row3, n)];
        }
        for (var j = 0u; j < uniforms.rows / 4u; j++) {
          let found = mat4x4f(written[at_written(chunk, 4u * j + 0u, quad)], written[at_written(chunk, 4u * j + 1u, quad)], written[at_written(chunk, 4u * j + 2u, quad)], written[at_written(chunk, 4u * j + 3u, quad)]);
          sum0 += found * systems[at_pair(chunk, SCORES, row0, j)];
          sum1 += found * systems[at_pair(chunk, SCORES, row1, j)];
          sum2 += found * systems[at_pair(chunk, SCORES, row2, j)];
          sum3 += found * systems[at_pair(chunk, SCORES, row3, j)];
        }
        if (chunk.back) {
          sum0 -= beta_of(chunk, row0) * own_score(chunk, row0) * row_of_v(chunk, row0, quad);
          sum1 -= beta_of(chunk, row1) * own_score(chunk, row1) * row_of_v(chunk, row1, quad);
          sum2 -= beta_of(chunk, row2) * own_score(chunk, row2) * row_of_v(chunk, row2, quad);
          sum3 -= beta_of(chunk, row3) * own_score(chunk, row3) * row_of_v(chunk, row3, quad);
        }
      }
      if (row + 0u < tokens.count) {
        write_y(tokens.start + row + 0u, quad, uniforms.scale * sum0);
      }
      if (row + 1u < tokens.count) {
        write_y(tokens.start + row + 1u, quad, uniforms.scale * sum1);
      }
      if (row + 2u < tokens.count) {
        write_y(tokens.start + row + 2u, quad, uniforms.scale * sum2);
      }
      if (row + 3u < tokens.count) {
        write_y(tokens.start + row + 3u, quad, uniforms.scale * sum3);
      }
  }
}
