/** Transforms draw what torchvision draws, and refuse what makes no sense. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { seeded } from "../../../lib/data/batches/random.ts";
import { applyOperation } from "../../../lib/data/images/operations/apply_operation.ts";
import { applyTransform } from "../../../lib/data/images/transforms/apply_transform.ts";
import { erase } from "../../../lib/data/images/transforms/erase.ts";
import { evalTransform } from "../../../lib/data/images/transforms/eval_transform.ts";
import { drawRegion } from "../../../lib/data/images/transforms/random_resized_crop.ts";
import { randAugmented } from "../../../lib/data/images/transforms/rand_augment.ts";
import { resize } from "../../../lib/data/images/pictures/resize.ts";
import { sideOf } from "../../../lib/data/images/transforms/transform.ts";
import { trainTransform } from "../../../lib/data/images/transforms/train_transform.ts";
import { NO_PILLOW, runPillow } from "../python.ts";

/** What torchvision and timm make of uniform numbers. */
interface Regions {
  readonly crops: readonly {
    width: number;
    height: number;
    scale: [number, number];
    ratio: [number, number];
    draws: number[];
    region: number[];
  }[];
  readonly erased: readonly {
    side: number;
    draws: number[];
    box: [top: number, left: number, height: number, width: number] | null;
  }[];
}

Deno.test({
  name: "a random part is the one that torchvision draws, and timm erases",
  ...NO_PILLOW,
  fn: async () => {
    const { crops, erased } = await runPillow<Regions>("random_regions.py");
    for (const { width, height, scale, ratio, draws, region } of crops) {
      const random = () => draws.shift()!;
      const drawn = drawRegion({ width, height }, { scale, ratio }, random);
      const { left, top } = drawn;
      assertEquals([left, top, drawn.width, drawn.height], region);
    }
    const [, , step] = trainTransform({ size: 4, erase: 0.8 });
    assert(step?.step === "erase");
    for (const { side, draws, box } of erased) {
      const values = new Float32Array(3 * side * side);
      erase(values, side, step, () => draws.shift()!);
      const [top, left, height, width] = box ?? [0, 0, 0, 0];
      values.forEach((value, i) => {
        const place = Math.floor(i / 3);
        const row = Math.floor(place / side) - top,
          column = place % side - left;
        const isErased = row >= 0 && row < height && column >= 0 &&
          column < width;
        assertEquals(value !== 0, isErased);
      });
    }
  },
});

/** A picture whose pixels are their places. */
function places(width: number, height: number) {
  const pixels = Uint8Array.from(
    { length: 3 * width * height },
    (_, i) => Math.floor(i / 3) + 1,
  );
  return { width, height, pixels };
}

Deno.test("a padded crop moves a picture by up to the padding, on black", () => {
  const transform = trainTransform({
    size: 4,
    crop: { padding: 2 },
    flip: 0,
  });
  const seen = new Set<string>();
  for (let seed = 0; seed < 400; seed++) {
    const { width, height, pixels } = applyTransform(
      places(4, 4),
      transform,
      seeded(seed),
    );
    assertEquals([width, height], [4, 4]);
    // The pixel in the middle tells where the picture has gone.
    const middle = pixels[3 * (2 * 4 + 2)]!;
    const right = (middle - 1) % 4 - 2, down = Math.floor((middle - 1) / 4) - 2;
    for (let y = 0; y < 4; y++) {
      for (let x = 0; x < 4; x++) {
        const fromX = x + right, fromY = y + down;
        const isInside = fromX >= 0 && fromX < 4 && fromY >= 0 && fromY < 4;
        const expected = isInside ? 4 * fromY + fromX + 1 : 0;
        if (middle > 0) assertEquals(pixels[3 * (4 * y + x)], expected);
      }
    }
    seen.add(pixels.join());
  }
  assertEquals(seen.size, 25);
  assertThrows(
    () =>
      applyTransform(places(2, 1), [
        { step: "paddedCrop", size: 4, padding: 1 },
      ], seeded(1)),
    RangeError,
    "2 × 2, got 2 × 1",
  );
});

Deno.test("as many pictures are mirrored as should be", () => {
  const transform = [{ step: "flip", probability: 0.25 } as const];
  let mirrored = 0;
  for (let seed = 0; seed < 1000; seed++) {
    const { pixels } = applyTransform(places(3, 1), transform, seeded(seed));
    if (pixels[0] === 3) mirrored++;
    else assertEquals(pixels[0], 1);
  }
  assert(mirrored > 200 && mirrored < 300, `${mirrored}`);
});

Deno.test("erasing puts normal noise into a rectangle of the right size", () => {
  const side = 32;
  const [, , step] = trainTransform({ size: side, erase: 0.5 });
  assert(step?.step === "erase");
  let erased = 0;
  const noise: number[] = [];
  for (let seed = 0; seed < 200; seed++) {
    const values = new Float32Array(3 * side * side).fill(100);
    erase(values, side, step, seeded("erase", seed));
    const rows = new Set<number>(), columns = new Set<number>();
    let changed = 0;
    values.forEach((value, i) => {
      if (value === 100) return;
      const pixel = Math.floor(i / 3);
      rows.add(Math.floor(pixel / side));
      columns.add(pixel % side);
      changed++;
      noise.push(value);
    });
    if (changed === 0) continue;
    erased++;
    assertEquals(changed, 3 * rows.size * columns.size);
    // Sides are rounded to whole pixels.
    const least = (Math.sqrt(0.02 * side ** 2) - 1) ** 2;
    assert(changed / 3 > least && changed / 3 < side ** 2 / 3 + side);
    const aspect = rows.size / columns.size;
    assert(aspect > 0.25 && aspect < 4, `${aspect}`);
  }
  assert(erased > 70 && erased < 130, `${erased}`);
  const mean = noise.reduce((sum, value) => sum + value, 0) / noise.length;
  const square = noise.reduce((sum, value) => sum + value ** 2, 0) /
    noise.length;
  assert(Math.abs(mean) < 0.02 && Math.abs(square - 1) < 0.02);
});

Deno.test("a square has all of a picture, as resize makes it", () => {
  const picture = places(9, 5);
  for (const interpolation of ["bilinear", "bicubic"] as const) {
    for (const size of [1, 4, 5, 9, 20]) {
      const transform = [{ step: "square", size, interpolation }] as const;
      assertEquals(sideOf(transform), size);
      assertEquals(
        applyTransform(picture, transform, Math.random),
        resize(picture, size, size, { interpolation }),
      );
    }
  }
});

Deno.test("transforms are plain data", () => {
  const transform = trainTransform({ size: 224, erase: 0.25 });
  assertEquals(JSON.parse(JSON.stringify(transform)), transform);
  assertEquals(transform.map(({ step }) => step), [
    ...["randomResizedCrop", "flip", "erase"],
  ]);
  const [resize] = evalTransform({ size: 224, cropRatio: 1 });
  assertEquals(resize, { step: "resize", size: 224, interpolation: "bicubic" });
});

Deno.test("RandAugment's words become a step of plain data", () => {
  const stepOf = (randAugment: string, interpolation?: "bilinear") =>
    trainTransform({ size: 4, randAugment, interpolation })
      .find(({ step }) => step === "randAugment");
  const step = stepOf("rand-m9-mstd0.5-inc1");
  assertEquals(step, {
    step: "randAugment",
    count: 2,
    probability: 0.5,
    magnitude: 9,
    deviation: 0.5,
    interpolation: "bicubic",
    fill: [124, 116, 104],
  });
  assertEquals<unknown>(stepOf("rand-inc1-n3", "bilinear"), {
    ...step,
    ...{ count: 3, magnitude: 10, deviation: 0, interpolation: "bilinear" },
  });
  assertThrows(
    () =>
      trainTransform({
        ...{ size: 4, interpolation: "box", randAugment: "rand-inc1" },
      }),
    RangeError,
    "interpolation",
  );
});

Deno.test("RandAugment draws operations, magnitudes and signs as timm does", () => {
  const pixels = Uint8Array.from({ length: 3 * 7 * 5 }, (_, i) => 37 * i);
  const picture = { width: 7, height: 5, pixels };
  const step = {
    step: "randAugment",
    ...{ count: 2, probability: 0.5, magnitude: 9, deviation: 0.5 },
    interpolation: "bicubic",
    fill: [124, 116, 104],
  } as const;
  const drawn = (...numbers: number[]) => {
    const { pixels } = randAugmented(picture, step, () => numbers.shift()!);
    assertEquals(numbers, []);
    return pixels;
  };
  // An operation, whether it is done, two numbers for a magnitude, and a sign.
  const middle = [1 - Math.exp(-0.5), 0] as const; // one deviation above the mean
  const nothing = [0.99, 0.5] as const;
  const shear = (magnitude: number) =>
    applyOperation(picture, "ShearX", magnitude).pixels;
  assertEquals(drawn(...nothing, ...nothing), pixels);
  const place = 11.5 / 15;
  assertEquals(drawn(...nothing, place, 0.49, ...middle, 0.4), shear(9.5));
  assertEquals(drawn(place, 0.49, ...middle, 0.5, ...nothing), shear(-9.5));
  // Magnitudes are cut: six deviations above the mean are 12.
  const far = [1 - Math.exp(-18), 0] as const;
  assertEquals(drawn(...nothing, place, 0, ...far, 0), shear(10));
  const both = applyOperation(
    applyOperation(picture, "Invert", 9),
    "ShearX",
    9.5,
  );
  assertEquals(
    drawn(2.5 / 15, 0, ...middle, 0, place, 0, ...middle, 0),
    both.pixels,
  );
});

Deno.test("every operation of RandAugment is drawn equally often", () => {
  const counts = new Map<string, number>();
  const [, , step] = trainTransform({ size: 4, randAugment: "rand-n1-inc1" });
  assert(step?.step === "randAugment");
  const picture = {
    ...{ width: 24, height: 24 },
    pixels: Uint8Array.from(
      { length: 3 * 24 * 24 },
      (_, i) => 40 + (i * i) % 131,
    ),
  };
  const random = seeded("operations");
  for (let i = 0; i < 3000; i++) {
    const { pixels } = randAugmented(picture, step, random);
    const seen = pixels.toHex();
    counts.set(seen, (counts.get(seen) ?? 0) + 1);
  }
  const untouched = counts.get(picture.pixels.toHex())!;
  assert(untouched > 1400 && untouched < 1600, `${untouched}`);
  counts.delete(picture.pixels.toHex());
  // At magnitude 10 to invert and to solarize are the same; five operations have no
  // sign that counts, and the nine others have two of them.
  const drawn = [...counts.values()].sort((a, b) => b - a);
  assertEquals(drawn.length, 5 + 2 * 9);
  assert(drawn[0]! > 150 && drawn[4]! > 75 && drawn[5]! < 75, drawn.join());
  assert(drawn.at(-1)! > 30, drawn.join());
});

/** Calls that are refused, with a part of what is said. */
// deno-lint-ignore no-explicit-any
const REFUSED: [call: (wrong: any) => unknown, Record<string, unknown>[]][] = [
  [(wrong) => trainTransform({ size: 4, ...wrong }), [
    { sizes: 4 },
    { size: 0 },
    { size: "4" },
    { flip: 2 },
    { flip: true },
    { erase: -1 },
    { randAugment: 9 },
    ...[
      ...["", "rand", "rand-", "m9-inc1", "augmix-m9-inc1", "Rand-m9-inc1"],
      ...["rand-m9", "rand-m9-inc0", "rand-m11-inc1", "rand-m9.5-inc1"],
      ...[
        "rand-m-1-inc1",
        "rand-n0-inc1",
        "rand-m9-mstdinf-inc1",
        "rand-m9-mstd101-inc1",
        "rand-w0-inc1",
      ],
      ...["rand-m9-m9-inc1", "rand-m9 -inc1", "rand-p0.5-inc1", "rand-inc1\n"],
      ...["rand-constructor1-inc1"],
    ].map((randAugment) => ({ randAugment })),
    { interpolation: "nearest" },
    { crop: { scales: [0, 1] } },
    { crop: { scale: [0, 1] } },
    { crop: { scale: [0.5, 2] } },
    { crop: { scale: [0.5, 0.2] } },
    { crop: { ratio: 1 } },
    { crop: { ratio: ["1", 2] } },
    { crop: { padding: 1.5 } },
    { crop: { padding: 1, scale: [0.1, 1] } },
    { crop: 4 },
  ]],
  [(wrong) => evalTransform({ size: 4, ...wrong }), [
    { crop: 1 },
    { size: 4.5 },
    { cropRatio: 0 },
    { cropRatio: 1.1 },
    { cropRatio: NaN },
    { interpolation: 3 },
  ]],
];

Deno.test("transforms refuse wrong options by name", () => {
  for (const [call, options] of REFUSED) {
    for (const wrong of options) {
      try {
        call(wrong);
      } catch (error) {
        const { message } = error as Error;
        assert(error instanceof TypeError || error instanceof RangeError);
        const [name] = Object.keys(wrong);
        assert(message.includes(name!), `${JSON.stringify(wrong)}: ${message}`);
        continue;
      }
      throw new Error(`${JSON.stringify(wrong)} is taken`);
    }
  }
});
