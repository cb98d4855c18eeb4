// lion_recurrent_forward forward logDecay threads=64 vec4
// dispatch 6 × 1 × 1
alias Pack = vec4f;
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
@group(0) @binding(4) var<storage, read_write> y: array<Pack>;
@group(0) @binding(5) var<storage, read_write> rowSums: array<f32>;
@group(0) @binding(6) var<uniform> uniforms: Uniforms;
const THREADS = 64u;

var<workgroup> parts: array<vec4f, 512>;
fn read_q(token: u32, quad: u32) -> vec4f { return q[token * (uniforms.headDim / 4u) + quad]; }
fn rows_of_q(token: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_q(token, quad), quad < (uniforms.headDim + 3u) / 4u);
}
fn read_k(token: u32, quad: u32) -> vec4f { return k[token * (uniforms.headDim / 4u) + quad]; }
fn rows_of_k(token: u32, quad: u32) -> vec4f {
  return select(vec4f(), read_k(token, quad), quad < (uniforms.headDim + 3u) / 4u);
}
fn read_v(token: u32, quad: u32) -> vec4f { return v[token * (uniforms.valueDim / 4u) + quad]; }
fn values_of(token: u32, quad: u32) -> vec4f {
  let values = select(vec4f(), read_v(token, quad), quad < (uniforms.valueDim + 3u) / 4u);
  return select(values, vec4f(1.0), 4u * quad + vec4u(0u, 1u, 2u, 3u) == vec4u(uniforms.valueDim));
}
fn read_y(token: u32, quad: u32) -> vec4f { return y[token * (uniforms.valueDim / 4u) + quad]; }
fn write_y(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.valueDim + 3u) / 4u) { y[token * (uniforms.valueDim / 4u) + quad] = x; }
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


@compute @workgroup_size(THREADS)
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
  var state0 = vec4f();
  var state1 = vec4f();
  var state2 = vec4f();
  var state3 = vec4f();
  var state4 = vec4f();
  var state5 = vec4f();
  var state6 = vec4f();
  var state7 = vec4f();
  for (var first = 0u; first <= last; first += 8u) {
    let count = min(8u, uniforms.length - first);
    if (is_working) {
      for (var t = 0u; t < count; t++) {
        let token = base + (first + t);
        let q0 = rows_of_q(token, 2u * lane + 0u);
        let q1 = rows_of_q(token, 2u * lane + 1u);
        let k0 = rows_of_k(token, 2u * lane + 0u);
        let k1 = rows_of_k(token, 2u * lane + 1u);
        let value = values_of(token, quad);
        var sum = vec4f();
        let decay = select(exp(logDecay[token]), 0.0, first + t == 0u);
        state0 *= decay; sum += q0[0] * state0; state0 += k0[0] * value;
        state1 *= decay; sum += q0[1] * state1; state1 += k0[1] * value;
        state2 *= decay; sum += q0[2] * state2; state2 += k0[2] * value;
        state3 *= decay; sum += q0[3] * state3; state3 += k0[3] * value;
        state4 *= decay; sum += q1[0] * state4; state4 += k1[0] * value;
        state5 *= decay; sum += q1[1] * state5; state5 += k1[1] * value;
        state6 *= decay; sum += q1[2] * state6; state6 += k1[2] * value;
        state7 *= decay; sum += q1[3] * state7; state7 += k1[3] * value;
        sum += (dot(q0, k0) + dot(q1, k1)) * value;
        parts[(t * uniforms.lanes + lane) * uniforms.across + place] = sum;
      }
    }
    workgroupBarrier();
    for (var item = local; item < count * uniforms.across; item += 64u) {
      let t = item / uniforms.across;
      let column = item % uniforms.across;
      let quad = quad_at(tile, column);
      let token = base + (first + t);
      var sum = vec4f();
      var total = 0.0;
      for (var lane = 0u; lane < uniforms.lanes; lane++) {
        let at = (t * uniforms.lanes + lane) * uniforms.across;
        sum += parts[at + column];
        total += parts[at + uniforms.across - 1u][ones];
      }
      sum *= uniforms.scale;
      total *= uniforms.scale;


      if (is_own(tile, column)) {
        write_y(token, quad, sum);
        if (quad == uniforms.wholeQuads) { rowSums[token] = total; }
      }
    }
    workgroupBarrier();
  }

}
