/** Right calls of `@lionjs/lion/datasets`. @module */
import * as datasets from "../../../lib/datasets/mod.ts";
import {
  digit,
  type GoodCalls,
  NOWHERE,
  plain,
  random,
  TOKENS,
} from "./good_call.ts";

export const DATASETS: GoodCalls = {
  Digits: plain(
    (pixels, labels) => new datasets.Digits(pixels, labels).get(0),
    () => ({ pixels: new Uint8Array(784), labels: Uint8Array.of(1) }),
  ),
  c4: plain(
    datasets.c4,
    () => ({ folder: NOWHERE, options: { part: "train" } }),
  ),
  cifar: plain(
    datasets.cifar,
    () => ({ folder: NOWHERE, options: { classes: 10, part: "test" } }),
  ),
  collateDigits: plain(
    (options, examples) => datasets.collateDigits(options)(examples, random),
    () => ({
      options: { mean: 0.1, deviation: 0.3 },
      examples: [digit(1), digit(2)],
    }),
    { words: { examples: TOKENS, label: TOKENS } },
  ),
  glue: plain(
    datasets.glue,
    () => ({ task: "rte", folder: NOWHERE, options: { part: "train" } }),
  ),
  imageNet: plain(
    datasets.imageNet,
    () => ({ folder: NOWHERE, options: { part: "val" } }),
  ),
  imdb: plain(
    datasets.imdb,
    () => ({ folder: NOWHERE, options: { part: "train" } }),
  ),
  listOps: plain(
    (options, index) => datasets.listOps(options).get(index),
    () => ({
      options: {
        size: 2,
        seed: 1,
        part: "train",
        minLength: 20,
        maxLength: 60,
        maxDepth: 4,
        maxArguments: 4,
      },
      index: 1,
    }),
  ),
  groupWords: plain(
    (options, index) => datasets.groupWords(options).get(index),
    () => ({
      options: {
        ...{ size: 2, seed: 1, part: "train", length: 8 },
        ...{ group: "S3", labels: "both" },
      },
      index: 1,
    }),
  ),
  longRangeArena: plain(
    datasets.longRangeArena,
    () => ({ task: "pathfinder", folder: NOWHERE, options: { part: "train" } }),
  ),
  mqar: plain(
    (options, index) => datasets.mqar(options).get(index),
    () => ({
      options: {
        ...{ size: 2, seed: 1, part: "train", length: 32 },
        ...{ pairs: 2, vocabularySize: 64, randomNonQueries: true },
      },
      index: 1,
    }),
  ),
  openWebText: plain(
    datasets.openWebText,
    () => ({ folder: NOWHERE, options: {} }),
  ),
  wikiText: plain(
    datasets.wikiText,
    () => ({ folder: NOWHERE, options: { part: "train" } }),
  ),
};
