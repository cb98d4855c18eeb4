/**
 * What a variant of the tiled kernels should cost on a GPU, reckoned from its
 * numbers: written down before anybody has measured it.
 *
 * @module
 */
import type { WebGpuNumbers } from "@lionjs/lion";
import {
  TILE_ROWS,
  type Tiling,
  tilingOf,
} from "../../lib/kernels/webgpu/score_tiles/score_tiles.ts";

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
  /** Threads that go together. */
  readonly subgroup: number;
  /** Groups of them that multiply and add at once, each in a cycle. */
  readonly schedulers: number;
  /** Bytes of its first cache, or of workgroup memory, that a cycle reads: a line. */
  readonly lineBytes: number;
}

/** Compute capability 8.6, of GeForce RTX 30 and RTX A: CUDA C++ programming guide, table of technical specifications. */
export const COMMON: Multiprocessor = {
  name: "GeForce RTX 30",
  registers: 65_536,
  registersOfThread: 255,
  workgroupBytes: 100 * 1024,
  threads: 1536,
  workgroups: 16,
  subgroup: 32,
  schedulers: 4,
  lineBytes: 128,
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
  /** Cycles of the first cache and of workgroup memory for each cycle of arithmetic: above 1 these decide. */
  readonly memoryCycles: number;
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
 * For each quad of columns of q and k, a thread reads four keys and its eight
 * rows, and multiplies 8 × 4 × 4 times; for each four keys, it reads their values
 * in its quads and eight scores, and multiplies 8 × 4 × 4 times for each of these.
 * Keys are loaded by each thread, or staged by the workgroup.
 *
 * @param columns Of a head's queries, keys and values.
 * @param numbers The variant.
 * @param on The GPU.
 */
export function accountOf(
  columns: number,
  numbers: Pick<WebGpuNumbers["softmax"], "threads" | "quads" | "stagedQuads">,
  on: Multiprocessor = COMMON,
): Account {
  const tiling = tilingOf({ headDim: columns, valueDim: columns }, numbers, {
    maxComputeInvocationsPerWorkgroup: 1024,
    maxComputeWorkgroupStorageSize: on.workgroupBytes,
  });
  const { threads, lanes, rows, quads, layers, stagedQuads } = tiling;
  const headQuads = columns / 4;
  // Of a thread, for a block of columns.
  const products = TILE_ROWS * 4 * columns;
  const sums = TILE_ROWS * tiling.columns * 4 * quads;
  const operations = 2 * (products + sums);
  // Four keys of a quad; staged, they are shared by the tiles of the workgroup.
  const keys = stagedQuads > 0 ? 4 / (threads / lanes) : 4;
  const loaded = 16 *
    (headQuads * (keys + TILE_ROWS) + tiling.columns * quads);
  // Of a workgroup; each layer computes all products again.
  const fresh = 4 * tiling.columns * (columns + columns / layers);
  const workgroupBytes = 4 * rows * tiling.columns + 4 * lanes * rows +
    16 * stagedQuads * tiling.columns;
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
    memoryCycles: on.schedulers * lineReads(columns, tiling, on) /
      (operations / 2),
    workgroupBytes,
    registers,
    occupancy: fitting * threads / on.threads,
  };
}

/**
 * Lines that the threads of a subgroup read for a block of columns, as often as
 * an instruction touches them: rows and scores are read by all lanes alike, keys
 * by each lane in a row of its own, or staged in neighbouring places.
 */
function lineReads(
  columns: number,
  { threads, lanes, quads, stagedQuads, columns: ofBlock }: Tiling,
  { subgroup, lineBytes }: Multiprocessor,
): number {
  const tiles = subgroup / lanes;
  const neighbours = Math.max(1, 16 * lanes / lineBytes);
  let keys = 4 * lanes;
  if (stagedQuads > 0) {
    // Neighbouring threads load neighbouring quads of four rows, and store as
    // many vectors, those of different quads in the same banks.
    const loads = subgroup / stagedQuads;
    const stores = Math.max(16 * subgroup / lineBytes, stagedQuads);
    keys = 4 * neighbours + 4 * (loads + stores) * lanes / threads;
  }
  const products = columns / 4 * (keys + TILE_ROWS * tiles);
  const sums = ofBlock / 4 * (4 * quads * neighbours + TILE_ROWS * tiles);
  return products + sums;
}

/** A variant's numbers and its account. */
export interface Variant {
  readonly quads: number;
  readonly stagedQuads: number;
  readonly account: Account;
}

/** The variants, each once: with some numbers a device has room only for others. */
export function variants(columns: number): Variant[] {
  const found = new Map<string, Variant>();
  for (const quads of [1, 2, 4] as const) {
    for (const threads of [64, 128, 256] as const) {
      for (const stagedQuads of [0, 4] as const) {
        const account = accountOf(columns, { threads, quads, stagedQuads });
        const key = JSON.stringify(account);
        if (!found.has(key)) found.set(key, { quads, stagedQuads, account });
      }
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
    "`stagedQuads`",
    "rows × columns",
    "tile of a thread",
    "bytes loaded",
    "new bytes",
    "memory cycles",
    "workgroup memory",
    "registers",
    "occupancy",
  ];
  const lines = [32, 64, 128].flatMap((columns) =>
    variants(columns).map(({ quads, stagedQuads, account }) => [
      columns,
      account.threads,
      quads,
      stagedQuads,
      `${account.rows} × ${account.columns}`,
      account.tile,
      account.loadedPerOperation.toFixed(2),
      account.newPerOperation.toFixed(3),
      account.memoryCycles.toFixed(2),
      `${account.workgroupBytes / 1024} KiB`,
      account.registers,
      `${Math.round(100 * account.occupancy)} %`,
    ])
  );
  const row = (cells: readonly unknown[]) => `| ${cells.join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...lines.map(row)].join("\n");
}

if (import.meta.main) console.log(accountTable());
