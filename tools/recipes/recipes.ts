import { causalLanguage } from "./causal_language.ts";
import { classify } from "./classify.ts";
import { listOperations } from "./list_ops.ts";
import { maskedLanguage } from "./masked_language.ts";
import { mnistVit } from "./mnist_vit.ts";
import { associativeRecall, copying } from "./recall.ts";
import type { Recipe } from "./recipe.ts";

/** All recipes by their names; `classify` goes on from what `mlm` has trained. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  "mnist-vit": mnistVit,
  mlm: maskedLanguage,
  classify,
  "causal-lm": causalLanguage,
  listops: listOperations,
  mqar: associativeRecall,
  copying,
};
