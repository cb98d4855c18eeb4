/**
 * RWKV-7 in float64, token by token, from the state dict of flash-linear-attention's
 * `RWKV7ForCausalLM`: its names, its shapes, and what its modules compute.
 *
 * @module
 */

import { array, uniform } from "../random.ts";

/** A tensor of a state dict, row-major. */
export interface Saved {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** Sizes of a model. */
export interface Rwkv7Sizes {
  readonly vocabulary: number;
  readonly dim: number;
  readonly heads: number;
  readonly layers: number;
  readonly hidden: number;
  /** Ranks of the maps w, a, v and g. */
  readonly ranks: readonly [number, number, number, number];
}

/** The names and shapes of a state dict. */
export function rwkv7Shapes(
  { vocabulary, dim, heads, layers, hidden, ranks }: Rwkv7Sizes,
): Map<string, number[]> {
  const shapes = new Map<string, number[]>([
    ["model.embeddings.weight", [vocabulary, dim]],
    ["model.norm.weight", [dim]],
    ["model.norm.bias", [dim]],
    ["lm_head.weight", [vocabulary, dim]],
  ]);
  for (let layer = 0; layer < layers; layer++) {
    const add = (name: string, ...shape: number[]) =>
      shapes.set(`model.layers.${layer}.${name}`, shape);
    const norms = ["attn_norm", "ffn_norm", ...layer === 0 ? ["pre_norm"] : []];
    for (const norm of norms) {
      add(`${norm}.weight`, dim);
      add(`${norm}.bias`, dim);
    }
    for (const x of "rwkvag") add(`attn.x_${x}`, 1, 1, dim);
    for (const name of ["k_k", "k_a"]) add(`attn.${name}`, dim);
    add("attn.r_k", heads, dim / heads);
    for (const x of "rkvo") add(`attn.${x}_proj.weight`, dim, dim);
    for (const x of layer === 0 ? "wag" : "wvag") {
      const rank = ranks["wavg".indexOf(x)]!;
      add(`attn.${x}_lora.lora.0.weight`, rank, dim);
      add(`attn.${x}_lora.lora.2.weight`, dim, rank);
      if (x !== "g") add(`attn.${x}_lora.lora.2.bias`, dim);
    }
    add("attn.g_norm.weight", dim);
    add("attn.g_norm.bias", dim);
    add("ffn.x_k", dim);
    add("ffn.key.weight", hidden, dim);
    add("ffn.value.weight", dim, hidden);
  }
  return shapes;
}

/** A state dict of seeded numbers. */
export function rwkv7StateDict(sizes: Rwkv7Sizes): Map<string, Saved> {
  const random = uniform(7);
  return new Map(
    [...rwkv7Shapes(sizes)].map(([name, shape]) => {
      const isScale = /norm\.weight$/.test(name);
      const values = array(
        shape.reduce((a, b) => a * b),
        random,
        (u) => isScale ? 0.5 + u : 1.6 * (u - 0.5),
      );
      return [name, { shape, values }];
    }),
  );
}

const EPSILON = 1e-5;

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const map = (x: number[], value: (x: number, n: number) => number) =>
  x.map(value);
const add = (x: number[], y: number[]) => x.map((x, n) => x + y[n]!);

/** The logits of each token of a text, `[length, vocabulary]`. */
export function rwkv7Logits(
  dict: ReadonlyMap<string, Saved>,
  { dim, heads, layers }: Rwkv7Sizes,
  text: readonly number[],
): number[][] {
  const size = dim / heads;
  const vector = (name: string) => Array.from(dict.get(name)!.values, Number);
  /** W x, of PyTorch's `[outputs, inputs]`, and a bias if there is one. */
  const linear = (name: string, x: number[]): number[] => {
    const { shape: [outputs, inputs], values } = dict.get(`${name}.weight`)!;
    const bias = dict.get(`${name}.bias`)?.values;
    return Array.from({ length: outputs! }, (_, row) =>
      x.reduce(
        (sum, x, n) => sum + values[row * inputs! + n]! * x,
        bias?.[row] ?? 0,
      ));
  };
  const normal = (x: number[], epsilon: number): number[] => {
    const mean = x.reduce((a, b) => a + b) / x.length;
    const variance = x.reduce((sum, x) => sum + (x - mean) ** 2, 0) / x.length;
    return map(x, (x) => (x - mean) / Math.sqrt(variance + epsilon));
  };
  const affine = (name: string, x: number[]) => {
    const [weight, bias] = [vector(`${name}.weight`), vector(`${name}.bias`)];
    return map(x, (x, n) => x * weight[n]! + bias[n]!);
  };
  const layerNorm = (name: string, x: number[]) =>
    affine(name, normal(x, EPSILON));
  const zeros = () => Array<number>(dim).fill(0);
  const states = Array.from({ length: layers }, () => ({
    attention: zeros(),
    perceptron: zeros(),
    heads: Array.from(
      { length: heads },
      () => Array.from({ length: size }, () => Array<number>(size).fill(0)),
    ),
  }));
  return text.map((token) => {
    const table = vector("model.embeddings.weight");
    let x = table.slice(token * dim, (token + 1) * dim);
    let first: number[] | undefined;
    states.forEach((state, layer) => {
      const own = `model.layers.${layer}.`, attention = `${own}attn.`;
      if (layer === 0) x = layerNorm(`${own}pre_norm`, x);
      const given = layerNorm(`${own}attn_norm`, x);
      const mixed = (name: string) => {
        const weight = vector(`${attention}x_${name}`);
        return map(
          given,
          (x, n) => x + (state.attention[n]! - x) * weight[n]!,
        );
      };
      const low = (name: string, between = (x: number) => x) =>
        linear(
          `${attention}${name}_lora.lora.2`,
          linear(`${attention}${name}_lora.lora.0`, mixed(name)).map(between),
        );
      const r = linear(`${attention}r_proj`, mixed("r"));
      const w = low("w", Math.tanh).map((x) =>
        Math.exp(-Math.exp(-0.5) * sigmoid(x))
      );
      const keys = linear(`${attention}k_proj`, mixed("k"));
      let v = linear(`${attention}v_proj`, mixed("v"));
      if (first) {
        const shares = low("v").map(sigmoid);
        v = map(v, (v, n) => v + (first![n]! - v) * shares[n]!);
      } else first = v;
      const a = low("a").map(sigmoid);
      const gate = low("g", sigmoid);
      const removed = vector(`${attention}k_k`).map((x, n) => x * keys[n]!);
      const change = vector(`${attention}k_a`);
      const k = map(keys, (k, n) => k * (1 + (a[n]! - 1) * change[n]!));
      const bonus = vector(`${attention}r_k`);
      const y = state.heads.flatMap((memory, head) => {
        const at = (x: number[], n: number) => x[head * size + n]!;
        const length = Math.hypot(
          ...Array.from({ length: size }, (_, n) => at(removed, n)),
        );
        const kappa = Array.from(
          { length: size },
          (_, n) => at(removed, n) / Math.max(length, 1e-12),
        );
        const found = Array.from(
          { length: size },
          (_, e) => kappa.reduce((sum, x, n) => sum - x * memory[n]![e]!, 0),
        );
        for (let n = 0; n < size; n++) {
          for (let e = 0; e < size; e++) {
            memory[n]![e] = at(w, n) * memory[n]![e]! +
              kappa[n]! * at(a, n) * found[e]! + at(k, n) * at(v, e);
          }
        }
        return normal(
          Array.from(
            { length: size },
            (_, e) =>
              memory.reduce((sum, row, n) => sum + row[e]! * at(r, n), 0),
          ),
          size * EPSILON,
        );
      });
      const normed = affine(`${attention}g_norm`, y);
      const out = map(normed, (y, column) => {
        const from = column - column % size;
        let weight = 0;
        for (let n = from; n < from + size; n++) {
          weight += r[n]! * k[n]! * bonus[n]!;
        }
        return (y + weight * v[column]!) * gate[column]!;
      });
      state.attention = given;
      x = add(x, linear(`${attention}o_proj`, out));
      const perceived = layerNorm(`${own}ffn_norm`, x);
      const weight = vector(`${own}ffn.x_k`);
      const shifted = map(
        perceived,
        (x, n) => x + (state.perceptron[n]! - x) * weight[n]!,
      );
      const hidden = linear(`${own}ffn.key`, shifted)
        .map((x) => Math.max(x, 0) ** 2);
      state.perceptron = perceived;
      x = add(x, linear(`${own}ffn.value`, hidden));
    });
    return linear("lm_head", layerNorm("model.norm", x));
  });
}
