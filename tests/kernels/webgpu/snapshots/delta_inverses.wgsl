// lion_delta_inverses vec4
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
}
@group(0) @binding(0) var<storage, read_write> systems: array<f32>;
@group(0) @binding(1) var<uniform> uniforms: Uniforms;

var<private> solved: array<f32, 32>;

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
  for (var column = local; column < uniforms.rows; column += 64u) {
    for (var i = 0u; i < uniforms.rows; i++) {
      var x = select(0.0, 1.0, i == column);
      let row = 4u * at_pair(chunk, SYSTEM, i, 0u);
      for (var j = 0u; j < i; j++) { x -= systems[row + j] * solved[j]; }
      solved[i] = x;
      systems[4u * at_pair(chunk, INVERSE, i, 0u) + column] = x;
    }
  }
}
