/** The plan for a config.json of Hugging Face's GPT-2. @module */
import { ACTIVATIONS } from "./activations.ts";
import type { ConfigFields } from "./config_fields.ts";
import type { Changes, Plan } from "./plan.ts";

/** Python's classes whose weights are those of a language model, or without a head. */
const LANGUAGE_MODELS = [
  "GPT2LMHeadModel",
  "GPT2Model",
  "GPT2DoubleHeadsModel",
];

/** The model that a config.json of GPT-2 stands for. */
export function gpt2Plan(fields: ConfigFields, changes: Changes): Plan {
  for (const name of ["head", "numClasses"] as const) {
    if (changes[name] === undefined) continue;
    throw new RangeError(
      `${name} is not for GPT-2, whose head predicts the next token, got ${
        changes[name]
      }`,
    );
  }
  const [architecture = "GPT2Model"] = fields.architectures;
  if (!LANGUAGE_MODELS.includes(architecture)) {
    throw fields.wrong("architectures", `[${LANGUAGE_MODELS.join(" or ")}]`);
  }
  fields.assertIs(
    "scale_attn_weights",
    true,
    "scores are divided by the root of a head's columns",
  );
  fields.assertIs(
    "scale_attn_by_inverse_layer_idx",
    false,
    "no block here divides its scores by its number",
  );
  fields.assertIs(
    "add_cross_attention",
    false,
    "no model here has cross attention",
  );
  fields.assertIs(
    "tie_word_embeddings",
    true,
    "lionGpt's head has the table of its tokens",
  );
  const dim = fields.count("n_embd", 768);
  return {
    model: {
      architecture: "lionGpt",
      options: {
        variant: changes.variant ?? "softmax",
        dim,
        depth: fields.count("n_layer", 12),
        numHeads: fields.count("n_head", 12),
        mlpRatio: fields.count("n_inner", 4 * dim) / dim,
        activation: fields.choice(
          "activation_function",
          "gelu_new",
          ACTIVATIONS,
        ),
        vocabularySize: fields.count("vocab_size", 50257),
        maxLength: fields.count("n_positions", 1024),
        epsilon: fields.number("layer_norm_epsilon", 1e-5),
        dropout: fields.number("resid_pdrop", 0.1),
      },
    },
    initial: [],
    unused: ["multiple_choice_head"],
  };
}
