/**
 * What states can keep track of, with weights put in by hand: the products of hundreds of
 * elements of a group, which rules without negative eigenvalues, or with fewer steps a
 * token, cannot follow.
 *
 * @module
 */
import { assertEquals, assertLess } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { deltaProduct, gatedDeltaNet2 } from "../../lib/family/mod.ts";
import { onEachBackend } from "../backends.ts";
import { uniform } from "../random.ts";

const LENGTH = 600;
const CAUSAL = { causal: true, scale: 1 };

/** Words of seeded letters, numbers from 0 to one less than `count`. */
function wordOf(count: number, seed: number): number[] {
  const random = uniform(seed);
  return Array.from(
    { length: LENGTH },
    () => Math.min(count - 1, Math.floor((random() + 1) / 2 * count)),
  );
}

/** A reflection of each step: its direction, and β, which is 0 where there is none. */
interface Reflection {
  readonly k: readonly number[];
  readonly beta: number;
}

/** What is read of a state that reflections have changed, `[LENGTH][columns]`. */
async function tracked(
  tokens: readonly (readonly Reflection[])[],
  initialState: readonly (readonly number[])[],
  query: readonly number[],
): Promise<number[][]> {
  const y = tf.tidy(() => {
    const k = tf.tensor([[tokens.map((steps) => steps.map(({ k }) => k))]]);
    const steps = k.shape[3]!, columns = initialState[0]!.length;
    const beta = tf.tensor([[tokens.map((s) => s.map(({ beta }) => beta))]]);
    return deltaProduct({
      q: tf.tensor([[tokens.map(() => query)]]),
      ...{ k, beta, v: tf.zeros([1, 1, tokens.length, steps, columns]) },
      initialState: tf.tensor([[initialState]]),
    }, CAUSAL);
  });
  const [[rows]] = await y.array() as [[number[][]]];
  y.dispose();
  return rows;
}

const eye = (size: number) =>
  Array.from(
    { length: size },
    (_, i) => Array.from({ length: size }, (_, j) => Number(i === j)),
  );
/** Whole numbers, none of them -0. */
const rounded = (rows: readonly (readonly number[])[]): number[][] =>
  rows.map((row) => row.map((x) => Math.round(x) + 0));
const places = (size: number) => eye(size).map((_, i) => i);

/** The direction of the reflection that swaps two channels. */
const swap = (size: number, i: number, j: number): number[] =>
  places(size).map((n) => n === i ? Math.SQRT1_2 : n === j ? -Math.SQRT1_2 : 0);

onEachBackend(
  "one step a token, with β = 2, keeps the parity of bits",
  async () => {
    const bits = wordOf(2, 1);
    const track = (beta: number) =>
      tracked(bits.map((bit) => [{ k: [1], beta: beta * bit }]), [[1]], [1]);
    let sign = 1;
    const expected = bits.map((bit) => sign *= bit ? -1 : 1);
    assertEquals((await track(2)).map(([y]) => y), expected);
    // With 1.98, its sign shrinks by 0.98 at each one.
    const shrunk = await track(1.98);
    let ones = 0;
    expected.forEach((sign, i) => {
      ones += bits[i]!;
      assertLess(Math.abs(shrunk[i]![0]! / (sign * 0.98 ** ones) - 1), 1e-3);
    });
  },
);

/** Random permutations of five, each as where it takes a place. */
function permutations(seed: number): number[][] {
  const random = uniform(seed);
  return Array.from({ length: LENGTH }, () => {
    const order = places(5).map((i) => [random(), i] as const);
    return order.toSorted(([x], [y]) => x - y).map(([, i]) => i);
  });
}

/** A permutation as swaps, one after the other, of which there are at most four. */
function swapsOf(permutation: readonly number[]): [number, number][] {
  const swaps: [number, number][] = [], now = places(5);
  for (let i = 0; i < 5; i++) {
    // What begins at i should be at its place.
    const to = permutation[i]!, at = now[i]!;
    if (at === to) continue;
    swaps.push([at, to]);
    now.forEach((place, n) => {
      if (place === at) now[n] = to;
      else if (place === to) now[n] = at;
    });
  }
  return swaps;
}

/** Where all permutations so far have taken each place. */
function products(permutations: readonly (readonly number[])[]): number[][] {
  let product = permutations[0]!.map((_, i) => i);
  return permutations.map((next) => product = product.map((i) => next[i]!));
}

onEachBackend("four steps a token keep all permutations of five", async () => {
  const word = permutations(2);
  const tokens = word.map((permutation) => {
    const swaps = swapsOf(permutation);
    return places(4).map((step): Reflection =>
      swaps[step]
        ? { k: swap(5, ...swaps[step]), beta: 2 }
        : { k: [1, 0, 0, 0, 0], beta: 0 }
    );
  });
  const read = await tracked(tokens, eye(5), places(5));
  assertEquals(rounded(read), products(word));
  const last = read.at(-1)!;
  assertLess(Math.max(...last.map((x) => Math.abs(x - Math.round(x)))), 1e-2);
});

type Vector = readonly [number, number, number];

const dot = (x: Vector, y: Vector) => x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
const scaled = (
  x: Vector,
  by: number,
): Vector => [by * x[0], by * x[1], by * x[2]];
const unit = (x: Vector) => scaled(x, 1 / Math.sqrt(dot(x, x)));
const plus = (
  x: Vector,
  y: Vector,
): Vector => [x[0] + y[0], x[1] + y[1], x[2] + y[2]];
const cross = (x: Vector, y: Vector): Vector => [
  x[1] * y[2] - x[2] * y[1],
  x[2] * y[0] - x[0] * y[2],
  x[0] * y[1] - x[1] * y[0],
];
const reflected = (x: Vector, k: Vector) => plus(x, scaled(k, -2 * dot(x, k)));

/** Two reflections that rotate about an axis by an angle: they are half of it apart. */
function rotation(axis: Vector, angle: number): [Vector, Vector] {
  const first = unit(cross(axis, [1, 0.1, 0]));
  const second = cross(unit(axis), first);
  const half = angle / 2;
  return [
    first,
    plus(scaled(first, Math.cos(half)), scaled(second, Math.sin(half))),
  ];
}

onEachBackend(
  "two steps a token keep the rotations of an icosahedron, A5",
  async () => {
    const golden = (1 + Math.sqrt(5)) / 2;
    const corners = [-1, 1].flatMap((x) =>
      [-golden, golden].flatMap((y): Vector[] => [
        [0, x, y],
        [x, y, 0],
        [y, 0, x],
      ])
    ).map(unit);
    // Of a fifth about a corner, and of a third about a face.
    const letters = [
      rotation([0, 1, golden], 2 * Math.PI / 5),
      rotation([1, 1, 1], 2 * Math.PI / 3),
    ];
    const nearest = (x: Vector) =>
      corners.findIndex((corner) => dot(x, corner) > 0.99);
    const moves = letters.map((steps) =>
      corners.map((corner) => nearest(steps.reduce(reflected, corner)))
    );
    const word = wordOf(2, 3);
    const query = unit([0.2, 0.5, 0.9]);
    const read = await tracked(
      word.map((letter) => letters[letter]!.map((k) => ({ k, beta: 2 }))),
      places(3).map((n) => corners.map((corner) => corner[n]!)),
      query,
    );
    const heights = corners.map((corner) => dot(query, corner));
    const found = read.map((row) =>
      row.map((x) => {
        const errors = heights.map((height) => Math.abs(height - x));
        return errors.indexOf(Math.min(...errors));
      })
    );
    assertEquals(found, products(word.map((letter) => moves[letter]!)));
  },
);

onEachBackend("gates that erase twice keep swaps of five", async () => {
  const pairs = places(5).flatMap((i) =>
    places(i).map((j): [number, number] => [i, j])
  );
  // The last letter swaps nothing.
  const word = wordOf(pairs.length + 1, 4);
  const directions = [...pairs.map((pair) => swap(5, ...pair)), [
    1,
    0,
    0,
    0,
    0,
  ]];
  const y = tf.tidy(() => {
    const rows = (of: (letter: number) => number[]) =>
      tf.tensor([[word.map(of)]]);
    const nothing = rows(() => places(5).map(() => 0));
    return gatedDeltaNet2({
      q: rows(() => places(5)),
      k: rows((letter) => directions[letter]!),
      ...{ v: nothing, logDecay: nothing, writeGate: nothing },
      eraseGate: rows((letter) => places(5).map(() => pairs[letter] ? 2 : 0)),
      initialState: tf.tensor([[eye(5)]]),
    }, CAUSAL);
  });
  const [[read]] = await y.array() as unknown as [[number[][]]];
  y.dispose();
  const expected = products(word.map((letter) => {
    const pair = pairs[letter];
    return places(5).map((n) =>
      n === pair?.[0] ? pair[1] : n === pair?.[1] ? pair[0] : n
    );
  }));
  assertEquals(rounded(read), expected);
});
