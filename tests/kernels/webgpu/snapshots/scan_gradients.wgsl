// lion_scan_gradients
// dispatch 28 × 1 × 1
alias Pack = f32;
struct Uniforms {
  workgroups: u32,
  length: u32,
  channels: u32,
  stateDim: u32,
  quads: u32,
  chunks: u32,
  blocks: u32,
  reverse: u32,
  tokensOfAll: u32,
}
@group(0) @binding(0) var<storage, read> rows: array<vec4f>;
@group(0) @binding(1) var<storage, read> tokens: array<vec4f>;
@group(0) @binding(2) var<storage, read> a: array<Pack>;
@group(0) @binding(3) var<storage, read> states: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> dx: array<Pack>;
@group(0) @binding(5) var<storage, read_write> ddt: array<Pack>;
@group(0) @binding(6) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> carried: array<vec4f>;
@group(0) @binding(8) var<uniform> uniforms: Uniforms;

fn token_at(entry: u32, position: u32) -> u32 {
  let own = select(position, uniforms.length - 1u - position, uniforms.reverse != 0u);
  return entry * uniforms.length + own;
}

fn record_of(entry: u32, chunk: u32, quad: u32, channel: u32) -> u32 {
  return ((entry * uniforms.chunks + chunk) * uniforms.quads + quad) * uniforms.channels + channel;
}

fn pace_of(row: u32, quad: u32) -> vec4f {
  let first = row * uniforms.stateDim + 4u * quad;
  let rest = uniforms.stateDim - 4u * quad;
  return vec4f(select(0.0, a[first + min(0u, rest - 1u)], 0u < rest), select(0.0, a[first + min(1u, rest - 1u)], 1u < rest), select(0.0, a[first + min(2u, rest - 1u)], 2u < rest), select(0.0, a[first + min(3u, rest - 1u)], 3u < rest));
}

fn part_of(token: u32, part: u32) -> vec4f {
  return tokens[token * (2u * uniforms.quads + 1u) + part];
}

fn begins_at(token: u32) -> bool {
  return part_of(token, 2u * uniforms.quads).x != 0.0;
}

var<workgroup> shares: array<vec4f, 512>;
var<workgroup> sums: array<vec4f, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let workgroup = group.y * groups.x + group.x;
  let layer = group.z;
  if (workgroup >= uniforms.workgroups) { return; }

  let block = workgroup % uniforms.blocks;
  let chunk = workgroup / uniforms.blocks % uniforms.chunks;
  let entry = workgroup / (uniforms.blocks * uniforms.chunks);
  let channel = block * 64u + local;
  let first = chunk * 16u;
  let count = min(16u, uniforms.length - first);
  let is_there = channel < uniforms.channels;
  var trail = array<vec4f, 16>();
  var decays = array<vec4f, 16>();
  var read = array<f32, 16>();
  var paid = array<f32, 16>();
  for (var quad = 0u; quad < uniforms.quads; quad++) {
    // Of b and c each token's part, in the place of its state and decay.
    if (is_there) {
      let pace = pace_of(channel, quad);
      let record = record_of(entry, chunk, quad, channel);
      var state = states[record];
      for (var i = 0u; i < count; i++) {
        let token = token_at(entry, first + i);
        let row = rows[token * uniforms.channels + channel];
        trail[i] = state;
        decays[i] = select(exp(row.y * pace), vec4f(), begins_at(token));
        state = decays[i] * state + row.x * row.y * part_of(token, quad);
      }
      var gradient = carried[record];
      var slope = vec4f();
      for (var left = count; left > 0u; left--) {
        let i = left - 1u;
        let token = token_at(entry, first + i);
        let row = rows[token * uniforms.channels + channel];
        let b = part_of(token, quad);
        gradient += row.z * part_of(token, uniforms.quads + quad);
        let kept = decays[i] * gradient;
        let weighed = kept * trail[i];
        read[i] += dot(gradient, b);
        paid[i] += dot(weighed, pace);
        slope += row.y * weighed;
        let of_c = row.z * (decays[i] * trail[i] + row.x * row.y * b);
        trail[i] = row.x * row.y * gradient;
        decays[i] = of_c;
        gradient = kept;
      }
      carried[record] = slope;
    }
    for (var from_token = 0u; from_token < count; from_token += 4u) {
      for (var i = 0u; i < 4u; i++) {
        let at = from_token + i;
        let is_token = is_there && at < count;
        shares[2u * i * 64u + local] = select(vec4f(), trail[min(at, 15u)], is_token);
        shares[(2u * i + 1u) * 64u + local] = select(vec4f(), decays[min(at, 15u)], is_token);
      }
      workgroupBarrier();
      let team = local / 8u;
      var sum = vec4f();
      for (var i = local % 8u; i < 64u; i += 8u) {
        sum += shares[team * 64u + i];
      }
      sums[local] = sum;
      workgroupBarrier();
      let at = from_token + local / 2u;
      if (local < 8u && at < count) {
        var whole = vec4f();
        for (var i = 0u; i < 8u; i++) { whole += sums[local * 8u + i]; }
        let token = token_at(entry, first + at);
        let part = local % 2u * uniforms.quads + quad;
        parts[(block * uniforms.tokensOfAll + token) * 2u * uniforms.quads + part] = whole;
      }
    }
  }
  if (is_there) {
    for (var i = 0u; i < count; i++) {
      let at = token_at(entry, first + i) * uniforms.channels + channel;
      let row = rows[at];
      dx[at] = read[i] * row.y + row.w;
      ddt[at] = paid[i] + read[i] * row.x;
    }
  }
}
