/// <reference lib="dom" />
/** A visitor's pictures, and the model that learns them. @module */
import * as tf from "@tensorflow/tfjs-core";
import { lionViT } from "@lionjs/lion";
import {
  batchesInOrder,
  classesOf,
  type Collate,
  datasetOf,
  decodeImage,
  evalTransform,
  type Picture,
  shuffledBatches,
  trainTransform,
  type Transform,
} from "@lionjs/lion/data";
import { setCodecAddresses } from "../../lib/data/images/decoding/codecs.ts";
import { applyTransform } from "../../lib/data/images/transforms/apply_transform.ts";
import {
  IMAGENET,
  normaliser,
} from "../../lib/data/images/batching/normalise.ts";
import type { ClassedFile, FoundPictures, PassedOver } from "./calls.ts";
import { heldOut } from "./held_out.ts";
import { SIDE } from "./input_sizes.ts";
import { assertLearnable, batchSizeOf, type Task } from "./task.ts";
import { PICTURES_README } from "./readme.ts";

/** Pixels of a side of a patch, which is a token. */
const PATCH = 7;

/** How pictures are brought to their size: first that of all, then the square. */
const [RESIZE, ...CROP] = evalTransform({ size: SIDE });

/** The least part of a picture that training shows. */
const SCALE = [0.5, 1] as const;

/** A picture that was decoded once, and resized to little more than its square. */
export interface SmallPicture {
  readonly name: string;
  readonly className: string;
  readonly picture: Picture;
}

const codec = (path: string) =>
  new URL(`codecs/${path}`, globalThis.location?.href).href;

/** Says where the codecs lie, which are fetched when a picture needs them. */
export function useCodecs(): void {
  setCodecAddresses({
    JPEG: {
      script: codec("jpeg/decode.js"),
      binary: codec("jpeg/codec/dec/mozjpeg_dec.wasm"),
    },
    PNG: {
      script: codec("png/decode.js"),
      binary: codec("png/codec/pkg/squoosh_png_bg.wasm"),
    },
    WebP: {
      script: codec("webp/decode.js"),
      binary: codec("webp/codec/dec/webp_dec.wasm"),
    },
  });
}

/** Decodes all pictures; those that cannot be decoded are passed over. */
export async function readPictures(
  files: readonly ClassedFile[],
  onDecoded: (count: number) => void,
): Promise<{ pictures: SmallPicture[]; passed: PassedOver[] }> {
  const pictures: SmallPicture[] = [];
  const passed: PassedOver[] = [];
  for (const { path: name, className, file } of files) {
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      const whole = await decodeImage(bytes, { orientation: "apply" });
      const picture = applyTransform(whole, [RESIZE!], () => 0);
      pictures.push({ name, className, picture });
    } catch (error) {
      passed.push({ name, reason: (error as Error).message });
    }
    onDecoded(pictures.length + passed.length);
  }
  return { pictures, passed };
}

/** How many pictures each class has. */
export function countPictures(
  pictures: readonly SmallPicture[],
  passed: readonly PassedOver[],
): FoundPictures {
  const all = pictures.map(({ className }) => className);
  return {
    classes: (all.length === 0 ? [] : classesOf(all).classes).map((name) => ({
      name,
      count: all.filter((one) => one === name).length,
    })),
    passed,
  };
}

/** What a model learns of pictures. */
export function pictureTask(
  pictures: readonly SmallPicture[],
  mirrors: boolean,
): Task {
  const { classes, labelOf } = classesOf(
    pictures.map(({ className }) => className),
  );
  const examples = pictures.map(({ name, className, picture }) => ({
    ...{ name, picture, label: labelOf(className) },
    key: name,
  }));
  const isHeldOut = heldOut(examples);
  assertLearnable(classes, isHeldOut);
  const train = examples.filter((_, i) => !isHeldOut[i]);
  const rest = examples.filter((_, i) => isHeldOut[i]);
  const batchSize = batchSizeOf(train.length);
  const augment = trainTransform({
    ...{ size: SIDE, crop: { scale: SCALE }, flip: mirrors ? 0.5 : 0 },
  });
  return {
    classes,
    trained: train.length,
    batches: shuffledBatches(datasetOf(train), {
      ...{ batchSize, seed: 1, collate: collatePictures(augment) },
    }),
    names: rest.map(({ name }) => name),
    heldOut: () =>
      batchesInOrder(datasetOf(rest), {
        ...{ batchSize, collate: collatePictures(CROP) },
      }),
    passed: [],
    makeModel: () =>
      lionViT({
        ...{ imageSize: SIDE, patchSize: PATCH, channels: 3 },
        ...{ dim: 64, numHeads: 4, depth: 2, mlpRatio: 2 },
        numClasses: classes.length,
        classToken: "none",
        variant: "s",
        seed: 1,
      }),
    files: { "README.md": PICTURES_README },
  };
}

/** Makes batches as `imageBatches` does, of pictures that are decoded already. */
function collatePictures(
  transform: Transform,
): Collate<{ readonly picture: Picture; readonly label: number }> {
  const normalise = normaliser(IMAGENET.mean, IMAGENET.deviation);
  return (examples, random) => {
    const size = examples.length, each = 3 * SIDE * SIDE;
    const values = new Float32Array(size * each);
    examples.forEach(({ picture }, i) => {
      const { pixels } = applyTransform(picture, transform, random);
      normalise(pixels, values, i * each);
    });
    return {
      inputs: [tf.tensor4d(values, [size, SIDE, SIDE, 3])],
      labels: tf.tensor1d(examples.map(({ label }) => label), "int32"),
      size,
    };
  };
}
