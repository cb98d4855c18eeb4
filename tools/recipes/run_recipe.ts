/** One recipe from its data to its file of results. @module */
import type { BackendInfo } from "@lionjs/lion";
import { cpus } from "node:os";
import { opened, type PlannedRecipe } from "./plan.ts";
import { type ProtocolCall, runProtocol } from "./protocol.ts";
import { isRival } from "./recipe.ts";
import { type RecipeResults, writeResults } from "./results_file.ts";
import { type StepTiming, timeSteps } from "./step_times.ts";

/** What recipes are run with. */
export interface RunCall
  extends Pick<ProtocolCall, "signal" | "onTraining" | "progress" | "trainer"> {
  /** Of results, logs and checkpoints. */
  readonly folder: string;
  /** What was typed. */
  readonly command: string;
  /** The backend that trains. */
  readonly backend: BackendInfo;
  /** How steps are timed. */
  readonly timing?: StepTiming;
}

/** Where a training is. */
export function folderOf(
  { folder, setting }: Pick<RunCall, "folder"> & Pick<PlannedRecipe, "setting">,
): ProtocolCall["folderOf"] {
  return (recipe, contender, seed) =>
    `${folder}/${recipe}-${setting}/${contender}-${seed}`;
}

/** Removes what a recipe's trainings have left, if there is any. */
export async function forget(
  { folder, name, setting }:
    & Pick<RunCall, "folder">
    & Pick<PlannedRecipe, "name" | "setting">,
): Promise<void> {
  await Deno.remove(`${folder}/${name}-${setting}`, { recursive: true })
    .catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
}

/** The path of the results; `undefined` if the recipe was stopped. */
export async function runRecipe(
  planned: PlannedRecipe,
  call: RunCall,
): Promise<string | undefined> {
  const { name, recipe, setting, plan, contenders } = planned;
  const { folder, command, backend, signal } = call;
  const { onTraining, progress, trainer } = call;
  const open = await opened(planned);
  const places = folderOf({ folder, setting });
  const record = await runProtocol({
    ...{ recipe: name, open, measure: recipe.measure, plan, contenders },
    ...{ folderOf: places, signal, progress },
    ...onTraining ? { onTraining } : {},
    ...trainer ? { trainer } : {},
  });
  if (!record) return undefined;
  const results: RecipeResults = {
    recipe: name,
    title: recipe.title,
    about: recipe.about,
    ...recipe.notes ? { notes: recipe.notes } : {},
    ...recipe.expected ? { expected: recipe.expected } : {},
    ...{ setting, command },
    date: new Date().toISOString().slice(0, 10),
    machine: machineOf(backend),
    measure: recipe.measure,
    ...recipe.solvedFrom ? { solvedFrom: recipe.solvedFrom } : {},
    reference: recipe.reference,
    rivals: recipe.showsLimits
      ? []
      : contenders.filter(isRival).map(({ name }) => name),
    floor: open.floor,
    ...record,
    baselines: await open.baselines(),
    stepMilliseconds: await timeSteps(
      ...[open, contenders, plan, places, call.timing] as const,
    ),
    published: recipe.published ?? {},
  };
  const file = `${folder}/${name}-${setting}.json`;
  await writeResults(file, results);
  return file;
}

function machineOf({ name, adapter }: BackendInfo): string {
  const gpu = adapter ? ` (${adapter.description})` : "";
  return [
    cpus()[0]?.model.trim() ?? "unknown CPU",
    `${navigator.hardwareConcurrency} cores`,
    `${name}${gpu}`,
    `Deno ${Deno.version.deno}`,
  ].join(", ");
}
