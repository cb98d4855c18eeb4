import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import {
  pathfinder,
  type PathfinderImage,
} from "../../tools/recipes/tasks/pathfinder.ts";
import {
  CurveImage,
  type Tip,
} from "../../tools/recipes/tasks/pathfinder_curves.ts";
import {
  disc,
  marker,
  paddles,
} from "../../tools/recipes/tasks/pathfinder_strokes.ts";
import { uniform } from "../random.ts";

const SHAPE = { length: 2, gap: 1, thickness: 0.5, fineness: 2, continuity: 1 };

function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0);
}

function distance(
  [y0, x0]: readonly [number, number],
  [y1, x1]: readonly [number, number],
): number {
  return Math.hypot(y1 - y0, x1 - x0);
}

Deno.test("pathfinder() makes an image of its place, seed and part alone", () => {
  const images = pathfinder({ size: 4 });
  const all = [0, 1, 2, 3].map((i) => images.get(i));
  const again = pathfinder({ size: 9, seed: 0, part: "train" });
  for (const i of [3, 0, 2, 2]) assertEquals(again.get(i), all[i]);
  const others = [
    pathfinder({ size: 1, part: "validation" }),
    pathfinder({ size: 1, part: "test" }),
    pathfinder({ size: 1, seed: 1 }),
    pathfinder({ size: 1, contourLength: 9 }),
  ];
  const different = [...all, ...others.map((other) => other.get(0))]
    .map(({ pixels }) => String(pixels));
  assertEquals(new Set(different).size, 8);
});

Deno.test("pathfinder() marks ends of one curve or of two", () => {
  const images = pathfinder({ size: 150, contourLength: 3 });
  const all = Array.from({ length: 150 }, (_, i) => images.get(i));
  const distances = (label: number) =>
    all.filter((image) => image.label === label)
      .map(({ marks }) => distance(...marks));
  const [apart, together] = [distances(0), distances(1)];
  assertAlmostEquals(together.length / all.length, 0.5, 0.15);
  // Three paddles of 2 pixels, two gaps of 2, and what is rounded up.
  assert(Math.max(...together) <= 3 * 2 + 2 * 2 + 3);
  // They do not turn back, and ends of two curves may be anywhere near.
  assert(Math.min(...together) >= 4);
  assert(Math.min(...apart) < 4 && Math.max(...apart) > 13);
});

/** Brightness at marks, as a share of what a disc has there. */
function markers({ pixels, marks }: PathfinderImage, side: number): number[] {
  return marks.map(([row, column]) => pixels[row * side + column]! / 255);
}

Deno.test("pathfinder() has images of three sizes, in bytes", () => {
  for (const side of [32, 64, 128] as const) {
    const images = pathfinder({ size: 3, side, contourLength: 6 });
    for (let i = 0; i < 3; i++) {
      const image = images.get(i);
      assertEquals(image.pixels.length, side ** 2);
      assertEquals(Math.max(...image.pixels), 255);
      assertEquals(Math.min(...image.pixels), 0);
      for (const brightness of markers(image, side)) assert(brightness > 0.6);
      // Lines: most of an image is dark.
      const lit = image.pixels.filter((pixel) => pixel > 40).length;
      assert(lit > 0.02 * side ** 2 && lit < 0.3 * side ** 2, `${lit} are lit`);
    }
  }
});

Deno.test("pathfinder() names what is impossible, or unknown", () => {
  assertThrows(
    () => pathfinder({ size: 1, side: 33 as 32 }),
    RangeError,
    "side should be 32, 64 or 128, got 33",
  );
  assertThrows(
    () => pathfinder({ size: 1, contourLength: 2 }),
    RangeError,
    "contourLength should be an integer from 3 to 14, got 2",
  );
  const unknown: object = { nonsense: 1 };
  assertThrows(
    () => pathfinder({ size: 1, ...unknown }),
    TypeError,
    'pathfinder has no option "nonsense"',
  );
});

Deno.test("curves go on without a bend, a crossing or an end outside", () => {
  const random = uniform(3);
  const paddle = paddles(SHAPE);
  let grown = 0, between: number[] = [];
  for (let i = 0; i < 60; i++) {
    const image = new CurveImage(32, 1, SHAPE, { random, paddle });
    let tip: Tip | undefined = image.begin(14, 1);
    assert(tip && Math.min(...tip.end) >= 10 && Math.max(...tip.end) <= 21);
    for (;;) {
      const next: Tip | undefined = image.extend(tip, 1);
      if (!next) break;
      grown++;
      const turn = Math.abs(next.angle - tip.angle);
      assert(Math.min(turn, 2 * Math.PI - turn) <= Math.PI / 2 + 1e-9);
      // A paddle and a gap from the pivot, which is rounded; so is the cell.
      assertAlmostEquals(distance(next.pivot, next.end), 3, 1.5);
      assert(next.end.every((at) => at >= 0 && at < 32));
      between = [...between, distance(tip.end, next.end)];
      tip = next;
    }
    assert(image.taken.every((taken) => taken >= 0 && taken <= 1));
  }
  assert(grown > 300, `${grown} paddles`);
  // A paddle of 2, and twice the gap of 1; tails of first paddles are nearer.
  assertAlmostEquals(sum(between) / between.length, 4, 1);
});

Deno.test("no curve grows through what is taken", () => {
  const paddle = paddles(SHAPE);
  let ends = 0;
  for (let seed = 0; seed < 40; seed++) {
    const random = uniform(seed);
    const image = new CurveImage(32, 1, SHAPE, { random, paddle });
    let tip: Tip | undefined = image.begin(14, 1);
    const wall = tip!.end[1] + 5;
    for (let row = 0; row < 32; row++) image.taken[row * 32 + wall] = 1;
    const before = image.ink.slice();
    while (tip) {
      tip = image.extend(tip, 1);
      ends++;
      if (tip) assert(tip.end[1] < wall);
    }
    const beyond = (ink: Float64Array) =>
      sum(ink.filter((_, place) => place % 32 > wall));
    // Anti-aliasing has lobes; a paddle has an ink of 1 and more.
    assert(beyond(image.ink) - beyond(before) < 0.1);
  }
  assert(ends > 40);
});

Deno.test("strokes have the ink of their length, and room around it", () => {
  const paddle = paddles(SHAPE);
  assertEquals(paddle(1), paddle(1));
  for (let degrees = -180; degrees < 180; degrees += 30) {
    const { ink, room } = paddle(degrees * Math.PI / 180);
    // Bresenham's 4 or 5 fine cells, of which (17 / 9)² are a cell.
    const total = sum(ink.values);
    assert(total > 1.05 && total < 1.45, `${total} at ${degrees}`);
    ink.values.forEach((value, place) => {
      if (value > 0.25) assert(room.values[place]! > 0.6);
    });
    assert(sum(room.values) > 3 * total);
    assert(room.values.every((value) => value >= 0 && value <= 1));
  }
  const right = paddle(0).ink;
  const width = 2 * right.reach + 1;
  const row = right.values.slice(
    right.reach * width,
    (right.reach + 1) * width,
  );
  assert(Math.min(...row.slice(right.reach, right.reach + 3)) > 0.3);
  assert(Math.max(...row.slice(0, right.reach - 1)) < 0.1);
});

Deno.test("discs have their area", () => {
  assertEquals(sum(disc(1).values), 5);
  assertEquals(sum(disc(2).values), 13);
  assertAlmostEquals(sum(marker(3, 2).values), Math.PI * 9, 2);
});
