/** The whole of the protocol, on a task that is trained in milliseconds. */
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { BatchStream } from "../../lib/data/mod.ts";
import { accuracy, crossEntropy } from "../../lib/training/mod.ts";
import { planned } from "../../tools/recipes/plan.ts";
import {
  bestRate,
  type EndedTraining,
  type ProtocolCall,
  rateBeyond,
  ratesOf,
  runProtocol,
  triedRates,
} from "../../tools/recipes/protocol.ts";
import {
  BY_LOSS,
  type Contender,
  contendersOf,
  CONTROL,
  type OpenRecipe,
  planOf,
  type Recipe,
  type TrainingPlan,
} from "../../tools/recipes/recipe.ts";
import { recipePage } from "../../tools/recipes/report.ts";
import {
  readResults,
  type RecipeResults,
} from "../../tools/recipes/results_file.ts";
import { runRecipe } from "../../tools/recipes/run_recipe.ts";
import { runTraining } from "../../tools/recipes/training.ts";
import { onCpu, withFolder } from "../io/files.ts";
import { tinyData, tinyModel, tinyPass } from "../training/tiny.ts";

const CONTENDERS: readonly Contender[] = [
  { name: "softmax", options: { variant: "softmax" } },
  { name: "lion-s", options: { variant: "s" }, rates: [1e-3, 1e-2, 1e30] },
];

const PLAN: TrainingPlan = {
  ...{ steps: 8, rates: [1e-6, 1e-2, 3e-2], seeds: 2, validations: 4 },
  searchSeeds: 1,
};

/** What was asked of a recipe, in order. */
type Events = string[];

/** A recipe that tells what it is asked for. */
function tinyRecipe(events: Events): OpenRecipe {
  return {
    floor: { guess: "any class", loss: Math.log(3) },
    baselines: () => ({ nothing: { accuracy: 1 / 3 } }),
    trial({ contender: { name, options }, seed, steps, rate }) {
      events.push(`${name}-${seed}: ${steps} steps at ${rate}`);
      return {
        // The tiny model has a variant; it is not what is tested here.
        model: tinyModel({
          ...options.mixer ? {} : options as { variant: "s" },
          seed,
        }),
        data: tinyData(),
        options: { loss: crossEntropy(), optimizer: { learningRate: rate } },
        validation: { data: tinyPass, metrics: { accuracy: accuracy() } },
        test() {
          events.push(`${name}-${seed}: test`);
          return Promise.resolve({ accuracy: 1 / seed });
        },
      };
    },
  };
}

function callOf(folder: string, events: Events): ProtocolCall {
  return {
    recipe: "tiny",
    open: tinyRecipe(events),
    measure: BY_LOSS,
    plan: PLAN,
    contenders: CONTENDERS,
    folderOf: (recipe, contender, seed) =>
      `${folder}/${recipe}/${contender}-${seed}`,
    signal: new AbortController().signal,
    progress: false,
  };
}

onCpu(
  "a training ends once it has solved its task for some looks in a row",
  () =>
    withFolder(async (folder) => {
      const call = callOf(folder, []);
      const [contender] = CONTENDERS;
      for (const [accuracy, steps] of [[0, 4], [1.1, 8]] as const) {
        const record = await runTraining({
          open: {
            ...call.open,
            trial: async (choice) => ({
              ...await call.open.trial(choice),
              solved: { accuracy, looks: 2 },
            }),
          },
          choice: {
            ...{ contender: contender!, seed: 1, steps: 8, rate: 1e-2 },
            folderOf: call.folderOf,
          },
          ...{ validations: 4, folder: `${folder}/${accuracy}` },
          ...{ signal: call.signal, progress: false, isFinal: true },
        });
        assertEquals(record!.steps, steps);
        assertEquals(record!.curve.at(-1)!.step, steps);
        assertEquals(record!.curve.length, steps / 2);
        assertEquals(record!.figures, { accuracy: 1 });
        assert(Number.isFinite(record!.trainLoss));
      }
    }),
);

onCpu(
  "the protocol chooses rates on validation data, and reads test data in the end",
  () =>
    withFolder(async (folder) => {
      const events: Events = [];
      const looks: number[] = [];
      const record = await runProtocol({
        ...callOf(folder, events),
        onTraining: ({ isTry, divergedAt, curve }) => {
          if (isTry && !divergedAt) looks.push(curve.length);
        },
      });
      const { rates, trials } = record!;
      // A try is a whole training.
      assertEquals(new Set(looks), new Set([4]));
      for (const { tries, chosen, steps, seeds } of rates) {
        assertEquals([steps, seeds], [8, 1]);
        assert(tries.length >= 3);
        const found = tries.filter(({ value }) => value !== null)
          .toSorted((a, b) => a.value! - b.value!);
        assertEquals(chosen, found[0]!.rate);
      }
      // So high a rate has no loss at the end.
      assertEquals(rates[1]!.tries.at(-1), { rate: 1e30, value: null });
      assertEquals(
        trials.map((
          { contender, seed, rate, figures },
        ) => [contender, seed, rate, figures["accuracy"]]),
        [
          ["softmax", 1, rates[0]!.chosen, 1],
          ["lion-s", 1, rates[1]!.chosen, 1],
          ["softmax", 2, rates[0]!.chosen, 1 / 2],
          ["lion-s", 2, rates[1]!.chosen, 1 / 2],
        ],
      );
      for (const { curve, trainLoss, parameters } of trials) {
        assertEquals(curve.map(({ step }) => step), [2, 4, 6, 8]);
        assert(
          curve.every(({ means }) => means["loss"]! > 0 && "accuracy" in means),
        );
        assert(trainLoss! > 0 && parameters > 0);
      }
      // No try reads test data; then each training does, once.
      const tried = rates.flatMap(({ tries }) => tries).length;
      const tries = events.slice(0, tried);
      assertEquals(tries.filter((what) => /test/.test(what)), []);
      assertEquals(events.slice(tried).map((what) => what.split(" at")[0]), [
        "softmax-1: 8 steps",
        "softmax-1: test",
        "lion-s-1: 8 steps",
        "lion-s-1: test",
        "softmax-2: 8 steps",
        "softmax-2: test",
        "lion-s-2: 8 steps",
        "lion-s-2: test",
      ]);
    }),
);

onCpu(
  "a protocol that was stopped goes on to the same figures",
  () =>
    withFolder(async (folder) => {
      const whole = await runProtocol(callOf(`${folder}/whole`, []));
      for (const inTries of [true, false]) {
        const events: Events = [];
        const stop = new AbortController();
        const call = callOf(`${folder}/stopped-${inTries}`, events);
        const stopped = await runProtocol({
          ...call,
          signal: stop.signal,
          onTraining: ({ isTry }) => isTry === inTries && stop.abort(),
        });
        assertEquals(stopped, undefined);
        const begun = events.length;
        assertEquals(await runProtocol(call), whole);
        // What had ended is read: only what comes after it is begun.
        const steps = events.slice(begun).filter((what) => /steps/.test(what));
        const tries = whole!.rates.flatMap(({ tries }) => tries).length;
        assertEquals(steps.length, 4 - 1 + (inTries ? tries : 0));
        const again = events.length;
        assertEquals(await runProtocol(call), whole);
        assertEquals(events.length, again);
      }
    }),
);

onCpu(
  "a training whose rate was tried is the same as one that was not",
  () =>
    withFolder(async (folder) => {
      const [contender] = CONTENDERS as [Contender];
      const tried = await runProtocol({
        ...callOf(`${folder}/tried`, []),
        contenders: [contender],
      });
      const { chosen } = tried!.rates[0]!;
      const { trials } = (await runProtocol({
        ...callOf(`${folder}/given`, []),
        contenders: [{ ...contender, rates: [chosen] }],
      }))!;
      assertEquals(tried!.trials, trials);
    }),
);

onCpu(
  "a training that is stopped in its last look goes on to the same figures",
  () =>
    withFolder(async (folder) => {
      const open = tinyRecipe([]);
      const ended = (place: string, stops = false) => {
        const stop = new AbortController();
        const trial: OpenRecipe["trial"] = async (choice) => {
          const own = await open.trial(choice);
          const data = () => {
            if (stops) stop.abort();
            return tinyPass();
          };
          return { ...own, validation: { ...own.validation, data } };
        };
        const folderOf = () => `${folder}/${place}`;
        const [contender] = CONTENDERS as [Contender];
        return runTraining({
          open: { ...open, trial },
          choice: { contender, steps: 2, seed: 1, rate: 1e-2, folderOf },
          ...{ validations: 1, isFinal: true, progress: false },
          ...{ folder: folderOf(), signal: stop.signal },
        });
      };
      const whole = await ended("whole");
      assertEquals(whole!.curve.map(({ step }) => step), [2]);
      assertEquals(await ended("stopped", true), undefined);
      assertEquals(await ended("stopped"), whole);
    }),
);

onCpu(
  "no training is begun after a stop that came while its record was read",
  () =>
    withFolder(async (folder) => {
      const stop = new AbortController();
      const events: Events = [];
      const ended = await runProtocol({
        ...callOf(folder, events),
        folderOf() {
          stop.abort();
          return folder;
        },
        signal: stop.signal,
        // A thread hears only of later stops, and would train to the end.
        trainer: {
          atOnce: 1,
          train() {
            events.push("begun");
            return Promise.resolve(undefined);
          },
        },
      });
      assertEquals([ended, events], [undefined, []]);
    }),
);

onCpu(
  "a training that is stopped before its first batch is begun anew",
  () =>
    withFolder(async (folder) => {
      const stop = new AbortController();
      const call = callOf(folder, []);
      const plan = { ...PLAN, rates: [1e-2], seeds: 1 };
      const open: OpenRecipe = {
        ...call.open,
        async trial(choice) {
          const trial = await call.open.trial(choice);
          const never = new Promise<never>(() => {});
          const data: BatchStream = {
            ...trial.data,
            async *from() {
              stop.abort();
              yield await never;
            },
          };
          return { ...trial, data };
        },
      };
      const { signal } = stop;
      const stopped = await runProtocol({ ...call, plan, open, signal });
      assertEquals(stopped, undefined);
      const { trials } = (await runProtocol({ ...call, plan }))!;
      assertEquals(trials.length, CONTENDERS.length);
    }),
);

onCpu(
  "a training of other settings is not taken for this one",
  () =>
    withFolder(async (folder) => {
      const call = callOf(folder, []);
      await runProtocol(call);
      const plan = { ...call.plan, steps: 12 };
      const error = await assertRejects(
        () => runProtocol({ ...call, plan }),
        RangeError,
        "should be of the settings",
      );
      assertStringIncludes(error.message, '"steps":8');
    }),
);

onCpu(
  "rates are tried with several seeds, and their means compared",
  () =>
    withFolder(async (folder) => {
      const ended: EndedTraining[] = [];
      const { rates } = (await runProtocol({
        ...callOf(folder, []),
        plan: { ...PLAN, searchSeeds: 2 },
        onTraining: (training) => ended.push(training),
      }))!;
      for (const { contender, tries, chosen, seeds } of rates) {
        assertEquals(seeds, 2);
        for (const { rate, value } of tries) {
          const own = ended.filter((training) =>
            training.isTry && training.contender === contender &&
            training.rate === rate
          );
          assertEquals(own.map(({ seed }) => seed), [1, 2]);
          const losses = own.map(({ curve }) => curve.at(-1)?.means["loss"]);
          const [first, second] = losses;
          const isWhole = own.every((training) => !training.divergedAt);
          assertEquals(value, isWhole ? (first! + second!) / 2 : null);
        }
        assertEquals(chosen, bestRate(tries, BY_LOSS));
      }
    }),
);

onCpu(
  "rates that all diverge are an error",
  () =>
    withFolder(async (folder) => {
      const call = callOf(folder, []);
      const plan = { ...call.plan, rates: [1e29, 1e30, 1e31] };
      await assertRejects(
        () => runProtocol({ ...call, plan }),
        RangeError,
        "rates of softmax should have one at which training does not diverge",
      );
    }),
);

onCpu(
  "a published rate is not chosen, and its report says so",
  () =>
    withFolder(async (folder) => {
      const events: Events = [];
      const plan = { ...PLAN, rates: [1e-2], seeds: 1 };
      const [softmax] = CONTENDERS;
      const recipe: Recipe = {
        ...{ title: "Tiny", about: "Made up.", reference: "softmax" },
        notes: ["The authors have `dropout`; this has none."],
        ...{ contenders: [softmax!], measure: BY_LOSS, plan: { paper: plan } },
        open: () => Promise.resolve(tinyRecipe(events)),
      };
      assertEquals(planOf(recipe, "quick"), plan);
      const file = await runRecipe(planned("tiny", recipe, "paper"), {
        ...{ folder, command: "deno task train tiny", progress: false },
        backend: { name: "cpu", features: [], limits: {}, skipped: {} },
        signal: new AbortController().signal,
        timing: { budget: { milliseconds: 1, fewest: 1, warmUp: 0, turn: 1 } },
      });
      assertEquals(
        events.filter((what) => what.includes("8 steps")),
        ["softmax-1: 8 steps at 0.01"],
      );
      const results = (await readResults(file!))!;
      const [{ tries, chosen }] = results.rates as [RecipeResults["rates"][0]];
      assertEquals([tries, chosen], [[], 0.01]);
      const section = recipePage(results);
      assertStringIncludes(section, "- The authors have `dropout`; ");
      assertStringIncludes(
        section,
        "The table lists the rates, which the recipe gives; the training",
      );
      assertStringIncludes(section, "| softmax | 0.01 |");
    }),
);

onCpu(
  "a recipe is run to a file, and the file to a report",
  () =>
    withFolder(async (folder) => {
      const events: Events = [];
      const recipe: Recipe = {
        title: "Tiny",
        about: "Made up.",
        contenders: CONTENDERS,
        reference: "softmax",
        measure: BY_LOSS,
        plan: { quick: PLAN, paper: PLAN },
        open: () => Promise.resolve(tinyRecipe(events)),
      };
      const ended: EndedTraining[] = [];
      const run = () =>
        runRecipe(planned("tiny", recipe, "quick"), {
          folder,
          command: "deno task train tiny",
          backend: { name: "cpu", features: [], limits: {}, skipped: {} },
          signal: new AbortController().signal,
          progress: false,
          onTraining: (training) => ended.push(training),
          timing: {
            budget: { milliseconds: 1, fewest: 1, warmUp: 0, turn: 1 },
          },
        });
      const file = await run();
      assertEquals(file, `${folder}/tiny-quick.json`);
      const results = (await readResults(file!))!;
      const tries = results.rates.flatMap(({ tries }) => tries).length;
      assertEquals(ended.length, tries + 3 * 2);
      assertEquals(ended.filter(({ wasTried }) => wasTried).length, 3);
      assert(ended.every(({ milliseconds }) => milliseconds! > 0));
      assertEquals(results.rivals, ["softmax"]);
      // Random labels cannot be learned in eight steps.
      const section = recipePage(results);
      assertStringIncludes(section, "# Tiny");
      assertStringIncludes(section, "**No table:** softmax");
      // Once more, everything is read.
      await run();
      assert(
        ended.slice(tries + 6).every(({ milliseconds }) =>
          milliseconds === undefined
        ),
      );
    }),
);

Deno.test("rates go on beyond the best one, where it lies at the edge", () => {
  const beyond = (values: readonly (number | null)[]) =>
    rateBeyond(
      values.map((value, at) => ({ rate: 1e-3 * 2 ** at, value })),
      { best: "highest" },
    );
  assertEquals(beyond([0.5, 0.6, 0.5]), []);
  assertEquals(beyond([0.6, 0.5, 0.4]), [5e-4]);
  assertEquals(beyond([0.4, 0.5, 0.6]), [8e-3]);
  assertEquals(beyond([null, null, null]), [5e-4]);
  assertEquals(beyond([0.6, null, null]), [5e-4]);
  // Of rates that are as good, the middle one is taken.
  assertEquals(beyond([0.6, 0.6, 0.6]), []);
});

Deno.test("bestRate takes the best value, whatever is best", () => {
  const tries = [
    { rate: 1, value: 0.5 },
    { rate: 2, value: null },
    { rate: 3, value: 0.9 },
    { rate: 4, value: NaN },
  ];
  assertEquals(bestRate(tries, { best: "highest" }), 3);
  assertEquals(bestRate(tries, { best: "lowest" }), 1);
  assertEquals(
    bestRate([{ rate: 1, value: null }], { best: "lowest" }),
    undefined,
  );
});

Deno.test("three rates or more are tried, a contender's own before the recipe's", () => {
  const [softmax, lion] = CONTENDERS as [Contender, Contender];
  const plan = { steps: 100, rates: [1, 2, 3] };
  assertEquals(ratesOf(softmax, plan), [1, 2, 3]);
  assertEquals(ratesOf(lion, plan), lion.rates);
  assertEquals(triedRates(lion, plan), lion.rates);
  assertEquals(ratesOf(softmax, { ...plan, rates: [1] }), [1]);
  assertEquals(triedRates(softmax, { ...plan, rates: [1] }), []);
  for (const rates of [[], [1, 2], [1, 2, 2]]) {
    assertThrows(
      () => ratesOf(softmax, { ...plan, rates }),
      RangeError,
      "rates of softmax should be 3 or more",
    );
  }
});

Deno.test("contenders have their own options in the published setting, which has no control", () => {
  const contenders: Contender[] = [
    { name: "a", options: { variant: "s" }, paper: { variant: "d" } },
    { name: "b", options: { variant: "lit" } },
  ];
  const variants = (setting: "quick" | "paper") =>
    contendersOf({ contenders }, setting).map(({ options }) => options.variant);
  assertEquals(variants("quick"), ["s", "lit", undefined]);
  assertEquals(contendersOf({ contenders }, "quick").at(-1), CONTROL);
  assertEquals(variants("paper"), ["d", "lit"]);
});

Deno.test("a smoke test is the quick setting in a few steps", () => {
  const longer = { ...PLAN, steps: 100_000, seeds: 10 };
  const settings = { plan: { quick: PLAN, paper: longer } };
  assertEquals(planOf(settings, "quick"), PLAN);
  assertEquals(planOf(settings, "paper"), longer);
  const { rates, steps, seeds } = planOf(settings, "smoke");
  assertEquals(rates, PLAN.rates);
  assert(steps < 10, `${steps} steps`);
  assertEquals(seeds, 1);
});
