/** Vectors of positions are sums of those of their groups. @module */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { factoredPositions } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";

const CELLS = Array.from({ length: 81 }, (_, i) => i);
const ROWS = CELLS.map((i) => Math.floor(i / 9));
const COLUMNS = CELLS.map((i) => i % 9);
const BOXES = CELLS.map((i) => 3 * Math.floor(i / 27) + Math.floor(i % 9 / 3));

onEachBackend("factoredPositions() adds a vector of each group", async () => {
  const dim = 400, std = 0.5;
  const groups = [ROWS, COLUMNS, BOXES];
  const table = factoredPositions(groups, std, dim, { seed: 1 });
  const again = factoredPositions(groups, std, dim, { seed: 1 });
  const other = factoredPositions(groups, std, dim);
  assertEquals(table.shape, [81, dim]);
  const x = await table.array();
  assertEquals(await again.array(), x);
  assert((await other.array())[0]![0] !== x[0]![0]);
  // Cells of one box: what two columns differ by is the same in each row.
  for (let column = 0; column < dim; column++) {
    assertAlmostEquals(
      x[0]![column]! - x[1]![column]!,
      x[9]![column]! - x[10]![column]!,
      1e-5,
    );
  }
  const product = (i: number, j: number) =>
    x[i]!.reduce((sum, own, column) => sum + own * x[j]![column]!, 0) / dim;
  // As many shared groups as the expectation has of std².
  for (const [j, shared] of [[0, 3], [1, 2], [3, 1], [10, 1], [40, 0]]) {
    assert(Math.abs(product(0, j!) - shared! * std ** 2) < 0.2);
  }
  table.dispose();
  again.dispose();
  other.dispose();
}, { only: ["cpu", "wasm"] });

onEachBackend("factoredPositions() says what is wrong", () => {
  const make = (groups: unknown, std = 1, dim = 4) => () =>
    factoredPositions(groups as number[][], std, dim).dispose();
  assertThrows(make([]), RangeError, "one or more lists of one length");
  assertThrows(make([[0, 1], [0]]), RangeError, "got lengths 2, 1");
  assertThrows(make([[0.5]]), RangeError, "groups[0] should be integers");
  assertThrows(make([3]), TypeError, "groups[0] should be an array");
  assertThrows(make([[0]], 0), RangeError, "std should be above 0");
  assertThrows(
    make([[0]], 1, 0),
    RangeError,
    "dim should be a positive integer",
  );
}, { only: ["cpu"] });
