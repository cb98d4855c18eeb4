// lion_delta_gate_gradients scalar
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
  firstSequence: u32,
  direction: u32,
}
@group(0) @binding(0) var<storage, read> borders: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(2) var<storage, read_write> dlog: array<f32>;
@group(0) @binding(3) var<uniform> uniforms: Uniforms;

var<workgroup> parts: array<vec3f, 128>;

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



// What the threads of a row have together.
fn sum_of_row(row: u32) -> vec3f {
  var sum = vec3f();
  for (var i = 0u; i < 4u; i++) { sum += parts[row * 4u + i]; }
  return sum;
}

@compute @workgroup_size(128)
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
  let row = local / 4u;
  let lane = local % 4u;
  var part = vec3f();
  for (var quad = lane; row < chunk.count && quad < uniforms.headQuads; quad += 4u) {
    part += vec3f(
      dot(borders[at_prepared(chunk, ERASED, row, quad)], vec4f(1.0)),
      dot(borders[at_prepared(chunk, READ, row, quad)], vec4f(1.0)),
      dot(borders[at_prepared(chunk, WRITTEN, row, quad)], vec4f(1.0)),
    );
  }
  parts[local] = part;
  workgroupBarrier();
  if (row < chunk.count && lane == 0u) {
    let token = token_of(chunk, row);
    dbeta[token] -= sum_of_row(row).x;

    var sum = 0.0;
    for (var i = 0u; i < chunk.count; i++) {
      let shares = sum_of_row(i);
      sum += select(shares.z, shares.y, i >= row);
    }
    dlog[token] = sum;
  }

}
