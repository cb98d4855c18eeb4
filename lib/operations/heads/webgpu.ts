/**
 * Splits projected rows into queries, keys and values, with the feature map of
 * queries and keys, and the gradient.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import { type FusedFeatureMap, SPLIT_HEADS } from "./heads.ts";
import {
  type FusedKernel,
  makeFloats,
  type Program,
  registerFusedKernel,
  rowProgram,
  runProgram,
  SIGMOID,
} from "@lionjs/tfjs/webgpu";

export function register(): void {
  registerFusedKernel(SPLIT_HEADS, {
    forward: splitHeads,
    gradient: splitHeadsGradient,
  });
}

interface SplitHeadsAttributes {
  readonly numHeads: number;
  readonly featureMap: FusedFeatureMap;
}

/** Feature maps in WGSL: φ(x) and φ'(x) for a pack x. */
const FEATURE_MAPS: Readonly<Record<FusedFeatureMap, string>> = {
  identity: /* wgsl */ `
fn map(x: Pack) -> Pack { return x; }
fn derivative(x: Pack) -> Pack { return Pack(1.0); }
`,
  relu: /* wgsl */ `
fn map(x: Pack) -> Pack { return select(x, Pack(), x < Pack()); }
fn derivative(x: Pack) -> Pack { return select(Pack(), Pack(1.0), x > Pack()); }
`,
  eluPlusOne: /* wgsl */ `
fn map(x: Pack) -> Pack { return select(x + 1.0, exp(x), x < Pack()); }
fn derivative(x: Pack) -> Pack { return select(exp(x), Pack(1.0), x > Pack()); }
`,
  shiftedSilu: /* wgsl */ `${SIGMOID}
fn map(x: Pack) -> Pack { return x * sigmoid(x) + 0.5; }
fn derivative(x: Pack) -> Pack { return sigmoid(x) * (1.0 + x * sigmoid(-x)); }
`,
};

/** The fields common to the programs of the forward pass and the gradient. */
function programOf(
  shape: readonly number[],
  { numHeads: heads, featureMap }: SplitHeadsAttributes,
) {
  const [batch, length, columns] = shape as tf.Tensor3D["shape"];
  const program = rowProgram(batch * length * 3 * heads, columns / (3 * heads));
  return {
    ...program,
    variants: [featureMap],
    constants: {
      MAPS: featureMap !== "identity",
      // The mapped vector is divided by its length.
      NORMALIZES: featureMap === "shiftedSilu",
    },
    integers: { ...program.integers, heads, length },
    functions: program.functions + FEATURE_MAPS[featureMap],
  } satisfies Partial<Program>;
}

/**
 * WGSL that locates a team's vector in x, where q, k and v of a token are concatenated,
 * and in q, k or v.
 */
const PLACE = /* wgsl */ `
  let vector = row_of(workgroup, local);
  let packs = packs_of(vector);
  let member = local % uniforms.team;
  let is_query = vector / uniforms.heads % 3u == 0u;
  let is_key = vector / uniforms.heads % 3u == 1u;
  let token = vector / (3u * uniforms.heads);
  let sequence = token / uniforms.length * uniforms.heads + vector % uniforms.heads;
  let row_start = vector * uniforms.packs;
  let split = (sequence * uniforms.length + token % uniforms.length) * uniforms.packs;`;

/** The kernel that splits x into queries, keys and values, head by head. */
const splitHeads: FusedKernel<"x", SplitHeadsAttributes> = (
  { backend, inputs: { x }, attributes },
) => {
  const { numHeads } = attributes;
  const [batch, length, columns] = x.shape as tf.Tensor3D["shape"];
  const shape = [batch, numHeads, length, columns / (3 * numHeads)];
  const make = () => makeFloats(backend, shape);
  const [q, k, v] = [make(), make(), make()];
  runProgram(backend, {
    ...programOf(x.shape, attributes),
    name: "split_heads",
    reads: { x },
    writes: { q, k, v },
    body: SPLIT,
  });
  return [q, k, v];
};

const SPLIT = /* wgsl */ `${PLACE}
  var factor = 1.0;
  if (NORMALIZES) {
    var squares = 0.0;
    for (var i = member; i < packs; i += uniforms.team) {
      let mapped = map(x[row_start + i]);
      squares += total(mapped * mapped);
    }
    factor = inverseSqrt(team_sum(local, vec2f(squares, 0.0)).x);
  }
  for (var i = member; i < packs; i += uniforms.team) {
    let value = x[row_start + i];
    if (is_query) {
      q[split + i] = factor * map(value);
    } else if (is_key) {
      k[split + i] = factor * map(value);
    } else {
      v[split + i] = value;
    }
  }`;

/** The gradient kernel of {@linkcode splitHeads}: dx = φ'(x) ds, with ds = dy, or (dy - y (y · dy)) / |s| for y = s / |s|. */
const splitHeadsGradient: FusedKernel<
  "x" | "dq" | "dk" | "dv",
  SplitHeadsAttributes
> = ({ backend, inputs: { x, dq, dk, dv }, attributes }) => {
  const [batch, heads, length, headDim] = dq.shape as tf.Tensor4D["shape"];
  const dx = makeFloats(backend, [batch, length, 3 * heads * headDim]);
  const program = programOf(dx.shape, attributes);
  // With the feature map `identity`, the kernel gets no x.
  const isIdentity = attributes.featureMap === "identity";
  runProgram(backend, {
    ...program,
    name: "split_heads_gradient",
    reads: { ...(isIdentity ? {} : { x }), dq, dk, dv },
    writes: { dx },
    functions: /* wgsl */ `${program.functions}
fn read_x(at: u32) -> Pack { return ${isIdentity ? "Pack()" : "x[at]"}; }
fn gradient_at(at: u32, is_query: bool, is_key: bool) -> Pack {
  if (is_query) { return dq[at]; }
  if (is_key) { return dk[at]; }
  return dv[at];
}
`,
    body: SPLIT_GRADIENT,
  });
  return [dx];
};

const SPLIT_GRADIENT = /* wgsl */ `${PLACE}
  // With y = s / |s|, ds = factor dy - share s.
  var factor = 1.0;
  var share = 0.0;
  if (NORMALIZES) {
    var part = vec2f();
    for (var i = member; i < packs; i += uniforms.team) {
      let mapped = map(read_x(row_start + i));
      part += vec2f(total(mapped * mapped), total(mapped * gradient_at(split + i, is_query, is_key)));
    }
    let sums = team_sum(local, part);
    factor = inverseSqrt(sums.x);
    share = sums.y / sums.x * factor;
  }
  for (var i = member; i < packs; i += uniforms.team) {
    var dy = gradient_at(split + i, is_query, is_key);
    if (MAPS && (is_query || is_key)) {
      let value = read_x(row_start + i);
      if (NORMALIZES) { dy = factor * dy - share * map(value); }
      dy *= derivative(value);
    }
    dx[row_start + i] = dy;
  }`;
