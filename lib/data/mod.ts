/**
 * Training data: streams of batches that depend only on a seed and a step,
 * tokenizers, and your own files: images, texts, lines, tables and tars.
 *
 * A dataset returns examples by index, a `collate` function makes a batch of
 * tensors from several, and a stream does so for each step.
 *
 * `imageFolder`, `parquetImages` and `webDatasetImages` find images;
 * `imageBatches` decodes, transforms and normalises them in workers.
 * `textLines`, `jsonLines`, `csvRows`, `parquet` and `webDataset` read records
 * from files, URLs or memory. `lineStream` and `webDatasetStream` read data
 * larger than memory as a stream of shards; `streamedBatches` makes batches of
 * it, and `writeTokenFile` turns texts into a file of tokens.
 *
 * @example Batches for masked language modelling
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import {
 *   byteTokenizer,
 *   collateMasked,
 *   datasetOf,
 *   packTokens,
 *   shuffledBatches,
 *   splitDocuments,
 * } from "@lionjs/lion/data";
 * import { loadSonnets } from "@lionjs/lion/datasets";
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
export { applyOperation } from "./images/operations/apply_operation.ts";
export { blobBytes } from "./bytes/blob_bytes.ts";
export type { ByteSource } from "./bytes/bytes_of.ts";
export { fileBytes } from "./bytes/file_bytes.ts";
export { memoryBytes } from "./bytes/memory_bytes.ts";
export type { RandomAccess } from "./bytes/random_access.ts";
export { urlBytes } from "./bytes/url_bytes.ts";
export { byteTokenizer } from "./text/byte_tokenizer.ts";
export { decodeImage } from "./images/decoding/decode_image.ts";
export { csvRows } from "./records/csv.ts";
export { classesOf } from "./batches/classes.ts";

export { type Dataset, datasetOf, type Examples } from "./batches/dataset.ts";
export type { GeneratedOptions, Part } from "./batches/generated.ts";
export type { LabelledImage } from "./batches/labelled_image.ts";
export { jsonLines, textLines } from "./records/lines.ts";
export { lineStream } from "./records/line_stream.ts";
export { evalTransform } from "./images/transforms/eval_transform.ts";
export {
  imageBatches,
  type ImageBatchStream,
} from "./images/batching/image_batches.ts";
export { imageInput } from "./images/batching/image_input.ts";
export { mixTargets } from "./images/batching/mix_targets.ts";
export type { ImageDataset } from "./images/datasets/image_dataset.ts";
export { imageFolder } from "./images/datasets/image_folder.ts";
export { collateMasked, maskTokens } from "./text/masking.ts";
export { packSequences } from "./text/pack_sequences.ts";
export { packTokens } from "./text/pack_tokens.ts";
export { padTokens } from "./text/pad_tokens.ts";
export { collatePixels, type PixelScale } from "./images/pixels.ts";
export { parquetImages } from "./images/datasets/parquet_images.ts";
export { parquet } from "./records/parquet.ts";
export type { Picture } from "./images/pictures/picture.ts";
export { resize } from "./images/pictures/resize.ts";
export type { Random } from "./batches/random.ts";
export type { ShardedStream } from "./records/sharded_stream.ts";
export { splitImages } from "./images/datasets/split_images.ts";
export { type Split, splitDocuments, splitInTime } from "./batches/split.ts";
export {
  type Batch,
  batchesInOrder,
  type BatchStream,
  type Collate,
  shuffledBatches,
} from "./batches/stream.ts";
export { streamedBatches } from "./records/streamed_batches.ts";

export { webDatasetImages } from "./images/datasets/web_dataset_images.ts";
export { webDataset } from "./records/web_dataset.ts";
export { webDatasetStream } from "./records/web_dataset_stream.ts";
export { collateTexts } from "./text/collate_texts.ts";
export {
  collateCausal,
  collateTokens,
  IGNORE_INDEX,
} from "./text/token_batch.ts";
export type {
  ClassifiedTokens,
  LabelledTokens,
} from "./text/token_examples.ts";
export type { TextInput } from "./text/text_input.ts";
export { tokenFile, type TokenType } from "./text/token_file.ts";
export type { Tokenizer } from "./text/tokenizer.ts";
export { type TokenizerFile, tokenizerOf } from "./text/tokenizer_file.ts";
export { trainTransform } from "./images/transforms/train_transform.ts";
export type { Transform } from "./images/transforms/transform.ts";
export { trainTokenizer } from "./text/train_tokenizer.ts";
export { trainWordPiece } from "./text/train_word_piece.ts";
export {
  collateWindows,
  scaled,
  type Scaling,
  scalingOf,
  unscaled,
  windowsOf,
} from "./batches/windows.ts";
export { writeTokenFile } from "./text/write_token_file.ts";
