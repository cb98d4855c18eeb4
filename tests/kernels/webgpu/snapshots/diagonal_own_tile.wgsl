// lion_diagonal_own_tile channels
// dispatch 3 × 2 × 1
struct Problem {
  length: u32,
  chunks: u32,
  chunkSize: u32,
  firstSequence: u32,
  headDim: u32,
  valueDim: u32,
  normalize: u32,
  scale: f32,
  epsilon: f32,
}
@group(0) @binding(0) var<storage, read> products: array<vec4f>;
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read> logs: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dq: array<f32>;
@group(0) @binding(5) var<storage, read_write> dk: array<f32>;
@group(0) @binding(6) var<storage, read_write> slopes: array<vec4f>;
@group(0) @binding(7) var<uniform> problem: Problem;

fn key_quads() -> u32 { return (problem.headDim + 3u) / 4u; }
fn value_quads() -> u32 { return (problem.valueDim + 3u) / 4u; }
fn sum_quads() -> u32 { return problem.valueDim / 4u + 1u; }

fn chunk_tiles() -> u32 { return (problem.chunkSize + 7u) / 8u; }
fn chunk_levels() -> u32 {
  let tiles = chunk_tiles();
  return select(firstLeadingBit(max(tiles, 2u) - 1u) + 1u, 0u, tiles == 1u);
}
fn chunk_slots() -> u32 { return 2u + chunk_levels(); }
fn score_quads() -> u32 { return (problem.chunkSize + 3u) / 4u; }
fn score_row(sequence: u32, token: u32) -> u32 {
  return (sequence * problem.length + token) * score_quads();
}
fn row_at(sequence: u32, slot: u32, token: u32, quad: u32) -> u32 {
  return ((sequence * chunk_slots() + slot) * problem.length + token) * key_quads() + quad;
}
fn log_at(sequence: u32, side: u32, token: u32, quad: u32) -> u32 {
  return ((sequence * 2u + side) * problem.length + token) * key_quads() + quad;
}
fn through_at(sequence: u32, chunk: u32, side: u32, quad: u32) -> u32 {
  return ((sequence * problem.chunks + chunk) * 2u + side) * key_quads() + quad;
}
fn total_at(sequence: u32, chunk: u32, tile: u32, slot: u32, quad: u32) -> u32 {
  let tiles = (sequence * problem.chunks + chunk) * chunk_tiles();
  return ((tiles + tile) * chunk_slots() + slot) * key_quads() + quad;
}
fn paid(sequence: u32, side: u32, first: u32, token: u32, count: u32, quad: u32) -> vec4f {
  return select(vec4f(), logs[log_at(sequence, side, first + min(token, count - 1u), quad)], token < count);
}
fn read_q(token: u32, quad: u32) -> vec4f { return vec4f(q[token * key_quads() + quad]); }
fn read_k(token: u32, quad: u32) -> vec4f { return vec4f(k[token * key_quads() + quad]); }
fn add_dq(token: u32, quad: u32, value: vec4f, isFirst: bool) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.headDim; i++) {
    let at = token * problem.headDim + quad * 4u + i;
    dq[at] = value[i] + select(dq[at], 0.0, isFirst);
  }
}
fn add_dk(token: u32, quad: u32, value: vec4f, isFirst: bool) {
  for (var i = 0u; i < 4u && quad * 4u + i < problem.headDim; i++) {
    let at = token * problem.headDim + quad * 4u + i;
    dk[at] = value[i] + select(dk[at], 0.0, isFirst);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) group: vec3u) {
  let sequence = group.y;
  let first = group.x * problem.chunkSize;
  let count = min(problem.chunkSize, problem.length - first);
  let item = group.z * 64u + thread;
  let quad = item % key_quads();
  let start = item / key_quads() * 8u;
  if (start >= count) { return; }
  let base = (problem.firstSequence + sequence) * problem.length + first;
  let last = count - 1u;
  for (var side = 0u; side < 2u; side++) {
    let isBefore = side == 0u;
    let token0 = select(start + 7u, start + 0u, isBefore);
    let key0 = read_k(base + min(token0, last), quad);
    let decay0 = exp(paid(sequence, side, first, token0, count, quad));
    var keys0 = vec4f();
    var slope0 = vec4f();
    let token1 = select(start + 6u, start + 1u, isBefore);
    let key1 = read_k(base + min(token1, last), quad);
    let decay1 = exp(paid(sequence, side, first, token1, count, quad));
    var keys1 = vec4f();
    var slope1 = vec4f();
    let token2 = select(start + 5u, start + 2u, isBefore);
    let key2 = read_k(base + min(token2, last), quad);
    let decay2 = exp(paid(sequence, side, first, token2, count, quad));
    var keys2 = vec4f();
    var slope2 = vec4f();
    let token3 = select(start + 4u, start + 3u, isBefore);
    let key3 = read_k(base + min(token3, last), quad);
    let decay3 = exp(paid(sequence, side, first, token3, count, quad));
    var keys3 = vec4f();
    var slope3 = vec4f();
    let token4 = select(start + 3u, start + 4u, isBefore);
    let key4 = read_k(base + min(token4, last), quad);
    let decay4 = exp(paid(sequence, side, first, token4, count, quad));
    var keys4 = vec4f();
    var slope4 = vec4f();
    let token5 = select(start + 2u, start + 5u, isBefore);
    let key5 = read_k(base + min(token5, last), quad);
    let decay5 = exp(paid(sequence, side, first, token5, count, quad));
    var keys5 = vec4f();
    var slope5 = vec4f();
    let token6 = select(start + 1u, start + 6u, isBefore);
    let key6 = read_k(base + min(token6, last), quad);
    let decay6 = exp(paid(sequence, side, first, token6, count, quad));
    var keys6 = vec4f();
    var slope6 = vec4f();
    let token7 = select(start + 0u, start + 7u, isBefore);
    let key7 = read_k(base + min(token7, last), quad);
    let decay7 = exp(paid(sequence, side, first, token7, count, quad));
    var keys7 = vec4f();
    var slope7 = vec4f();
    if (token0 < count) {
      let at = score_row(sequence, first + token0) + start / 4u;
      let left = products[at];
      // The last tile may have fewer quads.
      let right = select(vec4f(), products[at + 1u], start + 4u < count);
      let products = array<vec4f, 2>(
        select(right.wzyx, left, isBefore),
        select(left.wzyx, right, isBefore),
      );
      let query = read_q(base + token0, quad);
      let own = select(0.0, products[0][0], isBefore);
      var sum = own * key0;
      keys0 += own * query;

      add_dq(base + token0, quad, sum, isBefore);


    }
    if (token1 < count) {
      let at = score_row(sequence, first + token1) + start / 4u;
      let left = products[at];
      // The last tile may have fewer quads.
      let right = select(vec4f(), products[at + 1u], start + 4u < count);
      let products = array<vec4f, 2>(
        select(right.wzyx, left, isBefore),
        select(left.wzyx, right, isBefore),
      );
      let query = read_q(base + token1, quad);
      let own = select(0.0, products[0][1], isBefore);
      var sum = own * key1;
      keys1 += own * query;
      var decay = vec4f(1.0);
      decay *= decay1;
      let weight0 = products[0][0] * decay;
      let read0 = weight0 * key0;
      sum += read0;
      keys0 += weight0 * query;
      add_dq(base + token1, quad, sum, isBefore);
      var passed = vec4f();
      passed += query * read0;
      slope1 += passed;
    }
    if (token2 < count) {
      let at = score_row(sequence, first + token2) + start / 4u;
      let left = products[at];
      // The last tile may have fewer quads.
      let right = select(vec4f(), products[at + 1u], start + 4u < count);
      let products = array<vec4f, 2>(
        select(right.wzyx, left, isBefore),
        select(left.wzyx, right, isBefore),
      );
      let query = read_q(base + token2, quad);
      let own = select(0.0, products[0][2], isBefore);
      var sum = own * key2;
      keys2 += own * query;
      var decay = vec4f(1.0);
      decay *= decay2;
      let weight1 = products[0][1] * decay;
      let read1 = weight1 * key1;
      sum += read1;
      keys1 += weight1 * query;
      decay *= decay1;
      let weight0 = products[0][0] * decay;
      let read0 = weight0 * key0;
      sum += read0;
      keys0 += weight0 * query;
      add_dq(base + token2, quad, sum, isBefore);
      var passed = vec4f();
      passed += query * read0;
      slope1 += passed;
      passed += query * read1;
      slope2 += passed;
    }
    if (token3 < count) {
      let at = score_row(sequence, first + token3) + start / 4u;
      let left = products[at];
      // The last tile may have fewer quads.
      let right = select(vec4f(), products[at + 1u], start + 4u < count);
      let products = array<vec4f, 2>(
        select(right.wzyx, left, isBefore),
        select(left.wzyx, right, isBefore),
      );
      let query = read_q(base + token3, quad);
      let own = select(0.0, products[0][3], isBefore);
      var sum = own * key3;
      keys3 += own * query;
      var decay = vec4f(1.0);
      decay *= decay3;
      let weight2 = products[0][2] * decay;
      let read2 = weight2 * key2;
      sum += read2;
      keys2 += weight2 * query;
      decay *= decay2;
      let weight1 = products[0][1] * decay;
      let read1 = weight1 * key1;
      sum += read1;
      keys1 += weight1 * query;
      decay *= decay1;
      let weight0 = products[0][0] * decay;
      let read0 = weight0 * key0;
      sum += read0;
      keys0 += weight0 * query;
      add_dq(base + token3, quad, sum, isBefore);
      var passed = vec4f();
      passed += query * read0;
      slope1 += passed;
      passed += query * read1;
      slope2 += passed;
      passed += query * read2;
      slope3 += passed;
    }
    if (token4 < count) {
      let at = score_row(sequence, first + token4) + start / 4u;
      let left = products[at];
      // The last tile may have fewer quads.
      let right = select(vec4f(), products[at + 1u], start + 4u < count);
      let products = array<vec4f, 2>(
        select(right.wzyx, left, isBefore),
        select(left.wzyx, right, isBefore),
      );
      let query = read_q(base + token4, quad);
      let own = select(0.0, products[1][0], isBefore);
      var sum = own * key4;
      keys4 += own * query;
      var decay = vec4f(1.0);
      decay *= decay4;
      let weight3 = products[0][3] * decay;
      let read3 = weight3 * key3;
      sum += read3;
      keys3 += weight3 * query;
      decay *= decay3;
      let weight2 = products[0][2] * decay;
      let read2 = weight2 * key2;
      sum += read2;
      keys2 += weight2 * query;
      decay *= decay2;
      let weight1 = products[0][1] * decay;
      let read1 = weight1 * key1;
      sum += read1;
      keys1 += weight1 * query;
      decay *= decay1;
      let weight0 = products[0][0] * decay;
      let read0 = weight0 * key0;
      sum += read0;
      keys0 += weight0 * query;
      add_dq(base + token4, quad, sum, isBefore);
      var passed = vec4f();
      passed += query * read0;
      slope1 += passed;
      passed += query * read1;
      slope2 += passed;
      passed += query * read2;
      slope3 += passed;
      passed += query * read3;
      slope4 += passed;
    }
    if (token5 < count) {
      let at = score_row(sequence, first + token5) + start / 4u;
      let left = products[at];
      // The last tile may have fewer quads.
      let right = select(vec4f(), products[at + 1u], start + 4u < count);
      let products = array<vec4f, 2>(
        select(right.wzyx, left, isBefore),
        select(left.wzyx, right, isBefore),
      );
      let query = read_q(base + token5, quad);
      let own = select(0.0, products[1][1], isBefore);
      var sum = own * key5;
      keys5 += own * query;
      var decay = vec4f(1.0);
      decay *= decay5;
      let weight4 = products[1][0] * decay;
      let read4 = weight4 * key4;
      sum += read4;
      keys4 += weight4 * query;
      decay *= decay4;
      let weight3 = products[0][3] * decay;
      let read3 = weight3 * key3;
      sum += read3;
      keys3 += weight3 * query;
      decay *= decay3;
      let weight2 = products[0][2] * decay;
      let read2 = weight2 * key2;
      sum += read2;
      keys2 += weight2 * query;
      decay *= decay2;
      let weight1 = products[0][1] * decay;
      let read1 = weight1 * key1;
      sum += read1;
      keys1 += weight1 * query;
      decay *= decay1;
      let weight0 = products[0][0] * decay;
      let read0 = weight0 * key0;
      sum += read0;
      keys0 += weight0 * query;
      add_dq(base + token5, quad, sum, isBefore);
      var passed = vec4f();
      passed += query * read0;
      slope1 += passed;
      passed += query * read1;
      slope2 += passed;
      passed += query * read2;
      slope3 += passed;
      passed += query * read3;
      slope4 += passed;
      passed += query * read4;
      slope5 += passed;
    }
    if (token6 < count) {
      let at = score_row(sequence, first + token6) + start / 4u;
      let left = products[at];
      // The last tile may have fewer quads.
      let right = select(vec4f(), products[at + 1u], start + 4u < count);
      let products = array<vec4f, 2>(
        select(right.wzyx, left, isBefore),
        select(left.wzyx, right, isBefore),
      );
      let query = read_q(base + token6, quad);
      let own = select(0.0, products[1][2], isBefore);
      var sum = own * key6;
      keys6 += own * query;
      var decay = vec4f(1.0);
      decay *= decay6;
      let weight5 = products[1][1] * decay;
      let read5 = weight5 * key5;
      sum += read5;
      keys5 += weight5 * query;
      decay *= decay5;
      let weight4 = products[1][0] * decay;
      let read4 = weight4 * key4;
      sum += read4;
      keys4 += weight4 * query;
      decay *= decay4;
      let weight3 = products[0][3] * decay;
      let read3 = weight3 * key3;
      sum += read3;
      keys3 += weight3 * query;
      decay *= decay3;
      let weight2 = products[0][2] * decay;
      let read2 = weight2 * key2;
      sum += read2;
      keys2 += weight2 * query;
      decay *= decay2;
      let weight1 = products[0][1] * decay;
      let read1 = weight1 * key1;
      sum += read1;
      keys1 += weight1 * query;
      decay *= decay1;
      let weight0 = products[0][0] * decay;
      let read0 = weight0 * key0;
      sum += read0;
      keys0 += weight0 * query;
      add_dq(base + token6, quad, sum, isBefore);
      var passed = vec4f();
      passed += query * read0;
      slope1 += passed;
      passed += query * read1;
      slope2 += passed;
      passed += query * read2;
      slope3 += passed;
      passed += query * read3;
      slope4 += passed;
      passed += query * read4;
      slope5 += passed;
      passed += query * read5;
      slope6 += passed;
    }
    if (token7 < count) {
      let at = score_row(sequence, first + token7) + start / 4u;
      let left = products[at];
      // The last tile may have fewer quads.
      let right = select(vec4f(), products[at + 1u], start + 4u < count);
      let products = array<vec4f, 2>(
        select(right.wzyx, left, isBefore),
        select(left.wzyx, right, isBefore),
      );
      let query = read_q(base + token7, quad);
      let own = select(0.0, products[1][3], isBefore);
      var sum = own * key7;
      keys7 += own * query;
      var decay = vec4f(1.0);
      decay *= decay7;
      let weight6 = products[1][2] * decay;
      let read6 = weight6 * key6;
      sum += read6;
      keys6 += weight6 * query;
      decay *= decay6;
      let weight5 = products[1][1] * decay;
      let read5 = weight5 * key5;
      sum += read5;
      keys5 += weight5 * query;
      decay *= decay5;
      let weight4 = products[1][0] * decay;
      let read4 = weight4 * key4;
      sum += read4;
      keys4 += weight4 * query;
      decay *= decay4;
      let weight3 = products[0][3] * decay;
      let read3 = weight3 * key3;
      sum += read3;
      keys3 += weight3 * query;
      decay *= decay3;
      let weight2 = products[0][2] * decay;
      let read2 = weight2 * key2;
      sum += read2;
      keys2 += weight2 * query;
      decay *= decay2;
      let weight1 = products[0][1] * decay;
      let read1 = weight1 * key1;
      sum += read1;
      keys1 += weight1 * query;
      decay *= decay1;
      let weight0 = products[0][0] * decay;
      let read0 = weight0 * key0;
      sum += read0;
      keys0 += weight0 * query;
      add_dq(base + token7, quad, sum, isBefore);
      var passed = vec4f();
      passed += query * read0;
      slope1 += passed;
      passed += query * read1;
      slope2 += passed;
      passed += query * read2;
      slope3 += passed;
      passed += query * read3;
      slope4 += passed;
      passed += query * read4;
      slope5 += passed;
      passed += query * read5;
      slope6 += passed;
      passed += query * read6;
      slope7 += passed;
    }
    if (token0 < count) {
      add_dk(base + token0, quad, keys0, isBefore);
      slopes[log_at(sequence, side, first + token0, quad)] = slope0;
    }
    if (token1 < count) {
      add_dk(base + token1, quad, keys1, isBefore);
      slopes[log_at(sequence, side, first + token1, quad)] = slope1;
    }
    if (token2 < count) {
      add_dk(base + token2, quad, keys2, isBefore);
      slopes[log_at(sequence, side, first + token2, quad)] = slope2;
    }
    if (token3 < count) {
      add_dk(base + token3, quad, keys3, isBefore);
      slopes[log_at(sequence, side, first + token3, quad)] = slope3;
    }
    if (token4 < count) {
      add_dk(base + token4, quad, keys4, isBefore);
      slopes[log_at(sequence, side, first + token4, quad)] = slope4;
    }
    if (token5 < count) {
      add_dk(base + token5, quad, keys5, isBefore);
      slopes[log_at(sequence, side, first + token5, quad)] = slope5;
    }
    if (token6 < count) {
      add_dk(base + token6, quad, keys6, isBefore);
      slopes[log_at(sequence, side, first + token6, quad)] = slope6;
    }
    if (token7 < count) {
      add_dk(base + token7, quad, keys7, isBefore);
      slopes[log_at(sequence, side, first + token7, quad)] = slope7;
    }
  }
}
