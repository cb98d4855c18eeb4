/** Every recipe's contenders can be trained, validated and tested. */
import { assert, assertEquals } from "@std/assert";
import { train } from "../../lib/training/mod.ts";
import { CannotBegin } from "../../tools/recipes/needed_files.ts";
import {
  contendersOf,
  type OpenRecipe,
  planOf,
  type Recipe,
} from "../../tools/recipes/recipe.ts";
import { RECIPES } from "../../tools/recipes/recipes.ts";
import { onEachBackend } from "../backends.ts";
import { withFolder } from "../io/files.ts";

/** A recipe with its data; none where the data are a system's and not installed. */
async function openIfThere(recipe: Recipe): Promise<OpenRecipe | undefined> {
  try {
    return await recipe.open("smoke");
  } catch (error) {
    if (!(error instanceof CannotBegin)) throw error;
    console.log(`${recipe.title} is not tested: ${error.message}`);
  }
}

onEachBackend(
  "recipes train and test each contender",
  (_backend, t) =>
    withFolder(async (folder) => {
      const folderOf = (recipe: string, contender: string, seed: number) =>
        `${folder}/${recipe}/${contender}-${seed}`;
      // In their order: some go on from what others have written.
      for (const [name, recipe] of Object.entries(RECIPES)) {
        const open = await openIfThere(recipe);
        if (!open) continue;
        const { rates } = planOf(recipe, "smoke");
        const all = contendersOf(recipe, "smoke");
        // The others are tested as one is.
        const tested = all.find(({ options }) => options.variant === "s") ??
          all[0];
        for (const contender of all) {
          await t.step(`${name}, ${contender.name}`, async () => {
            const place = folderOf(name, contender.name, 1);
            await Deno.mkdir(place, { recursive: true });
            const trial = await open.trial({
              ...{ contender, seed: 1, steps: 1, rate: rates[0]!, folderOf },
            });
            await trial.begin?.();
            const { loss, distillation } = trial.options;
            const { losses } = await train(trial.model, trial.data, {
              loss,
              ...distillation ? { distillation } : {},
              steps: 1,
              progress: false,
            });
            assertEquals(losses.length, 1);
            // A checkpoint has them, so a mixer has to have a name.
            trial.model.layers.forEach((layer) => layer.getConfig());
            await trial.keep?.(place);
            const figures = contender === tested
              ? await trial.test()
              : undefined;
            trial.model.dispose();
            trial.dispose?.();
            if (!figures) return;
            for (const [column, value] of Object.entries(figures)) {
              assert(Number.isFinite(value), column);
              if (column.startsWith("accuracy")) {
                assert(value >= 0 && value <= 1, column);
              }
            }
            for (const baseline of Object.values(await open.baselines())) {
              for (const column of Object.keys(baseline)) {
                assert(column in figures, `${column} is not a figure`);
              }
            }
          });
        }
      }
    }),
  ["wasm"],
);
