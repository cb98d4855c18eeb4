/**
 * Ranks train contenders of recipes as one process does, as `recipe.ts FOLDER`: the
 * first runs the protocol, and the others follow.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { useBackend } from "../../../mod.ts";
import { openMpi } from "../../../lib/mpi/mod.ts";
import { runProtocol } from "../../../tools/recipes/protocol.ts";
import { CONTENDERS, planOf } from "../../../tools/recipes/recipe.ts";
import { recipeNamed } from "../../../tools/recipes/recipes.ts";
import { folderOf } from "../../../tools/recipes/run_recipe.ts";
import {
  dismiss,
  follow,
  TrainingRanks,
} from "../../../tools/recipes/training_ranks.ts";

/** What is trained, and what ranks share of it; the last reads files. */
const CASES = [
  { recipe: "copying", setting: "quick", ranks: "data" },
  { recipe: "copying", setting: "quick", ranks: "sequence" },
  { recipe: "cifar100", setting: "smoke", ranks: "data" },
] as const;

/** Of float32 sums in another order, after a few steps. */
const TOLERANCE = 1e-4;

const communicator = openMpi();
const { signal } = new AbortController();
await useBackend({ prefer: ["wasm"], threads: 1 });
for (const { recipe: name, setting, ranks } of CASES) {
  const together = { communicator, ranks };
  if (communicator.rank > 0) {
    await follow(together, signal);
    continue;
  }
  const root = Deno.args[0]!;
  const recipe = recipeNamed({ name });
  const data = `${root}/${name}-files`;
  await Deno.mkdir(data, { recursive: true });
  await recipe.files?.writeFew(data);
  const folders = { data, tokenizer: data };
  const open = await recipe.open(setting, folders);
  const plan = {
    ...planOf(recipe, setting),
    steps: 8,
    seeds: 1,
    searchSeeds: 1,
  };
  const trained = async (folder: string, isShared: boolean) => {
    const place = { folder, recipe: name, setting, chosen: { name }, folders };
    const record = await runProtocol({
      ...{ recipe: name, measure: recipe.measure, signal, open },
      plan: { ...plan, validations: 1 },
      contenders: CONTENDERS.slice(3),
      folderOf: folderOf(place),
      progress: false,
      ...isShared ? { trainer: new TrainingRanks(together, place) } : {},
    });
    return record!;
  };
  const actual = await trained(`${root}/${ranks}`, true);
  await dismiss(communicator);
  const expected = await trained(`${root}/alone`, false);
  assertEquals(actual.trials.length, 1);
  assertEquals(actual.rates[0]!.tries.length, expected.rates[0]!.tries.length);
  const [one] = expected.trials, [many] = actual.trials;
  const error = Math.abs(many!.trainLoss! - one!.trainLoss!);
  assert(
    error < TOLERANCE,
    `${name}, ${ranks}: ${many!.trainLoss} ${one!.trainLoss}`,
  );
  assertEquals(Object.keys(many!.figures), Object.keys(one!.figures));
}
await communicator.close();
if (communicator.rank === 0) console.log("recipes are the same");
