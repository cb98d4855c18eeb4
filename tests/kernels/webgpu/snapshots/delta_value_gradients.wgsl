// lion_delta_value_gradients vec4
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
@group(0) @binding(2) var<storage, read> dy: array<Pack>;
@group(0) @binding(3) var<storage, read> systems: array<vec4f>;
@group(0) @binding(4) var<storage, read> dnews: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dv: array<Pack>;
@group(0) @binding(6) var<storage, read_write> dbeta: array<f32>;
@group(0) @binding(7) var<uniform> uniforms: Uniforms;

var<workgroup> parts: array<f32, 128>;

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

fn own_score(chunk: Chunk, row: u32) -> f32 {
  return systems[at_pair(chunk, SCORES, row, row / 4u)][row % 4u];
}

fn write_dv(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.valueDim + 3u) / 4u) { dv[token * (uniforms.valueDim / 4u) + quad] = x; }
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

  let number = workgroup % uniforms.chunks;
  let first_sweep = workgroup / uniforms.chunks * uniforms.directions;
  let place = local / 4u;
  let lane = local % 4u;
  // Of the first direction, whose rows are in the order of the tokens.
  let tokens = chunk_of(first_sweep, number);
  let is_working = place < tokens.count;
  var part = 0.0;
  for (var quad = lane; is_working && quad < uniforms.valueQuads; quad += 4u) {
    let value = row_of_v(tokens, place, quad);
    var sum = vec4f();
    for (var direction = 0u; direction < uniforms.directions; direction++) {
      let chunk = chunk_of(first_sweep + direction, number);
      let row = select(place, chunk.count - 1u - place, chunk.back);
      let news = dnews[at_written(chunk, row, quad)];
      let weight = beta_of(chunk, row);
      sum += weight * news;
      part += dot(news, value);
      if (chunk.back) {
        let slope = uniforms.scale * own_score(chunk, row) * row_of_dy(tokens, place, quad);
        sum -= weight * slope;
        part -= dot(slope, value);
      }
    }
    write_dv(tokens.start + place, quad, sum);
  }
  parts[local] = part;
  workgroupBarrier();
  if (is_working && lane == 0u) {
    var sum = 0.0;
    for (var i = 0u; i < 4u; i++) { sum += parts[local + i]; }
    dbeta[tokens.start + place] = sum;
  }
}
