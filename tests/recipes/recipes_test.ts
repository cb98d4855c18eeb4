/** Every recipe's contenders can be trained, validated and tested. */
import { assert, assertEquals } from "@std/assert";
import { train } from "../../lib/training/mod.ts";
import { contendersOf } from "../../tools/recipes/recipe.ts";
import { RECIPES } from "../../tools/recipes/recipes.ts";
import { onEachBackend } from "../backends.ts";
import { withFolder } from "../io/files.ts";

onEachBackend(
  "recipes train and test each contender",
  (_backend, t) =>
    withFolder(async (folder) => {
      const folderOf = (recipe: string, contender: string, seed: number) =>
        `${folder}/${recipe}/${contender}-${seed}`;
      // In their order: classify goes on from what mlm has written.
      for (const [name, recipe] of Object.entries(RECIPES)) {
        const open = await recipe.open("quick");
        const { rates } = recipe.plan.quick;
        let isTested = false;
        for (const contender of contendersOf(recipe, "quick")) {
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
            await trial.keep?.(place);
            // One for all: they are tested alike.
            const isNext = !isTested && contender.options.variant === "s";
            const figures = isNext ? await trial.test() : undefined;
            trial.model.dispose();
            if (!figures) return;
            isTested = true;
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
        assert(isTested, `${name} was not tested`);
      }
    }),
  ["wasm"],
);
