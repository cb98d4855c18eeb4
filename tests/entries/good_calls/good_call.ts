/** Calls that are right, of which tests replace one value after another. @module */

/** A call that is right. */
export interface GoodCall {
  /** Its arguments by the names that messages have, made anew for each call. */
  // deno-lint-ignore no-explicit-any -- what is put in their place is of any kind
  readonly args: () => Record<string, any>;
  /** Calls the function with all arguments, in order, and uses what it returns. */
  // deno-lint-ignore no-explicit-any -- each has arguments of its own
  readonly call: (...args: any[]) => unknown;
  /**
   * Arguments, and what is in them, that may be anything, or are numbers of which NaN
   * is one; the answer may be NaN then.
   */
  readonly takes?: readonly string[];
  /** Words by which messages name an argument, where they do not say its name. */
  readonly words?: Readonly<Record<string, RegExp>>;
  /** Arguments that name what is written, in whose place no text is put. */
  readonly writes?: readonly string[];
  /** Whether it takes so long that only some of its values are replaced at a time. */
  readonly isSlow?: true;
}

/** Words for what is given as a source of bytes, where there is no such file either. */
export const SOURCE =
  /source of bytes|the source|the shard|no such file|files|should be Parquet/;

/** Words for tokens and labels that are given among others. */
export const TOKENS =
  /\b(ids|sequence|sequences|example|examples|labels|a label)\b/;

/** The calls of an entry by the names of its functions; a comma begins what tells them apart. */
export type GoodCalls = Readonly<Record<string, GoodCall>>;

/** A call that is nothing but the function. */
export function plain(
  // deno-lint-ignore no-explicit-any -- any function
  call: (...args: any[]) => unknown,
  args: GoodCall["args"],
  more: Omit<GoodCall, "args" | "call"> = {},
): GoodCall {
  return { call, args, ...more };
}

/** A black image of MNIST's size. */
export const digit = (label: number) => ({
  pixels: new Uint8Array(784),
  label,
});

/** Draws the same number each time. */
export const random = () => 0.25;

/** A path below a device, where no file can be. */
export const NOWHERE = "/dev/null/none";
