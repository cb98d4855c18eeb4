/**
 * Ranks train contenders of a recipe as one process does, as `recipe.ts FOLDER`:
 * the first runs the protocol, and the others follow.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { useBackend } from "../../../mod.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";
import { runProtocol } from "../../../tools/recipes/protocol.ts";
import { CONTENDERS, planOf } from "../../../tools/recipes/recipe.ts";
import { RECIPES } from "../../../tools/recipes/recipes.ts";
import { folderOf } from "../../../tools/recipes/run_recipe.ts";
import {
  dismiss,
  follow,
  TrainingRanks,
} from "../../../tools/recipes/training_ranks.ts";

const NAME = "copying", SETTING = "quick";

/** Of float32 sums in another order, after a few steps. */
const TOLERANCE = 1e-4;

const communicator = openMpi();
const { signal } = new AbortController();
await useBackend({ prefer: ["wasm"], threads: 1 });
for (const ranks of ["data", "sequence"] as const) {
  const together = { communicator, ranks };
  if (communicator.rank > 0) {
    await follow(together, signal);
    continue;
  }
  const recipe = RECIPES[NAME]!;
  const open = await recipe.open(SETTING);
  const trained = async (folder: string, isShared: boolean) => {
    const place = { folder, recipe: NAME, setting: SETTING } as const;
    const record = await runProtocol({
      ...{ recipe: NAME, measure: recipe.measure, signal, open },
      plan: { ...planOf(recipe, SETTING), steps: 8, seeds: 1, validations: 1 },
      contenders: CONTENDERS.slice(3),
      folderOf: folderOf(place),
      progress: false,
      ...isShared ? { trainer: new TrainingRanks(together, place) } : {},
    });
    return record!;
  };
  const folder = Deno.args[0]!;
  const actual = await trained(`${folder}/${ranks}`, true);
  await dismiss(communicator);
  const expected = await trained(`${folder}/alone`, false);
  assertEquals(actual.trials.length, 1);
  assertEquals(actual.rates[0]!.tries.length, expected.rates[0]!.tries.length);
  const [one] = expected.trials, [many] = actual.trials;
  const error = Math.abs(many!.trainLoss! - one!.trainLoss!);
  assert(error < TOLERANCE, `${ranks}: ${many!.trainLoss} ${one!.trainLoss}`);
  assertEquals(Object.keys(many!.figures), Object.keys(one!.figures));
}
await communicator.close();
if (communicator.rank === 0) console.log("recipes are the same");
