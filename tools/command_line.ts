/**
 * How every task reads its command line: `--help` explains, and a mistake ends
 * with 2 and one line that says what is wrong, under which no usage hides it.
 *
 * @module
 */
import { didYouMean } from "../lib/base/options.ts";
import { assertThreads } from "../lib/base/threads.ts";
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
  const [own] = splitAtDashes(args);
  if (own.includes("--help") || own.includes("-h")) {
    console.log(usage);
    Deno.exit(0);
  }
  try {
    assertKnown(withNegatives(own), options);
    const { values, positionals } = parseArgs({
      args: withNegatives(args),
      options,
      allowPositionals: true,
    });
    if (read.length < 2 && positionals.length > 0) {
      throw new RangeError(`unexpected argument "${positionals[0]}"`);
    }
    return await read(values as Values<O>, positionals);
  } catch (error) {
    if (!isMistake(error)) throw error;
    endWithMistake(usage, messageOf(error));
  }
}

/** Says in one line what is wrong and where help is, and ends with 2. */
export function endWithMistake(usage: string, message: string): never {
  const [, task = ""] = /^Usage: (deno task [\w:-]+)/.exec(usage) ?? [];
  console.error(`${message} (\`${task} --help\` explains it)`);
  Deno.exit(2);
}

/** Throws for an option that there is not, or has one dash, and names one like it. */
function assertKnown(
  args: readonly string[],
  options: ParseArgsOptionsConfig,
): void {
  const known = [...Object.keys(options), "help"];
  for (const arg of args) {
    const [, dashes, name] = /^(--?)([^-=][^=]*)/.exec(arg) ?? [];
    if (name === undefined) continue;
    if (dashes === "--" && Object.hasOwn(options, name)) continue;
    throw new RangeError(
      `there is no option ${arg}${
        didYouMean(name, known, (near) => `--${near}`)
      }`,
    );
  }
}

/** The arguments, a number below 0 joined to its option: Node takes it for one. */
function withNegatives(args: readonly string[]): string[] {
  const merged: string[] = [];
  for (const arg of args) {
    const before = merged.at(-1);
    const isValue = /^-[\d.]/.test(arg) && /^--[^=]+$/.test(before ?? "");
    if (isValue) merged[merged.length - 1] = `${before}=${arg}`;
    else merged.push(arg);
  }
  return merged;
}

/** What is wrong, in our words where Node's are about its own ways. */
function messageOf({ message }: Error): string {
  const [, option, what] =
    /^Option '(--[^ ']+)(?: <value>)?' (argument|does not)/.exec(message) ?? [];
  if (!option) return message;
  return what === "argument"
    ? `${option} should have a value, got none`
    : `${option} should have no value, got one`;
}

/** Whether the error is about what was typed. */
function isMistake(error: unknown): error is Error {
  if (error instanceof RangeError) return true;
  const { code } = error as { code?: unknown };
  return typeof code === "string" && code.startsWith("ERR_PARSE_ARGS");
}

/** Names in lines that a usage has room for, all but the first indented. */
export function wrapped(names: readonly string[], indent: number): string {
  const lines = [""];
  for (const name of names) {
    if (indent + lines.at(-1)!.length + name.length > 78) lines.push("");
    lines[lines.length - 1] += `${name} `;
  }
  return lines.map((line) => line.trim()).join(`\n${" ".repeat(indent)}`);
}

/** What stands before the first `--`, and what after it. */
export function splitAtDashes(args: readonly string[]): [string[], string[]] {
  const at = args.indexOf("--");
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
  const hint = text === "" ? "" : didYouMean(text, allowed);
  throw new RangeError(
    `${option} should be one of ${allowed.join(", ")}, got "${text}"${hint}`,
  );
}

/** The values between commas, each once, if they are allowed. */
export function someOf<T extends string>(
  option: string,
  text: string,
  allowed: readonly T[],
): T[] {
  const parts = text.split(",");
  const names: T[] = [];
  while (parts.length > 0) {
    // Names may have commas: the longest one counts.
    let count = parts.length;
    while (count > 1 && !isAllowed(parts.slice(0, count).join(","))) count--;
    names.push(oneOf(option, parts.splice(0, count).join(","), allowed));
  }
  return [...new Set(names)];

  function isAllowed(name: string): boolean {
    return (allowed as readonly string[]).includes(name);
  }
}

/** The number that a text is. */
function numberIn(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && !Number.isNaN(value)) return value;
  throw new RangeError(`${option} should be a number, got "${text}"`);
}

/** The number, if it is above 0. */
export function positive(option: string, text: string): number {
  const value = numberIn(option, text);
  if (value > 0 && value < Infinity) return value;
  throw new RangeError(`${option} should be above 0, got "${text}"`);
}

/** The number, if it is a whole one above 0. */
export function positiveInteger(option: string, text: string): number {
  const value = positive(option, text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`${option} should be a whole number, got "${text}"`);
}

/** The numbers between commas, each once, if they are whole ones above 0. */
export function wholeNumbers(option: string, text: string): number[] {
  const numbers = text.split(",").map((one) => positiveInteger(option, one));
  return [...new Set(numbers)];
}

/** The number, if it is one of threads that this machine can have use of. */
export function threadCount(option: string, text: string): number {
  const value = positiveInteger(option, text);
  assertThreads(option, value);
  return value;
}
