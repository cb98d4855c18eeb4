/** What a rank says that it calls, which all ranks compare before they begin. @module */
import type { Reduction } from "../contract/communicator.ts";

/** What all ranks call together; `end` is nothing any more, after a failure. */
const NAMES = [
  "end",
  "allreduce",
  "broadcast",
  "gather",
  "exscan",
  "barrier",
  "close",
] as const;

/** The arrays that are exchanged. */
export const KINDS = [
  "none",
  "Float32Array",
  "Float64Array",
  "Int32Array",
  "Uint8Array",
] as const;

const REDUCTIONS = ["none", "sum", "max", "min"] as const;

/** An operation of all ranks. */
export interface Call {
  readonly name: typeof NAMES[number];
  /** The array's constructor, and its length. */
  readonly kind?: string;
  readonly count?: number;
  readonly reduction?: Reduction;
  readonly root?: number;
}

/** As many numbers say what a call is. */
export const CODE_LENGTH = 3;

/** A call as numbers. */
export function codeOf(
  { name, kind, count = 0, reduction, root = -1 }: Call,
): Int32Array<ArrayBuffer> {
  const index = (all: readonly string[], name = "none") => all.indexOf(name);
  const packed = index(NAMES, name) + 16 * index(KINDS, kind) +
    256 * index(REDUCTIONS, reduction);
  const code = new Int32Array(new ArrayBuffer(4 * CODE_LENGTH));
  code.set([packed, count, root]);
  return code;
}

/** A call in words. */
export function describe(
  { name, kind, count, reduction, root }: Call,
): string {
  const how = reduction === undefined ? name : `${name} (${reduction})`;
  const what = kind === undefined ? how : `${how} of ${numbersOf(kind, count)}`;
  if (root === undefined) return what;
  return `${what} ${name === "gather" ? "to" : "from"} rank ${root}`;
}

/** So many numbers of a kind, in words. */
export function numbersOf(kind: string, count = 0): string {
  return `${count} number${count === 1 ? "" : "s"} (${kind})`;
}

/** A call of which a rank has told the code. */
function callOf(codes: Int32Array, rank: number): Call {
  const [packed, count, root] = codes.subarray(
    CODE_LENGTH * rank,
  ) as unknown as [number, number, number];
  const name = NAMES[packed % 16]!;
  const kind = KINDS[(packed >> 4) % 16]!;
  const reduction = REDUCTIONS[packed >> 8]!;
  return {
    name,
    ...kind !== "none" && { kind, count },
    ...reduction !== "none" && { reduction },
    ...root >= 0 && { root },
  };
}

/**
 * Throws unless all ranks call the same.
 *
 * @param codes Of all ranks, in their order.
 * @throws {RangeError} It says what the first rank calls, and one that differs.
 */
export function assertSameCall(codes: Int32Array): void {
  for (let i = CODE_LENGTH; i < codes.length; i++) {
    if (codes[i] === codes[i % CODE_LENGTH]) continue;
    const other = Math.floor(i / CODE_LENGTH);
    const [first, differs] = [0, other].map((rank) =>
      describe(callOf(codes, rank))
    );
    throw new RangeError(
      `all ranks should call the same operation with as many values of the same kind: rank 0 calls ${first}, rank ${other} ${differs}`,
    );
  }
}
