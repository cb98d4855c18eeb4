/**
 * Splits projected rows into queries, keys and values, with the feature map of
 * queries and keys, and the gradient.
 *
 * @module
 */
import type * as tf from "@tensorflow/tfjs-core";
import type { FusedFeatureMap } from "../../../operations/heads.ts";
import type { FusedKernel } from "../../../tfjs/webgpu/fused_kernel.ts";
import {
  makeFloats,
  type Program,
  runProgram,
} from "../../../tfjs/webgpu/program.ts";
import { ROW_THREADS, rowFunctions, teamsOf } from "../frame/rows.ts";
import { SIGMOID } from "./sigmoid.ts";

interface SplitHeadsAttributes {
  readonly numHeads: number;
  readonly featureMap: FusedFeatureMap;
}

/** A feature map in WGSL: φ(x) and φ'(x) for a pack x. */
interface FeatureMapText {
  readonly map: string;
  readonly slope: string;
  /** Whether the mapped vector is divided by its length. */
  readonly normalize: boolean;
}

const FEATURE_MAPS: Readonly<Record<FusedFeatureMap, FeatureMapText>> = {
  identity: { map: "x", slope: "Pack(1.0)", normalize: false },
  relu: {
    map: "select(x, Pack(), x < Pack())",
    slope: "select(Pack(), Pack(1.0), x > Pack())",
    normalize: false,
  },
  eluPlusOne: {
    map: "select(x + 1.0, exp(x), x < Pack())",
    slope: "select(exp(x), Pack(1.0), x > Pack())",
    normalize: false,
  },
  shiftedSilu: {
    map: "x * sigmoid(x) + 0.5",
    slope: "sigmoid(x) * (1.0 + x * sigmoid(-x))",
    normalize: true,
  },
};

/** WGSL that locates a team's vector: in x, from `joined` on, and in q, k or v, from `split` on. */
const PLACE = /* wgsl */ `
  let vector = row_of(workgroup * (${ROW_THREADS}u / uniforms.team), local);
  let packs = packs_of(vector);
  let member = local % uniforms.team;
  let head = vector % uniforms.heads;
  let is_query = vector / uniforms.heads % 3u == 0u;
  let is_key = vector / uniforms.heads % 3u == 1u;
  let token = vector / (3u * uniforms.heads);
  let sequence = token / uniforms.length * uniforms.heads + head;
  let joined = vector * uniforms.packs;
  let split = (sequence * uniforms.length + token % uniforms.length) * uniforms.packs;`;

/** The fields common to the programs of the forward pass and the gradient. */
function programOf(
  shape: readonly number[],
  { numHeads: heads, featureMap }: SplitHeadsAttributes,
): Omit<Program, "name" | "reads" | "writes" | "body"> {
  const [batch, length, columns] = shape as tf.Tensor3D["shape"];
  const vectors = batch * length * 3 * heads;
  const { width, atOnce, integers } = teamsOf(vectors, columns / (3 * heads));
  const { map, slope } = FEATURE_MAPS[featureMap];
  return {
    variants: [featureMap],
    width,
    integers: { ...integers, heads, length },
    threads: ROW_THREADS,
    workgroups: Math.ceil(vectors / atOnce),
    functions: /* wgsl */ `${rowFunctions(width)}${SIGMOID}
fn map(x: Pack) -> Pack { return ${map}; }
fn slope(x: Pack) -> Pack { return ${slope}; }
`,
  };
}

/** The kernel that splits x into queries, keys and values, head by head. */
export const splitHeads: FusedKernel<"x", SplitHeadsAttributes> = (
  { backend, inputs: { x }, attributes },
) => {
  const { numHeads, featureMap } = attributes;
  const [batch, length, columns] = x.shape as tf.Tensor3D["shape"];
  const shape = [batch, numHeads, length, columns / (3 * numHeads)];
  const make = () => makeFloats(backend, shape);
  const [q, k, v] = [make(), make(), make()];
  const factor = FEATURE_MAPS[featureMap].normalize
    ? /* wgsl */ `
  var squares = 0.0;
  for (var i = member; i < packs; i += uniforms.team) {
    let mapped = map(x[joined + i]);
    squares += total(mapped * mapped);
  }
  let factor = inverseSqrt(team_sum(local, vec2f(squares, 0.0)).x);`
    : "  let factor = 1.0;";
  runProgram(backend, {
    ...programOf(x.shape, attributes),
    name: "split_heads",
    reads: { x },
    writes: { q, k, v },
    body: /* wgsl */ `${PLACE}
${factor}
  for (var i = member; i < packs; i += uniforms.team) {
    let value = x[joined + i];
    if (is_query) {
      q[split + i] = factor * map(value);
    } else if (is_key) {
      k[split + i] = factor * map(value);
    } else {
      v[split + i] = value;
    }
  }`,
  });
  return [q, k, v];
};

/** The gradient kernel of {@linkcode splitHeads}: dx = φ'(x) ds, with ds = dy, or (dy - y (y · dy)) / |s| for y = s / |s|. */
export const splitHeadsGradient: FusedKernel<
  "x" | "dq" | "dk" | "dv",
  SplitHeadsAttributes
> = ({ backend, inputs: { x, dq, dk, dv }, attributes }) => {
  const [batch, heads, length, headDim] = dq.shape as tf.Tensor4D["shape"];
  const shape = [batch, length, 3 * heads * headDim];
  const dx = makeFloats(backend, shape);
  const { normalize } = FEATURE_MAPS[attributes.featureMap];
  // There is no x with this feature map.
  const isIdentity = attributes.featureMap === "identity";
  const common = programOf(shape, attributes);
  // With y = s / |s|, ds = factor dy - share s.
  const factors = normalize
    ? /* wgsl */ `
  var part = vec2f();
  for (var i = member; i < packs; i += uniforms.team) {
    let mapped = map(x[joined + i]);
    let dy = gradient_at(split + i, is_query, is_key);
    part += vec2f(total(mapped * mapped), total(mapped * dy));
  }
  let sums = team_sum(local, part);
  let factor = inverseSqrt(sums.x);
  let share = sums.y / sums.x * factor;`
    : "";
  runProgram(backend, {
    ...common,
    name: "split_heads_gradient",
    reads: { ...(isIdentity ? {} : { x }), dq, dk, dv },
    writes: { dx },
    functions: /* wgsl */ `${common.functions}
fn gradient_at(at: u32, is_query: bool, is_key: bool) -> Pack {
  if (is_query) { return dq[at]; }
  if (is_key) { return dk[at]; }
  return dv[at];
}
`,
    body: /* wgsl */ `${PLACE}
${factors}
  for (var i = member; i < packs; i += uniforms.team) {
    var dy = gradient_at(split + i, is_query, is_key);${
      isIdentity ? "" : /* wgsl */ `
    if (is_query || is_key) {
      let value = x[joined + i];
      dy = slope(value) * ${
        normalize ? "(factor * dy - share * map(value))" : "dy"
      };
    }`
    }
    dx[joined + i] = dy;
  }`,
  });
  return [dx];
};
