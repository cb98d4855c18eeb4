/** The paper's recipes on texts run end to end, on a few examples in the published formats. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { lionBert } from "../../mod.ts";
import { tokenFile, tokenizerOf, trainTokenizer } from "../../lib/data/mod.ts";
import { savePretrained } from "../../lib/hub/mod.ts";
import { train } from "../../lib/training/mod.ts";
import {
  arenaListOps,
  arenaRetrieval,
  arenaText,
} from "../../tools/recipes/paper/arena_texts.ts";
import { c4MaskedLanguage } from "../../tools/recipes/paper/c4_masked_language.ts";
import { glueTuning, goOn } from "../../tools/recipes/paper/glue_tuning.ts";
import {
  fileOfTokens,
  openWebTextModels,
} from "../../tools/recipes/paper/open_web_text.ts";
import type {
  Contender,
  Figures,
  OpenRecipe,
  Recipe,
  TrialChoice,
} from "../../tools/recipes/recipe.ts";
import { onEachBackend } from "../backends.ts";
import { withFolder } from "../io/files.ts";

/** The sizes of models that are not trained. */
const TINY = { dim: 8, depth: 1, numHeads: 2, maxLength: 32 };

/** Where trainings are. */
const placesIn =
  (folder: string): TrialChoice["folderOf"] => (recipe, contender, seed) =>
    `${folder}/${recipe}/${contender}-${seed}`;

/** Opens a recipe on a few examples. */
async function openFew(recipe: Recipe, folder: string): Promise<OpenRecipe> {
  const data = await Deno.makeTempDir({ dir: folder });
  await recipe.files!.writeFew(data);
  return await recipe.open("smoke", { data, tokenizer: data });
}

/** Trains a contender for two steps, and tests it. */
async function tried(
  open: OpenRecipe,
  contender: Contender,
  folderOf: TrialChoice["folderOf"],
  place?: string,
): Promise<Figures> {
  const { dispose, ...trial } = await open.trial({
    ...{ contender, seed: 1, steps: 2, rate: 1e-3, folderOf },
  });
  const { model, data, options, validation } = trial;
  try {
    await trial.begin?.();
    const { losses } = await train(model, data, {
      ...{ ...options, steps: 2, progress: false },
      evaluate: { ...validation, every: 2 },
    });
    assert(losses.every(Number.isFinite), `${losses}`);
    if (place !== undefined) {
      await Deno.mkdir(place, { recursive: true });
      await trial.keep!(place);
    }
    return await trial.test();
  } finally {
    model.dispose();
    dispose?.();
  }
}

/** Tries some contenders of a recipe; returns the names of their figures. */
async function tryRecipe(
  recipe: Recipe,
  names: readonly string[],
  folder: string,
  keptAs?: string,
): Promise<string[]> {
  const open = await openFew(recipe, folder);
  const folderOf = placesIn(folder);
  let columns: string[] = [];
  for (const name of names) {
    const contender = recipe.contenders.find((one) => one.name === name)!;
    const place = keptAs && folderOf(keptAs, name, 1);
    const figures = await tried(open, contender, folderOf, place);
    columns = Object.keys(figures);
    for (const [column, value] of Object.entries(figures)) {
      assert(Number.isFinite(value), `${name}: ${column} is ${value}`);
      if (column.startsWith("accuracy")) assert(value >= 0 && value <= 1);
    }
    for (const baseline of Object.values(await open.baselines())) {
      for (const column of Object.keys(baseline)) assert(column in figures);
    }
  }
  return columns;
}

onEachBackend(
  "c4-mlm and glue train, and go on from each other",
  () =>
    withFolder(async (folder) => {
      const kept = "c4-mlm";
      assertEquals(
        await tryRecipe(
          c4MaskedLanguage.of({}),
          ["hydra", "softmax"],
          folder,
          kept,
        ),
        ["accuracy at 16", "perplexity at 16"],
      );
      const tuned = (task: string) =>
        tryRecipe(glueTuning.of({ task }), ["softmax"], folder, `glue-${task}`);
      assertEquals(await tuned("mnli"), [
        "accuracy, matched",
        "accuracy, mismatched",
      ]);
      assertEquals(await tuned("mrpc"), ["f1 × 100", "accuracy"]);
      assertEquals(await tuned("stsb"), ["spearman × 100", "pearson × 100"]);
      assertEquals(await tuned("cola"), ["matthews × 100"]);
    }),
  ["wasm"],
);

onEachBackend(
  "a published size is planned on texts and vocabularies as long as the published ones",
  () =>
    withFolder(async (folder) => {
      const lengthOf = async (recipe: Recipe) => {
        const data = await Deno.makeTempDir({ dir: folder });
        await recipe.files!.writeFew(data, "long");
        const folders = { data, tokenizer: data, areMadeUp: true };
        const open = await recipe.open("paper", folders);
        const contender = {
          name: "small",
          options: { ...recipe.contenders.at(-1)!.options, depth: 1 },
        };
        const { model, data: batches } = await open.trial({
          ...{ contender, seed: 1, steps: 1, rate: 1e-3 },
          folderOf: placesIn(folder),
        });
        for await (const { inputs, labels } of batches.from(0)) {
          const [ids] = inputs;
          const words = model.outputs[0]!.shape.at(-1)!;
          const { shape } = ids!;
          tf.dispose([...inputs, labels]);
          model.dispose();
          assertEquals(shape[0], 2);
          return { length: shape[1]!, words };
        }
      };
      const choice = { batchSize: 2, accumulate: 1 };
      assertEquals(await lengthOf(openWebTextModels.of(choice)), {
        ...{ length: 1024, words: 50_257 },
      });
      assertEquals(await lengthOf(c4MaskedLanguage.of(choice)), {
        ...{ length: 128, words: 30_522 },
      });
      const lists = await lengthOf(arenaListOps.of(choice));
      assert(lists!.length >= 500, `${lists!.length} tokens`);
      assertEquals((await lengthOf(arenaText.of(choice)))!.length, 4096);
      const pair = await lengthOf(arenaRetrieval.of(choice));
      assert(pair!.length >= 8000, `${pair!.length} tokens`);
    }),
  ["wasm"],
);

onEachBackend(
  "files that are not those published are remarked on",
  () =>
    withFolder(async (folder) => {
      const remarksOf = async (recipe: Recipe) => {
        const data = await Deno.makeTempDir({ dir: folder });
        await recipe.files!.writeFew(data);
        const open = await recipe.open("paper", { data, tokenizer: data });
        return open.remarks!.map((remark) => remark.split(",")[0]);
      };
      assertEquals(await remarksOf(c4MaskedLanguage.of({})), [
        "The files have 300 tokens in their vocabulary",
        "The files have 1 shards to train on",
      ]);
      assertEquals(await remarksOf(glueTuning.of({ task: "mnli" })), [
        "The files have 40 examples to train on",
        "The files have 12 examples in validation_matched",
        "The files have 12 examples in validation_mismatched",
      ]);
    }),
  ["wasm"],
);

onEachBackend(
  "glue names the recipe to run first, and needs none to see that it runs",
  () =>
    withFolder(async (folder) => {
      const model = lionBert({
        ...{ ...TINY, variant: "lit", head: "classification" },
      });
      const [contender] = glueTuning.of({}).contenders;
      const choice = { contender: contender!, folderOf: placesIn(folder) };
      const cases = [
        ["qnli", "base", "c4-mlm --size base"],
        ["rte", "large", "glue --task mnli --size large"],
      ] as const;
      for (const [task, size, first] of cases) {
        const tuning = { recipe: "glue", task, size, from: undefined };
        await assertRejects(
          () => goOn(model, tuning, choice, "paper"),
          Error,
          `run the recipe ${first} first`,
        );
        await goOn(model, tuning, choice, "smoke");
      }
      model.dispose();
    }),
  ["wasm"],
);

onEachBackend(
  "glue tunes a model that is given",
  () =>
    withFolder(async (folder) => {
      const tokenizer = trainTokenizer(["the lion sleeps"], {
        vocabularySize: 280,
      });
      const options = {
        ...TINY,
        variant: "d",
        vocabularySize: 280,
        tokenTypes: 0,
      } as const;
      const model = lionBert(options);
      const from = `${folder}/my model`;
      await savePretrained(from, {
        ...{ model, tokenizer },
        config: { model_type: "lion", architecture: "lionBert", options },
      });
      model.dispose();
      const recipe = glueTuning.of({ task: "cola", from: `${from}/` });
      assertEquals(recipe.contenders, [{ name: "my-model", options: {} }]);
      assertEquals(recipe.reference, "my-model");
      await tryRecipe(recipe, ["my-model"], folder);
    }),
  ["wasm"],
);

onEachBackend(
  "openwebtext trains and is asked at other lengths",
  () =>
    withFolder(async (folder) => {
      const recipe = openWebTextModels.of({});
      const lengths = (...all: number[]) =>
        all.map((length) => `perplexity at ${length}`);
      assertEquals(
        await tryRecipe(recipe, ["softmax"], folder),
        lengths(32, 4, 8, 16),
      );
      assertEquals(
        await tryRecipe(recipe, ["lion-s"], folder),
        lengths(32, 4, 8, 16, 64, 128, 256),
      );
    }),
  ["wasm"],
);

Deno.test("files of tokens are made once, and nanoGPT's are taken", () =>
  withFolder(async (folder) => {
    const tokenizer = tokenizerOf(
      trainTokenizer(["the lion"], { vocabularySize: 270 }),
    );
    const { sep } = tokenizer.specials;
    const text = `${folder}/1.txt`;
    await Deno.writeTextFile(text, "the lion");
    const path = await fileOfTokens("train", folder, tokenizer);
    assertEquals(path, `${folder}/train.bin`);
    const options = { length: 3, type: "uint16" } as const;
    const ids = await (await tokenFile(path, options)).get(0);
    assertEquals([...ids], [...tokenizer.encode("the lion"), sep].slice(0, 3));
    await Deno.remove(text);
    assertEquals(await fileOfTokens("train", folder, tokenizer), path);
    await Deno.writeFile(`${folder}/val.bin`, new Uint8Array(6));
    assertEquals(
      await fileOfTokens("validation", folder, tokenizer),
      `${folder}/val.bin`,
    );
    await Deno.remove(path);
    await assertRejects(
      () => fileOfTokens("train", folder, tokenizer),
      Error,
      "should have OpenWebText",
    );
  }));

onEachBackend(
  "recipes on texts of Long Range Arena train and are tested",
  () =>
    withFolder(async (folder) => {
      for (const { of } of [arenaListOps, arenaText, arenaRetrieval]) {
        assertEquals(
          await tryRecipe(of({}), ["softmax", "lion-s-hippo"], folder),
          ["accuracy"],
        );
      }
    }),
  ["wasm"],
);
