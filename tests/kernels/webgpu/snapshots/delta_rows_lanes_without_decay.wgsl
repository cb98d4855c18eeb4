// lion_delta_rows lanes none vec4
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
  direction: u32,
}
@group(0) @binding(0) var<storage, read> q: array<Pack>;
@group(0) @binding(1) var<storage, read> k: array<Pack>;
@group(0) @binding(2) var<storage, read> v: array<Pack>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> systems: array<f32>;
@group(0) @binding(5) var<storage, read_write> prepared: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> written: array<vec4f>;
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

fn read_q(token: u32, quad: u32) -> vec4f { return q[token * (uniforms.headDim / 4u) + quad]; }
fn row_of_q(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_q(token_of(chunk, row), quad), row < chunk.count);
}
fn read_k(token: u32, quad: u32) -> vec4f { return k[token * (uniforms.headDim / 4u) + quad]; }
fn row_of_k(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_k(token_of(chunk, row), quad), row < chunk.count);
}
fn read_v(token: u32, quad: u32) -> vec4f { return v[token * (uniforms.valueDim / 4u) + quad]; }
fn row_of_v(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_v(token_of(chunk, row), quad), row < chunk.count);
}

fn beta_of(chunk: Chunk, row: u32) -> f32 {
  return select(0.0, beta[token_of(chunk, row)], row < chunk.count);
}
fn decay_of(chunk: Chunk, row: u32, quad: u32) -> vec4f { return vec4f(1.0); }
fn solution(chunk: Chunk, row: u32, column: u32) -> f32 {
  return systems[4u * at_pair(chunk, INVERSE, row, 0u) + column];
}

@compute @workgroup_size(8)
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

  for (var row = 0u; row < uniforms.rows; row += 4u) {
    for (var quad = local; quad < uniforms.headQuads; quad += 8u) {

      var sum0 = vec4f();
      var sum1 = vec4f();
      var sum2 = vec4f();
      var sum3 = vec4f();
      var way = vec4f(1.0);
      for (var j = 0u; j < row + 4u; j++) {
        way *= decay_of(chunk, j, quad);
        let x = beta_of(chunk, j) * way * row_of_k(chunk, j, quad);
        sum0 += solution(chunk, row + 0u, j) * x;
        sum1 += solution(chunk, row + 1u, j) * x;
        sum2 += solution(chunk, row + 2u, j) * x;
        sum3 += solution(chunk, row + 3u, j) * x;
        if (j >= row) {
          prepared[at_prepared(chunk, READ, j, quad)] = way * row_of_q(chunk, j, quad);
        }
      }
      prepared[at_prepared(chunk, ERASED, row + 0u, quad)] = sum0;
      prepared[at_prepared(chunk, ERASED, row + 1u, quad)] = sum1;
      prepared[at_prepared(chunk, ERASED, row + 2u, quad)] = sum2;
      prepared[at_prepared(chunk, ERASED, row + 3u, quad)] = sum3;
      way = vec4f(1.0);
      for (var after = uniforms.rows; after > row; after--) {
        let j = after - 1u;
        if (j < row + 4u) {
          prepared[at_prepared(chunk, WRITTEN, j, quad)] = way * row_of_k(chunk, j, quad);
        }
        way *= decay_of(chunk, j, quad);
      }
      if (row == 0u) { prepared[at_prepared(chunk, THROUGH, 0u, quad)] = way; }
    }
  }

  for (var row = 0u; row < uniforms.rows; row += 4u) {
    for (var quad = local; quad < uniforms.valueQuads; quad += 8u) {

      var sum0 = vec4f();
      var sum1 = vec4f();
      var sum2 = vec4f();
      var sum3 = vec4f();
      for (var j = 0u; j < row + 4u; j++) {
        let x = beta_of(chunk, j) * row_of_v(chunk, j, quad);
        sum0 += solution(chunk, row + 0u, j) * x;
        sum1 += solution(chunk, row + 1u, j) * x;
        sum2 += solution(chunk, row + 2u, j) * x;
        sum3 += solution(chunk, row + 3u, j) * x;
      }
      written[at_written(chunk, row + 0u, quad)] = sum0;
      written[at_written(chunk, row + 1u, quad)] = sum1;
      written[at_written(chunk, row + 2u, quad)] = sum2;
      written[at_written(chunk, row + 3u, quad)] = sum3;
    }
  }
}
