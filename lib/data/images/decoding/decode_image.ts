/** Decoding of an image by whichever decoder is there. @module */
import { assertOneOf, assertOptions, optionsOf, shown } from "@lionjs/base";
import { upright } from "../pictures/orientation.ts";
import type { Picture } from "../pictures/picture.ts";
import type { CodecType, ImageHead } from "./image_file.ts";
import { readImageHead } from "./image_head.ts";
import { decodeByJsquash } from "./jsquash_decoder.ts";
import { decodeNetpbm } from "./netpbm.ts";
import { decodeBySharp, loadSharp, mayLoadSharp } from "./sharp_decoder.ts";

/** The package that decodes; both give the same bytes. */
export type Decoder = "auto" | "sharp" | "jsquash";

/** Options of {@linkcode decodeImage}. */
export interface DecodeImageOptions {
  /**
   * How EXIF's orientation is applied: `"apply"` turns the picture as viewers
   * do, `"ignore"` leaves it as torchvision's loaders do.
   * @default "ignore"
   */
  orientation?: "ignore" | "apply" | undefined;
  /**
   * The package that decodes: `"sharp"`, native and faster, in Node and Deno
   * (with `--allow-ffi` and `--allow-env`); `"jsquash"`, the packages
   * `@jsquash/jpeg`, `@jsquash/png` and `@jsquash/webp`, in browsers too;
   * `"auto"`, sharp if it can be loaded. PPM and PGM need neither.
   * @default "auto"
   */
  decoder?: Decoder | undefined;
}

const OPTIONS = optionsOf<DecodeImageOptions>()("orientation decoder");

/** Throws unless a value names a decoder. */
export function assertDecoder(decoder: Decoder): void {
  assertOneOf("decoder", decoder, ["auto", "sharp", "jsquash"]);
}

/**
 * Decodes a JPEG, PNG, WebP, PPM or PGM to exactly the bytes of Pillow's
 * `Image.open(…).convert("RGB")`, which torchvision's datasets load.
 *
 * The first bytes determine the format, not the name. ICC profiles are ignored,
 * alpha is dropped, not blended, and CMYK becomes RGB by Pillow's formula (with
 * sharp only). 16-bit grey keeps its high byte, whereas Pillow clips values at 255.
 * Of an animated PNG or WebP, the first picture is read. Bad images are errors:
 * truncated (a JPEG without an end marker), damaged, an animated WebP whose
 * first picture is smaller than the others, or, by the header, of more than
 * 89,478,485 pixels, a side of more than 1,000,000, or a JPEG of more than 100
 * scans, so that decoding takes at most the time that so many pixels take and,
 * beside that, a time proportional to the file's bytes.
 *
 * Source: Pillow (HPND), whose conversions these are.
 *
 * @example
 * ```ts
 * import { assertEquals, assertRejects } from "@std/assert";
 * import { decodeImage } from "@lionjs/lion/data";
 *
 * // A PNG of one pixel.
 * const text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1Pe" +
 *   "AAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";
 * const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
 * const { width, height, pixels } = await decodeImage(bytes);
 * assertEquals([width, height, ...pixels], [1, 1, 255, 0, 0]);
 *
 * await assertRejects(() => decodeImage(bytes.subarray(0, 50)), SyntaxError);
 * ```
 *
 * @param bytes The file's content.
 * @param options See {@linkcode DecodeImageOptions}.
 * @returns The picture.
 * @throws {TypeError} If `bytes` has the wrong type, or an option is unknown.
 * @throws {RangeError} If an option has an invalid value.
 * @throws {SyntaxError} If the image is bad; the message says why.
 * @throws {Error} If the package that decodes cannot be loaded.
 */
export async function decodeImage(
  bytes: Uint8Array,
  options: DecodeImageOptions = {},
): Promise<Picture> {
  assertOptions("decodeImage", options, OPTIONS);
  const { orientation = "ignore", decoder = "auto" } = options;
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(
      `bytes should be a Uint8Array, the content of an image file, got ${
        shown(bytes)
      }`,
    );
  }
  assertOneOf("orientation", orientation, ["ignore", "apply"]);
  assertDecoder(decoder);
  const { type, ...head } = readImageHead(bytes);
  if (type === "PPM" || type === "PGM") return decodeNetpbm(bytes);
  const decode = await decoderOf(decoder);
  const picture = await decode(head.first ?? bytes, { type, ...head });
  if (picture.width !== head.width || picture.height !== head.height) {
    throw new SyntaxError(
      `the ${type} should have ${head.width} × ${head.height} pixels by its header, got ${picture.width} × ${picture.height}`,
    );
  }
  return orientation === "apply" ? upright(picture, head.orientation) : picture;
}

type Decode = (
  bytes: Uint8Array,
  head: ImageHead & { readonly type: CodecType },
) => Promise<Picture>;

let automatic: Promise<Decode> | undefined;

function decoderOf(decoder: Decoder): Promise<Decode> {
  if (decoder === "sharp") return Promise.resolve(decodeBySharp);
  if (decoder === "jsquash") return Promise.resolve(decodeByJsquash);
  return automatic ??= mayLoadSharp()
    ? loadSharp().then(() => decodeBySharp, () => decodeByJsquash)
    : Promise.resolve(decodeByJsquash);
}
