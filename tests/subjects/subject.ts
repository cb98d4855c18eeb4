/**
 * What a subject of tests is: an operation with its problems, their truth in
 * float64, and the ways to compute them. Tests, kernels' tests and the fuzzer all
 * draw from the same.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type fc from "fast-check";
import type { BackendName } from "../../mod.ts";
import {
  beyond,
  type Deviation,
  deviations,
  type Input,
  outputAndGradients,
  type Result,
} from "../comparison.ts";
import type { Differentiated } from "../float64.ts";
import { TOLERANCE } from "../tolerance.ts";
import {
  keptOf,
  maskTensor,
  type Padding,
  type Row,
  type Segmentation,
  segmentNumbers,
} from "./draw.ts";

/** What a case of any subject may say of its tokens. */
export interface TokenCase extends Row {
  /** Whether some tokens are padding. @default false */
  readonly padded?: boolean;
  /** Whether rows are of several sequences. @default false */
  readonly packed?: boolean;
  /** Which tokens are padding, in place of `padded`. */
  readonly padding?: Padding | null;
  /** The numbers of segments, in place of `packed`. */
  readonly segments?: Segmentation | null;
  /** The seed of the numbers, where it is not that of the sizes; it draws more of them. */
  readonly values?: number;
}

/** A problem: what the library gets, and what its oracle does. */
export interface Problem extends Row {
  readonly inputs: Readonly<Record<string, Input>>;
  readonly outputGradient: Input;
  /** `[batch, length]`, 0 at padding. */
  readonly mask?: Float32Array;
  /** `[batch, length]`, a number for each sequence that is packed. */
  readonly segments?: Int32Array;
  /** What the mask holds of tokens. */
  readonly padding?: Padding;
  /** Inputs of which the gradient in the logarithm is compared. */
  readonly logarithms?: Readonly<Record<string, Float32Array>>;
  /** Where the numbers come from. */
  readonly random: () => number;
}

/** Padding and segments as options of the library. */
export interface TokenOptions {
  readonly mask?: tf.Tensor2D;
  readonly segments?: tf.Tensor2D;
}

// deno-lint-ignore no-explicit-any -- each operation has inputs of its own
export type Tensors = Record<string, any>;

/** How a problem is computed. */
export interface Way {
  readonly form?: string;
  readonly kernel?: boolean;
  readonly chunkSize?: number | undefined;
  readonly precision?: string;
}

/** An operation. */
export interface Subject<Case extends TokenCase = TokenCase, P = Problem> {
  readonly name: string;
  /** Cases that are chosen: lengths about chunks, and all kinds. */
  readonly cases: readonly Case[];
  /** The ways in which cases are computed. */
  readonly ways: readonly Way[];
  /** Whether a way is of operations of TensorFlow.js. @default where there is no kernel */
  readonly isPlain?: (way: Way, c: Case) => boolean;
  /** One in so many cases is in a sample. @default as `sample` has it */
  readonly every?: number;
  /** Any cases, of a few sizes on WebGPU, whose shaders take seconds to compile. */
  random(backend: BackendName): fc.Arbitrary<readonly [c: Case, way: Way]>;
  problemOf(c: Case): P & Problem;
  solve(problem: P & Problem): Differentiated;
  run(
    inputs: Tensors,
    problem: P & Problem,
    options: TokenOptions & Way,
  ): tf.Tensor;
  /** Whether other kernels run where nothing is differentiated. @default false */
  readonly hasUntaped?: true;
  /** How far results are off. @default as `comparison.ts` says */
  readonly deviations?: (
    problem: P & Problem,
    actual: Result,
    expected: Differentiated,
    backend: BackendName,
  ) => Deviation[];
  /** @default that of all operations */
  readonly tolerance?: typeof TOLERANCE["wasm"];
}

/** A subject, whatever its cases and problems are. */
// deno-lint-ignore no-explicit-any -- only the subject itself knows them
export type AnySubject = Subject<any, any>;

/** Padding and segments of a case; numbers are drawn in any case, so that others stay. */
export function hidingOf(c: TokenCase, random: () => number) {
  const padding = c.padding ??
    (c.padded ? { kind: "ones", where: "anywhere" } as const : undefined);
  const kind = c.segments ?? (c.packed ? "turns" : undefined);
  const any = { kind: "ones", where: "anywhere" } as const;
  const mask = keptOf(padding ?? any, c, random);
  const segments = segmentNumbers(kind ?? "turns", c, random);
  return {
    ...padding ? { mask, padding } : {},
    ...kind ? { segments } : {},
  };
}

/** The tensors of a problem's padding and segments. */
export function tokenOptions(
  { mask, padding, segments, batch, length, random }: Problem,
): TokenOptions {
  const shape: [number, number] = [batch, length];
  return {
    ...mask && { mask: maskTensor(padding!, mask, shape, random) },
    ...segments && { segments: tf.tensor2d(segments, shape, "int32") },
  };
}

/** The tensors of a problem's inputs, by name. */
export function tensorsOf({ inputs }: Problem): tf.NamedTensorMap {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { values, shape, dtype }]) => [
      name,
      tf.tensor(values, [...shape], dtype ?? "float32"),
    ]),
  );
}

/** The numbers of a problem's inputs, by name. */
export function valuesOf(
  inputs: Problem["inputs"],
): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { values }]) => [name, values]),
  );
}

/** Computes a problem: the output, and the gradients in all inputs. */
export function resultOf<C extends TokenCase, P>(
  { run }: Pick<Subject<C, P>, "run">,
  problem: P & Problem,
  way: Way = {},
): Promise<Result> {
  const tokens = tokenOptions(problem);
  return outputAndGradients(
    problem.inputs,
    problem.outputGradient,
    { ...tokens },
    (inputs) => run(inputs, problem, { ...way, ...tokens }),
  );
}

/** The output alone, where nothing is differentiated. */
export async function untapedOf<C extends TokenCase, P>(
  { run }: Pick<Subject<C, P>, "run">,
  problem: P & Problem,
  way: Way = {},
): Promise<Result> {
  const tokens = tokenOptions(problem);
  const inputs = tensorsOf(problem);
  const y = tf.tidy(() => run(inputs, problem, { ...way, ...tokens }));
  try {
    return { y: await y.data<"float32">(), gradients: {} };
  } finally {
    tf.dispose([inputs, { ...tokens }, y]);
  }
}

const solutions = new WeakMap<AnySubject, Map<string, unknown>>();

/** Makes and solves a case once for all ways, backends and numbers of threads. */
export function solved<C extends TokenCase, P>(
  subject: Subject<C, P>,
  c: C,
): { readonly problem: P & Problem; readonly expected: Differentiated } {
  const known = solutions.get(subject) ?? new Map();
  solutions.set(subject, known);
  const name = JSON.stringify(c);
  const found = known.get(name);
  if (found) return found;
  const problem = subject.problemOf(c);
  const made = { problem, expected: subject.solve(problem) };
  known.set(name, made);
  return made;
}

/** What is wrong with a result, a line for each array that is off. */
export function differences<C extends TokenCase, P>(
  { deviations: own, tolerance }: Pick<
    Subject<C, P>,
    "deviations" | "tolerance"
  >,
  problem: P & Problem,
  actual: Result,
  expected: Differentiated,
  backend: BackendName,
): string[] {
  const found = own
    ? own(problem, actual, expected, backend)
    : deviations(problem, actual, expected);
  return beyond(found, tolerance ?? TOLERANCE[backend]);
}

/** Computes a problem and its truth, and returns what is wrong, if anything is. */
export async function wrongWith<C extends TokenCase, P>(
  subject: Subject<C, P>,
  problem: P & Problem,
  backend: BackendName,
  way: Way = {},
): Promise<string[]> {
  const actual = await resultOf(subject, problem, way);
  const expected = subject.solve(problem);
  return differences(subject, problem, actual, expected, backend);
}

/** Computes a case in ways, and returns what is wrong in words that say where. */
export async function failuresOf<C extends TokenCase, P>(
  subject: Subject<C, P>,
  c: C,
  backend: BackendName,
  ...ways: readonly Way[]
): Promise<string[]> {
  const { problem, expected } = solved(subject, c);
  const failures: string[] = [];
  for (const way of ways.length > 0 ? ways : [{}]) {
    const actual = await resultOf(subject, problem, way);
    const found = differences(subject, problem, actual, expected, backend);
    if (subject.hasUntaped) {
      const { y } = await untapedOf(subject, problem, way);
      const alone = { ...actual, y };
      const others = differences(subject, problem, alone, expected, backend);
      found.push(...others.map((line) => `untaped ${line}`));
    }
    const where = `${subject.name} ${JSON.stringify({ ...c, ...way })}`;
    failures.push(...found.map((line) => `${where}: ${line}`));
  }
  return failures;
}
