/** The plan for a config.json of Hugging Face's ViT. @module */
import { shown } from "@lionjs/base";
import { ACTIVATIONS } from "./activations.ts";
import type { ConfigFields } from "./config_fields.ts";
import { numClassesOf } from "./labels.ts";
import type { Changes, Plan } from "./plan.ts";

/** The model that a config.json of ViT stands for. */
export function vitPlan(fields: ConfigFields, changes: Changes): Plan {
  if (changes.head !== undefined && changes.head !== "classification") {
    throw new RangeError(
      `head should be "classification" for ViT, got ${shown(changes.head)}`,
    );
  }
  fields.assertIs("qkv_bias", true, "projections here have a bias");
  const isClassifier = fields.architectures[0] === "ViTForImageClassification";
  const numClasses = isClassifier ? numClassesOf(fields) ?? 2 : undefined;
  const asked = changes.numClasses ?? numClasses;
  if (asked === undefined) {
    throw new RangeError(
      `${fields.name} says ${
        fields.architectures[0] ?? "no architecture"
      }, which has no classifier: pass numClasses, for a new one`,
    );
  }
  const isNew = asked !== numClasses;
  const dim = fields.count("hidden_size", 768);
  return {
    model: {
      architecture: "lionViT",
      options: {
        variant: changes.variant ?? "softmax",
        classToken: "read",
        dim,
        depth: fields.count("num_hidden_layers", 12),
        numHeads: fields.count("num_attention_heads", 12),
        mlpRatio: fields.count("intermediate_size", 3072) / dim,
        activation: fields.choice("hidden_act", "gelu", ACTIVATIONS),
        imageSize: fields.count("image_size", 224),
        patchSize: fields.count("patch_size", 16),
        channels: fields.count("num_channels", 3),
        epsilon: fields.number("layer_norm_eps", 1e-12),
        dropout: fields.number("hidden_dropout_prob", 0),
        numClasses: asked,
      },
    },
    initial: isNew ? ["classifier"] : [],
    unused: [
      ...["vit.pooler", "pooler", "decoder", "vit.embeddings.mask_token"],
      "embeddings.mask_token",
      ...isNew ? ["classifier"] : [],
    ],
  };
}
