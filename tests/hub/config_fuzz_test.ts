/** Damaged config.json and indices: a model, or an error that says what is wrong. @module */
import { assert } from "@std/assert";
import fc from "fast-check";
import {
  fromPretrained,
  type LionConfig,
  savePretrained,
} from "../../lib/hub/mod.ts";
import { lionEncoder, lionViT } from "../../mod.ts";
import { onCpu, withFolder } from "../io/files.ts";
import { type Json, jsonTexts } from "../json_mutants.ts";
import { BERT, GPT2, STATES, VIT, without, writeModel } from "./directories.ts";

/** What no message of ours says. */
const INTERNAL =
  /Cannot (read|convert|set|destructure)|is not (a function|iterable|defined)|Invalid (array|typed)|reading '|out of memory|Maximum call|tensor of size|backend/;

/** Reads a folder; the error must be one that was meant. */
async function readable(folder: string): Promise<boolean> {
  try {
    const { model } = await fromPretrained(folder);
    model.dispose();
    return true;
  } catch (error) {
    const { name, message, stack } = error as Error;
    assert(
      ["TypeError", "RangeError", "SyntaxError"].includes(name) &&
        !INTERNAL.test(message),
      stack,
    );
    return false;
  }
}

/** Tries texts in the place of a file; some must do, and some not. */
async function tryTexts(
  folder: string,
  file: string,
  valid: readonly Json[],
  seed: number,
): Promise<void> {
  let good = 0, bad = 0;
  await fc.assert(
    fc.asyncProperty(jsonTexts(valid), async (text) => {
      await Deno.writeTextFile(`${folder}/${file}`, text);
      if (await readable(folder)) good++;
      else bad++;
    }),
    { numRuns: 150, seed },
  );
  assert(good > 0 && bad > 20, `${good} of 150 were read`);
}

const SIZES = { dim: 8, depth: 1, numHeads: 2, variant: "s" } as const;
const ENCODER: LionConfig = {
  model_type: "lion",
  architecture: "lionEncoder",
  options: { ...SIZES, vocabularySize: 9, maxLength: 4, numClasses: 2 },
  id2label: { 0: "a", 1: "b" },
};
const IMAGES: LionConfig = {
  model_type: "lion",
  architecture: "lionViT",
  options: {
    ...SIZES,
    imageSize: 4,
    patchSize: 2,
    numClasses: 3,
    order: "snake",
    classToken: "none",
    positionEmbedding: false,
  },
};

const THEIRS = [
  [BERT, without(STATES.bert, /^classifier/)],
  [GPT2, STATES.gpt2],
  [VIT, STATES.vit],
] as const;

THEIRS.forEach(([config, state], i) =>
  onCpu(
    `a damaged config.json of ${config.model_type} is read or refused`,
    () =>
      withFolder(async (folder) => {
        await writeModel(folder, config, state);
        await tryTexts(folder, "config.json", [config as unknown as Json], i);
      }),
  )
);

onCpu(
  "a damaged config.json of this library's is read or refused",
  () =>
    withFolder(async (folder) => {
      const models = [
        [ENCODER, lionEncoder(ENCODER.options as never)],
        [IMAGES, lionViT(IMAGES.options as never)],
      ] as const;
      for (const [config, model] of models) {
        await savePretrained(folder, { model, config });
        await tryTexts(folder, "config.json", [config as unknown as Json], 5);
        model.dispose();
      }
    }),
);

onCpu("a damaged index is read or refused", () =>
  withFolder(async (folder) => {
    await writeModel(folder, VIT, STATES.vit);
    const { model, config } = await fromPretrained(folder);
    await savePretrained(folder, { model, config, maxShardBytes: 3000 });
    model.dispose();
    const file = "model.safetensors.index.json";
    const index = JSON.parse(await Deno.readTextFile(`${folder}/${file}`));
    await tryTexts(folder, file, [index], 6);
  }));
