// lion_scan_outputs begins
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
}
@group(0) @binding(0) var<storage, read> x: array<Pack>;
@group(0) @binding(1) var<storage, read> dt: array<Pack>;
@group(0) @binding(2) var<storage, read> a: array<Pack>;
@group(0) @binding(3) var<storage, read> b: array<Pack>;
@group(0) @binding(4) var<storage, read> c: array<Pack>;
@group(0) @binding(5) var<storage, read> states: array<vec4f>;
@group(0) @binding(6) var<storage, read> begins: array<Pack>;
@group(0) @binding(7) var<storage, read_write> y: array<Pack>;
@group(0) @binding(8) var<uniform> uniforms: Uniforms;
const THREADS = 64u;

fn token_at(entry: u32, position: u32) -> u32 {
  let own = select(position, uniforms.length - 1u - position, uniforms.reverse != 0u);
  return entry * uniforms.length + own;
}

fn record_of(entry: u32, chunk: u32, quad: u32, channel: u32) -> u32 {
  return ((entry * uniforms.chunks + chunk) * uniforms.quads + quad) * uniforms.channels + channel;
}

fn rate_of(row: u32, quad: u32) -> vec4f {
  let first = row * uniforms.stateDim + 4u * quad;
  let rest = uniforms.stateDim - 4u * quad;
  return vec4f(select(0.0, a[first + min(0u, rest - 1u)], 0u < rest), select(0.0, a[first + min(1u, rest - 1u)], 1u < rest), select(0.0, a[first + min(2u, rest - 1u)], 2u < rest), select(0.0, a[first + min(3u, rest - 1u)], 3u < rest));
}

fn b_of(row: u32, quad: u32) -> vec4f {
  let first = row * uniforms.stateDim + 4u * quad;
  let rest = uniforms.stateDim - 4u * quad;
  return vec4f(select(0.0, b[first + min(0u, rest - 1u)], 0u < rest), select(0.0, b[first + min(1u, rest - 1u)], 1u < rest), select(0.0, b[first + min(2u, rest - 1u)], 2u < rest), select(0.0, b[first + min(3u, rest - 1u)], 3u < rest));
}

fn c_of(row: u32, quad: u32) -> vec4f {
  let first = row * uniforms.stateDim + 4u * quad;
  let rest = uniforms.stateDim - 4u * quad;
  return vec4f(select(0.0, c[first + min(0u, rest - 1u)], 0u < rest), select(0.0, c[first + min(1u, rest - 1u)], 1u < rest), select(0.0, c[first + min(2u, rest - 1u)], 2u < rest), select(0.0, c[first + min(3u, rest - 1u)], 3u < rest));
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

  let block = workgroup % uniforms.blocks;
  let chunk = workgroup / uniforms.blocks % uniforms.chunks;
  let entry = workgroup / (uniforms.blocks * uniforms.chunks);
  let channel = block * 64u + local;
  let first = chunk * 16u;
  let count = min(16u, uniforms.length - first);
  if (channel >= uniforms.channels) { return; }
  var sums = array<f32, 16>();
  for (var quad = 0u; quad < uniforms.quads; quad++) {
    let rate = rate_of(channel, quad);
    var state = states[record_of(entry, chunk, quad, channel)];
    for (var i = 0u; i < count; i++) {
      let token = token_at(entry, first + i);
      let at = token * uniforms.channels + channel;
      let step = dt[at];
      let kept = select(exp(step * rate), vec4f(), begins[token] != 0.0);
      state = kept * state + step * x[at] * b_of(token, quad);
      sums[i] += dot(c_of(token, quad), state);
    }
  }
  for (var i = 0u; i < count; i++) {
    y[token_at(entry, first + i) * uniforms.channels + channel] = sums[i];
  }
}
