/** Right calls of `@lionjs/lion/data`. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { Batch } from "../../../lib/data/batches/stream.ts";
import * as data from "../../../lib/data/mod.ts";
import { RED_PIXEL } from "../../data/images/red_pixel.ts";
import {
  digit,
  type GoodCalls,
  NOWHERE,
  plain,
  random,
  SOURCE,
  TOKENS,
} from "./good_call.ts";

const collate = (examples: readonly unknown[]): Batch => ({
  inputs: [tf.ones([examples.length, 2])],
  labels: tf.zeros([examples.length]),
  size: examples.length,
});
const tokenizer = data.byteTokenizer();
const dataset = () => ({ size: 5, get: (index: number) => index });
const picture = (width = 4, height = 4) => ({
  width,
  height,
  pixels: new Uint8Array(3 * width * height).fill(7),
});
const bytes = (text: string) => new TextEncoder().encode(text);
const source = (text: string) => {
  const { name, size, read } = data.memoryBytes(bytes(text), "the source");
  return { name, size, read };
};
/** A plain image file, red, of 2 × 1 pixels. */
const PPM = new Uint8Array([...bytes("P6 2 1 255\n"), 255, 0, 0, 255, 0, 0]);
const images = () => ({
  classes: ["a", "b"],
  labels: Uint16Array.of(0, 1, 0, 1),
  size: 4,
  get: (index: number) => ({
    name: "an image",
    label: index % 2,
    bytes: () => Promise.resolve(PPM.slice()),
  }),
});

/** The first batches of a stream, which are disposed of. */
async function take(
  batches: AsyncIterable<unknown>,
  most = 3,
): Promise<unknown[]> {
  const all: unknown[] = [];
  for await (const one of batches) {
    all.push(one);
    if (all.length === most) break;
  }
  return all;
}

/** The one example of a tar of one member of that name. */
function tar(name: string, content: Uint8Array): Uint8Array {
  const all = new Uint8Array(
    512 + 512 * Math.ceil(content.length / 512) + 1024,
  );
  const put = (text: string, at: number) => all.set(bytes(text), at);
  put(name, 0);
  put("0000644\0", 100);
  put(content.length.toString(8).padStart(11, "0") + "\0", 124);
  put("        ", 148);
  put("0ustar\0" + "00", 156);
  const sum = all.subarray(0, 512).reduce((sum, byte) => sum + byte, 0);
  put(sum.toString(8).padStart(6, "0") + "\0 ", 148);
  all.set(content, 512);
  return all;
}

export const DATA: GoodCalls = {
  applyOperation: plain(
    data.applyOperation,
    () => ({
      picture: picture(),
      name: "Rotate",
      magnitude: 5,
      options: { interpolation: "bicubic", fill: [1, 2, 3] },
    }),
  ),
  batchesInOrder: plain(
    (dataset, options) => take(data.batchesInOrder(dataset, options)),
    () => ({
      dataset: dataset(),
      options: { batchSize: 2, collate, seed: 1 },
    }),
  ),
  blobBytes: plain(
    (blob, name) => data.blobBytes(blob, name).read(0, 1),
    () => ({ blob: new Blob(["abc"]), name: "a blob" }),
  ),
  byteTokenizer: plain(
    (text, ids) => [
      data.byteTokenizer().encode(text),
      data.byteTokenizer().decode(ids),
    ],
    () => ({ text: "abc", ids: [70, 71] }),
  ),
  "byteTokenizer, encodeWithSpecials": plain(
    (text, options) => data.byteTokenizer().encodeWithSpecials(text, options),
    () => ({ text: "abc", options: { length: 3 } }),
  ),
  classesOf: plain(
    (labels, name) => data.classesOf(labels).labelOf(name),
    () => ({ labels: ["a", "b"], "a label": "b" }),
  ),
  collateCausal: plain(
    (options, examples) => data.collateCausal(options)(examples, random),
    () => ({ options: { length: 3, packed: true }, ids: [[1, 2, 3], [4, 5]] }),
    { words: { ids: TOKENS } },
  ),
  collateMasked: plain(
    (options, examples) => data.collateMasked(options)(examples, random),
    () => ({
      options: { rate: 0.5, tokenizer, length: 4 },
      ids: [[70, 71], [72]],
    }),
    { words: { ids: TOKENS } },
  ),
  collatePixels: plain(
    (options, examples) => data.collatePixels(options)(examples, random),
    () => ({ options: { mean: 0.1, deviation: 0.3 }, examples: [digit(1)] }),
    { words: { examples: TOKENS, label: TOKENS } },
  ),
  collateTexts: plain(
    (options, examples) => data.collateTexts(options)(examples, random),
    () => ({
      options: {
        ...{ tokenizer, length: 8, text: "text", label: "label" },
        classes: ["a", "b"],
      },
      examples: [{ text: "a", label: "b" }],
    }),
    {
      words: { encodeWithSpecials: TOKENS },
      takes: ["specials", "vocabularySize"],
    },
  ),
  collateTokens: plain(
    (options, examples) => data.collateTokens(options)(examples, random),
    () => ({
      options: { length: 4, pad: 0, packed: true, maxSegments: 2 },
      examples: [{ ids: [1, 2], label: 1 }, { ids: [3], label: 0 }],
    }),
    { words: { ids: TOKENS, label: TOKENS } },
  ),
  csvRows: plain(
    async (path, options) => {
      const rows = await data.csvRows(path, options);
      return [rows.size, rows.get(0)];
    },
    () => ({
      path: source("a,b\n1,2\n"),
      options: {
        ...{ delimiter: ",", quote: '"', header: ["a", "b"] },
        ...{ encoding: "utf-8", onBad: { skip: true, limit: 1 } },
      },
    }),
    { words: { path: SOURCE } },
  ),
  datasetOf: plain(
    (examples, index) => data.datasetOf(examples).get(index),
    () => ({ examples: [1, 2], index: 1 }),
    { takes: ["examples"] },
  ),
  decodeImage: plain(
    data.decodeImage,
    () => ({ bytes: PPM.slice(), options: { orientation: "apply" } }),
  ),
  evalTransform: plain(
    data.evalTransform,
    () => ({ options: { size: 4, cropRatio: 0.9, interpolation: "bicubic" } }),
  ),
  fileBytes: plain(data.fileBytes, () => ({ path: "deno.json" }), {
    words: { path: SOURCE },
  }),
  imageBatches: plain(
    (images, options) => take(data.imageBatches(images, options).from(0), 1),
    () => ({
      images: images(),
      options: {
        batchSize: 2,
        seed: 1,
        transform: data.trainTransform({ size: 2 }),
        ...{ workers: 0, prefetch: 0, order: "shuffled" },
        mean: [0.5, 0.5, 0.5],
        deviation: [0.5, 0.5, 0.5],
        onBad: { skip: true, limit: 1 },
        mix: { mixup: 0.8, cutmix: 1, switch: 0.5, smoothing: 0.1, classes: 2 },
      },
    }),
    { isSlow: true },
  ),
  collateWindows: plain(
    (options, windows) => data.collateWindows(options)(windows, random),
    () => ({
      options: { mask: true },
      windows: [{ past: [[1]], ahead: [[2]] }],
    }),
    { words: { windows: /window|examples/ } },
  ),
  scaled: plain(
    data.scaled,
    () => ({ rows: [[1]], scaling: { means: [1], deviations: [2] } }),
  ),
  scalingOf: plain(data.scalingOf, () => ({ rows: [[1], [2]] })),
  splitInTime: plain(
    data.splitInTime,
    () => ({ rows: [1, 2, 3], options: { validation: 0.1, test: 0.1 } }),
    { takes: ["0", "1", "2"] },
  ),
  unscaled: plain(
    data.unscaled,
    () => ({ rows: [[1]], scaling: { means: [1], deviations: [2] } }),
  ),
  windowsOf: plain(
    (rows, options) => data.windowsOf(rows, options).get(0),
    () => ({
      rows: [[1], [2], [3]],
      options: { past: 1, ahead: 1, targets: [0], step: 1 },
    }),
  ),
  imageInput: plain(
    data.imageInput,
    () => ({
      images: RED_PIXEL,
      options: {
        transform: data.evalTransform({ size: 2 }),
        mean: [0.5, 0.5, 0.5],
        deviation: [0.5, 0.5, 0.5],
        orientation: "apply",
      },
    }),
  ),
  imageFolder: plain(
    data.imageFolder,
    () => ({
      folder: NOWHERE,
      options: { classes: ["a"], extensions: ["jpg"], emptyClasses: "keep" },
    }),
  ),
  jsonLines: plain(
    async (path, options) => await data.jsonLines(path, options),
    () => ({
      path: source('{"a":1}\n'),
      options: { onBad: { skip: true, limit: 1 } },
    }),
    { words: { path: SOURCE } },
  ),
  lineStream: plain(
    (files, options) => data.lineStream(files, options),
    () => ({
      files: [source("a\nb\n")],
      options: { parse: "text", onBad: { skip: true, limit: 1 } },
    }),
    { words: { files: SOURCE } },
  ),
  maskTokens: plain(
    data.maskTokens,
    () => ({
      ids: [70, 71, 72],
      options: { rate: 0.5, random, tokenizer },
    }),
  ),
  memoryBytes: plain(
    (bytes, name) => data.memoryBytes(bytes, name).read(0, 1),
    () => ({ bytes: new Uint8Array(3), name: "three bytes" }),
  ),
  mixTargets: plain(
    data.mixTargets,
    () => ({
      labels: [0, 1],
      options: { lambda: 0.5, classes: 2, smoothing: 0.1 },
    }),
  ),
  packSequences: plain(
    data.packSequences,
    () => ({
      sequences: [[1, 2], [3]],
      options: { length: 4, maxSegments: 2, pad: 0 },
    }),
    { words: { sequences: TOKENS } },
  ),
  packTokens: plain(
    data.packTokens,
    () => ({
      documents: [[1, 2, 3], [4, 5]],
      options: { length: 2, separator: 0 },
    }),
  ),
  padTokens: plain(
    data.padTokens,
    () => ({ sequences: [[1, 2], [3]], options: { length: 3, pad: 0 } }),
    { words: { sequences: TOKENS } },
  ),
  parquet: plain(
    data.parquet,
    () => ({
      files: [source("PAR1 none")],
      options: { columns: ["a"], cacheGroups: 1 },
    }),
    { words: { files: SOURCE } },
  ),
  parquetImages: plain(
    data.parquetImages,
    () => ({
      files: [source("PAR1 none")],
      options: { image: "image", label: "label", classes: ["a"] },
    }),
    { words: { files: SOURCE } },
  ),
  resize: plain(
    data.resize,
    () => ({
      picture: picture(),
      width: 2,
      height: 3,
      options: { interpolation: "bicubic", box: [0, 0, 3, 3] },
    }),
  ),
  shuffledBatches: plain(
    (dataset, options, start) =>
      take(data.shuffledBatches(dataset, options).from(start)),
    () => ({
      dataset: { ...dataset(), locality: Uint32Array.of(0, 0, 1, 1, 1) },
      options: {
        ...{ batchSize: 2, seed: 1, collate, prefetch: 1 },
        ...{ order: "blocks", blocksAtOnce: 2 },
      },
      start: 1,
    }),
  ),
  "shuffledBatches, in any order": plain(
    (dataset, options, start) => {
      const stream = data.shuffledBatches(dataset, options);
      return stream.stepsPerEpoch > 100 ? stream : take(stream.from(start));
    },
    () => ({
      dataset: { ...dataset() },
      options: { batchSize: 2, seed: 1, collate },
      start: 1,
    }),
  ),
  splitDocuments: plain(
    data.splitDocuments,
    () => ({
      documents: ["a", "b"],
      options: { validation: 0.1, test: 0.1, seed: 1, key: () => "a key" },
    }),
    { takes: ["documents"] },
  ),
  splitImages: plain(
    data.splitImages,
    () => ({
      images: images(),
      options: { validation: 0.5, test: 0, seed: 1 },
    }),
  ),
  streamedBatches: plain(
    async (stream, options, start) =>
      take((await data.streamedBatches(stream, options)).from(start)),
    () => ({
      stream: data.lineStream(source("a\nb\nc\n"), { parse: "text" }),
      options: {
        ...{ batchSize: 2, seed: 1, collate, window: 2, shardsAtOnce: 1 },
        prefetch: 1,
      },
      start: 1,
    }),
  ),
  textLines: plain(data.textLines, () => ({ path: source("a\nb") }), {
    words: { path: SOURCE },
  }),
  tokenFile: plain(
    async (source, options) => (await data.tokenFile(source, options)).get(0),
    () => ({
      source: source("abcdefgh"),
      options: { length: 2, type: "uint16", offsets: "random", seed: 1 },
    }),
    { words: { source: SOURCE } },
  ),
  tokenizerOf: plain(
    (file, options) => data.tokenizerOf(file, options).encode("a"),
    () => ({
      file: data.trainTokenizer(["a"], { vocabularySize: 300 }),
      options: { config: {} },
    }),
    { takes: ["version"] },
  ),
  trainTokenizer: plain(
    data.trainTokenizer,
    () => ({ documents: ["aab"], options: { vocabularySize: 300 } }),
  ),
  trainWordPiece: plain(
    data.trainWordPiece,
    () => ({
      documents: ["aab"],
      options: {
        ...{ vocabularySize: 300, alphabet: 9, lowercase: false },
        ...{ stripAccents: true, chineseCharacters: false },
      },
    }),
  ),
  trainTransform: plain(
    data.trainTransform,
    () => ({
      options: {
        ...{ size: 4, flip: 0.5, interpolation: "bicubic", erase: 0.25 },
        crop: { scale: [0.1, 1], ratio: [0.8, 1.2] },
      },
    }),
  ),
  urlBytes: plain(
    data.urlBytes,
    () => ({
      url: "http://127.0.0.1:1/none",
      options: {
        fetch: () => Promise.resolve(new Response("", { status: 404 })),
        cacheBytes: 10,
      },
    }),
  ),
  webDataset: plain(
    async (shards, options) => (await data.webDataset(shards, options)).get(0),
    () => {
      const { name, size, read } = data.memoryBytes(
        tar("a.ppm", PPM),
        "the shard",
      );
      return { shards: [{ name, size, read }], options: {} };
    },
    { words: { shards: SOURCE } },
  ),
  webDatasetImages: plain(
    data.webDatasetImages,
    () => ({
      samples: {
        ...{ size: 0, locality: new Uint32Array(0) },
        get: () => ({}),
      },
      options: { image: "ppm", label: "cls" },
    }),
  ),
  webDatasetStream: plain(
    (shards, options) => data.webDatasetStream(shards, options),
    () => {
      const { name, size, read } = data.memoryBytes(
        tar("a.ppm", PPM),
        "the shard",
      );
      return { shards: [{ name, size, read }], options: {} };
    },
    { words: { shards: SOURCE } },
  ),
  writeTokenFile: plain(
    data.writeTokenFile,
    () => ({
      texts: [{ text: "ab" }],
      options: {
        ...{ tokenizer, path: `${NOWHERE}/tokens`, separator: 3 },
        type: "uint16",
      },
    }),
    { writes: ["path"] },
  ),
};
