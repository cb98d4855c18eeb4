/**
 * What a variant of the tiled kernels should cost on a GPU, reckoned from its
 * numbers: written down before anybody has measured it.
 *
 * @module
 */
import type { WebGpuNumbers } from "@lionjs/lion";
import { TILE_ROWS, tilingOf } from "../../lib/kernels/webgpu/score_tiles.ts";

/** What a multiprocessor of a GPU has, which its workgroups share. */
export interface Multiprocessor {
  readonly name: string;
  /** Registers of 32 bits. */
  readonly registers: number;
  /** Those that a thread can have; it keeps the rest in memory. */
  readonly registersOfThread: number;
  readonly workgroupBytes: number;
  readonly threads: number;
  readonly workgroups: number;
}

/** Compute capability 8.6, of GeForce RTX 30 and RTX A: CUDA C++ programming guide, table of technical specifications. */
export const COMMON: Multiprocessor = {
  name: "GeForce RTX 30",
  registers: 65_536,
  registersOfThread: 255,
  workgroupBytes: 100 * 1024,
  threads: 1536,
  workgroups: 16,
};

/** The account of a variant. */
export interface Account {
  readonly threads: number;
  /** Rows of a workgroup, and columns of a block. */
  readonly rows: number;
  readonly columns: number;
  /** The registers' tile of a row's sums: rows × columns of a thread. */
  readonly tile: string;
  /** Bytes that threads load of buffers, whatever a cache holds, for each multiplication and each addition. */
  readonly loadedPerOperation: number;
  /** Those that a workgroup has not loaded before: keys and values, once a block. */
  readonly newPerOperation: number;
  /** Bytes of workgroup memory. */
  readonly workgroupBytes: number;
  /** Numbers that the text keeps in variables at once; a compiler needs some more. */
  readonly registers: number;
  /** Threads at once, of those that a multiprocessor can have. */
  readonly occupancy: number;
}

/** Addresses, counters and limits: what variables are no vectors. */
const SCALARS = 24;

/**
 * Softmax attention's forward pass in tiles, for a long sequence.
 *
 * For each quad of columns of q and k, a thread loads four keys and its eight
 * rows, and multiplies 8 × 4 × 4 times; for each four keys, it loads their values
 * in its quads, and multiplies 8 × 4 × 4 times for each of these.
 *
 * @param columns Of a head's queries, keys and values.
 * @param numbers The variant.
 * @param on The GPU.
 */
export function accountOf(
  columns: number,
  numbers: Pick<WebGpuNumbers["softmax"], "threads" | "quads">,
  on: Multiprocessor = COMMON,
): Account {
  const tiling = tilingOf({ headDim: columns, valueDim: columns }, numbers, {
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupStorageSize: on.workgroupBytes,
  });
  const { threads, lanes, rows, quads, layers } = tiling;
  const headQuads = columns / 4;
  // Of a thread, for a block of columns.
  const products = TILE_ROWS * 4 * columns;
  const sums = TILE_ROWS * tiling.columns * 4 * quads;
  const operations = 2 * (products + sums);
  const loaded = 16 * (headQuads * (4 + TILE_ROWS) + tiling.columns * quads);
  // Of a workgroup; each layer computes all products again.
  const fresh = 4 * tiling.columns * (columns + columns / layers);
  const workgroupBytes = 4 * rows * tiling.columns + 4 * lanes * rows;
  // Sums and scores of the rows, the columns and the values that they meet, a row, and maxima, totals and what is left of the sums.
  const registers = 4 * TILE_ROWS * (quads + 1) + 16 + 16 * quads + 4 +
    3 * TILE_ROWS + SCALARS;
  const fitting = Math.floor(Math.min(
    on.workgroups,
    on.workgroupBytes / workgroupBytes,
    on.registers / (Math.min(registers, on.registersOfThread) * threads),
    on.threads / threads,
  ));
  return {
    threads,
    rows,
    columns: tiling.columns,
    tile: `${TILE_ROWS} × ${4 * quads}`,
    loadedPerOperation: loaded / operations,
    newPerOperation: fresh / (operations * threads),
    workgroupBytes,
    registers,
    occupancy: fitting * threads / on.threads,
  };
}

/** The variants, each once: with some numbers a device has room only for others. */
export function variants(
  columns: number,
): { quads: number; account: Account }[] {
  const found = new Map<string, { quads: number; account: Account }>();
  for (const quads of [1, 2, 4] as const) {
    for (const threads of [64, 128, 256] as const) {
      const account = accountOf(columns, { threads, quads });
      const key = JSON.stringify(account);
      if (!found.has(key)) found.set(key, { quads, account });
    }
  }
  return [...found.values()];
}

/** The table of `docs/kernels.md`. */
export function accountTable(): string {
  const head = [
    "heads of",
    "`threads`",
    "`quads`",
    "rows × columns",
    "tile of a thread",
    "bytes loaded",
    "new bytes",
    "workgroup memory",
    "registers",
    "occupancy",
  ];
  const lines = [32, 64, 128].flatMap((columns) =>
    variants(columns).map(({ quads, account }) => [
      columns,
      account.threads,
      quads,
      `${account.rows} × ${account.columns}`,
      account.tile,
      account.loadedPerOperation.toFixed(2),
      account.newPerOperation.toFixed(3),
      `${account.workgroupBytes / 1024} KiB`,
      account.registers,
      `${Math.round(100 * account.occupancy)} %`,
    ])
  );
  const row = (cells: readonly unknown[]) => `| ${cells.join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...lines.map(row)].join("\n");
}

if (import.meta.main) console.log(accountTable());
