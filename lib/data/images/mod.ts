/**
 * Images, for packages that define data sets of them or prepare them for a model.
 *
 * @module
 */
export {
  type ImageBytes,
  imageInput,
  type ImageInputOptions,
} from "./batching/image_input.ts";
export {
  imageBatches,
  type ImageBatchStream,
} from "./batching/image_batches.ts";
export { IMAGENET } from "./batching/normalise.ts";
export { contentOf, type FolderContent } from "./datasets/folder_content.ts";
export {
  assertClassCount,
  type ImageDataset,
  imagesInFiles,
  imagesOf,
  labelsOf,
} from "./datasets/image_dataset.ts";
export { imageFolder } from "./datasets/image_folder.ts";
export { parquetImages } from "./datasets/parquet_images.ts";
export { splitImages } from "./datasets/split_images.ts";
export { decodeImage } from "./decoding/decode_image.ts";
export {
  trainTransform,
  type TrainTransformOptions,
} from "./transforms/train_transform.ts";
export { evalTransform } from "./transforms/eval_transform.ts";
export type { Interpolation } from "./pictures/filters.ts";
export { greyPixels } from "./pictures/grey.ts";
export {
  assertPixels,
  assertPixelScale,
  type PixelScale,
  scalePixels,
} from "./pixels.ts";
export type {
  CentreCropStep,
  ResizeStep,
  SquareStep,
  Transform,
  TransformStep,
} from "./transforms/transform.ts";
