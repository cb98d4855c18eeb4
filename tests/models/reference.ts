/**
 * The models in float64 loops, from PyTorch's weights by PyTorch's names and
 * from nothing of the library: what its models are compared with.
 *
 * @module
 */
import { erf } from "../erf.ts";

/** A tensor of the weights, row-major. */
export interface Weight {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** By their names in PyTorch. */
export type Weights = ReadonlyMap<string, Weight>;

/** A sequence of vectors. */
type Rows = number[][];

/** What the reference has to know of an attention. */
export interface Attention {
  readonly variant: "lit" | "d" | "s" | "softmax";
  readonly numHeads: number;
  readonly featureMap: "identity" | "eluPlusOne" | "shiftedSilu";
  readonly normalize: boolean;
  readonly causal: boolean;
  /** Whether the first token is not decayed by LION-S. */
  readonly classToken: boolean;
  /** The ways through the tokens: the token at each place. */
  readonly orders: readonly (readonly number[])[];
}

function tensor(weights: Weights, name: string): Weight {
  const weight = weights.get(name);
  if (!weight) throw new Error(`the reference needs ${name}`);
  return weight;
}

/** x Wᵀ + b, with W of [outputs, inputs], or [inputs, outputs] as in GPT-2. */
function linear(
  x: Rows,
  weights: Weights,
  name: string,
  upright = false,
): Rows {
  const { shape, values } = tensor(weights, `${name}.weight`);
  const bias = tensor(weights, `${name}.bias`).values;
  const [outputs, inputs] = upright ? shape.toReversed() : shape;
  return x.map((row) =>
    Array.from({ length: outputs! }, (_, o) => {
      let sum = bias[o]!;
      for (let i = 0; i < inputs!; i++) {
        sum += row[i]! * values[upright ? i * outputs! + o : o * inputs! + i]!;
      }
      return sum;
    })
  );
}

function norm(x: Rows, weights: Weights, name: string, epsilon: number): Rows {
  const scale = tensor(weights, `${name}.weight`).values;
  const offset = tensor(weights, `${name}.bias`).values;
  return x.map((row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
    const deviation = Math.sqrt(variance + epsilon);
    return row.map((x, i) => (x - mean) / deviation * scale[i]! + offset[i]!);
  });
}

function gelu(x: Rows): Rows {
  return x.map((row) => row.map((x) => x * (1 + erf(x / Math.SQRT2)) / 2));
}

function add(x: Rows, y: Rows): Rows {
  return x.map((row, i) => row.map((value, n) => value + y[i]![n]!));
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function features(row: number[], map: Attention["featureMap"]): number[] {
  switch (map) {
    case "identity":
      return row;
    case "eluPlusOne":
      return row.map((x) => x > 0 ? x + 1 : Math.exp(x));
    case "shiftedSilu": {
      const shifted = row.map((x) => x * sigmoid(x) + 0.5);
      const length = Math.hypot(...shifted);
      return shifted.map((x) => x / length);
    }
  }
}

/** Decays λ of each way, head and token; undefined for those of LIT and softmax. */
type Decays = (way: number, head: number, token: number) => number;

/** The product of the decays from source j to reader i, the reader's left out. */
function weightOf(
  decays: Decays,
  way: number,
  head: number,
  order: readonly number[],
  i: number,
  j: number,
): number {
  const [from, to] = [order.indexOf(j), order.indexOf(i)];
  const step = Math.sign(to - from);
  let product = 1;
  for (let place = from; place !== to; place += step) {
    product *= decays(way, head, order[place]!);
  }
  return product;
}

/** What the heads answer, beside each other. */
function attend(
  [q, k, v]: readonly [Rows, Rows, Rows],
  decays: Decays | undefined,
  mask: readonly number[] | undefined,
  attention: Attention,
): Rows {
  const { variant, numHeads, normalize, causal, orders } = attention;
  const size = q[0]!.length / numHeads;
  return q.map((_, i) =>
    Array.from({ length: numHeads }, (_, head) => {
      // Padding reads nothing.
      if (mask?.[i] === 0) {
        return new Array<number>(size).fill(0);
      }
      const slice = (row: number[]) =>
        row.slice(head * size, (head + 1) * size);
      const map = (row: number[]) =>
        variant === "softmax" ? row : features(row, attention.featureMap);
      const query = map(slice(q[i]!));
      const weights = k.map((row, j) => {
        if ((causal && j > i) || mask?.[j] === 0) return 0;
        const key = map(slice(row));
        const dot = query.reduce((sum, x, n) => sum + x * key[n]!, 0) /
          Math.sqrt(size);
        if (variant === "softmax") return Math.exp(dot);
        if (!decays) return dot;
        const mean = orders.reduce(
          (sum, order, way) =>
            sum + weightOf(decays, way, head, order, i, j) / orders.length,
          0,
        );
        return dot * mean;
      });
      const total = weights.reduce((a, b) => a + b, 0);
      const divisor = variant === "softmax"
        ? total
        : normalize
        ? total + 1e-6
        : 1;
      return Array.from({ length: size }, (_, n) =>
        v.reduce((sum, row, j) => sum + weights[j]! * slice(row)[n]!, 0) /
        divisor);
    }).flat()
  );
}

/** Decays by the names of their parameters, one name for each way. */
function decaysOf(
  x: Rows,
  weights: Weights,
  names: readonly string[],
  { variant, classToken }: Attention,
  upright = false,
): Decays | undefined {
  if (variant === "d") {
    const logits = names.map((name) => tensor(weights, name).values);
    return (way, head) => sigmoid(logits[way]![head]!);
  }
  if (variant !== "s") return undefined;
  const logits = names.map((name) => linear(x, weights, name, upright));
  return (way, head, token) =>
    classToken && token === 0 ? 1 : 1 - sigmoid(logits[way]![token]![head]!);
}

function split3(rows: Rows): [Rows, Rows, Rows] {
  const size = rows[0]!.length / 3;
  return [0, 1, 2].map((part) =>
    rows.map((row) => row.slice(part * size, (part + 1) * size))
  ) as [Rows, Rows, Rows];
}

/** A pre-norm block with the names of ViT. */
function block(
  x: Rows,
  weights: Weights,
  name: string,
  attention: Attention,
  mask: readonly number[] | undefined,
  epsilon: number,
): Rows {
  const normal = norm(x, weights, `${name}.norm1`, epsilon);
  const names = attention.orders.map((_, i) =>
    `${name}.attn.${i ? `a${i + 1}_i` : "a_i"}`
  );
  const heads = attend(
    split3(linear(normal, weights, `${name}.attn.qkv`)),
    decaysOf(normal, weights, names, attention),
    mask,
    attention,
  );
  x = add(x, linear(heads, weights, `${name}.attn.proj`));
  const hidden = gelu(
    linear(
      norm(x, weights, `${name}.norm2`, epsilon),
      weights,
      `${name}.mlp.fc1`,
    ),
  );
  return add(x, linear(hidden, weights, `${name}.mlp.fc2`));
}

function mean(x: Rows, mask?: readonly number[]): number[] {
  const kept = x.filter((_, i) => mask?.[i] !== 0);
  return kept[0]!.map((_, n) =>
    kept.reduce((sum, row) => sum + row[n]!, 0) / kept.length
  );
}

/** Logits of an image, `[height][width][channels]`. */
export function vit(
  weights: Weights,
  image: readonly (readonly number[][])[],
  { depth, classToken, attention }: {
    depth: number;
    classToken: "read" | "mean" | "none";
    attention: Attention;
  },
): number[] {
  const projection = tensor(weights, "patch_embed.proj.weight");
  const bias = tensor(weights, "patch_embed.proj.bias").values;
  const [dim, channels, size] = projection.shape as [number, number, number];
  let x: Rows = [];
  for (let top = 0; top < image.length; top += size) {
    for (let left = 0; left < image[0]!.length; left += size) {
      x.push(Array.from({ length: dim }, (_, d) => {
        let sum = bias[d]!;
        for (let c = 0; c < channels; c++) {
          for (let r = 0; r < size; r++) {
            for (let s = 0; s < size; s++) {
              const at = ((d * channels + c) * size + r) * size + s;
              sum += projection.values[at]! * image[top + r]![left + s]![c]!;
            }
          }
        }
        return sum;
      }));
    }
  }
  if (classToken !== "none") {
    x.unshift(Array.from(tensor(weights, "cls_token").values));
  }
  const places = weights.get("pos_embed");
  if (places) {
    x = x.map((row, i) =>
      row.map((value, n) => value + places.values[i * dim + n]!)
    );
  }
  for (let i = 0; i < depth; i++) {
    x = block(x, weights, `blocks.${i}`, attention, undefined, 1e-6);
  }
  x = norm(x, weights, "norm", 1e-6);
  const pooled = classToken === "read" ? x[0]! : mean(x);
  return linear([pooled], weights, "head")[0]!;
}

/** Logits of a sequence of tokens, or of numbers, with padding. */
export function encoder(
  weights: Weights,
  input: readonly number[] | Rows,
  mask: readonly number[],
  { depth, attention }: { depth: number; attention: Attention },
): number[] {
  let x: Rows = Array.isArray(input[0])
    ? linear(input as Rows, weights, "embeddings")
    : rowsOf(weights, "embeddings.word_embeddings.weight", input as number[]);
  const places = weights.has("position_embeddings.weight") &&
    rowsOf(weights, "position_embeddings.weight", x.map((_, i) => i));
  if (places) x = x.map((row, i) => row.map((v, n) => v + places[i]![n]!));
  for (let i = 0; i < depth; i++) {
    x = block(x, weights, `blocks.${i}`, attention, mask, 1e-6);
  }
  x = norm(x, weights, "norm", 1e-6);
  return linear([mean(x, mask)], weights, "head")[0]!;
}

function rowsOf(
  weights: Weights,
  name: string,
  indices: readonly number[],
): Rows {
  const { shape, values } = tensor(weights, name);
  const columns = shape[1]!;
  return indices.map((row) =>
    Array.from({ length: columns }, (_, n) => values[row * columns + n]!)
  );
}

/** Logits of each token, or of the classes, which are one row. */
export function bert(
  weights: Weights,
  ids: readonly number[],
  mask: readonly number[],
  types: readonly number[],
  { depth, attention, outputNorm, isPre = false, byMean = false }: {
    depth: number;
    attention: Attention;
    outputNorm: boolean;
    isPre?: boolean;
    byMean?: boolean;
  },
): Rows {
  const epsilon = 1e-12;
  const embeddings = "bert.embeddings";
  const named = (name: string, indices: readonly number[]) =>
    rowsOf(weights, `${embeddings}.${name}.weight`, indices);
  let x = add(
    add(named("word_embeddings", ids), named("token_type_embeddings", types)),
    named("position_embeddings", ids.map((_, i) => i)),
  );
  x = norm(x, weights, `${embeddings}.LayerNorm`, epsilon);
  const around = (x: Rows, name: string, part: (x: Rows) => Rows) =>
    isPre
      ? add(x, part(norm(x, weights, name, epsilon)))
      : norm(add(x, part(x)), weights, name, epsilon);
  for (let i = 0; i < depth; i++) {
    const layer = `bert.encoder.layer.${i}`;
    const self = `${layer}.attention.self`;
    x = around(x, `${layer}.attention.output.LayerNorm`, (x) => {
      const rows = ["query", "key", "value"].map((name) =>
        linear(x, weights, `${self}.${name}`)
      ) as [Rows, Rows, Rows];
      const name = attention.variant === "d" ? `${self}.ai` : `${self}.Wa_i`;
      let heads = attend(
        rows,
        decaysOf(x, weights, [name], attention),
        mask,
        attention,
      );
      if (outputNorm) {
        heads = norm(heads, weights, `${self}.layer_norm`, epsilon);
      }
      return linear(heads, weights, `${layer}.attention.output.dense`);
    });
    x = around(x, `${layer}.output.LayerNorm`, (x) => {
      const hidden = gelu(linear(x, weights, `${layer}.intermediate.dense`));
      return linear(hidden, weights, `${layer}.output.dense`);
    });
  }
  if (isPre) x = norm(x, weights, "bert.LayerNorm", epsilon);
  if (weights.has("classifier.weight")) {
    const pooled = linear(
      [byMean ? mean(x, mask) : x[0]!],
      weights,
      "bert.pooler.dense",
    );
    return linear(
      pooled.map((row) => row.map(Math.tanh)),
      weights,
      "classifier",
    );
  }
  const head = "cls.predictions";
  x = norm(
    gelu(linear(x, weights, `${head}.transform.dense`)),
    weights,
    `${head}.transform.LayerNorm`,
    epsilon,
  );
  const bias = tensor(weights, `${head}.bias`).values;
  return product(x, tensor(weights, `${embeddings}.word_embeddings.weight`))
    .map((row) => row.map((value, n) => value + bias[n]!));
}

/** x Wᵀ */
function product(x: Rows, { shape, values }: Weight): Rows {
  const [rows, columns] = shape as [number, number];
  return x.map((row) =>
    Array.from(
      { length: rows },
      (_, r) =>
        row.reduce(
          (sum, value, n) => sum + value * values[r * columns + n]!,
          0,
        ),
    )
  );
}

/** Logits of each next token. */
export function gpt(
  weights: Weights,
  ids: readonly number[],
  { depth, attention }: { depth: number; attention: Attention },
): Rows {
  const epsilon = 1e-5;
  let x = rowsOf(weights, "transformer.wte.weight", ids);
  if (weights.has("transformer.wpe.weight")) {
    const places = ids.map((_, i) => i);
    x = add(x, rowsOf(weights, "transformer.wpe.weight", places));
  }
  for (let i = 0; i < depth; i++) {
    const name = `transformer.h.${i}`;
    const normal = norm(x, weights, `${name}.ln_1`, epsilon);
    const heads = attend(
      split3(linear(normal, weights, `${name}.attn.c_attn`, true)),
      decaysOf(normal, weights, [`${name}.attn.a_i`], attention, true),
      undefined,
      attention,
    );
    x = add(x, linear(heads, weights, `${name}.attn.c_proj`, true));
    const hidden = gelu(
      linear(
        norm(x, weights, `${name}.ln_2`, epsilon),
        weights,
        `${name}.mlp.c_fc`,
        true,
      ),
    );
    x = add(x, linear(hidden, weights, `${name}.mlp.c_proj`, true));
  }
  x = norm(x, weights, "transformer.ln_f", epsilon);
  return product(x, tensor(weights, "transformer.wte.weight"));
}
