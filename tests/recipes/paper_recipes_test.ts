/** Recipes as published: that they run, and that their numbers are those of their sources. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  DECAYS,
  DIRECTIONS,
  PARTS,
} from "../../tools/recipes/image_comparisons.ts";
import { LONG_RANGE_PARTS } from "../../tools/recipes/long_range.ts";
import { findFiles } from "../../tools/recipes/needed_files.ts";
import { ARENA, arenaOptions } from "../../tools/recipes/paper/arena.ts";
import type { ChosenRecipe } from "../../tools/recipes/paper/paper_recipe.ts";
import {
  chosenName,
  PAPER_RECIPES,
  paperNames,
} from "../../tools/recipes/paper/paper_recipes.ts";
import {
  DEIT,
  visionOptions,
  visionSchedule,
} from "../../tools/recipes/paper/vision.ts";
import { planned } from "../../tools/recipes/plan.ts";
import { ratesOf, seedsOf } from "../../tools/recipes/protocol.ts";
import {
  type Contender,
  contendersOf,
  planOf,
} from "../../tools/recipes/recipe.ts";
import { recipeNamed } from "../../tools/recipes/recipes.ts";
import { readResults } from "../../tools/recipes/results_file.ts";
import { runRecipe } from "../../tools/recipes/run_recipe.ts";
import { onEachBackend } from "../backends.ts";
import { namesIn, withFolder } from "../io/files.ts";
import { run } from "../platforms/shell.ts";

const MAIN = new URL("../../tools/recipes/main.ts", import.meta.url).pathname;

/** Runs `deno task train`; its temporary folders are in `folder`. */
function trainBy(folder: string, ...args: readonly string[]) {
  return run(
    Deno.execPath(),
    ["run", "-A", "--no-check", MAIN, ...args],
    folder,
    { TMPDIR: folder },
  );
}

/** One contender of each recipe, and of each other task: the others are tested as one is. */
const TESTED: readonly (ChosenRecipe & { readonly contender: string })[] = [
  // In their order: some go on from what others have written.
  ...Object.keys(PAPER_RECIPES).map((name) => ({ name, contender: "lion-s" })),
  { name: "cifar100", task: "directions", contender: "both, diagonal twice" },
  {
    ...{ name: "lra-retrieval", task: "parts" },
    contender: "scaled before the mask",
  },
];

/** The tasks that are not all trained one after another. */
const COMPARISONS = {
  ...{ decay: DECAYS, parts: PARTS, directions: DIRECTIONS },
};

onEachBackend(
  "recipes as published are run on a few made-up files, to their results",
  (name, t) =>
    withFolder(async (folder) => {
      const backend = { name, features: [], limits: {}, skipped: {} };
      for (const { contender, ...chosen } of TESTED) {
        const name = chosenName(chosen.name, chosen);
        await t.step(name, async () => {
          const recipe = recipeNamed(chosen);
          const choice = { hub: false, few: "short" } as const;
          await using found = await findFiles(name, recipe.files!, choice);
          const all = planned(name, recipe, "smoke");
          const contenders = all.contenders.filter(({ name }) =>
            name === contender
          );
          assertEquals(contenders.length, 1);
          const { folders } = found;
          const file = await runRecipe({ ...all, contenders, folders }, {
            ...{ folder, command: "", backend, progress: false },
            signal: new AbortController().signal,
            timing: {
              budget: { milliseconds: 0, fewest: 1, most: 1, warmUp: 0 },
              steps: 1,
            },
          });
          assertEquals(file, `${folder}/${name}-smoke.json`);
          const { trials, rates, baselines } = (await readResults(file!))!;
          assertEquals(trials.length, 1);
          assertEquals(rates[0]!.tries, []);
          const { trainLoss, figures, curve, decays } = trials[0]!;
          const isVision = /^(imagenet|cifar100)/.test(name);
          assertEquals(
            decays && Object.keys(decays).length,
            isVision ? 2 : undefined,
          );
          assert(Number.isFinite(trainLoss), `${trainLoss}`);
          assertEquals(curve.length, 2);
          assert(Object.keys(figures).length > 0);
          for (const [column, value] of Object.entries(figures)) {
            assert(Number.isFinite(value), column);
          }
          for (const column of Object.values(baselines).flatMap(Object.keys)) {
            assert(column in figures, `${column} is not a figure`);
          }
        });
      }
    }),
  ["wasm"],
);

Deno.test("recipes as published have one rate, and one training of each contender", () => {
  for (
    const [name, { sizes = [undefined], of }] of Object.entries(PAPER_RECIPES)
  ) {
    for (const size of sizes) {
      const { plan, contenders, reference, files } = of({ size });
      assertEquals(plan.quick, undefined, name);
      assertEquals(plan.paper.rates.length, 1, name);
      assertEquals(seedsOf(plan.paper), 1, name);
      assert(Number.isInteger(plan.paper.steps), name);
      assert(contenders.some(({ name }) => name === reference), name);
      assert(files!.lookedFor.length > 0 && files!.commands.length > 0, name);
      for (const contender of contenders) {
        assertEquals(ratesOf(contender, plan.paper).length, 1);
      }
    }
  }
});

Deno.test("CIFAR-100's other tasks are the paper's tables, with DeiT's plan", () => {
  const { of, usualTask } = PAPER_RECIPES["cifar100"]!;
  assertEquals(usualTask, "models");
  const models = of({});
  for (const [task, comparison] of Object.entries(COMPARISONS)) {
    const { contenders, reference, published, plan } = of({ task });
    const namesOf = (all: readonly Contender[]) => all.map(({ name }) => name);
    assertEquals(namesOf(contenders), namesOf(comparison.contenders));
    assertEquals(
      [reference, published],
      [comparison.reference, comparison.published],
    );
    // The paper has these tables of the size tiny alone.
    assertEquals(of({ task, size: "small" }).published, {});
    assertEquals(JSON.stringify(plan), JSON.stringify(models.plan));
    for (const { name, options } of contenders) {
      const reads = options.variant === "softmax" ? "read" : undefined;
      assertEquals(options.classToken, reads, name);
    }
  }
});

Deno.test("each of the arena's tasks has the paper's table of parts", () => {
  for (const [name, { usualTask, of }] of Object.entries(PAPER_RECIPES)) {
    if (!name.startsWith("lra-")) continue;
    assertEquals(usualTask, "models");
    const { contenders, published, plan, notes } = of({ task: "parts" });
    assertEquals(contenders, LONG_RANGE_PARTS.contenders);
    assertEquals(published, LONG_RANGE_PARTS.published);
    assertEquals(JSON.stringify(plan), JSON.stringify(of({}).plan));
    assertStringIncludes(notes!.join(), "means of all six tasks");
  }
});

onEachBackend(
  "every contender of the paper's tables of parts has a model",
  () =>
    withFolder(async (folder) => {
      const cases = [
        ...Object.keys(COMPARISONS).map((task) => ({ name: "cifar100", task })),
        { name: "lra-image", task: "parts" },
      ];
      for (const { name, task } of cases) {
        const recipe = recipeNamed({ name, task });
        const data = await Deno.makeTempDir({ dir: folder });
        await recipe.files!.writeFew(data);
        const open = await recipe.open("smoke", { data, tokenizer: data });
        for (const contender of contendersOf(recipe, "smoke")) {
          const { model, dispose } = await open.trial({
            ...{ contender, seed: 1, steps: 4, rate: 1e-3 },
            folderOf: () => folder,
          });
          assert(model.countParams() > 0, contender.name);
          // A checkpoint has them, so a mixer has to have a name.
          model.layers.forEach((layer) => layer.getConfig());
          model.dispose();
          dispose?.();
        }
      }
    }),
  ["cpu"],
);

Deno.test("names of results say what is not the default", () => {
  assertEquals(chosenName("imagenet", {}), "imagenet");
  assertEquals(chosenName("imagenet", { size: "small" }), "imagenet");
  assertEquals(chosenName("imagenet", { size: "base" }), "imagenet-base");
  assertEquals(chosenName("cifar100", { task: "models" }), "cifar100");
  assertEquals(chosenName("cifar100", { task: "decay" }), "cifar100-decay");
  assertEquals(chosenName("glue", {}), "glue-mnli");
  assertEquals(
    chosenName("imagenet", { task: "distillation", size: "tiny" }),
    "imagenet-distillation-tiny",
  );
  const names = paperNames();
  assertEquals(new Set(names).size, names.length);
  for (
    const name of ["imagenet", "imagenet-tiny", "cifar100-base", "lra-pathx"]
  ) {
    assert(names.includes(name), name);
  }
});

Deno.test("ImageNet is trained on for 300 epochs of 1,251 steps, at 1e-3", () => {
  const { steps, rates } = PAPER_RECIPES["imagenet"]!.of({}).plan.paper;
  assertEquals([steps, rates], [300 * 1251, [1e-3]]);
  const cifar = PAPER_RECIPES["cifar100"]!.of({}).plan.paper;
  assertEquals([cifar.steps, cifar.rates], [300 * 48, [1e-3]]);
});

Deno.test("the rate of DeiT follows the batch size, and so do the steps", () => {
  const { of } = PAPER_RECIPES["imagenet"]!;
  const { steps, rates } = of({ batchSize: 256, accumulate: 1 }).plan.paper;
  assertEquals([steps, rates], [300 * 5004, [2.5e-4]]);
  assertThrows(
    () => of({ batchSize: 1000, accumulate: 3 }),
    RangeError,
    "--accumulate should divide the batch size, 1000, got 3",
  );
  assertThrows(
    () => of({ batchSize: 12 }),
    RangeError,
    "--batch-size should leave an even number of images for each of 4 parts",
  );
});

Deno.test("DeiT's rates rise in five epochs, and fall along a cosine", () => {
  const steps = 300 * 1251, rate = 1e-3;
  const schedule = visionSchedule({ steps, rate });
  // The first step of an epoch, and its last one.
  const ofEpoch = (epoch: number) => {
    const first = schedule(1251 * epoch + 1);
    assertEquals(schedule(1251 * (epoch + 1)), first, `epoch ${epoch}`);
    return first;
  };
  // As DeiT's loop does it, the first two have the rate of the first.
  assertEquals([ofEpoch(0), ofEpoch(1)], [1e-6, 1e-6]);
  assertAlmostEquals(ofEpoch(2), 1e-6 + (1e-3 - 1e-6) / 5, 1e-12);
  assertAlmostEquals(ofEpoch(5), 1e-6 + (1e-3 - 1e-6) * 4 / 5, 1e-12);
  const cosine = (epoch: number) =>
    1e-5 + (1e-3 - 1e-5) * (1 + Math.cos(Math.PI * epoch / 300)) / 2;
  for (const epoch of [6, 100, 299]) {
    assertAlmostEquals(ofEpoch(epoch), cosine(epoch - 1), 1e-12);
  }
});

Deno.test("DeiT's optimizer has no clipping, and the weights themselves are tested", () => {
  const { optimizer, ema } = visionOptions({
    steps: 9,
    rate: 1,
    accumulate: 4,
  });
  const { learningRate: _, ...others } = optimizer!;
  assertEquals(others, {
    ...{ weightDecay: 0.05, clipNorm: Infinity, accumulate: 4 },
  });
  assertEquals(ema, undefined);
  assertEquals([DEIT.imageSize, DEIT.dropPath, DEIT.repeats], [224, 0.1, 3]);
});

Deno.test("who takes part in ImageNet, by size", () => {
  const namesOf = (size: string) =>
    PAPER_RECIPES["imagenet"]!.of({ size }).contenders.map(({ name }) => name);
  const all = [
    ...["softmax", "hydra", "vim", "lion-lit", "lion-d", "lion-s"],
    ...["lion-d-snake", "lion-s-snake"],
  ];
  assertEquals(namesOf("small"), all);
  assertEquals(namesOf("base"), all);
  // There is no such Hydra.
  assertEquals(namesOf("tiny"), all.filter((name) => name !== "hydra"));
});

Deno.test("Long Range Arena has S5's numbers, and one rate", () => {
  const rows = Object.entries(ARENA).map(([task, numbers]) =>
    [task, ...Object.values(numbers)].join(" ")
  );
  assertEquals(rows, [
    "listops 128 8 50 40 0.04 0 96000",
    "text 256 6 50 35 0.07 0.1 25000",
    "retrieval 128 6 32 20 0.05 0 147086",
    "image 512 6 50 250 0.07 0.1 45000",
    "pathfinder 192 6 64 200 0.03 0.05 160000",
    "pathx 128 6 32 75 0.06 0 160000",
  ]);
  const planOfTask = (name: string) => planOf(recipeNamed({ name }), "paper");
  const { steps, rates } = planOfTask("lra-image");
  assertEquals([steps, rates], [250 * 900, [5e-4]]);
  assertEquals(planOfTask("lra-pathfinder").steps, 200 * 2500);
  assertEquals(planOfTask("lra-pathx").steps, 75 * 5000);
});

Deno.test("the arena's rate rises in an epoch, and falls to 0", () => {
  const { optimizer } = arenaOptions({
    ...{ steps: 1000, rate: 1, epochs: 10, weightDecay: 0.07, accumulate: 2 },
  });
  const { learningRate, ...others } = optimizer!;
  const schedule = learningRate as (step: number) => number;
  assertEquals([schedule(50), schedule(100), schedule(1000)], [0.5, 1, 0]);
  assertEquals(others, {
    ...{ weightDecay: 0.07, clipNorm: Infinity, accumulate: 2 },
  });
});

Deno.test("deno task train without a recipe's files says how to get them", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/empty`);
    const cases = [
      [[], "cifar100 reads your files, and got no --data"],
      [["--data", "empty"], "empty should have CIFAR-100"],
    ] as const;
    for (const [args, wrong] of cases) {
      const { success, output } = await trainBy(folder, "cifar100", ...args);
      assertEquals(success, false);
      assertStringIncludes(output, wrong);
      assertStringIncludes(output, "cifar-100-binary.tar.gz");
      assertStringIncludes(output, "deno task train cifar100 --hub");
      assertEquals(output.includes("    at "), false, output);
    }
  }));

Deno.test("deno task train tries a recipe's files, or plans with them", () =>
  withFolder(async (folder) => {
    const { writeFew } = recipeNamed({ name: "cifar100" }).files!;
    await Deno.mkdir(`${folder}/mine`);
    await writeFew(`${folder}/mine`);
    // Of a smoke run on other files, which does not count.
    const before = `${folder}/out/cifar100-smoke/lion-s-1`;
    await Deno.mkdir(before, { recursive: true });
    await Deno.writeTextFile(`${before}/result.json`, '{"settings":{}}');
    const args = ["cifar100", "--smoke", "--only", "lion-lit,lion-s"];
    const trained = await trainBy(
      folder,
      ...args,
      ...["--folder", "out", "--backend", "wasm", "--at-once", "2"],
    );
    assert(trained.success, trained.output);
    assertStringIncludes(
      trained.output,
      "lion-s, seed 1, rate 0.001: accuracy",
    );
    assertEquals(await namesIn(`${folder}/out`), [
      "cifar100-smoke",
      "cifar100-smoke.json",
    ]);
    const plan = await trainBy(
      folder,
      ...args,
      ...["--plan", "--data", "mine", "--backend", "wasm"],
    );
    assert(plan.success, plan.output);
    assertStringIncludes(plan.output, "in all, one after the other");
    assertStringIncludes(plan.output, "- One rate and one seed, as published");
    // What was made up is gone, and what was given is there.
    assertEquals(await namesIn(folder), ["mine", "out"]);
    assertEquals(await namesIn(`${folder}/mine`), ["cifar-100-binary"]);
  }));
