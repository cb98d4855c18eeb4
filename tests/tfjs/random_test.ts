/** What operations with a seed draw. @module */
import { assert, assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../backends.ts";
import { uniform } from "../random.ts";

/** An operation that draws independent numbers. */
interface Drawing {
  /** Draws [rows, columns] numbers. */
  readonly draw: (rows: number, columns: number, seed: number) => tf.Tensor;
  readonly isPossible: (value: number) => boolean;
  /** Events, with their probabilities. */
  readonly events: readonly (readonly [
    event: (value: number) => boolean,
    probability: number,
  ])[];
}

const CLASSES = [0, 0.1, 0.6, 0.3, 0];

const ofClasses = {
  isPossible: (value: number) => [1, 2, 3].includes(value),
  events: [1, 2, 3].map((one) =>
    [(value: number) => value === one, CLASSES[one]!] as const
  ),
};

const NORMAL: Pick<Drawing, "isPossible" | "events"> = {
  isPossible: (x) => Math.abs(x) < 7,
  events: [[(x) => x < -1, 0.158655], [(x) => x < 0, 0.5], [
    (x) => x < 1,
    0.841345,
  ]],
};

const repeated = (row: number[], rows: number): tf.Tensor2D =>
  tf.tile(tf.tensor2d([row]), [rows, 1]);

const DRAWINGS: Readonly<Record<string, Drawing>> = {
  multinomial: {
    draw: (rows, columns, seed) =>
      tf.multinomial(repeated(CLASSES.map(Math.log), rows), columns, seed),
    ...ofClasses,
  },
  "multinomial of probabilities": {
    draw: (rows, columns, seed) =>
      tf.multinomial(repeated(CLASSES, rows), columns, seed, true),
    ...ofClasses,
  },
  randomUniform: {
    draw: (rows, columns, seed) =>
      tf.randomUniform([rows, columns], -1, 3, "float32", seed),
    isPossible: (x) => x >= -1 && x <= 3,
    events: [[(x) => x < 0, 0.25], [(x) => x > 2.5, 0.125]],
  },
  randomUniformInt: {
    draw: (rows, columns, seed) =>
      tf.randomUniformInt([rows, columns], 2, 6, seed),
    isPossible: (x) => [2, 3, 4, 5].includes(x),
    events: [2, 3, 4, 5].map((one) => [(x) => x === one, 0.25]),
  },
  randomNormal: {
    draw: (rows, columns, seed) =>
      tf.randomNormal([rows, columns], 0, 1, "float32", seed),
    ...NORMAL,
  },
  randomStandardNormal: {
    draw: (rows, columns, seed) =>
      tf.randomStandardNormal([rows, columns], "float32", seed),
    ...NORMAL,
  },
  truncatedNormal: {
    draw: (rows, columns, seed) =>
      tf.truncatedNormal([rows, columns], 0, 1, "float32", seed),
    isPossible: (x) => Math.abs(x) <= 2,
    events: [[(x) => x < 0, 0.5], [(x) => Math.abs(x) < 1, 0.715233]],
  },
  randomGamma: {
    draw: (rows, columns, seed) =>
      tf.randomGamma([rows, columns], 2, 1, "float32", seed),
    isPossible: (x) => x > 0,
    events: [[(x) => x < 1, 0.264241], [(x) => x < 2, 0.593994]],
  },
  "randomGamma below 1": {
    draw: (rows, columns, seed) =>
      tf.randomGamma([rows, columns], 0.5, 1, "float32", seed),
    isPossible: (x) => x >= 0,
    // The square of a normal number, halved.
    events: [[(x) => x < 0.5, 0.682689], [(x) => x < 2, 0.9545]],
  },
  rand: {
    draw: (rows, columns, seed) => tf.rand([rows, columns], uniform(seed)),
    isPossible: (x) => x >= 0 && x <= 1,
    events: [[(x) => x < 0.25, 0.25]],
  },
  dropout: {
    draw: (rows, columns, seed) =>
      tf.dropout(tf.ones([rows, columns]), 0.3, undefined, seed),
    isPossible: (x) => x === 0 || Math.abs(x - 1 / 0.7) < 1e-5,
    events: [[(x) => x === 0, 0.3]],
  },
};

/** Asserts that so many of some independent cases are within five standard deviations. */
function assertLikely(
  found: number,
  cases: number,
  probability: number,
  label: string,
): void {
  const sigma = Math.sqrt(cases * probability * (1 - probability));
  const off = Math.abs(found - cases * probability);
  assert(off <= 5 * sigma + 1, `${label}: ${found} of ${cases}`);
}

const SEEDS = Array.from({ length: 50 }, (_, i) => i + 1);
const ROWS = 4, COLUMNS = 250;

onEachBackend(
  "what is drawn is possible, as often as it should be, and follows from the seed",
  async () => {
    const valuesOf = async (tensor: tf.Tensor): Promise<number[]> => {
      const values = [...await tensor.data()];
      tensor.dispose();
      return values;
    };
    for (
      const [name, { draw, isPossible, events }] of Object.entries(DRAWINGS)
    ) {
      const drawn = (rows: number, columns: number, seed: number) =>
        valuesOf(tf.tidy(() => draw(rows, columns, seed)));
      const firsts: number[] = [], many: number[][] = [];
      for (const seed of SEEDS) {
        firsts.push(...await drawn(1, 1, seed));
        many.push(await drawn(ROWS, COLUMNS, seed));
      }
      const all = many.flat();
      assertEquals([...firsts, ...all].filter((x) => !isPossible(x)), [], name);
      for (const [i, [event, probability]] of events.entries()) {
        for (const values of [firsts, all]) {
          const found = values.filter(event).length;
          assertLikely(found, values.length, probability, `${name}, ${i}`);
        }
        // Both of two rows, or neither.
        const pairs = many.flatMap((values) =>
          values.slice(COLUMNS).map((value, at) =>
            event(value) === event(values[at]!)
          )
        );
        const both = probability ** 2 + (1 - probability) ** 2;
        const alike = pairs.filter(Boolean).length;
        assertLikely(alike, pairs.length, both, `${name}, rows, ${i}`);
      }
      assert(new Set(firsts).size > 1, `${name}: first draws of other seeds`);
      assertEquals(await drawn(ROWS, COLUMNS, 7), many[6], name);
      assert(`${many[5]}` !== `${many[6]}`, `${name}: other seeds`);
    }
  },
);

onEachBackend("a class that cannot be is not drawn at the end", async () => {
  // Rounded, the first three add up to less than 1.
  const row = [0.3, 0.3, 0.4 - 2 ** -20, 0];
  const y = tf.tidy(() => tf.multinomial(repeated(row, 1), 100_000, 3, true));
  assertEquals((await y.data()).filter((one) => one === 3).length, 0);
  y.dispose();
});
