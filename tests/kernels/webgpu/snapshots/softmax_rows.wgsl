// lion_softmax_rows vec4
// dispatch 5 × 1 × 1
alias Pack = vec4f;
struct Uniforms {
  workgroups: u32,
  rows: u32,
  columns: u32,
  packs: u32,
  team: u32,
  length: u32,
  heads: u32,
}
@group(0) @binding(0) var<storage, read> y: array<Pack>;
@group(0) @binding(1) var<storage, read> dy: array<Pack>;
@group(0) @binding(2) var<storage, read> maxima: array<f32>;
@group(0) @binding(3) var<storage, read> sums: array<f32>;
@group(0) @binding(4) var<storage, read_write> rows: array<vec4f>;
@group(0) @binding(5) var<uniform> uniforms: Uniforms;

var<workgroup> parts: array<vec2f, 64>;

fn row_of(first: u32, local: u32) -> u32 { return first + local / uniforms.team; }

fn packs_of(row: u32) -> u32 {
  return select(0u, uniforms.packs, row < uniforms.rows);
}

fn total(pack: Pack) -> f32 {
  return dot(pack, Pack(1.0));
}

fn team_sum(local: u32, part: vec2f) -> vec2f {
  // All have read the sum before this one.
  workgroupBarrier();
  parts[local] = part;
  workgroupBarrier();
  let first = local - local % uniforms.team;
  var sum = vec2f();
  for (var i = 0u; i < uniforms.team; i++) { sum += parts[first + i]; }
  return sum;
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

  let row = row_of(workgroup * (64u / uniforms.team), local);
  let packs = packs_of(row);
  var part = 0.0;
  for (var i = local % uniforms.team; i < packs; i += uniforms.team) {
    part += total(y[row * uniforms.packs + i] * dy[row * uniforms.packs + i]);
  }
  let slope = team_sum(local, vec2f(part, 0.0)).x;
  if (row < uniforms.rows && local % uniforms.team == 0u) {

    let number = 1.0;
    let found = vec4f(maxima[row], 1.0 / sums[row], slope, number);
    rows[row] = found;
  }
}
