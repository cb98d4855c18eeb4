/** The preprocessing of images by a preprocessor_config.json. @module */
import { shown } from "@lionjs/base";
import type {
  CentreCropStep,
  Interpolation,
  ResizeStep,
  SquareStep,
  Transform,
  TransformStep,
} from "@lionjs/data/images";
import { ConfigFields } from "./config_fields.ts";
import { readObject } from "./json_file.ts";
import type { ModelFiles } from "./model_files.ts";

/** The name of the file with the preprocessing. */
export const PREPROCESSOR = "preprocessor_config.json";

/** The preprocessing of images for a model: options of `imageBatches`. */
export interface Preprocessing {
  /** The steps that resize and crop a picture to the model's size. */
  readonly transform: Transform;
  /** Mean of red, green and blue, from 0 to 1. */
  readonly mean: readonly [number, number, number];
  /** Standard deviation of red, green and blue. */
  readonly deviation: readonly [number, number, number];
}

/** The filters of resizing by Pillow's numbers. */
const FILTERS: ReadonlyMap<unknown, Interpolation> = new Map([
  [2, "bilinear"],
  [3, "bicubic"],
  [4, "box"],
]);

/** Image processors that resize to a square if the size is one number. */
const PROCESSORS = /^(ViT|DeiT)(ImageProcessor(Fast)?|FeatureExtractor)$/;

/**
 * Reads the preprocessing of images for a model; `undefined` if no file has it.
 *
 * Source: transformers, `image_processing_vit.py` and `image_processing_deit.py`.
 */
export async function readPreprocessing(
  files: ModelFiles,
): Promise<Preprocessing | undefined> {
  const file = await readObject(files, PREPROCESSOR);
  if (!file) return undefined;
  const fields = new ConfigFields(`${PREPROCESSOR} of ${files.name}`, file);
  try {
    return preprocessingOf(fields);
  } catch (error) {
    (error as Error).message += "; preprocessing: false leaves the file out";
    throw error;
  }
}

function preprocessingOf(fields: ConfigFields): Preprocessing {
  const processor = String(
    fields.value("image_processor_type") ??
      fields.value("feature_extractor_type") ?? "ViTImageProcessor",
  );
  if (!isTrue(fields, "do_rescale", true)) {
    throw fields.wrong("do_rescale", "true: pixels are from 0 to 1 here");
  }
  if (Math.abs(255 * fields.number("rescale_factor", 1 / 255) - 1) > 1e-6) {
    throw fields.wrong("rescale_factor", "1 / 255");
  }
  const transform: TransformStep[] = [];
  if (isTrue(fields, "do_resize", true)) {
    transform.push(resizingOf(fields, processor));
  }
  if (isTrue(fields, "do_center_crop", isDeit(processor))) {
    const crop = fields.value("crop_size") ?? 224;
    const size = sideOf(fields, "crop_size", crop);
    transform.push({ step: "centreCrop", size });
  }
  if (!transform.some(({ step }) => step !== "resize")) {
    throw fields.wrong("do_center_crop", "true: images become squares here");
  }
  const normalises = isTrue(fields, "do_normalize", true);
  return {
    transform,
    mean: normalises ? threeOf(fields, "image_mean") : [0, 0, 0],
    deviation: normalises ? threeOf(fields, "image_std") : [1, 1, 1],
  };
}

/** Whether a processor is DeiT's, which has other defaults than ViT's. */
function isDeit(processor: string): boolean {
  return processor.startsWith("DeiT");
}

/** The step that resizes: to a square, or until the shorter side has a length. */
function resizingOf(
  fields: ConfigFields,
  processor: string,
): SquareStep | ResizeStep {
  const [usual, filter] = isDeit(processor) ? [256, 3] : [224, 2];
  const size = fields.value("size") ?? usual;
  if (typeof size === "number" && !PROCESSORS.test(processor)) {
    throw fields.wrong("size", `height and width, for ${processor}`);
  }
  const interpolation = FILTERS.get(fields.value("resample") ?? filter);
  if (!interpolation) {
    const known = Array.from(
      FILTERS,
      ([number, name]) => `${number} (${name})`,
    );
    throw fields.wrong("resample", known.join(" or "));
  }
  const shorter = Object(size).shortest_edge;
  return {
    step: shorter === undefined ? "square" : "resize",
    size: sideOf(fields, "size", shorter ?? size),
    interpolation,
  };
}

function isTrue(fields: ConfigFields, field: string, fallback: boolean) {
  const value = fields.value(field) ?? fallback;
  if (typeof value === "boolean") return value;
  throw fields.wrong(field, "true or false");
}

function sideOf(fields: ConfigFields, field: string, value: unknown): number {
  const { height = value, width = value } = Object(value);
  if (height === width && Number.isInteger(height) && height > 0) return height;
  throw fields.wrong(field, "the same height and width, in pixels");
}

function threeOf(
  fields: ConfigFields,
  field: string,
): readonly [number, number, number] {
  const value = fields.value(field) ?? 0.5;
  const [red, green, blue, ...more] = typeof value === "number"
    ? [value, value, value]
    : Array.isArray(value)
    ? value
    : [];
  const isFine = [red, green, blue].every((one) =>
    Number.isFinite(one) && (field === "image_mean" || one > 0)
  );
  if (isFine && more.length === 0) return [red, green, blue];
  throw fields.wrong(field, "three numbers, of red, green and blue");
}

/** The content of a preprocessor_config.json. @param owner Its name for messages. */
export function preprocessorFile(
  given: Preprocessing,
  owner = "savePretrained's preprocessing",
): object {
  const { transform, mean, deviation } = Object(given) as Preprocessing;
  // A file without the two would stand for means and deviations of 0.5.
  if (!Array.isArray(transform) || !mean || !deviation) {
    throw new TypeError(
      `${owner} should be an object such as { transform: evalTransform({ size: 224 }), mean, deviation }, got ${
        shown(given)
      }`,
    );
  }
  const [resize, crop] = stepsOf(transform);
  if (!resize && !crop) {
    throw new RangeError(
      `${owner} should have a transform of resize or square, then centreCrop, as evalTransform makes, got ${
        transform.map((step) => Object(step).step).join(", ") || "no step"
      }`,
    );
  }
  const filters = new Map(
    Array.from(FILTERS, ([number, name]) => [name, number]),
  );
  const file = {
    image_processor_type: resize?.step === "square" && !crop
      ? "ViTImageProcessor"
      : "CLIPImageProcessor",
    ...{ do_resize: resize !== undefined, do_center_crop: crop !== undefined },
    ...resize && {
      size: resize.step === "square"
        ? { height: resize.size, width: resize.size }
        : { shortest_edge: resize.size },
      resample: filters.get(resize.interpolation) ?? resize.interpolation,
    },
    ...crop && { crop_size: { height: crop.size, width: crop.size } },
    ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true },
    ...{ image_mean: mean, image_std: deviation },
  };
  preprocessingOf(new ConfigFields(owner, file));
  return file;
}

/** The step that resizes and the one that crops; neither, if there are others too. */
function stepsOf(transform: Transform) {
  const resizing = transform.find((step) =>
    ["square", "resize"].includes(Object(step).step)
  ) as SquareStep | ResizeStep | undefined;
  const crop = transform.find((step) => Object(step).step === "centreCrop") as
    | CentreCropStep
    | undefined;
  const both = [resizing, crop].filter((step) => step !== undefined);
  const isAll = both.length === transform.length &&
    both.every((step, i) => transform[i] === step);
  return isAll ? [resizing, crop] as const : [];
}
