/** How every task reads its command line: `--help` explains, a mistake ends with 2. @module */
import { assertThreads } from "../lib/contract/threads.ts";
import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

/** What `parseArgs` makes of options. */
type Values<O extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<
    { options: O; allowPositionals: true; allowNegative: false }
  >
>["values"];

/**
 * Reads the command line, or explains it and ends: with 0 for `--help`, and
 * with 2 for an option or a value that there is not.
 *
 * @param usage What `--help` prints.
 * @param options As `node:util` has them; `help` is there already.
 * @param read Makes of it what the task needs; what it throws as RangeError is
 * explained too. Without its second parameter, the task takes options alone.
 * @param args The arguments. @default the program's
 */
export async function readCommandLine<
  T,
  const O extends ParseArgsOptionsConfig,
>(
  usage: string,
  options: O,
  read: (values: Values<O>, rest: string[]) => T | Promise<T>,
  args: string[] = Deno.args,
): Promise<T> {
  const [own] = splitAt("--", args);
  if (own.includes("--help") || own.includes("-h")) {
    console.log(usage);
    Deno.exit(0);
  }
  try {
    const { values, positionals } = parseArgs({
      args,
      options,
      allowPositionals: true,
    });
    if (read.length < 2 && positionals.length > 0) {
      throw new RangeError(`unexpected argument "${positionals[0]}"`);
    }
    return await read(values as Values<O>, positionals);
  } catch (error) {
    if (!isMistake(error)) throw error;
    // Node adds how to write an argument that begins with a dash.
    const [what] = error.message.split(". To specify");
    console.error(`${what}\n\n${usage}`);
    Deno.exit(2);
  }
}

/** Whether the error is about what was typed. */
function isMistake(error: unknown): error is Error {
  if (error instanceof RangeError) return true;
  const { code } = error as { code?: unknown };
  return typeof code === "string" && code.startsWith("ERR_PARSE_ARGS");
}

/** What stands before the first such argument, and what after it. */
export function splitAt(
  separator: string,
  args: readonly string[],
): [string[], string[]] {
  const at = args.indexOf(separator);
  return at < 0 ? [[...args], []] : [args.slice(0, at), args.slice(at + 1)];
}

/** The value, if it is allowed. */
export function oneOf<T extends string>(
  option: string,
  text: string,
  allowed: readonly T[],
): T {
  const found = allowed.find((candidate) => candidate === text);
  if (found !== undefined) return found;
  throw new RangeError(
    `${option} should be one of ${allowed.join(", ")}, got "${text}"`,
  );
}

/** The values between commas, if they are allowed. */
export function someOf<T extends string>(
  option: string,
  text: string,
  allowed: readonly T[],
): T[] {
  return text.split(",").map((name) => oneOf(option, name, allowed));
}

/** The number, if it is above 0. */
export function positive(option: string, text: string): number {
  const value = Number(text);
  if (value > 0 && value < Infinity) return value;
  throw new RangeError(`${option} should be above 0, got "${text}"`);
}

/** The number, if it is a whole one above 0. */
export function positiveInteger(option: string, text: string): number {
  const value = positive(option, text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${option} should be a whole number, got "${text}"`);
}

/** The numbers between commas, if they are whole ones above 0. */
export function wholeNumbers(option: string, text: string): number[] {
  return text.split(",").map((number) => positiveInteger(option, number));
}

/** The number, if it is one of threads that this machine can have use of. */
export function threadCount(option: string, text: string): number {
  const value = positiveInteger(option, text);
  assertThreads(option, value);
  return value;
}
