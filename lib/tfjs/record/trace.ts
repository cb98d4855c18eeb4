/** The trace of a run of kernels, as data that can be compared. @module */
import * as tf from "@tensorflow/tfjs-core";
import { refer } from "../kernel_call.ts";

/** The data that a kernel or a result sees: their slot, and the shape and type they are read as. */
export interface View {
  readonly slot: number;
  readonly shape: number[];
  readonly dtype: tf.DataType;
}

/**
 * Data that a run reads and has not made, by slot. Of variables that share data, or of
 * one that shares them with a tensor, nothing shows which a kernel reads: a replay is
 * right while they share them.
 */
export type Source =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "variable"; readonly variable: tf.Variable }
  | { readonly kind: "shared"; readonly variables: readonly tf.Variable[] }
  | { readonly kind: "constant"; readonly values: tf.BackendValues }
  | { readonly kind: "tensor" };

/** A function that each replay calls, as `runInReplays` has it. */
export type Code = (inputs: readonly tf.Tensor[]) => tf.Tensor | void;

/**
 * Something that a run did: it ran a kernel, a function that replays call too, or
 * operations that the recorder was asked to take as one.
 */
export interface Step {
  /** The kernel's name, for messages. */
  readonly name: string;
  readonly run:
    | { readonly kernel: tf.KernelFunc }
    | { readonly code: Code }
    | { readonly composed: true };
  readonly inputs: readonly (readonly [string, View | null | undefined])[];
  /** Whether the kernel gets its inputs as an array. */
  readonly takesArray: boolean;
  readonly attributes: tf.NamedAttrMap | undefined;
  readonly outputs: readonly View[];
}

/** The data and the kernels of a run. */
export interface Trace {
  readonly backend: tf.KernelBackend;
  /** The number of slots; those without a source are of data that steps make. */
  readonly slots: number;
  readonly sources: ReadonlyMap<number, Source>;
  readonly steps: readonly Step[];
  readonly outputs: readonly View[];
  /** Tensors that hold the data of sources for replays, by slot; none for variables alone. */
  readonly held: ReadonlyMap<number, tf.Tensor>;
  /** Tensors that were there before the run and that it reads, other than variables. */
  readonly earlier: ReadonlySet<tf.Tensor>;
  /** Whether a kernel looks at values of tensors. */
  readonly readsValues: boolean;
  /** The reason why the run cannot be replayed, in words that follow "it". */
  readonly refusal: string | undefined;
}

/** The tensor from which a replay takes the data of a source. */
export function tensorOf(
  { held }: Trace,
  slot: number,
  source: Source,
  inputs: readonly tf.TensorInfo[],
): tf.TensorInfo {
  if (source.kind === "input") return inputs[source.index]!;
  if (source.kind === "variable") return source.variable;
  const tensor = held.get(slot);
  return source.kind === "shared" ? tensor ?? source.variables[0]! : tensor!;
}

/** A tensor of the engine that shares data. */
export function sharing(info: tf.TensorInfo): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(refer(tf.backend(), info));
}

/**
 * Whether the backend, the variables and the tensors are there that a run read, and
 * those that shared data still do.
 */
export function isValid({ backend, sources, held, earlier }: Trace): boolean {
  if (tf.backend() !== backend) return false;
  for (const x of earlier) if (x.isDisposed) return false;
  for (const [slot, source] of sources) {
    if (source.kind === "variable") {
      if (source.variable.isDisposed) return false;
    } else if (source.kind === "shared") {
      const { dataId } = held.get(slot) ?? source.variables[0]!;
      const areShared = source.variables.every((variable) =>
        !variable.isDisposed && variable.dataId === dataId
      );
      if (!areShared) return false;
    }
  }
  return true;
}

/** Whether the same variables shared data in two runs. */
export function shareAlike(one: Trace, other: Trace): boolean {
  return areSame(sharedIn(one), sharedIn(other));
}

/** The variables of a run that share data, and whether with a tensor, too. */
function sharedIn({ sources, held }: Trace) {
  return [...sources].flatMap(([slot, source]) =>
    source.kind === "shared"
      ? { variables: source.variables, hasTensor: held.has(slot) }
      : []
  );
}

/** How a run differs from an earlier one, in words that follow "it"; `undefined` if it does not. */
export function difference(before: Trace, after: Trace): string | undefined {
  const kernels = "does not run the same kernels each time";
  if (before.steps.length !== after.steps.length) return kernels;
  if (!areSame(before.outputs, after.outputs)) return kernels;
  for (const [i, step] of after.steps.entries()) {
    const { name, inputs, outputs, attributes } = before.steps[i]!;
    if (name !== step.name || !areSame(inputs, step.inputs)) return kernels;
    if (!areSame(outputs, step.outputs)) return kernels;
    if (!areSame(attributes, step.attributes)) {
      return `runs ${name} with other attributes each time`;
    }
  }
  for (const [slot, source] of before.sources) {
    const other = after.sources.get(slot);
    const isSame = other && areSame(source, other) &&
      (source.kind !== "tensor" ||
        before.held.get(slot)!.dataId === after.held.get(slot)!.dataId);
    if (!isSame) {
      return source.kind === "constant"
        ? "makes tensors of other values each time"
        : "reads other tensors each time";
    }
  }
  return undefined;
}

/** Whether two values are equal, with equal parts; variables and functions are if they are the same. */
function areSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || !a || !b) return false;
  const prototype = Object.getPrototypeOf(a);
  if (prototype !== Object.getPrototypeOf(b)) return false;
  if (ArrayBuffer.isView(a)) {
    const [ours, theirs] = [a, b] as unknown as [Float32Array, Float32Array];
    return ours.length === theirs.length &&
      ours.every((value, i) => Object.is(value, theirs[i]));
  }
  const hasParts = prototype === Object.prototype || prototype === null ||
    Array.isArray(a);
  if (!hasParts) return false;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length &&
    names.every((name) =>
      areSame(a[name as keyof typeof a], b[name as keyof typeof b])
    );
}
