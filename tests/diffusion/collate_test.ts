/** Batches of masked diffusion hide what they should, as often as they should. @module */
import { assert, assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { collateDiffusion } from "../../lib/diffusion/mod.ts";
import { onEachBackend } from "../backends.ts";
import { uniform } from "../random.ts";

const MASK = 9;

/** A batch's ids, masks and labels as arrays. */
async function arrays(
  { inputs: [ids, mask], labels }: ReturnType<
    ReturnType<typeof collateDiffusion>
  >,
): Promise<{ ids: number[][]; mask: number[][]; labels: number[][] }> {
  const all = [ids!, mask!, labels];
  const [a, b, c] = await Promise.all(
    all.map((x) => x.array() as Promise<number[][]>),
  );
  tf.dispose(all);
  return { ids: a!, mask: b!, labels: c! };
}

onEachBackend(
  "collateDiffusion() hides each number of tokens, and each set, as often",
  async () => {
    const given = [false, true, false, false];
    const row = { ids: [1, 2, 3, 4], given };
    for (const lowDiscrepancy of [true, false]) {
      const collate = collateDiffusion({ maskToken: MASK, lowDiscrepancy });
      const { ids, labels } = await arrays(
        collate(Array(6000).fill(row), uniform(1)),
      );
      const sets = new Map<string, number>();
      ids.forEach((seen, i) => {
        assertEquals(seen[1], 2);
        seen.forEach((id, j) => {
          const isHidden = id === MASK;
          assertEquals(id, isHidden ? MASK : row.ids[j]);
          assertEquals(labels[i]![j], isHidden ? row.ids[j] : -100);
        });
        const set = seen.map((id) => id === MASK ? 1 : 0).join("");
        sets.set(set, (sets.get(set) ?? 0) + 1);
      });
      // Of 1, 2 or 3 tokens in a third of the rows each: 3, 3 and 1 sets.
      assertEquals(sets.size, 7);
      for (const [set, count] of sets) {
        const expected = set === "1011" ? 2000 : 2000 / 3;
        assert(Math.abs(count - expected) < 5 * Math.sqrt(expected));
      }
      if (!lowDiscrepancy) continue;
      const three = Math.abs(sets.get("1011")! - 2000);
      assert(three <= 1, "shares that are spread evenly differ by rounding");
    }
  },
  { only: ["cpu"] },
);

onEachBackend(
  "collateDiffusion() pads, truncates, and leaves given rows alone",
  async () => {
    const collate = collateDiffusion({ maskToken: MASK, length: 3 });
    const examples = [
      [1],
      { ids: [MASK, 3], given: [true, true] },
      [4, 5, 6, 7, 8],
    ];
    const { ids, mask, labels } = await arrays(collate(examples, uniform(2)));
    assertEquals(ids.slice(0, 2), [[MASK, 0, 0], [MASK, 3, 0]]);
    assertEquals(mask, [[1, 0, 0], [1, 1, 0], [1, 1, 1]]);
    assertEquals(labels.slice(0, 2), [[1, -100, -100], [-100, -100, -100]]);
    assertEquals(labels[2]!.length, 3);
    const batch = (examples: unknown) => () =>
      collate(examples as number[][], uniform(1));
    assertThrows(
      batch([[1, MASK]]),
      RangeError,
      "the example at 0's ids should hold the mask, 9, only where it is given, got it at 1",
    );
    assertThrows(
      batch([{ ids: [1], given: [1] }]),
      TypeError,
      "given should be true or false for each token, got 1 at 0",
    );
    assertThrows(batch([[1.5]]), RangeError, "integers");
    assertThrows(batch(["text"]), TypeError, "array of numbers");
    assertThrows(
      () => collateDiffusion({ maskToken: -1 }),
      RangeError,
      "maskToken should be an integer from 0",
    );
  },
  { only: ["cpu"] },
);
