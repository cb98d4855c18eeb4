/** The description of a collective call, which all ranks compare before they begin. @module */
import type { Reduction } from "@lionjs/base";

/** The names of collective operations; `end` says that a rank calls no more of them, after a failure. */
const NAMES = [
  "end",
  "allreduce",
  "broadcast",
  "gather",
  "exscan",
  "barrier",
  "close",
] as const;

/** The kinds of arrays that ranks exchange. */
export const KINDS = [
  "none",
  "Float32Array",
  "Float64Array",
  "Int32Array",
  "Uint8Array",
] as const;

const REDUCTIONS = ["none", "sum", "max", "min"] as const;

/** A call of a collective operation. */
export interface Call {
  readonly name: typeof NAMES[number];
  /** The name of the array's constructor; `count` is the array's length. */
  readonly kind?: string;
  readonly count?: number;
  readonly reduction?: Reduction;
  readonly root?: number;
}

/** The number of integers in a call's code. */
export const CODE_LENGTH = 3;

/** Encodes a call as integers. */
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

/** Describes a call in words. */
export function describe(
  { name, kind, count, reduction, root }: Call,
): string {
  const how = reduction === undefined ? name : `${name} (${reduction})`;
  const what = kind === undefined ? how : `${how} of ${numbersOf(kind, count)}`;
  if (root === undefined) return what;
  return `${what} ${name === "gather" ? "to" : "from"} rank ${root}`;
}

/** Describes a count of numbers and their kind, in words. */
export function numbersOf(kind: string, count = 0): string {
  return `${count} number${count === 1 ? "" : "s"} (${kind})`;
}

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

/** Throws unless all ranks make the same call. */
export function assertSameCall(codes: Int32Array): void {
  for (let i = CODE_LENGTH; i < codes.length; i++) {
    if (codes[i] === codes[i % CODE_LENGTH]) continue;
    const other = Math.floor(i / CODE_LENGTH);
    const [first, differs] = [0, other].map((rank) =>
      describe(callOf(codes, rank))
    );
    throw new RangeError(
      `all ranks should call the same operation with equally many values of the same kind: rank 0 calls ${first}, rank ${other} ${differs}`,
    );
  }
}
