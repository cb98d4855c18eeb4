/** What variants of kernels are reckoned to cost. @module */
import { assert, assertEquals } from "@std/assert";
import { cellsOf, sectionOf } from "../markdown.ts";
import {
  accountOf,
  accountTable,
  COMMON,
  variants,
} from "../../tools/tune/account.ts";

Deno.test("docs/kernels.md has the table of accounts", async () => {
  const section = await sectionOf(
    "docs/kernels.md",
    "What a variant should cost",
  );
  assertEquals(cellsOf(section), cellsOf(accountTable()));
});

Deno.test("accountOf() reckons by hand what its text says", () => {
  // Heads of 64, 64 threads, a quad: 16 lanes, 4 tiles of 8 rows.
  const numbers = { threads: 64, quads: 1 } as const;
  const account = accountOf(64, { ...numbers, stagedQuads: 0 });
  assertEquals([account.rows, account.columns, account.tile], [
    32,
    64,
    "8 × 4",
  ]);
  // Of a block a workgroup needs 32 × 64 scores of 64 columns, and as many sums.
  const operations = 2 * (32 * 64 * 64 + 32 * 64 * 64);
  assertEquals(account.newPerOperation, 4 * 2 * 64 * 64 / operations);
  assertEquals(account.newPerOperation, 2 / 32);
  // 12 vectors for 128 products of scores, 4 for 128 of sums.
  assertEquals(account.loadedPerOperation, 16 * (12 + 4) / (2 * 256));
  // A tile, and the maxima of each lane's rows.
  assertEquals(account.workgroupBytes, 4 * 32 * 64 + 4 * 16 * 32);
  assertEquals(account.occupancy, 6 * 64 / COMMON.threads);
  // Of a quad, four keys of 16 rows and eight rows of two tiles; of four keys,
  // two lines of each one's values and eight scores of two tiles.
  assertEquals(account.memoryCycles, 4 * (4 * 16 + 16 + 4 * 2 + 16) / 256);
  // Staged, the four tiles load the keys once, into 64 × 16 numbers.
  const staged = accountOf(64, { ...numbers, stagedQuads: 4 });
  assertEquals(staged.loadedPerOperation, 16 * (1 + 8 + 4) / (2 * 256));
  assertEquals(staged.workgroupBytes - account.workgroupBytes, 4 * 64 * 16);
  // 16 × 4 quads are one for each thread: 4 loads of 8 rows, 4 stores of 4 lines.
  const keys = 4 * 2 + (4 * 8 + 4 * 4) / 4;
  assertEquals(staged.memoryCycles, 4 * (keys + 16 + 4 * 2 + 16) / 256);
});

Deno.test("each variant fits a multiprocessor, and is there once", () => {
  for (const columns of [32, 64, 128]) {
    const all = variants(columns).map(({ account }) => account);
    assertEquals(
      new Set(all.map((one) => JSON.stringify(one))).size,
      all.length,
    );
    for (const { occupancy } of all) assert(occupancy > 0 && occupancy <= 1);
  }
});
