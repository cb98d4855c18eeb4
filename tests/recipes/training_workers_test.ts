/** Trainings in threads of their own are those of this one. */
import { assertEquals, assertRejects } from "@std/assert";
import { useBackend } from "../../mod.ts";
import { runProtocol } from "../../tools/recipes/protocol.ts";
import { RECIPES } from "../../tools/recipes/recipes.ts";
import { CONTENDERS, planOf } from "../../tools/recipes/recipe.ts";
import { folderOf } from "../../tools/recipes/run_recipe.ts";
import { TrainingWorkers } from "../../tools/recipes/training_workers.ts";
import { withFolder } from "../io/files.ts";

const NAME = "copying", SETTING = "smoke";

/** Some trainings of a few steps. */
async function callOf(folder: string, signal: AbortSignal) {
  const recipe = RECIPES[NAME]!;
  return {
    ...{ recipe: NAME, measure: recipe.measure, signal },
    open: await recipe.open(SETTING),
    plan: { ...planOf(recipe, SETTING), steps: 8, seeds: 1, validations: 1 },
    contenders: CONTENDERS.slice(2),
    folderOf: folderOf({ folder, setting: SETTING }),
    progress: false,
  };
}

function workersIn(folder: string): TrainingWorkers {
  return new TrainingWorkers({
    ...{ atOnce: 2, backend: { name: "wasm" }, folder },
    ...{ recipe: NAME, setting: SETTING },
  });
}

Deno.test("two trainings at once end as one after the other does", () =>
  withFolder(async (folder) => {
    const { signal } = new AbortController();
    const threads = Math.max(1, Math.floor(navigator.hardwareConcurrency / 2));
    await useBackend({ prefer: ["wasm"], threads });
    const one = await runProtocol(await callOf(`${folder}/one`, signal));
    using trainer = workersIn(`${folder}/two`);
    const call = await callOf(`${folder}/two`, signal);
    const two = await runProtocol({ ...call, trainer });
    assertEquals(one!.trials.length, 2);
    assertEquals(two, one);
  }));

Deno.test("trainings in workers are stopped, and gone on with", () =>
  withFolder(async (folder) => {
    const stop = new AbortController();
    const call = await callOf(folder, stop.signal);
    {
      using trainer = workersIn(folder);
      const onTraining = () => stop.abort();
      const stopped = await runProtocol({ ...call, trainer, onTraining });
      assertEquals(stopped, undefined);
    }
    using trainer = workersIn(folder);
    const { signal } = new AbortController();
    const whole = await runProtocol({ ...call, signal, trainer });
    assertEquals(whole!.trials.length, 2);
  }));

Deno.test("a worker that has ended trains nothing, and says so", () =>
  withFolder(async (folder) => {
    const { signal } = new AbortController();
    const trainer = workersIn(folder);
    trainer[Symbol.dispose]();
    const call = await callOf(folder, signal);
    await assertRejects(
      () => runProtocol({ ...call, trainer }),
      Error,
      "all trainings are done",
    );
  }));

Deno.test("what fails in a worker fails here", () =>
  withFolder(async (folder) => {
    const { signal } = new AbortController();
    const call = await callOf(folder, signal);
    // Where a training's log would be, there is a folder.
    const place = call.folderOf(NAME, call.contenders[0]!.name, 1);
    const [rate] = call.plan.rates;
    await Deno.mkdir(`${place}-rate-${rate}/log.jsonl`, { recursive: true });
    using trainer = workersIn(folder);
    await assertRejects(
      () => runProtocol({ ...call, trainer }),
      Error,
      "EISDIR",
    );
  }));
