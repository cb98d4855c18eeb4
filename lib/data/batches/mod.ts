/**
 * Data sets and streams of batches, for packages that define some.
 *
 * @module
 */
export { byCodePoint } from "./code_point_order.ts";
export {
  assertPlace,
  type Dataset,
  datasetOf,
  type Examples,
} from "./dataset.ts";
export { generated, type GeneratedOptions, type Part } from "./generated.ts";
export { integers } from "./integers.ts";
export { assertLabelled, type LabelledImage } from "./labelled_image.ts";
export { PackedTexts } from "./packed_texts.ts";
export { below, normal, type Random, seeded, shuffle } from "./random.ts";
export {
  type Batch,
  type BatchStream,
  type Collate,
  collated,
} from "./stream.ts";
export { assertScaling, scaled, type Scaling, unscaled } from "./windows.ts";
