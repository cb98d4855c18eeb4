/** Tasks of Long Range Arena that are tokens: expressions, reviews, pairs of papers. @module */
import { lionEncoder } from "@lionjs/lion";
import { collateTokens } from "@lionjs/lion/data";
import { LONG_RANGE_ARENA_TASKS, longRangeArena } from "@lionjs/lion/datasets";
import { sequencesOf } from "../sequences.ts";
import { arenaParts, type ArenaRecipe, arenaRecipe } from "./arena.ts";
import { writeFewLists, writeFewPairs, writeFewReviews } from "./few_arena.ts";
import type { PaperRecipe } from "./paper_recipe.ts";
import { collatePairs, twoTowers } from "./two_towers.ts";

/** How to get what its authors have released. */
const RELEASE = [
  "curl -L https://storage.googleapis.com/long-range-arena/lra_release.gz | tar -xz -C FOLDER",
];

/** Nested lists of operations. */
export const arenaListOps: PaperRecipe = tokenArena("listops", {
  title: "Long Range Arena, ListOps",
  about:
    "The model computes the value of nested lists of MIN, MAX, MED and SM, " +
    "a digit: 96,000 expressions of 500 to 2,000 tokens to train on, and 2,000 " +
    "each for validation and for the table.",
  files: {
    lookedFor: [
      "listops-1000, with basic_train.tsv, basic_val.tsv and basic_test.tsv,",
      "there, or in lra_release, or in lra_release/lra_release",
    ],
    commands: RELEASE,
    writeFew: writeFewLists,
  },
});

/** Reviews of films, byte by byte. */
export const arenaText: PaperRecipe = tokenArena("text", {
  title: "Long Range Arena, Text",
  about:
    "Are film reviews good or bad? IMDB's 25,000 training reviews are read " +
    "byte by byte, up to 4,096 bytes each; the table is for the 25,000 " +
    "test reviews.",
  notes: [
    "As in the original, the test reviews are also evaluated during " +
    "training; nothing is chosen on them.",
  ],
  files: {
    lookedFor: [
      "aclImdb, with train and test, in each of them pos and neg; or",
      "train-00000-of-00001.parquet and the one of test, there or in plain_text",
    ],
    commands: [
      "curl -L https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz | tar -xz -C FOLDER",
      "hf download stanfordnlp/imdb --repo-type dataset --local-dir FOLDER",
    ],
    hub: {
      data: { repo: "stanfordnlp/imdb", include: ["plain_text/t*.parquet"] },
    },
    writeFew: writeFewReviews,
  },
});

/** Pairs of papers. */
export const arenaRetrieval: PaperRecipe = arenaRecipe("retrieval", {
  title: "Long Range Arena, Retrieval",
  about:
    "Does one of two papers cite the other? Both are read byte by byte, up " +
    "to 4,000 of each, by the same encoder, and a perceptron gets both means, " +
    "their product and their difference: 147,086 pairs to train on, 18,090 for " +
    "validation and 17,437 for the table.",
  notes: [
    "The two papers lie in one row as segments that do not see each other; " +
    "softmax then computes twice the scores that it needs.",
  ],
  files: {
    lookedFor: [
      "tsv_data, with new_aan_pairs.train.tsv, .eval.tsv and .test.tsv,",
      "there, or in lra_release, or in lra_release/lra_release",
    ],
    commands: RELEASE,
    writeFew: writeFewPairs,
  },
  async open(folder, setting) {
    const { vocabularySize, length, numClasses } =
      LONG_RANGE_ARENA_TASKS.retrieval;
    return sequencesOf({
      numClasses,
      parts: await arenaParts(
        setting,
        (part) => longRangeArena("retrieval", folder, { part }),
      ),
      collate: collatePairs(),
      model: (options) =>
        twoTowers({
          ...{ vocabularySize, maxLength: length, numClasses },
          ...options,
        }),
    });
  },
});

/** A task whose examples are tokens. */
function tokenArena(
  task: "listops" | "text",
  own: Omit<ArenaRecipe, "open">,
): PaperRecipe {
  const { vocabularySize, length, numClasses } = LONG_RANGE_ARENA_TASKS[task];
  return arenaRecipe(task, {
    ...own,
    open: async (folder, setting) =>
      sequencesOf({
        numClasses,
        parts: await arenaParts(
          setting,
          (part) => longRangeArena(task, folder, { part }),
        ),
        collate: collateTokens(),
        model: (options) =>
          lionEncoder({
            ...{ vocabularySize, maxLength: length, numClasses },
            ...options,
          }),
      }),
  });
}
