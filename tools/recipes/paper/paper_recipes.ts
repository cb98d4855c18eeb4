import { arenaImage, arenaPathfinder, arenaPathX } from "./arena_images.ts";
import { arenaListOps, arenaRetrieval, arenaText } from "./arena_texts.ts";
import { c4MaskedLanguage } from "./c4_masked_language.ts";
import { glueTuning, glueTuningByM2 } from "./glue_tuning.ts";
import { cifar100Recipe, imageNetRecipe } from "./image_sets.ts";
import { openWebTextModels } from "./open_web_text.ts";
import {
  type PaperChoice,
  type PaperRecipe,
  variantName,
} from "./paper_recipe.ts";

/** All recipes on the paper's own data, by their names; those that others go on from come first. */
export const PAPER_RECIPES: Readonly<Record<string, PaperRecipe>> = {
  imagenet: imageNetRecipe,
  cifar100: cifar100Recipe,
  "c4-mlm": c4MaskedLanguage,
  glue: glueTuning,
  "glue-m2": glueTuningByM2,
  openwebtext: openWebTextModels,
  "lra-listops": arenaListOps,
  "lra-text": arenaText,
  "lra-retrieval": arenaRetrieval,
  "lra-image": arenaImage,
  "lra-pathfinder": arenaPathfinder,
  "lra-pathx": arenaPathX,
};

/** A recipe's name with what was chosen, under which its results are kept. */
export function chosenName(
  name: string,
  choice: Pick<PaperChoice, "size" | "task">,
): string {
  return variantName(name, PAPER_RECIPES[name] ?? {}, choice);
}

/** The names of all results that there may be. */
export function paperNames(): string[] {
  return Object.entries(PAPER_RECIPES).flatMap(
    ([name, { sizes = [undefined], tasks = [undefined] }]) =>
      tasks.flatMap((task) =>
        sizes.map((size) => chosenName(name, { size, task }))
      ),
  );
}
