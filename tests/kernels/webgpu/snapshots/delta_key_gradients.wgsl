// lion_delta_key_gradients diagonal vec4
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
@group(0) @binding(2) var<storage, read> beta: array<f32>;
@group(0) @binding(3) var<storage, read> products: array<f32>;
@group(0) @binding(4) var<storage, read> decays: array<Pack>;
@group(0) @binding(5) var<storage, read_write> borders: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> dq: array<Pack>;
@group(0) @binding(7) var<storage, read_write> dk: array<Pack>;
@group(0) @binding(8) var<uniform> uniforms: Uniforms;

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

fn beta_of(chunk: Chunk, row: u32) -> f32 {
  return select(0.0, beta[token_of(chunk, row)], row < chunk.count);
}
fn read_decays(token: u32, quad: u32) -> vec4f { return decays[token * (uniforms.headDim / 4u) + quad]; }
fn decay_of(chunk: Chunk, row: u32, quad: u32) -> vec4f {
  return select(vec4f(1.0), read_decays(token_of(chunk, row), quad), row < chunk.count);
}
fn read_dq(token: u32, quad: u32) -> vec4f { return dq[token * (uniforms.headDim / 4u) + quad]; }
fn write_dq(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.headDim + 3u) / 4u) { dq[token * (uniforms.headDim / 4u) + quad] = x; }
}
fn add_dq(token: u32, quad: u32, x: vec4f) {
  let old = read_dq(token, quad);
  write_dq(token, quad, select(x, old + x, uniforms.direction > 0u));
}
fn read_dk(token: u32, quad: u32) -> vec4f { return dk[token * (uniforms.headDim / 4u) + quad]; }
fn write_dk(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.headDim + 3u) / 4u) { dk[token * (uniforms.headDim / 4u) + quad] = x; }
}
fn add_dk(token: u32, quad: u32, x: vec4f) {
  let old = read_dk(token, quad);
  write_dk(token, quad, select(x, old + x, uniforms.direction > 0u));
}
fn of_news(chunk: Chunk, i: u32, j: u32) -> f32 {
  return products[4u * at_pair(chunk, SYSTEM, i, 0u) + j];
}
fn of_sums(chunk: Chunk, i: u32, j: u32) -> f32 {
  return products[4u * at_pair(chunk, SCORES, i, 0u) + j];
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

  let sweep = workgroup / uniforms.chunks * uniforms.directions + uniforms.direction;
  let chunk = chunk_of(sweep, workgroup % uniforms.chunks);

  for (var item = local; item < uniforms.rows / 1u * uniforms.headQuads; item += 64u) {
    let row = item / uniforms.headQuads * 1u;
    let quad = item % uniforms.headQuads;

      if (row >= chunk.count) { continue; }
      let token = token_of(chunk, row);
      let weight = beta_of(chunk, row);
      let key = row_of_k(chunk, row, quad);
      let query = row_of_q(chunk, row, quad);
      // Of the keys before the row.
      var erased = vec4f();
      var read = vec4f();
      var way = vec4f(1.0);
      for (var end = row; end > 0u; end--) {
        let j = end - 1u;
        way *= decay_of(chunk, end, quad);
        let x = way * row_of_k(chunk, j, quad);
        erased += of_news(chunk, row, j) * x;
        read += of_sums(chunk, row, j) * x;
      }
      let entering = way * decay_of(chunk, 0u, quad);
      // By the rows after it.
      var found = vec4f();
      way = vec4f(1.0);
      for (var i = row + 1u; i < chunk.count; i++) {
        way *= decay_of(chunk, i, quad);
        found += way * (of_sums(chunk, i, row) * row_of_q(chunk, i, quad)
          - beta_of(chunk, i) * of_news(chunk, i, row) * row_of_k(chunk, i, quad));
      }
      let at_erased = at_prepared(chunk, ERASED, row, quad);
      let at_read = at_prepared(chunk, READ, row, quad);
      let at_written = at_prepared(chunk, WRITTEN, row, quad);
      let of_state = entering * borders[at_read];
      let taken = entering * borders[at_erased];
      let given = way * borders[at_written];
      let own = of_sums(chunk, row, row);
      add_dq(token, quad, read + of_state + own * key);
      add_dk(token, quad, found + given + own * query - weight * (erased + taken));
      // What passes the whole chunk passes all rows, as what comes to the last does.
      let passing = select(
        vec4f(),
        entering * borders[at_prepared(chunk, THROUGH, 0u, quad)],
        row + 1u == chunk.count,
      );
      borders[at_erased] = key * (erased + taken);
      borders[at_read] = query * of_state - weight * key * taken + passing;
      borders[at_written] = key * (given + found + weight * erased) - query * read;
  }
}
