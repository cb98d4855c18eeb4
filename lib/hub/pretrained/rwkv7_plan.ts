/** The plan for a config.json of flash-linear-attention's RWKV-7. @module */
import type { ConfigFields } from "./config_fields.ts";
import type { Changes, Plan } from "./plan.ts";

/** Hidden columns are a multiple of this number, unless they are given. */
const MULTIPLE = 32;

/** The model that a config.json of RWKV-7 stands for. */
export function rwkv7Plan(fields: ConfigFields, changes: Changes): Plan {
  for (const name of ["head", "numClasses", "variant"] as const) {
    if (changes[name] === undefined) continue;
    throw new RangeError(
      `${name} is not for RWKV-7, which predicts the next token, got ${
        changes[name]
      }`,
    );
  }
  const [architecture = "RWKV7ForCausalLM"] = fields.architectures;
  if (architecture !== "RWKV7ForCausalLM") {
    throw fields.wrong("architectures", "[RWKV7ForCausalLM]");
  }
  const dim = fields.count("hidden_size", 2048);
  const depth = fields.count("num_hidden_layers", 24);
  fields.assertIs("norm_first", true, "the embeddings are normalised");
  fields.assertIs("norm_bias", true, "normalisations have biases");
  fields.assertIs("hidden_act", "sqrelu", "the channel mix squares ReLU");
  fields.assertIs("tie_word_embeddings", false, "the head has its own table");
  fields.assertEmpty("attn", "no layer here is one of softmax attention");
  const valueDims = [fields.value("value_dim") ?? dim].flat();
  if (valueDims.some((columns) => columns !== dim)) {
    throw fields.wrong("value_dim", `hidden_size, ${dim}`);
  }
  const wide = Math.floor(dim * fields.number("hidden_ratio", 4));
  const hidden = MULTIPLE * Math.ceil(wide / MULTIPLE);
  const headDim = fields.count("head_dim", 64);
  return {
    model: {
      architecture: "lionGpt",
      options: {
        variant: "rwkv7",
        dim,
        depth,
        numHeads: fields.count("num_heads", Math.floor(dim / headDim)),
        mlpRatio: fields.count("intermediate_size", hidden) / dim,
        ranks: [
          fields.count("decay_low_rank_dim", 64),
          fields.count("a_low_rank_dim", 64),
          fields.count("v_low_rank_dim", 16),
          fields.count("gate_low_rank_dim", 128),
        ],
        vocabularySize: fields.count("vocab_size", 32000),
        epsilon: fields.number("norm_eps", 1e-5),
      },
    },
    initial: [],
    unused: [],
  };
}
