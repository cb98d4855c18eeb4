/** The operations of RandAugment are Pillow's, byte by byte. @module */
import { assert, assertEquals } from "@std/assert";
import {
  applyOperation,
  OPERATION_NAMES,
  type RandAugmentOperation,
} from "../../../lib/data/images/operations/apply_operation.ts";
import { Buffer } from "node:buffer";
import { NO_PILLOW, runPillow } from "../python.ts";

interface Truth {
  readonly pictures: Record<
    string,
    { width: number; height: number; rgb: string }
  >;
  readonly cases: readonly {
    of: string;
    name: RandAugmentOperation;
    magnitude: number;
    interpolation: "bicubic" | "bilinear";
    rgb: string;
  }[];
}

Deno.test({
  name: "each operation makes what Pillow makes of a picture",
  ...NO_PILLOW,
  fn: async () => {
    const { pictures, cases } = await runPillow<Truth>(
      "operate_on_pictures.py",
    );
    const wrong: string[] = [];
    for (const { of, name, magnitude, interpolation, rgb } of cases) {
      const { width, height, rgb: before } = pictures[of]!;
      const picture = { width, height, pixels: Uint8Array.fromHex(before) };
      const made = applyOperation(picture, name, magnitude, { interpolation });
      assertEquals([made.width, made.height], [width, height]);
      // A worker hands the pixels on, so that they are never the caller's.
      assert(made.pixels !== picture.pixels);
      assertEquals(picture.pixels.toHex(), before);
      if (made.pixels.toHex() !== rgb) {
        wrong.push(`${name} ${magnitude} ${interpolation} of ${of}`);
      }
    }
    assertEquals(wrong, []);
    assertEquals(
      [...new Set(cases.map(({ name }) => name))],
      [...OPERATION_NAMES],
    );
  },
});

Deno.test("a picture in a Buffer of Node's stays as it is", () => {
  const pixels = Uint8Array.from({ length: 3 * 5 * 4 }, (_, i) => 59 * i);
  const buffer = Buffer.from(pixels);
  for (const name of OPERATION_NAMES) {
    const made = applyOperation({ width: 5, height: 4, pixels }, name, 9);
    const same = applyOperation(
      { width: 5, height: 4, pixels: buffer },
      ...[name, 9] as const,
    );
    assertEquals(same.pixels, made.pixels);
    assertEquals(new Uint8Array(buffer), pixels);
  }
});

Deno.test("what a picture leaves empty has the colour that is asked for", () => {
  const pixels = new Uint8Array(3 * 4 * 4).fill(9);
  const picture = { width: 4, height: 4, pixels };
  const made = applyOperation(picture, "TranslateXRel", 10, {
    fill: [1, 2, 3],
  });
  assertEquals([...made.pixels.subarray(0, 12)], [
    ...[9, 9, 9, 9, 9, 9],
    ...[1, 2, 3, 1, 2, 3],
  ]);
});

Deno.test("applyOperation refuses wrong arguments by name", () => {
  const picture = { width: 1, height: 1, pixels: new Uint8Array(3) };
  // deno-lint-ignore no-explicit-any
  const call = (options: any, ...given: any[]) =>
    applyOperation(
      given[0] ?? picture,
      given[1] ?? "Rotate",
      given[2] ?? 1,
      options,
    );
  const wrong: [() => unknown, string][] = [
    [() => call({ fills: 1 }), "fill"],
    [() => call({ fill: 3 }), "fill"],
    [() => call({ fill: [1, 2] }), "fill"],
    [() => call({ fill: [1, 2, 256] }), "fill"],
    [() => call({ fill: [1, 2, "3"] }), "fill"],
    [() => call({ interpolation: "box" }), "interpolation"],
    [
      () => call({}, { width: 2, height: 1, pixels: picture.pixels }),
      "picture",
    ],
    [() => call({}, picture, "Turn"), "name"],
    [() => call({}, picture, "toString"), "name"],
    [() => call({}, picture, "Rotate", 11), "magnitude"],
    [() => call({}, picture, "Rotate", NaN), "magnitude"],
    [() => call({}, picture, "Rotate", "9"), "magnitude"],
  ];
  for (const [call, name] of wrong) {
    try {
      call();
    } catch (error) {
      assert(error instanceof TypeError || error instanceof RangeError);
      assert(error.message.includes(name), error.message);
      continue;
    }
    throw new Error(`a wrong ${name} is taken`);
  }
});
