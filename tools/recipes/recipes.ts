import { rowsAndColumns } from "./bars.ts";
import { causalLanguage } from "./causal_language.ts";
import { classify } from "./classify.ts";
import {
  decayAblation,
  directionAblation,
  distillation,
  fashionImages,
  fashionImagesLonger,
  mnistImages,
  partAblation,
} from "./images.ts";
import { listOperations, longListOperations } from "./list_ops.ts";
import {
  fashionAblation,
  longRangeAblation,
  pathfinding,
  pixelFashion,
  pixelFashionDecays,
  pixelMnist,
  pixelMnistLonger,
} from "./long_range.ts";
import { maskedDirections } from "./masked_directions.ts";
import { maskedLanguage } from "./masked_language.ts";
import { mnistVit } from "./mnist_vit.ts";
import { associativeRecall, copying } from "./recall.ts";
import type { ChosenRecipe } from "./paper/paper_recipe.ts";
import { PAPER_RECIPES } from "./paper/paper_recipes.ts";
import type { Recipe } from "./recipe.ts";
import { spam } from "./spam.ts";
import { stateTracking } from "./state_tracking.ts";

/** All recipes in the quick setting by their names; those that others go on from come first. */
export const RECIPES: Readonly<Record<string, Recipe>> = {
  "mnist-vit": mnistVit,
  mlm: maskedLanguage,
  classify,
  "causal-lm": causalLanguage,
  listops: listOperations,
  mqar: associativeRecall,
  copying,
  bars: rowsAndColumns,
  "listops-long": longListOperations,
  "pixel-mnist": pixelMnist,
  "pixel-mnist-longer": pixelMnistLonger,
  "pixel-fashion": pixelFashion,
  "pixel-fashion-decays": pixelFashionDecays,
  pathfinder: pathfinding,
  spam,
  "images-mnist": mnistImages,
  "images-fashion": fashionImages,
  "images-fashion-longer": fashionImagesLonger,
  distillation,
  "ablate-decay": decayAblation,
  "ablate-parts": partAblation,
  "ablate-direction": directionAblation,
  "mlm-direction": maskedDirections,
  "ablate-long-range": longRangeAblation,
  "ablate-fashion": fashionAblation,
  "track-z2": stateTracking("Z2"),
  "track-z5": stateTracking("Z5"),
  "track-swaps": stateTracking("swaps"),
  "track-s3": stateTracking("S3"),
  "track-a5": stateTracking("A5"),
  "track-s5": stateTracking("S5"),
  "track-z5-both": stateTracking("Z5", "both"),
  "track-s3-both": stateTracking("S3", "both"),
};

/** A recipe of either kind. */
export function recipeNamed({ name, ...choice }: ChosenRecipe): Recipe {
  return RECIPES[name] ?? PAPER_RECIPES[name]!.of(choice);
}
