// lion_recurrent_forward backward logDecay firstState sumsBefore lastState last threads=32
// dispatch 2 × 1 × 1
alias Pack = f32;
struct Uniforms {
  workgroups: u32,
  length: u32,
  headDim: u32,
  valueDim: u32,
  lanes: u32,
  across: u32,
  wholeQuads: u32,
  tiles: u32,
  normalize: u32,
  scale: f32,
  epsilon: f32,
}
@group(0) @binding(0) var<storage, read> q: array<Pack>;
@group(0) @binding(1) var<storage, read> k: array<Pack>;
@group(0) @binding(2) var<storage, read> v: array<Pack>;
@group(0) @binding(3) var<storage, read> logDecay: array<f32>;
@group(0) @binding(4) var<storage, read> firstState: array<f32>;
@group(0) @binding(5) var<storage, read> sumsBefore: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<Pack>;
@group(0) @binding(7) var<storage, read_write> rowSums: array<f32>;
@group(0) @binding(8) var<storage, read_write> lastState: array<f32>;
@group(0) @binding(9) var<uniform> uniforms: Uniforms;

var<workgroup> parts: array<vec4f, 256>;
fn read_q(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.headDim + column;
  return vec4f(select(0.0, q[first + 0u], column + 0u < uniforms.headDim), select(0.0, q[first + 1u], column + 1u < uniforms.headDim), select(0.0, q[first + 2u], column + 2u < uniforms.headDim), select(0.0, q[first + 3u], column + 3u < uniforms.headDim));
}
fn rows_of_q(token: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_q(token, quad), quad < (uniforms.headDim + 3u) / 4u);
}
fn read_k(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.headDim + column;
  return vec4f(select(0.0, k[first + 0u], column + 0u < uniforms.headDim), select(0.0, k[first + 1u], column + 1u < uniforms.headDim), select(0.0, k[first + 2u], column + 2u < uniforms.headDim), select(0.0, k[first + 3u], column + 3u < uniforms.headDim));
}
fn rows_of_k(token: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_k(token, quad), quad < (uniforms.headDim + 3u) / 4u);
}
fn read_v(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.valueDim + column;
  return vec4f(select(0.0, v[first + 0u], column + 0u < uniforms.valueDim), select(0.0, v[first + 1u], column + 1u < uniforms.valueDim), select(0.0, v[first + 2u], column + 2u < uniforms.valueDim), select(0.0, v[first + 3u], column + 3u < uniforms.valueDim));
}
fn values_of(token: u32, quad: u32) -> vec4f {
  let values = select(vec4f(), read_v(token, quad), quad < (uniforms.valueDim + 3u) / 4u);
  return select(values, vec4f(1.0), 4u * quad + vec4u(0u, 1u, 2u, 3u) == vec4u(uniforms.valueDim));
}
fn read_y(token: u32, quad: u32) -> vec4f {
  let column = 4u * quad;
  let first = token * uniforms.valueDim + column;
  return vec4f(select(0.0, y[first + 0u], column + 0u < uniforms.valueDim), select(0.0, y[first + 1u], column + 1u < uniforms.valueDim), select(0.0, y[first + 2u], column + 2u < uniforms.valueDim), select(0.0, y[first + 3u], column + 3u < uniforms.valueDim));
}
fn write_y(token: u32, quad: u32, x: vec4f) {
  for (var i = 0u; i < 4u && 4u * quad + i < uniforms.valueDim; i++) {
    y[token * uniforms.valueDim + 4u * quad + i] = x[i];
  }
}

// The quad of a place; behind the workgroup's own is the last one.
fn quad_at(tile: u32, place: u32) -> u32 {
  let own = uniforms.across - 1u;
  return select(tile * own + place, uniforms.wholeQuads, place == own);
}

// Whether the workgroup is the one that writes it.
fn is_own(tile: u32, place: u32) -> bool {
  let is_last = place == uniforms.across - 1u;
  return select(quad_at(tile, place) < uniforms.wholeQuads, tile == 0u, is_last);
}

fn enter_firstState(sequence: u32, row: u32, quad: u32) -> vec4f {
  var state = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let column = 4u * quad + i;
    if (row >= uniforms.headDim || column > uniforms.valueDim) { continue; }
    let at = (sequence * uniforms.headDim + row) * (uniforms.valueDim + 1u) + column;
    state[i] = firstState[at];
  }
  return state;
}

fn leave_lastState(sequence: u32, row: u32, quad: u32, state: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    let column = 4u * quad + i;
    if (row >= uniforms.headDim || column > uniforms.valueDim) { continue; }
    let at = (sequence * uniforms.headDim + row) * (uniforms.valueDim + 1u) + column;
    lastState[at] = state[i];
  }
}
@compute @workgroup_size(32)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let workgroup = group.y * groups.x + group.x;
  let layer = group.z;
  if (workgroup >= uniforms.workgroups) { return; }

  let lane = local / uniforms.across;
  let place = local % uniforms.across;
  let is_working = lane < uniforms.lanes;
  let last = uniforms.length - 1u;
  let sequence = workgroup / uniforms.tiles;
  let tile = workgroup % uniforms.tiles;
  let base = sequence * uniforms.length;
  let quad = quad_at(tile, place);
  let ones = uniforms.valueDim % 4u;
  var state0 = enter_firstState(sequence, 8u * lane + 0u, quad);
  var state1 = enter_firstState(sequence, 8u * lane + 1u, quad);
  var state2 = enter_firstState(sequence, 8u * lane + 2u, quad);
  var state3 = enter_firstState(sequence, 8u * lane + 3u, quad);
  var state4 = enter_firstState(sequence, 8u * lane + 4u, quad);
  var state5 = enter_firstState(sequence, 8u * lane + 5u, quad);
  var state6 = enter_firstState(sequence, 8u * lane + 6u, quad);
  var state7 = enter_firstState(sequence, 8u * lane + 7u, quad);
  for (var first = 0u; first <= last; first += 8u) {
    let count = min(8u, uniforms.length - first);
    if (is_working) {
      for (var t = 0u; t < count; t++) {
        let token = base + last - (first + t);
        let q0 = rows_of_q(token, 2u * lane + 0u);
        let q1 = rows_of_q(token, 2u * lane + 1u);
        let k0 = rows_of_k(token, 2u * lane + 0u);
        let k1 = rows_of_k(token, 2u * lane + 1u);
        let value = values_of(token, quad);
        var sum = vec4f();
        let decay = exp(logDecay[token]);
        state0 *= decay; sum += q0[0] * state0; state0 += k0[0] * value;
        state1 *= decay; sum += q0[1] * state1; state1 += k0[1] * value;
        state2 *= decay; sum += q0[2] * state2; state2 += k0[2] * value;
        state3 *= decay; sum += q0[3] * state3; state3 += k0[3] * value;
        state4 *= decay; sum += q1[0] * state4; state4 += k1[0] * value;
        state5 *= decay; sum += q1[1] * state5; state5 += k1[1] * value;
        state6 *= decay; sum += q1[2] * state6; state6 += k1[2] * value;
        state7 *= decay; sum += q1[3] * state7; state7 += k1[3] * value;

        parts[(t * uniforms.lanes + lane) * uniforms.across + place] = sum;
      }
    }
    workgroupBarrier();
    for (var item = local; item < count * uniforms.across; item += 32u) {
      let t = item / uniforms.across;
      let column = item % uniforms.across;
      let quad = quad_at(tile, column);
      let token = base + last - (first + t);
      var sum = vec4f();
      var total = 0.0;
      for (var lane = 0u; lane < uniforms.lanes; lane++) {
        let at = (t * uniforms.lanes + lane) * uniforms.across;
        sum += parts[at + column];
        total += parts[at + uniforms.across - 1u][ones];
      }
      sum *= uniforms.scale;
      total *= uniforms.scale;
      sum += read_y(token, quad);
      total += sumsBefore[token];
      sum /= select(1.0, total + uniforms.epsilon, uniforms.normalize != 0u);
      if (is_own(tile, column)) {
        write_y(token, quad, sum);
        if (quad == uniforms.wholeQuads) { rowSums[token] = total; }
      }
    }
    workgroupBarrier();
  }
  if (is_working && is_own(tile, place)) {
    leave_lastState(sequence, 8u * lane + 0u, quad, state0);
    leave_lastState(sequence, 8u * lane + 1u, quad, state1);
    leave_lastState(sequence, 8u * lane + 2u, quad, state2);
    leave_lastState(sequence, 8u * lane + 3u, quad, state3);
    leave_lastState(sequence, 8u * lane + 4u, quad, state4);
    leave_lastState(sequence, 8u * lane + 5u, quad, state5);
    leave_lastState(sequence, 8u * lane + 6u, quad, state6);
    leave_lastState(sequence, 8u * lane + 7u, quad, state7);
  }
}
