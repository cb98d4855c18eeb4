/** Decoding by sharp, which is libvips: native code, in Deno and in Node. @module */
import { importOptional } from "@lionjs/base";
import type { Picture } from "../pictures/picture.ts";
import { fromCmyk, fromGrey, withoutAlpha } from "./channels.ts";
import type { ImageHead } from "./image_file.ts";

/** The part of sharp that is used here. */
type Sharp = typeof import("sharp")["default"];

let loading: Promise<Sharp> | undefined;

/** The permissions of Deno that sharp needs besides `read`. */
const PERMISSIONS = ["ffi", "env"];

/** Whether sharp may be loaded; in Deno it may not ask for permissions on the way. */
export function mayLoadSharp(): boolean {
  const { Deno: deno, process } = globalThis as {
    Deno?: {
      permissions: { querySync(of: { name: string }): { state: string } };
    };
    process?: unknown;
  };
  if (!deno) return process !== undefined;
  return PERMISSIONS.every((name) =>
    deno.permissions.querySync({ name }).state === "granted"
  );
}

/** Loads sharp; of libvips, one thread per image is used, and no cache. */
export function loadSharp(): Promise<Sharp> {
  return loading ??= importOptional<{ default: Sharp }>(
    "decodeImage",
    "sharp",
    () => import.meta.resolve("sharp"),
  ).then(({ default: sharp }) => {
    sharp.cache(false);
    sharp.concurrency(1);
    return sharp;
  });
}

export async function decodeBySharp(
  bytes: Uint8Array,
  { isCmyk }: ImageHead,
): Promise<Picture> {
  const sharp = await loadSharp();
  const image = sharp(bytes, {
    ignoreIcc: true,
    failOn: "truncated",
    limitInputPixels: false,
  });
  const rgb = isCmyk
    ? image.pipelineColourspace("cmyk").toColourspace("cmyk")
    : image.removeAlpha().toColourspace("srgb");
  const { data, info } = await rgb.raw().toBuffer({ resolveWithObject: true })
    .catch((cause) => {
      throw new SyntaxError(`the image is damaged: ${cause.message}`, {
        cause,
      });
    });
  const { width, height, channels } = info;
  const decoded = { width, height, data };
  if (isCmyk) return fromCmyk(decoded);
  if (channels === 1) return fromGrey(decoded);
  return channels === 4 ? withoutAlpha(decoded) : {
    width,
    height,
    pixels: new Uint8Array(data.buffer, data.byteOffset, data.length),
  };
}
