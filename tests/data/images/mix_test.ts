/** Batches are mixed, and their labels, as timm does it. @module */
import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { beta, seeded } from "../../../lib/data/batches/random.ts";
import {
  cutOf,
  drawMix,
  mixOf,
  mixPictures,
} from "../../../lib/data/images/batching/mix.ts";
import { mixTargets } from "../../../lib/data/images/batching/mix_targets.ts";
import { NO_PILLOW, runPillow } from "../python.ts";

/** A batch before and after, of which cutmix has a place. */
interface Truth {
  readonly size: number;
  readonly side: number;
  readonly classes: number;
  readonly smoothing: number;
  readonly lambda: number;
  readonly labels: readonly number[];
  readonly before: string;
  readonly y?: number;
  readonly x?: number;
  readonly left: number;
  readonly after: string;
  readonly targets: string;
}

const floats = (hex: string) =>
  new Float32Array(Uint8Array.fromHex(hex).buffer);

Deno.test({
  name: "pictures and labels are mixed as by timm, given λ and a place",
  ...NO_PILLOW,
  fn: async () => {
    const cases = await runPillow<Truth[]>("mix_batches.py");
    for (const { size, side, classes, smoothing, labels, ...truth } of cases) {
      const { y, x } = truth;
      const places = [y, x].map((place) => (Number(place) + 0.5) / side);
      const drawn = y === undefined
        ? { lambda: truth.lambda }
        : cutOf(truth.lambda, side, () => places.shift()!);
      assertEquals(drawn.lambda, truth.left);
      const pictures = floats(truth.before);
      mixPictures(pictures, size, side, drawn);
      assertEquals(pictures, floats(truth.after));
      const { lambda } = drawn;
      const targets = mixTargets(labels, { lambda, classes, smoothing });
      assertEquals(targets, floats(truth.targets));
    }
  },
});

Deno.test("λ has the moments of a beta distribution", () => {
  const count = 20_000;
  for (const alpha of [0.01, 0.2, 0.8, 1, 7]) {
    const random = seeded("beta", alpha);
    const drawn = Array.from({ length: count }, () => beta(alpha, random));
    assert(drawn.every((value) => value >= 0 && value <= 1));
    const moment = (power: number) =>
      drawn.reduce((sum, value) => sum + (value - 0.5) ** power, 0) / count;
    const variance = 1 / (4 * (2 * alpha + 1));
    const fourth = 3 * variance ** 2 * (2 * alpha + 1) / (2 * alpha + 3);
    // Four deviations of what so many numbers differ by.
    assertAlmostEquals(moment(1), 0, 4 * Math.sqrt(variance / count));
    const spread = Math.sqrt((fourth - variance ** 2) / count);
    assertAlmostEquals(moment(2), variance, 4 * spread);
    assertAlmostEquals(moment(4), fourth, 4 * spread);
  }
});

Deno.test("λ is 0 or 1 where α is next to nothing, and a half where it is huge", () => {
  const random = seeded("extremes");
  const drawn = Array.from({ length: 40 }, () => beta(5e-324, random));
  assertEquals(new Set(drawn), new Set([0, 1]));
  assertAlmostEquals(beta(Number.MAX_VALUE, random), 0.5, 1e-9);
});

const CLASSES = { classes: 3, batchSize: 2 };

Deno.test("as many batches have cutmix as should, and λ is that of its box", () => {
  const side = 20;
  const shareOfCuts = (options: Parameters<typeof mixOf>[0]) => {
    const mix = mixOf(options, CLASSES);
    const random = seeded("cuts");
    let cuts = 0;
    for (let i = 0; i < 1000; i++) {
      const { lambda, box } = drawMix(mix, side, random);
      assert(lambda >= 0 && lambda <= 1);
      if (!box) continue;
      cuts++;
      const { top, bottom, left, right } = box;
      assert(top >= 0 && bottom <= side && left >= 0 && right <= side);
      const cut = (bottom - top) * (right - left) / side ** 2;
      assertAlmostEquals(lambda, 1 - cut, 1e-12);
    }
    return cuts / 1000;
  };
  assertEquals(shareOfCuts({ cutmix: 0 }), 0);
  assertEquals(shareOfCuts({ mixup: 0 }), 1);
  assertEquals(shareOfCuts({ switch: 0 }), 0);
  assertEquals(shareOfCuts({ switch: 1 }), 1);
  assertAlmostEquals(shareOfCuts({}), 0.5, 0.06);
  assertAlmostEquals(shareOfCuts({ switch: 0.2 }), 0.2, 0.05);
});

Deno.test("without mixup and cutmix labels are only smoothed, of odd batches too", () => {
  const mix = mixOf({ mixup: 0, cutmix: 0 }, { classes: 4, batchSize: 3 });
  assertEquals(drawMix(mix, 8, () => 0.5), { lambda: 1 });
  assertEquals(mix, {
    ...{ mixup: 0, cutmix: 0, switch: 0.5, smoothing: 0.1, classes: 4 },
  });
});

Deno.test("mixTargets takes no label that is no class", () => {
  // deno-lint-ignore no-explicit-any
  const call = (labels: any, options: object = {}) =>
    mixTargets(labels, { lambda: 0.5, classes: 3, ...options });
  const wrong: [() => unknown, string][] = [
    [() => call([0, 3]), "got 3 at 1"],
    [() => call([-1]), "labels"],
    [() => call([0.5]), "labels"],
    [() => call([NaN]), "labels"],
    [() => call(["0"]), "labels"],
    [() => call([, 1]), "labels"],
    [() => call("012"), "labels"],
    [() => call(undefined), "labels"],
    [() => call({}), "labels"],
    [() => call([0], { lambda: 1.1 }), "lambda"],
    [() => call([0], { lambda: undefined }), "lambda"],
    [() => call([0], { classes: 0 }), "classes"],
    [() => call([0], { smoothing: -0.1 }), "smoothing"],
    [() => call([0], { smooth: 0 }), "smooth"],
  ];
  for (const [call, name] of wrong) {
    try {
      call();
    } catch (error) {
      assert(error instanceof TypeError || error instanceof RangeError);
      assert(error.message.includes(name), error.message);
      continue;
    }
    throw new Error(`wrong ${name} are taken`);
  }
  assertEquals(mixTargets([], { lambda: 1, classes: 3 }).length, 0);
});
