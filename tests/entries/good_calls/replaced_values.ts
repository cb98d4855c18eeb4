/** Right calls with one value replaced by another that is none, and what is wrong with the answer. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { GoodCall, GoodCalls } from "./good_call.ts";

/** What is put in the place of a value, made anew for each call. */
export const JUNK: Readonly<Record<string, () => unknown>> = {
  undefined: () => undefined,
  null: () => null,
  true: () => true,
  NaN: () => NaN,
  Infinity: () => Infinity,
  "-Infinity": () => -Infinity,
  "-1": () => -1,
  "0": () => 0,
  "0.5": () => 0.5,
  "2^31": () => 2 ** 31,
  "2^53": () => 2 ** 53,
  "1e308": () => 1e308,
  bigint: () => 7n,
  symbol: () => Symbol("junk"),
  "empty text": () => "",
  text: () => "junk",
  "empty array": () => [],
  array: () => [1, "junk"],
  "array of null": () => [null],
  object: () => ({}),
  "object without a prototype": () => Object.create(null),
  function: () => () => undefined,
  tensor: () => tf.ones([3]),
};

/** The keys and indices that lead to a value. */
export type Path = readonly (string | number)[];

/** The ways to all values in arguments; of long arrays, to the first and last ones. */
export function* pathsIn(value: unknown, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path;
  if (Array.isArray(value)) {
    const last = value.length - 1;
    for (const i of new Set(last < 0 ? [] : [0, last])) {
      yield* pathsIn(value[i], [...path, i]);
    }
    return;
  }
  if (!isPlain(value)) return;
  for (const key of Object.keys(value)) {
    yield* pathsIn(value[key], [...path, key]);
  }
}

/** Whether a value is an object of named parts, and no instance of a class. */
function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null &&
    Object.getPrototypeOf(value) === Object.prototype;
}

/** Arguments with the value at a path replaced. */
function replaced(
  value: unknown,
  [key, ...rest]: Path,
  junk: unknown,
): unknown {
  if (key === undefined) return junk;
  if (Array.isArray(value)) {
    return value.with(Number(key), replaced(value[Number(key)], rest, junk));
  }
  const of = value as Record<string, unknown>;
  return { ...of, [key]: replaced(of[key], rest, junk) };
}

/** Words of a language or a library, and not of what was called. */
export const INTERNAL = new RegExp(
  [
    "Cannot (read|destructure|convert|set|use|mix|assign)",
    "is not (a function|iterable|a constructor|defined|a valid)",
    "reading '",
    "Operands could not",
    "Error in ",
    "Invalid (typed )?array (buffer )?length",
    "Array buffer allocation failed",
    "Invalid (time|string|count) ",
    "Maximum call stack",
    "offset is out of bounds",
    "undefined \\(",
    "No backend found",
    "must be ",
    "Argument '",
    "\\[object ",
    "must have (the same|a)",
    "BigInt ",
  ].join("|"),
);

/**
 * The names by which a message may speak of what was replaced: those on the path; if all
 * options are gone, any of theirs; and if only a value changed and not its kind, any
 * name of the call, as it may not fit another argument.
 */
function namesOf(
  path: Path,
  given: Record<string, unknown>,
  junk: unknown,
): string[] {
  const before = path.reduce<unknown>(
    (of, key) => Object(of)[key],
    given,
  );
  const names = path.filter((key) => typeof key === "string");
  const others = junk === undefined || kindOf(before) === kindOf(junk)
    ? [...pathsIn(given)].flat().filter((key) => typeof key === "string")
    : isPlain(before)
    ? Object.keys(before)
    : [];
  return [...names, ...others]
    .filter((name) => name !== "options" || path.length === 1);
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    Object.keys(value).length === 0;
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? "array" : typeof value;
}

function mentions(message: string, name: string): boolean {
  const word = name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(^|[^A-Za-z])${word}([^A-Za-z]|$)`).test(message);
}

/** What is wrong with the answer to a call, if anything is. */
export interface Problem {
  readonly kind:
    | "accepted"
    | "internal words"
    | "no name"
    | "not an error of ours"
    | "NaN"
    | "slow"
    | "tensors left";
  readonly text: string;
}

/** The message of the error that a right call ends with, such as that a file is not there. */
export async function endOf({ args, call }: GoodCall): Promise<string> {
  const variables = new Set(Object.keys(tf.engine().registeredVariables));
  tf.engine().startScope();
  try {
    await call(...Object.values(args()));
    return "";
  } catch (error) {
    return (error as Error).message;
  } finally {
    tf.engine().endScope();
    disposeNew(variables);
  }
}

/** Whether a value that was one kind of number, text or truth is none of these now. */
function isOfAnotherKind(
  path: Path,
  given: Record<string, unknown>,
  junk: unknown,
): boolean {
  const before = path.reduce<unknown>((of, key) => Object(of)[key], given);
  if (!["number", "string", "boolean"].includes(typeof before)) return false;
  if (["symbol", "bigint"].includes(typeof junk)) return true;
  return typeof before === "number" && (Number.isNaN(junk) || junk === "junk");
}

/** Number of tensors that are no variables: a layer that the call has made has its weights. */
function temporary(): number {
  const variables = Object.keys(tf.engine().registeredVariables).length;
  return tf.memory().numTensors - variables;
}

/** The most milliseconds that a call may take until it answers. */
const LONGEST_MS = 5000;

/**
 * Calls a function with a value replaced.
 *
 * @returns What is wrong with the answer.
 */
export async function problemOf(
  { args, call, takes = [], words = {} }: GoodCall,
  path: Path,
  junk: keyof typeof JUNK,
  end = "",
): Promise<Problem | undefined> {
  const engine = tf.engine();
  const variables = new Set(Object.keys(engine.registeredVariables));
  engine.startScope();
  const began = performance.now();
  let left = 0;
  try {
    const given = args();
    const put = JUNK[junk]!();
    const own = temporary();
    const values = Object.values(replaced(given, path, put) as object);
    let answer: unknown;
    try {
      answer = await call(...values);
    } catch (error) {
      left = temporary() - own;
      const { message } = Object(error);
      if (end && message?.slice(0, 40) === end.slice(0, 40)) return undefined;
      return problemOfError(error, path, given, put, words) ??
        (left > 0
          ? { kind: "tensors left", text: `${left}: ${error}` }
          : undefined);
    }
    const took = performance.now() - began;
    if (took > LONGEST_MS) return { kind: "slow", text: `${took} ms` };
    const takesIt = path.some((key) => takes.includes(String(key)));
    if (isOfAnotherKind(path, given, put) && !takesIt) {
      return { kind: "accepted", text: Deno.inspect(answer).slice(0, 100) };
    }
    if (!takesIt && await hasNaN(answer)) {
      return { kind: "NaN", text: Deno.inspect(answer).slice(0, 200) };
    }
  } finally {
    engine.endScope();
    disposeNew(variables);
  }
}

function problemOfError(
  error: unknown,
  path: Path,
  given: Record<string, unknown>,
  junk: unknown,
  words: NonNullable<GoodCall["words"]>,
): Problem | undefined {
  const { message } = Object(error) as Error;
  const text = `${error}`;
  if (INTERNAL.test(message)) return { kind: "internal words", text };
  // What is left out has its default, which may meet other things that are not there.
  if (junk === undefined && path.includes("options")) return;
  if (path.at(-1) === "options" && isEmpty(junk)) return;
  if (!(error instanceof Error)) return { kind: "not an error of ours", text };
  const names = namesOf(path, given, junk);
  // The name of a file, which is not there, says as much.
  const isInText = typeof junk === "string" && junk !== "" &&
    message.includes(junk);
  const isNamed = isInText ||
    names.some((name) => mentions(message, name) || words[name]?.test(message));
  if (!isNamed) return { kind: "no name", text };
  // What has a class of its own, as a divergence has, is meant.
  const isOurs = error.constructor !== Error || isInText;
  if (!isOurs) return { kind: "not an error of ours", text };
}

/** Whether numbers or tensors in an answer are NaN. */
async function hasNaN(answer: unknown, depth = 0): Promise<boolean> {
  if (typeof answer === "number") return Number.isNaN(answer);
  if (answer instanceof tf.Tensor) {
    if (answer.dtype === "string" || answer.isDisposed) return false;
    return (await answer.data()).some(Number.isNaN);
  }
  if (depth > 4 || typeof answer !== "object" || answer === null) return false;
  if (ArrayBuffer.isView(answer)) {
    return answer instanceof Float32Array && answer.some(Number.isNaN);
  }
  if (!Array.isArray(answer) && !isPlain(answer)) return false;
  for (const part of Object.values(answer)) {
    if (await hasNaN(part, depth + 1)) return true;
  }
  return false;
}

/** A value that is replaced in a call. */
export interface Replacement {
  /** Entry and name of the call. */
  readonly name: string;
  readonly call: GoodCall;
  readonly path: Path;
  readonly junk: keyof typeof JUNK;
}

/** Each value of the calls of an entry, replaced by each other one. */
export function* replacementsIn(
  entry: string,
  calls: GoodCalls,
): Generator<Replacement> {
  for (const [name, call] of Object.entries(calls)) {
    tf.engine().startScope();
    const variables = new Set(Object.keys(tf.engine().registeredVariables));
    const paths = [...pathsIn(call.args())];
    disposeNew(variables);
    tf.engine().endScope();
    for (const path of paths) {
      for (const junk of Object.keys(JUNK)) {
        if (junk === "text" && call.writes?.includes(`${path.at(-1)}`)) {
          continue;
        }
        yield { name: `${entry}: ${name}`, call, path, junk };
      }
    }
  }
}

/** Disposes of the variables that were not there before, those of models. */
function disposeNew(before: ReadonlySet<string>): void {
  for (
    const [name, variable] of Object.entries(tf.engine().registeredVariables)
  ) {
    if (!before.has(name)) variable.dispose();
  }
}
