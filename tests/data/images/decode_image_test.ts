/** Images are decoded as Pillow decodes them, byte by byte, by either package. @module */
import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import {
  forgetCodec,
  setCodecAddresses,
} from "../../../lib/data/images/decoding/codecs.ts";
import { decodeImage } from "../../../lib/data/images/decoding/decode_image.ts";
import { encodePNG } from "../../../lib/notebook/pictures/png.ts";
import { withFolder } from "../../io/files.ts";
import { NO_PILLOW, runPillow } from "../python.ts";
import { RED_PIXEL } from "./red_pixel.ts";

/** A picture of Pillow's. */
interface Truth {
  readonly size: [width: number, height: number];
  readonly rgb: string;
  readonly turned?: Truth;
}

/** What only sharp decodes. */
const CMYK = ["cmyk.jpg", "ycck.jpg"];

/** Where two pictures differ, in a few words; empty where they do not. */
function difference(
  { width, height, pixels }: Awaited<ReturnType<typeof decodeImage>>,
  { size, rgb }: Truth,
): string {
  const truth = Uint8Array.fromHex(rgb);
  if (width !== size[0] || height !== size[1]) return `${width} × ${height}`;
  if (pixels.length !== truth.length) return `${pixels.length} bytes`;
  let most = 0;
  for (let i = 0; i < truth.length; i++) {
    most = Math.max(most, Math.abs(pixels[i]! - truth[i]!));
  }
  return most === 0 ? "" : `off by up to ${most}`;
}

Deno.test({
  name: "every kind of image is decoded as Pillow does",
  ...NO_PILLOW,
  fn: () =>
    withFolder(async (folder) => {
      const truths = await runPillow<Record<string, Truth>>(
        "make_images.py",
        folder,
      );
      const wrong: string[] = [];
      for (const [name, truth] of Object.entries(truths)) {
        const bytes = await Deno.readFile(`${folder}/${name}`);
        for (const decoder of ["sharp", "jsquash"] as const) {
          if (decoder === "jsquash" && CMYK.includes(name)) continue;
          const check = async (
            orientation: "ignore" | "apply",
            expected: Truth,
          ) => {
            const options = { decoder, orientation };
            const off = await decodeImage(bytes, options).then(
              (picture) => difference(picture, expected),
              (error) => error.message,
            );
            if (off) wrong.push(`${name} by ${decoder}: ${off}`);
          };
          await check("ignore", truth);
          if (truth.turned) await check("apply", truth.turned);
        }
      }
      assertEquals(wrong, []);
    }),
});

const text = (content: string) =>
  Uint8Array.from(content, (letter) => letter.charCodeAt(0));

/** Red, with bytes in the place of others. */
function changed(at: number, ...bytes: number[]): Uint8Array {
  const copy = RED_PIXEL.slice();
  copy.set(bytes, at);
  return copy;
}

/** The head of a JPEG of 60,000 × 60,000 pixels, and its end. */
const BOMB = Uint8Array.from([
  ...[0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0xea, 0x60, 0xea, 0x60, 1, 1, 0x11, 0],
  ...[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0xff, 0xd9],
]);

/** A progressive JPEG of 8 × 8 grey pixels whose scans, of 14 bytes each, change nothing. */
function scans(count: number): Uint8Array {
  const table = "\x01" + "\0".repeat(16); // a code of one bit, for 0
  const head = "\xff\xd8\xff\xdb\0\x43\0" + "\x01".repeat(64) +
    "\xff\xc2\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0" +
    `\xff\xc4\0\x14\0${table}\xff\xc4\0\x14\x10${table}`;
  const first = "\xff\xda\0\x08\x01\x01\0\0\0\0\x7f";
  const other = "\xff\xda\0\x08\x01\x01\0\x01\x3f\0\x7f";
  return text(`${head}${first}${other.repeat(count - 1)}\xff\xd9`);
}

/** An animated WebP of 8 × 4 pixels, whose picture has this after its place. */
function animated(picture: string): Uint8Array {
  const length = String.fromCharCode(6 + picture.length);
  const chunk = picture && `ANMF${length}\0\0\0${"\0".repeat(6)}${picture}`;
  const size = String.fromCharCode(22 + chunk.length);
  const head = "VP8X\x0a\0\0\0\x02\0\0\0\x07\0\0\x03\0\0";
  return text(`RIFF${size}\0\0\0WEBP${head}${chunk}`);
}

/** Bad files, with a part of what is said of each. */
const BAD: Record<string, [bytes: Uint8Array, text: string]> = {
  "an empty file": [new Uint8Array(), "no bytes at all"],
  "a text": [text("cats and dogs, a list of them\n"), "none of them"],
  "a page of HTML": [text("<!DOCTYPE html><title>404</title>"), "HTML"],
  "a GIF": [text("GIF89a, and so on"), "a GIF"],
  "a BMP": [text("BM, and so on"), "a BMP"],
  "the start of a JPEG": [BOMB.subarray(0, 3), "truncated"],
  "a JPEG without its end": [BOMB.subarray(0, -2), "truncated"],
  "a JPEG without an image": [
    Uint8Array.of(0xff, 0xd8, 0xff, 0xd9),
    "no image",
  ],
  "a JPEG with text in it": [
    text("\xff\xd8\xff\xe0\0\x04\0\0text"),
    "a marker at byte 8",
  ],
  "a JPEG of 12 bits": [
    text("\xff\xd8\xff\xc0\0\x0b\x0c\0\x08\0\x08\x01\x01\x11\0\xff\xd9"),
    "12 bits",
  ],
  "a JPEG whose scan is none": [
    text(
      "\xff\xd8\xff\xc0\0\x0b\x08\0\x08\0\x08\x01\x01\x11\0\xff\xda\0\x03\0\xff\xd9",
    ),
    "damaged: ",
  ],
  "a bomb of a JPEG": [BOMB, "60000 × 60000"],
  "a JPEG of too many scans": [scans(101), "more than 100 scans"],
  "a PNG with more rows than decoders read in time": [
    encodePNG({ width: 1, height: 1_000_001, data: new Uint8Array(4_000_004) }),
    "a side of more than 1000000",
  ],
  "a bomb of a PNG": [changed(16, 0, 1, 0, 0, 0, 1, 0, 0), "65536 × 65536"],
  "a PNG with data for fewer pixels than its head has": [
    changed(16, 0, 0, 0x20, 0, 0, 0, 0x20, 0),
    "8192 × 8192 pixels by its header, and too little data",
  ],
  "a PNG of no pixels": [changed(16, 0, 0, 0, 0), "no pixels"],
  "the start of a PNG": [RED_PIXEL.subarray(0, 8), "truncated"],
  "a PNG without its end": [RED_PIXEL.subarray(0, -12), "truncated"],
  "a PNG whose pixels are damaged": [changed(45, 0, 0, 0), "damaged"],
  "the start of a PPM": [text("P6"), "got its end"],
  "a PPM whose header is cut": [text("P6 32 32"), "truncated"],
  "a PPM whose header is a comment": [text("P6 # 32 32 255"), "truncated"],
  "a PPM without its last byte": [text("P6 1 2 255\nabcde"), "truncated"],
  "a PGM without its last byte": [text("P5 1 1 256 a"), "truncated"],
  "a PPM of another format": [text("P67 1 1 255 abc"), "the byte 55"],
  "a PPM with a negative side": [text("P6 -1 2 255\nabc"), '"-1"'],
  "a PPM with a long number": [text("P6 00000000001 2 255\n"), '"00000000001"'],
  "a PGM without white": [text("P5 1 1 0 a"), "from 1 to 65535, got 0"],
  "a PGM of 24 bits": [text("P5 1 1 65536 a"), "got 65536"],
  "a PGM of no pixels": [text("P5 0 1 255 a"), "no pixels"],
  "a bomb of a PGM": [text("P5 9999999999 9999999999 255 a"), "truncated"],
  "a PPM in digits": [text("P3 1 1 255 1 2 3"), "a PPM in digits"],
  "an animated WebP whose first picture is small": [
    animated("\x01\0\0\0\0\0" + "\0".repeat(4)),
    "its first picture has 2 × 1 of 8 × 4 pixels",
  ],
  "an animated WebP whose first picture has no image": [
    animated("\x07\0\0\x03\0\0" + "\0".repeat(4)),
    "no picture in it",
  ],
  "an animated WebP whose first picture is a bomb": [
    animated(
      "\x07\0\0\x03\0\0" + "\0".repeat(4) +
        "VP8L\x0a\0\0\0\x2f\xfe\xbf\xff\x0f" + "\0".repeat(5),
    ),
    "should have 8 × 4 pixels, but its image has 16383 × 16383",
  ],
  "an animated WebP whose first picture ends early": [
    animated("\x07\0\0\x03\0\0" + "\0".repeat(4) + "VP8L\x02\0\0\0\x2f\0"),
    "truncated",
  ],
  "an animated WebP without a picture": [animated(""), "no picture in it"],
  "a WebP without its end": [
    text("RIFF\xff\xff\0\0WEBPVP8L" + "\0".repeat(20)),
    "truncated",
  ],
};

for (const [name, [bytes, said]] of Object.entries(BAD)) {
  Deno.test(`decodeImage refuses ${name}`, async () => {
    for (const decoder of ["sharp", "jsquash"] as const) {
      const { message } = await assertRejects(
        () => decodeImage(bytes, { decoder }),
        SyntaxError,
        said,
      );
      assert(!/\[object|undefined/.test(message), message);
    }
  });
}

Deno.test("a JPEG of 100 scans is decoded", async () => {
  for (const decoder of ["sharp", "jsquash"] as const) {
    const { pixels } = await decodeImage(scans(100), { decoder });
    assertEquals(pixels, new Uint8Array(3 * 8 * 8).fill(128));
  }
});

Deno.test("decodeImage reads a picture after a damaged one", async () => {
  for (const decoder of ["sharp", "jsquash"] as const) {
    const { pixels } = await decodeImage(RED_PIXEL, { decoder });
    assertEquals([...pixels], [255, 0, 0]);
  }
});

Deno.test({
  name: "a damaged image is refused, or decoded at its size",
  ...NO_PILLOW,
  fn: () =>
    withFolder(async (folder) => {
      await runPillow("make_images.py", folder);
      const names = [
        ...["420_33x47.jpg", "420_33x47_progressive.jpg", "filtered.png"],
        ...["lossy_alpha.webp", "lossless.webp", "adam7_grey2_13x9.png"],
        ...["turned_6.jpg", "turned_8.png", "turned_3.webp"],
        ...["colour_1000.ppm", "comments.ppm", "grey_100.pgm"],
        ...["animated_RGBA_lossy.webp", "animated_RGB_first.png"],
      ];
      const files = await Promise.all(
        names.map((name) => Deno.readFile(`${folder}/${name}`)),
      );
      const damages = fc.record({
        file: fc.constantFrom(...files),
        end: fc.oneof(
          fc.constant(1),
          fc.double({ min: 0, max: 1, noNaN: true }),
        ),
        bytes: fc.array(
          fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)),
          { maxLength: 3 },
        ),
        decoder: fc.constantFrom("sharp" as const, "jsquash" as const),
      });
      await fc.assert(
        fc.asyncProperty(damages, async ({ file, end, bytes, decoder }) => {
          const copy = file.slice(0, Math.ceil(end * file.length));
          for (const [at, byte] of bytes) {
            copy[Math.floor(at * copy.length)] = byte;
          }
          try {
            const picture = await decodeImage(copy, {
              decoder,
              orientation: "apply",
            });
            const { width, height, pixels } = picture;
            assertEquals(pixels.length, 3 * width * height);
          } catch (error) {
            // A marker may now say that the JPEG is one in CMYK.
            const isCmyk = /CMYK/.test((error as Error).message);
            assert(error instanceof SyntaxError || isCmyk, String(error));
          }
        }),
        { numRuns: 150, seed: 1 },
      );
    }),
});

Deno.test("decodeImage refuses wrong arguments", async () => {
  const wrong: [() => Promise<unknown>, ErrorConstructor, string][] = [
    [() => decodeImage("cat.jpg" as never), TypeError, "Uint8Array"],
    [
      () => decodeImage(RED_PIXEL, { decode: 1 } as never),
      TypeError,
      "decoder",
    ],
    [
      () => decodeImage(RED_PIXEL, { decoder: "pil" as never }),
      RangeError,
      '"auto"',
    ],
    [
      () => decodeImage(RED_PIXEL, { orientation: "turn" as never }),
      RangeError,
      '"apply"',
    ],
  ];
  for (const [call, type, said] of wrong) {
    await assertRejects(call, type, said);
  }
});

Deno.test("a codec that could not be loaded is loaded again", async () => {
  const decode = () => decodeImage(RED_PIXEL, { decoder: "jsquash" });
  forgetCodec("PNG");
  setCodecAddresses({
    PNG: {
      script: import.meta.resolve("@jsquash/png/decode.js"),
      binary: "file:///nowhere/squoosh_png_bg.wasm",
    },
  });
  await assertRejects(decode, Error, "nowhere").finally(() =>
    setCodecAddresses({})
  );
  assertEquals([...(await decode()).pixels], [255, 0, 0]);
});
