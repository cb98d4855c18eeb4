// lion_delta_news_gradient vec4
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
@group(0) @binding(0) var<storage, read> systems: array<vec4f>;
@group(0) @binding(1) var<storage, read> dwritten: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dnews: array<vec4f>;
@group(0) @binding(3) var<uniform> uniforms: Uniforms;

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

  for (var item = local; item < uniforms.rows / 4u * uniforms.valueQuads; item += 64u) {
    let row = item / uniforms.valueQuads * 4u;
    let quad = item % uniforms.valueQuads;

      var sum0 = vec4f();
      var sum1 = vec4f();
      var sum2 = vec4f();
      var sum3 = vec4f();
      for (var i = row; i < uniforms.rows; i++) {
        let solved = systems[at_pair(chunk, INVERSE, i, row / 4u)];
        let slope = dwritten[at_written(chunk, i, quad)];
        sum0 += solved[0] * slope;
        sum1 += solved[1] * slope;
        sum2 += solved[2] * slope;
        sum3 += solved[3] * slope;
      }
      dnews[at_written(chunk, row + 0u, quad)] = sum0;
      dnews[at_written(chunk, row + 1u, quad)] = sum1;
      dnews[at_written(chunk, row + 2u, quad)] = sum2;
      dnews[at_written(chunk, row + 3u, quad)] = sum3;
  }
}
