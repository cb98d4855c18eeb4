/**
 * Trains the contenders of recipes under the protocol: `deno task train NAME`.
 *
 * @module
 */
import { type BackendInfo, useBackend } from "@lionjs/lion";
import { openMpi } from "@lionjs/lion/mpi";
import { interruptSignal } from "@lionjs/lion/notebook";
import { isOfOwnData } from "../own_data/own_options.ts";
import { trainOwn } from "../own_data/train_own.ts";
import { CannotBegin, findFiles } from "./needed_files.ts";
import {
  duration,
  type Estimate,
  estimate,
  opened,
  PLAN_HEAD,
  type PlannedRecipe,
  planText,
  TimeLeft,
  totalOf,
} from "./plan.ts";
import type { EndedTraining } from "./protocol.ts";
import { folderOf, forget, runRecipe } from "./run_recipe.ts";
import type { StepTiming } from "./step_times.ts";
import { type Options, readOptions, RECIPE_NAMES } from "./train_options.ts";
import {
  dismiss,
  follow,
  type Together,
  TrainingRanks,
} from "./training_ranks.ts";
import { TrainingWorkers } from "./training_workers.ts";

const CORES = navigator.hardwareConcurrency;

/** Steps are timed to see that they can be. */
const ONCE: StepTiming = {
  budget: { milliseconds: 0, fewest: 1, most: 1, warmUp: 0 },
  steps: 1,
};

/** What is said of made-up files. */
const MADE_UP =
  "The files are made up, with fewer examples and classes than the published ones: " +
  "figures mean nothing, and steps on files of yours may take longer.";

/** Trains with all ranks of the job. */
async function mainOfRanks(
  options: Options,
  ranks: "data" | "sequence",
): Promise<void> {
  const communicator = openMpi();
  const together = { communicator, ranks };
  const signal = interruptSignal();
  const threads = Math.floor(CORES / communicator.size);
  const backend = await useBackend({
    ...options.backend ? { prefer: [options.backend] } : {},
    threads: Math.max(1, threads),
  });
  if (communicator.rank > 0) {
    await follow(together, signal);
  } else {
    console.log(`${communicator.size} ranks share ${ranks}`);
    await run(options, { signal, backend, together });
    await dismiss(communicator);
  }
  await communicator.close();
}

async function main(options: Options): Promise<void> {
  if (options.ranks) return await mainOfRanks(options, options.ranks);
  const signal = interruptSignal();
  const name = options.backend;
  const backend = await useBackend(name ? { prefer: [name] } : {});
  await run(options, { signal, backend });
}

/** Plans, and trains what is planned. */
async function run(
  options: Options,
  { signal, backend, together }: {
    readonly signal: AbortSignal;
    readonly backend: BackendInfo;
    readonly together?: Together;
  },
): Promise<void> {
  const { plansOnly, folder } = options;
  await using files = new AsyncDisposableStack();
  const recipes = await withFiles(options, files);
  const estimates: Estimate[] = [];
  console.log(PLAN_HEAD);
  for (const planned of recipes) {
    if (signal.aborted) return;
    const { setting } = planned;
    const open = await opened(planned);
    const own = await estimate(planned, open, folderOf({ folder, setting }));
    console.log(planText(own));
    const remarks = planned.folders?.areMadeUp ? [MADE_UP] : open.remarks ?? [];
    for (const remark of [...planned.recipe.notes ?? [], ...remarks]) {
      console.log(`- ${remark}`);
    }
    estimates.push(...own);
  }
  const all = duration(totalOf(estimates));
  console.log(`${all} in all, one after the other, without tests\n`);
  if (plansOnly) return;
  const { atOnce = backend.name === "webgpu" ? 1 : CORES } = together
    ? { atOnce: 1 }
    : options;
  const time = new TimeLeft(estimates, atOnce);
  const command = ["deno task train", ...Deno.args].join(" ");
  for (const planned of recipes) {
    const { name, setting, recipe: { title }, chosen, folders } = planned;
    console.log(`${title} on ${backend.name}`);
    const place = {
      ...{ folder, recipe: name, setting },
      ...chosen ? { chosen } : {},
      ...folders ? { folders } : {},
    };
    // The last time, its few steps may have been on other files.
    if (setting === "smoke" && folders) await forget({ folder, name, setting });
    using workers = atOnce === 1
      ? undefined
      : new TrainingWorkers({ ...place, atOnce, backend });
    const trainer = together ? new TrainingRanks(together, place) : workers;
    const file = await runRecipe(planned, {
      ...{ folder, command, backend, signal },
      ...trainer ? { trainer } : {},
      ...setting === "smoke" ? { timing: ONCE } : {},
      onTraining(ended) {
        time.ended(name, ended);
        console.log(`${lineOf(ended)}; ${duration(time.left)} left for all`);
      },
    });
    if (file === undefined) {
      console.log("stopped; the same command continues from here");
      return;
    }
    console.log(`results: ${file}\n`);
  }
}

/** Recipes with the folders of those that read files, which are there as long as `kept`. */
async function withFiles(
  { recipes, data, hub, plansOnly }: Options,
  kept: AsyncDisposableStack,
): Promise<PlannedRecipe[]> {
  const found: PlannedRecipe[] = [];
  for (const planned of recipes) {
    const { name, recipe: { files }, setting, chosen } = planned;
    if (!files) {
      found.push(planned);
      continue;
    }
    const few = setting === "smoke" ? "short" : plansOnly ? "long" : undefined;
    const { folders } = kept.use(
      await findFiles(chosen?.name ?? name, files, { data, hub, few }),
    );
    found.push({ ...planned, folders });
  }
  return found;
}

/** What a training came to. */
function lineOf(
  { contender, seed, rate, isTry, curve, divergedAt, milliseconds, figures }:
    EndedTraining,
): string {
  const what = `seed ${seed}, ${isTry ? "trying " : ""}`;
  const means = divergedAt === undefined
    ? isTry ? curve.at(-1)!.means : figures
    : {};
  const reached = Object.entries(means)
    .map(([name, value]) => `${name} ${value.toPrecision(4)}`);
  return [
    `${contender}, ${what}rate ${rate}: ${
      divergedAt === undefined ? reached.join(", ") : "diverged"
    }`,
    milliseconds === undefined
      ? "read"
      : `${(milliseconds / 1000).toFixed(0)} s`,
  ].join("; ");
}

try {
  if (isOfOwnData(Deno.args, RECIPE_NAMES)) await trainOwn();
  else await main(await readOptions());
} catch (error) {
  if (!(error instanceof CannotBegin)) throw error;
  console.error(error.message);
  Deno.exit(2);
}
// Workers of a backend must not keep the process.
Deno.exit();
