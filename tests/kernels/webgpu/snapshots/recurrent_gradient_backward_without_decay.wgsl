// lion_recurrent_gradient backward threads=160 vec4
// dispatch 2 × 1 × 1
alias Pack = vec4f;
struct Uniforms {
  workgroups: u32,
  length: u32,
  headDim: u32,
  valueDim: u32,
  lanes: u32,
  across: u32,
  span: u32,
  pieces: u32,
  firstQuad: u32,
  firstSequence: u32,
  addsKeys: u32,
  addsValues: u32,
  addsDecay: u32,
}
@group(0) @binding(0) var<storage, read> q: array<Pack>;
@group(0) @binding(1) var<storage, read> k: array<Pack>;
@group(0) @binding(2) var<storage, read> v: array<Pack>;
@group(0) @binding(3) var<storage, read> dy: array<Pack>;
@group(0) @binding(4) var<storage, read> rows: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> dq: array<Pack>;
@group(0) @binding(6) var<storage, read_write> dk: array<Pack>;
@group(0) @binding(7) var<storage, read_write> dv: array<Pack>;
@group(0) @binding(8) var<storage, read_write> kept: array<vec4f>;
@group(0) @binding(9) var<uniform> uniforms: Uniforms;

// Of each thread dq and dk, two quads each, and dv.
var<workgroup> ofRows: array<vec4f, 640>;
var<workgroup> ofColumns: array<vec4f, 160>;

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
fn read_dy(token: u32, quad: u32) -> vec4f { return dy[token * (uniforms.valueDim / 4u) + quad]; }
// The gradient in the sums that attention divides.
fn cotangent(token: u32, quad: u32) -> vec4f {
  let row = rows[token];
  let values = select(vec4f(), row.x * read_dy(token, quad), quad < (uniforms.valueDim + 3u) / 4u);
  return select(values, vec4f(row.y), 4u * quad + vec4u(0u, 1u, 2u, 3u) == vec4u(uniforms.valueDim));
}
fn read_dq(token: u32, quad: u32) -> vec4f { return dq[token * (uniforms.headDim / 4u) + quad]; }
fn write_dq(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.headDim + 3u) / 4u) { dq[token * (uniforms.headDim / 4u) + quad] = x; }
}
fn add_dq(token: u32, quad: u32, x: vec4f) {
  if (quad >= (uniforms.headDim + 3u) / 4u) { return; }
  let old = read_dq(token, quad);
  write_dq(token, quad, select(x, old + x, uniforms.addsKeys != 0u));
}
fn read_dk(token: u32, quad: u32) -> vec4f { return dk[token * (uniforms.headDim / 4u) + quad]; }
fn write_dk(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.headDim + 3u) / 4u) { dk[token * (uniforms.headDim / 4u) + quad] = x; }
}
fn add_dk(token: u32, quad: u32, x: vec4f) {
  if (quad >= (uniforms.headDim + 3u) / 4u) { return; }
  let old = read_dk(token, quad);
  write_dk(token, quad, select(x, old + x, uniforms.addsKeys != 0u));
}
fn read_dv(token: u32, quad: u32) -> vec4f { return dv[token * (uniforms.valueDim / 4u) + quad]; }
fn write_dv(token: u32, quad: u32, x: vec4f) {
  if (quad < (uniforms.valueDim + 3u) / 4u) { dv[token * (uniforms.valueDim / 4u) + quad] = x; }
}
fn add_dv(token: u32, quad: u32, x: vec4f) {
  if (quad >= (uniforms.valueDim + 3u) / 4u) { return; }
  let old = read_dv(token, quad);
  write_dv(token, quad, select(x, old + x, uniforms.addsValues != 0u));
}

@compute @workgroup_size(160)
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
  let sequence = uniforms.firstSequence + workgroup;
  let base = sequence * uniforms.length;
  let quad = uniforms.firstQuad + place;
  let size = uniforms.lanes * uniforms.across;
  let record = 8u * size;
  let at = workgroup * (uniforms.pieces + uniforms.span) * record + local;
  var state0 = vec4f();
  var state1 = vec4f();
  var state2 = vec4f();
  var state3 = vec4f();
  var state4 = vec4f();
  var state5 = vec4f();
  var state6 = vec4f();
  var state7 = vec4f();
  if (is_working) {
    for (var position = 0u; position <= (uniforms.pieces - 1u) * uniforms.span; position++) {
      if (position % uniforms.span == 0u) {
        kept[at + (position / uniforms.span) * record + 0u * size] = state0;
        kept[at + (position / uniforms.span) * record + 1u * size] = state1;
        kept[at + (position / uniforms.span) * record + 2u * size] = state2;
        kept[at + (position / uniforms.span) * record + 3u * size] = state3;
        kept[at + (position / uniforms.span) * record + 4u * size] = state4;
        kept[at + (position / uniforms.span) * record + 5u * size] = state5;
        kept[at + (position / uniforms.span) * record + 6u * size] = state6;
        kept[at + (position / uniforms.span) * record + 7u * size] = state7;
      }

        let token = base + last - position;
        let decay = rows[token].w;
        let k0 = rows_of_k(token, 2u * lane + 0u);
        let k1 = rows_of_k(token, 2u * lane + 1u);
        let value = values_of(token, quad);
        state0 = decay * state0 + k0[0] * value;
        state1 = decay * state1 + k0[1] * value;
        state2 = decay * state2 + k0[2] * value;
        state3 = decay * state3 + k0[3] * value;
        state4 = decay * state4 + k1[0] * value;
        state5 = decay * state5 + k1[1] * value;
        state6 = decay * state6 + k1[2] * value;
        state7 = decay * state7 + k1[3] * value;
    }
  }
  var carried0 = vec4f();
  var carried1 = vec4f();
  var carried2 = vec4f();
  var carried3 = vec4f();
  var carried4 = vec4f();
  var carried5 = vec4f();
  var carried6 = vec4f();
  var carried7 = vec4f();
  for (var piece = uniforms.pieces; piece > 0u; piece--) {
    let first = (piece - 1u) * uniforms.span;
    let end = min(uniforms.length, first + uniforms.span);
    if (is_working) {
      state0 = kept[at + (piece - 1u) * record + 0u * size];
      state1 = kept[at + (piece - 1u) * record + 1u * size];
      state2 = kept[at + (piece - 1u) * record + 2u * size];
      state3 = kept[at + (piece - 1u) * record + 3u * size];
      state4 = kept[at + (piece - 1u) * record + 4u * size];
      state5 = kept[at + (piece - 1u) * record + 5u * size];
      state6 = kept[at + (piece - 1u) * record + 6u * size];
      state7 = kept[at + (piece - 1u) * record + 7u * size];
      for (var position = first; position < end; position++) {
        kept[at + (uniforms.pieces + position - first) * record + 0u * size] = state0;
        kept[at + (uniforms.pieces + position - first) * record + 1u * size] = state1;
        kept[at + (uniforms.pieces + position - first) * record + 2u * size] = state2;
        kept[at + (uniforms.pieces + position - first) * record + 3u * size] = state3;
        kept[at + (uniforms.pieces + position - first) * record + 4u * size] = state4;
        kept[at + (uniforms.pieces + position - first) * record + 5u * size] = state5;
        kept[at + (uniforms.pieces + position - first) * record + 6u * size] = state6;
        kept[at + (uniforms.pieces + position - first) * record + 7u * size] = state7;

        let token = base + last - position;
        let decay = rows[token].w;
        let k0 = rows_of_k(token, 2u * lane + 0u);
        let k1 = rows_of_k(token, 2u * lane + 1u);
        let value = values_of(token, quad);
        state0 = decay * state0 + k0[0] * value;
        state1 = decay * state1 + k0[1] * value;
        state2 = decay * state2 + k0[2] * value;
        state3 = decay * state3 + k0[3] * value;
        state4 = decay * state4 + k1[0] * value;
        state5 = decay * state5 + k1[1] * value;
        state6 = decay * state6 + k1[2] * value;
        state7 = decay * state7 + k1[3] * value;
      }
    }
    for (var after = end; after > first; after--) {
      let position = after - 1u;
      let token = base + last - position;
      if (is_working) {
        let decay = rows[token].w;
        let q0 = rows_of_q(token, 2u * lane + 0u);
        let q1 = rows_of_q(token, 2u * lane + 1u);
        let k0 = rows_of_k(token, 2u * lane + 0u);
        let k1 = rows_of_k(token, 2u * lane + 1u);
        let value = values_of(token, quad);
        let g = cotangent(token, quad);
        let before = at + (uniforms.pieces + position - first) * record;
        let old0 = kept[before + 0u * size];
        let old1 = kept[before + 1u * size];
        let old2 = kept[before + 2u * size];
        let old3 = kept[before + 3u * size];
        let old4 = kept[before + 4u * size];
        let old5 = kept[before + 5u * size];
        let old6 = kept[before + 6u * size];
        let old7 = kept[before + 7u * size];
        var dq0 = decay * vec4f(dot(old0, g), dot(old1, g), dot(old2, g), dot(old3, g));
        var dk0 = vec4f(dot(carried0, value), dot(carried1, value), dot(carried2, value), dot(carried3, value));
        var dq1 = decay * vec4f(dot(old4, g), dot(old5, g), dot(old6, g), dot(old7, g));
        var dk1 = vec4f(dot(carried4, value), dot(carried5, value), dot(carried6, value), dot(carried7, value));
        var dv = vec4f();

        dv += k0[0] * carried0; carried0 += q0[0] * g; carried0 *= decay;
        dv += k0[1] * carried1; carried1 += q0[1] * g; carried1 *= decay;
        dv += k0[2] * carried2; carried2 += q0[2] * g; carried2 *= decay;
        dv += k0[3] * carried3; carried3 += q0[3] * g; carried3 *= decay;
        dv += k1[0] * carried4; carried4 += q1[0] * g; carried4 *= decay;
        dv += k1[1] * carried5; carried5 += q1[1] * g; carried5 *= decay;
        dv += k1[2] * carried6; carried6 += q1[2] * g; carried6 *= decay;
        dv += k1[3] * carried7; carried7 += q1[3] * g; carried7 *= decay;

        ofRows[0u + local] = dq0;
        ofRows[160u + local] = dq1;
        ofRows[320u + local] = dk0;
        ofRows[480u + local] = dk1;
        ofColumns[local] = dv;

      }
      workgroupBarrier();

      let perLane = 4u * uniforms.lanes;
      for (var item = local; item < perLane + uniforms.across; item += 160u) {
        if (item < 4u * uniforms.lanes) {
          let which = item / uniforms.lanes;
          let lane = item % uniforms.lanes;
          let start = which * 160u + lane * uniforms.across;
          var sum = vec4f();
          for (var i = 0u; i < uniforms.across; i++) { sum += ofRows[start + i]; }
          let rowQuad = 2u * lane + which % 2u;
          if (which < 2u) { add_dq(token, rowQuad, sum); } else { add_dk(token, rowQuad, sum); }
        } else if (item >= perLane) {
          let place = item - perLane;
          var sum = vec4f();
          for (var i = 0u; i < uniforms.lanes; i++) { sum += ofColumns[i * uniforms.across + place]; }
          add_dv(token, uniforms.firstQuad + place, sum);
        }
      }
      workgroupBarrier();

    }
  }
}
