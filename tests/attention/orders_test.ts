/** Orders, and what attention along several refuses; tests/subjects has what it computes. @module */
import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  multiScanAttention,
  noDecay,
  snakeScan,
} from "../../mod.ts";
import type { OrderedDecay } from "../../lib/attention/orders.ts";
import { onEachBackend } from "../backends.ts";

const [B, H, L, D] = [2, 3, 11, 4];

Deno.test("snakeScan() visits every cell, and neighbours next", () => {
  for (const along of ["rows", "columns"] as const) {
    for (const [rows, columns] of [[1, 1], [3, 4], [4, 3], [1, 5], [5, 1]]) {
      const order = snakeScan(rows!, columns!, { along, first: 2 });
      assertEquals(order.slice(0, 2), [0, 1]);
      const cells = order.slice(2).map((token) => token - 2);
      assertEquals(
        cells.toSorted((a, b) => a - b),
        Array.from({ length: rows! * columns! }, (_, i) => i),
      );
      const places = cells.map((cell) => [
        Math.floor(cell / columns!),
        cell % columns!,
      ]);
      places.slice(1).forEach(([row, column], i) => {
        const [before, left] = places[i]!;
        assertEquals(Math.abs(row! - before!) + Math.abs(column! - left!), 1);
      });
      const second = rows! > 1 && columns! > 1 ? cells[1] : undefined;
      if (second) assertEquals(second, along === "rows" ? 1 : columns);
    }
  }
});

function attend(ways: OrderedDecay[]): tf.Tensor {
  const x = tf.ones<tf.Rank.R4>([B, H, L, D]);
  return multiScanAttention(x, x, x, ways);
}

const NATURAL = Array.from({ length: L }, (_, i) => i);
const natural = (): OrderedDecay => ({ order: NATURAL, decay: noDecay() });

onEachBackend("multiScanAttention() says what is wrong with ways", () => {
  const range = (run: () => unknown, part: string) =>
    assertThrows(() => tf.tidy(() => void run()), RangeError, part);

  range(() => attend([]), "ways should not be empty");
  for (
    const order of [
      NATURAL.slice(1),
      [...NATURAL, 0],
      [0, ...NATURAL.slice(0, -1)],
      [-1, ...NATURAL.slice(1)],
      [0.5, ...NATURAL.slice(1)],
      NATURAL.with(0, L),
      [],
    ]
  ) {
    range(
      () => attend([natural(), { order, decay: noDecay() }]),
      `order should hold each of the 11 tokens once, got ${order.length} numbers`,
    );
  }
  range(
    () =>
      attend([{
        order: NATURAL,
        decay: bidirectionalDecay(tf.zeros([B, H, L]), tf.zeros([B, H, L])),
      }]),
    "two-sided decay",
  );
});
