import { assertSide } from "./transform.ts";
import { assertFinite, assertOptions, optionsOf } from "@lionjs/base";
import type { Interpolation } from "../pictures/filters.ts";
import { assertInterpolation } from "../pictures/resize.ts";
import type { Transform } from "./transform.ts";

/** Options of {@linkcode evalTransform}. */
export interface EvalTransformOptions {
  /** Side of the square in pixels. */
  size: number;
  /**
   * The square's side divided by the picture's shorter side when it is cut out;
   * above 0, up to 1. @default 0.875
   */
  cropRatio?: number | undefined;
  /** The filter that resizes. @default "bicubic" */
  interpolation?: Interpolation | undefined;
}

const OPTIONS = optionsOf<EvalTransformOptions>()(
  "size cropRatio interpolation",
);

/**
 * Makes the transform for evaluation: resizes a picture until its shorter side
 * is a little longer than the square, which is then cut out of the middle.
 *
 * Source: torchvision's `Resize` and `CenterCrop`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { evalTransform } from "@lionjs/lion/data";
 *
 * assertEquals(evalTransform({ size: 224 }), [
 *   { step: "resize", size: 256, interpolation: "bicubic" },
 *   { step: "centreCrop", size: 224 },
 * ]);
 * ```
 *
 * @param options See {@linkcode EvalTransformOptions}.
 * @returns The transform, plain data, for `imageBatches`.
 * @throws {TypeError} If an option is unknown, or of the wrong type.
 * @throws {RangeError} If an option has an invalid value.
 */
export function evalTransform(options: EvalTransformOptions): Transform {
  assertOptions("evalTransform", options, OPTIONS);
  const { size, cropRatio = 0.875, interpolation = "bicubic" } = options;
  assertSide("size", size);
  assertFinite("cropRatio", cropRatio);
  assertInterpolation(interpolation);
  if (!(cropRatio > 0 && cropRatio <= 1)) {
    throw new RangeError(
      `cropRatio should be above 0 and up to 1, got ${cropRatio}`,
    );
  }
  return [
    { step: "resize", size: Math.floor(size / cropRatio), interpolation },
    { step: "centreCrop", size },
  ];
}
