/** Transformed images beside a loop in float64. @module */
import * as tf from "@tensorflow/tfjs-core";
import { uniform } from "../random.ts";

/** How an image is transformed. */
export interface Transformed {
  readonly image: readonly [height: number, width: number];
  readonly outputs: readonly [height: number, width: number];
  /** Eight numbers for each of two images, or for both. */
  readonly transforms: readonly (readonly number[])[];
  readonly interpolation: "nearest" | "bilinear";
  readonly fillMode: "constant" | "reflect" | "wrap" | "nearest";
  readonly seed: number;
}

const MODES = ["constant", "reflect", "wrap", "nearest"] as const;

/** A place below, at or above what is drawn, which floats have exactly. */
const BESIDE = [-(2 ** -12), 0, 2 ** -12];

/**
 * A transform whose places are at, just below and just above borders and halves, or
 * anywhere on a grid of 1/64.
 */
export function drawTransformed(seed: number): Transformed {
  const random = uniform(seed);
  const one = <T>(of: readonly T[]) => of[Math.floor(of.length * random())]!;
  const size = () => 1 + Math.floor(6 * random());
  const image = [size(), size()] as const;
  const shift = (length: number) =>
    Math.round(2 * (random() * 6 - 3) * length) / 2 + one(BESIDE);
  const slope = (near: number) => near + Math.round(128 * random() - 64) / 64;
  const transforms = Array.from({ length: one([1, 2]) }, () => {
    const [height, width] = image;
    return random() < 0.5
      ? [1, 0, shift(width), 0, 1, shift(height), 0, 0]
      : [slope(1), slope(0), shift(width), slope(0), slope(1), shift(height)]
        .concat(0, 0);
  });
  return {
    image,
    outputs: random() < 0.5 ? image : [size(), size()],
    transforms,
    interpolation: one(["nearest", "bilinear"]),
    fillMode: one(MODES),
    seed,
  };
}

const FILL = -7, CHANNELS = 2;

/** The place in an axis where a place beyond it is taken from. */
function mapped(
  place: number,
  length: number,
  mode: Transformed["fillMode"],
): number {
  const last = length - 1;
  const clamped = (place: number) => Math.min(Math.max(place, 0), last);
  const isInside = place >= 0 && place <= last;
  switch (mode) {
    case "constant":
      return place;
    case "nearest":
      return clamped(place);
    case "reflect": {
      if (isInside || length <= 1) return clamped(place);
      const period = 2 * length;
      // From -1/2 to its end and back again.
      const within = (place % period + period) % period;
      return clamped(within < length ? within : period - within - 1);
    }
    case "wrap": {
      if (isInside || length <= 1) return clamped(place);
      // As TensorFlow has it, which counts the rounds of another length.
      const rounds = Math.trunc(Math.abs(place) / last);
      return clamped(
        place < 0 ? place + length * (rounds + 1) : place - length * rounds,
      );
    }
  }
}

/** What a transformed batch should be. */
export function transformedByLoop(
  values: ArrayLike<number>,
  { image: [height, width], outputs, transforms, interpolation, fillMode }:
    Transformed,
): number[] {
  const result: number[] = [];
  for (let entry = 0; entry < 2; entry++) {
    const [a, b, c, d, e, f, g, h] = transforms[entry % transforms.length]!;
    const pixel = (y: number, x: number, channel: number): number =>
      y < 0 || x < 0 || y >= height || x >= width
        ? FILL
        : values[((entry * height + y) * width + x) * CHANNELS + channel]!;
    for (let outY = 0; outY < outputs[0]; outY++) {
      for (let outX = 0; outX < outputs[1]; outX++) {
        const scale = g! * outX + h! * outY + 1;
        const x = mapped((a! * outX + b! * outY + c!) / scale, width, fillMode);
        const y = mapped(
          (d! * outX + e! * outY + f!) / scale,
          height,
          fillMode,
        );
        for (let channel = 0; channel < CHANNELS; channel++) {
          if (interpolation === "nearest") {
            result.push(pixel(Math.round(y), Math.round(x), channel));
            continue;
          }
          const [top, left] = [Math.floor(y), Math.floor(x)];
          const row = (y: number) =>
            (left + 1 - x) * pixel(y, left, channel) +
            (x - left) * pixel(y, left + 1, channel);
          result.push((top + 1 - y) * row(top) + (y - top) * row(top + 1));
        }
      }
    }
  }
  return result;
}

/** What is wrong with a transformed batch on the current backend, if anything is. */
export async function wrongTransform(
  tried: Transformed,
): Promise<string | undefined> {
  const { image, transforms, interpolation, fillMode, outputs } = tried;
  const random = uniform(tried.seed + 1);
  const values = Float32Array.from(
    { length: 2 * image[0] * image[1] * CHANNELS },
    () => 20 * random(),
  );
  const y = tf.tidy(() =>
    tf.image.transform(
      tf.tensor4d(values, [2, ...image, CHANNELS]),
      tf.tensor2d(transforms.map((row) => [...row])),
      interpolation,
      fillMode,
      FILL,
      [...outputs],
    )
  );
  const found = await y.data();
  y.dispose();
  const wanted = transformedByLoop(values, tried);
  const at = wanted.findIndex((value, i) =>
    !(Math.abs(found[i]! - value) <= 1e-4)
  );
  return at < 0
    ? undefined
    : `${found[at]} for ${wanted[at]} at ${at} of ${JSON.stringify(tried)}`;
}
