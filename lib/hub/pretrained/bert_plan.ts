/** The plan for a config.json of Hugging Face's BERT. @module */
import { ACTIVATIONS } from "./activations.ts";
import type { ConfigFields } from "./config_fields.ts";
import { numClassesOf } from "./labels.ts";
import type { Changes, Plan } from "./plan.ts";

type Head = NonNullable<Changes["head"]>;

/**
 * The heads of transformers' classes; `undefined` for classes whose head is not
 * supported.
 */
const HEADS: Readonly<Record<string, Head | undefined>> = {
  BertForMaskedLM: "masked-language-model",
  BertForPreTraining: "masked-language-model",
  BertForSequenceClassification: "classification",
};

const MODULES: Readonly<Record<Head, readonly string[]>> = {
  "masked-language-model": ["cls.predictions"],
  classification: ["bert.pooler", "classifier"],
};

/** Modules of heads that no model of this library has. */
const FOREIGN = ["cls.seq_relationship", "qa_outputs"];

/** The model that a config.json of BERT stands for. */
export function bertPlan(fields: ConfigFields, changes: Changes): Plan {
  fields.assertIs(
    "position_embedding_type",
    "absolute",
    "relative positions are not computed here",
  );
  fields.assertIs("is_decoder", false, "lionBert is bidirectional");
  fields.assertIs(
    "add_cross_attention",
    false,
    "no model here has cross attention",
  );
  fields.assertIs(
    "tie_word_embeddings",
    true,
    "lionBert's head has the table of its tokens",
  );
  fields.assertEmpty("pruned_heads", "all blocks here have the same heads");
  const dim = fields.count("hidden_size", 768);
  const own = HEADS[fields.architectures[0] ?? ""];
  const head = changes.head ?? own;
  if (head === undefined) {
    const name = fields.architectures[0] ?? "no architecture";
    throw new RangeError(
      `${fields.name} says ${name}, which has none of lionBert's heads: pass head "masked-language-model" or "classification", for a new one`,
    );
  }
  const numClasses = numClassesOf(fields);
  const asked = changes.numClasses ?? numClasses ?? 2;
  if (changes.numClasses !== undefined && head !== "classification") {
    throw new RangeError(
      `numClasses is for head "classification", got ${changes.numClasses} for head "${head}" of ${fields.name}`,
    );
  }
  const isNewHead = head !== own;
  const isNewClassifier = head === "classification" &&
    (isNewHead || asked !== (numClasses ?? 2));
  const other = head === "classification"
    ? MODULES["masked-language-model"]
    : [...MODULES.classification, "pooler"];
  return {
    model: {
      architecture: "lionBert",
      options: {
        variant: changes.variant ?? "softmax",
        dim,
        depth: fields.count("num_hidden_layers", 12),
        numHeads: fields.count("num_attention_heads", 12),
        mlpRatio: fields.count("intermediate_size", 3072) / dim,
        activation: fields.choice("hidden_act", "gelu", ACTIVATIONS),
        vocabularySize: fields.count("vocab_size", 30522),
        maxLength: fields.count("max_position_embeddings", 512),
        tokenTypes: fields.count("type_vocab_size", 2),
        epsilon: fields.number("layer_norm_eps", 1e-12),
        dropout: fields.number("hidden_dropout_prob", 0.1),
        head,
        ...head === "classification" ? { numClasses: asked } : {},
      },
    },
    initial: [
      ...isNewHead ? MODULES[head] : [],
      ...isNewClassifier ? ["classifier"] : [],
    ],
    unused: [
      ...FOREIGN,
      ...other,
      ...isNewClassifier ? ["classifier"] : [],
    ],
  };
}
