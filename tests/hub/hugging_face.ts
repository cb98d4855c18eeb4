/**
 * BERT, GPT-2 and ViT as Hugging Face's classes define them, in plain loops of
 * float64, by the names of their weights.
 *
 * Sources: Devlin et al. 2019 (arXiv:1810.04805); Radford et al. 2019; Dosovitskiy
 * et al. 2021 (arXiv:2010.11929).
 *
 * @module
 */
import { erf } from "../erf.ts";

/** Rows of numbers, one for each token. */
export type Rows = number[][];

/** A tensor of PyTorch's. */
export interface Weight {
  readonly shape: readonly number[];
  readonly values: ArrayLike<number>;
}

/** A state dict. */
export type State = ReadonlyMap<string, Weight>;

/** A config.json. */
export interface Config {
  readonly [field: string]: unknown;
}

const ACTIVATIONS: Record<string, (x: number) => number> = {
  gelu: (x) => x * (1 + erf(x / Math.SQRT2)) / 2,
  gelu_new: (x) =>
    x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))) / 2,
};

function weightOf(state: State, name: string): Weight {
  const weight = state.get(name);
  if (weight) return weight;
  throw new Error(`there is no ${name}`);
}

/** Row `i` of a table. */
function rowOf(state: State, name: string, i: number): number[] {
  const { shape: [, columns], values } = weightOf(state, name);
  return Array.from({ length: columns! }, (_, c) => values[i * columns! + c]!);
}

/** x Wᵀ + b, PyTorch's `Linear`. */
function linear(state: State, name: string, x: Rows): Rows {
  const { shape: [outputs, inputs], values } = weightOf(
    state,
    `${name}.weight`,
  );
  const bias = state.get(`${name}.bias`)?.values;
  return x.map((row) =>
    Array.from({ length: outputs! }, (_, o) => {
      let sum = bias?.[o] ?? 0;
      for (let i = 0; i < inputs!; i++) {
        sum += row[i]! * values[o * inputs! + i]!;
      }
      return sum;
    })
  );
}

/** x W + b, GPT-2's `Conv1D`. */
function convolution(state: State, name: string, x: Rows): Rows {
  const { shape: [inputs, outputs], values } = weightOf(
    state,
    `${name}.weight`,
  );
  const bias = weightOf(state, `${name}.bias`).values;
  return x.map((row) =>
    Array.from({ length: outputs! }, (_, o) => {
      let sum = bias[o]!;
      for (let i = 0; i < inputs!; i++) {
        sum += row[i]! * values[i * outputs! + o]!;
      }
      return sum;
    })
  );
}

function layerNorm(state: State, name: string, x: Rows, epsilon: number): Rows {
  const scale = weightOf(state, `${name}.weight`).values;
  const offset = weightOf(state, `${name}.bias`).values;
  return x.map((row) => {
    const mean = row.reduce((a, b) => a + b) / row.length;
    const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / row.length;
    return row.map((v, i) =>
      (v - mean) / Math.sqrt(variance + epsilon) * scale[i]! + offset[i]!
    );
  });
}

const add = (x: Rows, y: Rows): Rows =>
  x.map((row, i) => row.map((v, c) => v + y[i]![c]!));

/** Softmax attention of heads; `sees` says which token reads which. */
function attention(
  [q, k, v]: readonly [Rows, Rows, Rows],
  heads: number,
  sees: (reader: number, source: number) => boolean,
): Rows {
  const size = q[0]!.length / heads;
  return q.map((row, i) =>
    row.map((_, column) => {
      const first = Math.floor(column / size) * size;
      const scores = k.map((key, j) => {
        if (!sees(i, j)) return 0;
        let score = 0;
        for (let c = first; c < first + size; c++) score += row[c]! * key[c]!;
        return Math.exp(score / Math.sqrt(size));
      });
      const sum = scores.reduce((a, b) => a + b);
      return scores.reduce((y, s, j) => y + s / sum * v[j]![column]!, 0);
    })
  );
}

const number = (config: Config, name: string) => Number(config[name]);
const act = (config: Config, name: string, x: Rows): Rows =>
  x.map((row) => row.map(ACTIVATIONS[String(config[name])]!));

/** The last layer of BERT. */
function bert(
  state: State,
  config: Config,
  { ids, mask, types }: Record<"ids" | "mask" | "types", readonly number[]>,
): Rows {
  const epsilon = number(config, "layer_norm_eps");
  const e = "bert.embeddings";
  let x: Rows = ids.map((id, i) => {
    const rows = [
      rowOf(state, `${e}.word_embeddings.weight`, id),
      rowOf(state, `${e}.position_embeddings.weight`, i),
      rowOf(state, `${e}.token_type_embeddings.weight`, types[i]!),
    ];
    return rows[0]!.map((_, c) => rows.reduce((sum, row) => sum + row[c]!, 0));
  });
  x = layerNorm(state, `${e}.LayerNorm`, x, epsilon);
  for (let i = 0; i < number(config, "num_hidden_layers"); i++) {
    const layer = `bert.encoder.layer.${i}`;
    const [q, k, v] = ["query", "key", "value"].map((name) =>
      linear(state, `${layer}.attention.self.${name}`, x)
    );
    const heads = attention(
      [q!, k!, v!],
      number(config, "num_attention_heads"),
      (_, source) => mask[source] === 1,
    );
    const out = linear(state, `${layer}.attention.output.dense`, heads);
    x = layerNorm(
      state,
      `${layer}.attention.output.LayerNorm`,
      add(x, out),
      epsilon,
    );
    const hidden = act(
      config,
      "hidden_act",
      linear(state, `${layer}.intermediate.dense`, x),
    );
    const down = linear(state, `${layer}.output.dense`, hidden);
    x = layerNorm(state, `${layer}.output.LayerNorm`, add(x, down), epsilon);
  }
  return x;
}

/** Logits of BertForMaskedLM. */
export function bertForMaskedLM(
  state: State,
  config: Config,
  inputs: Parameters<typeof bert>[2],
): Rows {
  const head = "cls.predictions";
  const dense = linear(
    state,
    `${head}.transform.dense`,
    bert(state, config, inputs),
  );
  const x = layerNorm(
    state,
    `${head}.transform.LayerNorm`,
    act(config, "hidden_act", dense),
    number(config, "layer_norm_eps"),
  );
  const bias = weightOf(state, `${head}.bias`).values;
  const table = new Map([
    ["t.weight", weightOf(state, "bert.embeddings.word_embeddings.weight")],
  ]);
  return linear(table, "t", x).map((row) => row.map((v, i) => v + bias[i]!));
}

/** Logits of BertForSequenceClassification. */
export function bertForSequenceClassification(
  state: State,
  config: Config,
  inputs: Parameters<typeof bert>[2],
): number[] {
  const [first] = bert(state, config, inputs);
  const pooled = linear(state, "bert.pooler.dense", [first!]);
  return linear(
    state,
    "classifier",
    pooled.map((row) => row.map(Math.tanh)),
  )[0]!;
}

/** Logits of GPT2LMHeadModel. */
export function gpt2(
  state: State,
  config: Config,
  ids: readonly number[],
): Rows {
  const epsilon = number(config, "layer_norm_epsilon");
  const [wte, wpe] = ["wte", "wpe"].map((name) => `transformer.${name}.weight`);
  let x: Rows = ids.map((id, i) => {
    const position = rowOf(state, wpe!, i);
    return rowOf(state, wte!, id).map((v, c) => v + position[c]!);
  });
  for (let i = 0; i < number(config, "n_layer"); i++) {
    const block = `transformer.h.${i}`;
    const all = convolution(
      state,
      `${block}.attn.c_attn`,
      layerNorm(state, `${block}.ln_1`, x, epsilon),
    );
    const size = number(config, "n_embd");
    const [q, k, v] = [0, 1, 2].map((part) =>
      all.map((row) => row.slice(part * size, (part + 1) * size))
    );
    const heads = attention(
      [q!, k!, v!],
      number(config, "n_head"),
      (reader, source) => source <= reader,
    );
    x = add(x, convolution(state, `${block}.attn.c_proj`, heads));
    const hidden = act(
      config,
      "activation_function",
      convolution(
        state,
        `${block}.mlp.c_fc`,
        layerNorm(state, `${block}.ln_2`, x, epsilon),
      ),
    );
    x = add(x, convolution(state, `${block}.mlp.c_proj`, hidden));
  }
  x = layerNorm(state, "transformer.ln_f", x, epsilon);
  return linear(new Map([["t.weight", weightOf(state, wte!)]]), "t", x);
}

/** Logits of ViTForImageClassification for one image, `[row][column][channel]`. */
export function vit(
  state: State,
  config: Config,
  image: readonly (readonly (readonly number[])[])[],
): number[] {
  const epsilon = number(config, "layer_norm_eps");
  const [size, patch, channels] = ["image_size", "patch_size", "num_channels"]
    .map((name) => number(config, name)) as [number, number, number];
  const e = "vit.embeddings";
  const kernel = weightOf(state, `${e}.patch_embeddings.projection.weight`);
  const bias = weightOf(state, `${e}.patch_embeddings.projection.bias`).values;
  let x: Rows = [Array.from(weightOf(state, `${e}.cls_token`).values)];
  for (let top = 0; top < size; top += patch) {
    for (let left = 0; left < size; left += patch) {
      x.push(Array.from(bias, (start, o) => {
        let sum = start, at = o * channels * patch * patch;
        for (let c = 0; c < channels; c++) {
          for (let i = 0; i < patch; i++) {
            for (let j = 0; j < patch; j++) {
              sum += kernel.values[at++]! * image[top + i]![left + j]![c]!;
            }
          }
        }
        return sum;
      }));
    }
  }
  const positions = weightOf(state, `${e}.position_embeddings`).values;
  const dim = number(config, "hidden_size");
  x = x.map((row, i) => row.map((v, c) => v + positions[i * dim + c]!));
  for (let i = 0; i < number(config, "num_hidden_layers"); i++) {
    const layer = `vit.encoder.layer.${i}`;
    const normal = layerNorm(state, `${layer}.layernorm_before`, x, epsilon);
    const [q, k, v] = ["query", "key", "value"].map((name) =>
      linear(state, `${layer}.attention.attention.${name}`, normal)
    );
    const heads = attention(
      [q!, k!, v!],
      number(config, "num_attention_heads"),
      () => true,
    );
    x = add(x, linear(state, `${layer}.attention.output.dense`, heads));
    const hidden = act(
      config,
      "hidden_act",
      linear(
        state,
        `${layer}.intermediate.dense`,
        layerNorm(state, `${layer}.layernorm_after`, x, epsilon),
      ),
    );
    x = add(x, linear(state, `${layer}.output.dense`, hidden));
  }
  const [first] = layerNorm(state, "vit.layernorm", x, epsilon);
  return linear(state, "classifier", [first!])[0]!;
}
