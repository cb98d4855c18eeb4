import type { Picture } from "../pictures/picture.ts";
import { withoutAlpha } from "./channels.ts";
import { codecOf, forgetCodec } from "./codecs.ts";
import type { CodecType, ImageHead } from "./image_file.ts";
import { checkPng } from "./png_head.ts";

/**
 * Decodes an image by a codec of `@jsquash/*`.
 *
 * @throws {Error} If it is a JPEG in CMYK, which only sharp decodes.
 */
export async function decodeByJsquash(
  bytes: Uint8Array,
  { type, isCmyk }: ImageHead & { readonly type: CodecType },
): Promise<Picture> {
  if (isCmyk) {
    throw new Error(
      "a JPEG in CMYK is decoded by sharp only: npm install sharp, or save it as RGB",
    );
  }
  // This codec reads damaged pixels without a word.
  if (type === "PNG") checkPng(bytes);
  const decode = await codecOf(type);
  try {
    return withoutAlpha(await decode(bytes));
  } catch (cause) {
    forgetCodec(type);
    // MozJPEG throws the number of an exception in its memory.
    const reason = cause instanceof Error
      ? cause.message
      : "its decoder does not say how; sharp may, or decode it";
    throw new SyntaxError(`the ${type} is damaged: ${reason}`, { cause });
  }
}
