import { assert, assertEquals } from "@std/assert";
import { train } from "../../lib/training/mod.ts";
import { RECIPES } from "../../tools/recipes/recipes.ts";
import { onEachBackend } from "../backends.ts";
import { withFolder } from "../io/files.ts";

onEachBackend(
  "recipes train and test each contender",
  (_backend, t) =>
    withFolder(async (folder) => {
      const folderOf = (recipe: string) => `${folder}/${recipe}`;
      // In their order: classify goes on from what mlm has written.
      for (const [name, recipe] of Object.entries(RECIPES)) {
        const open = await recipe.open("quick");
        for (const contender of recipe.contenders) {
          await t.step(`${name}, ${contender.name}`, async () => {
            await Deno.mkdir(`${folderOf(name)}/${contender.name}-1`, {
              recursive: true,
            });
            const trial = await open.trial({ contender, seed: 1, folderOf });
            const { losses } = await train(trial.model, trial.data, {
              loss: trial.options.loss,
              steps: 1,
              progress: false,
            });
            assertEquals(losses.length, 1);
            // All of mlm's write the weights that classify goes on from.
            const isTested = name === "mlm" || contender.variant === "s";
            const figures = isTested ? await trial.test() : undefined;
            trial.model.dispose();
            if (!figures) return;
            assert(Object.values(figures).every(Number.isFinite));
            for (const column of recipe.percent) {
              assert(figures[column]! >= 0 && figures[column]! <= 1);
            }
            for (const baseline of Object.values(open.baselines)) {
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
