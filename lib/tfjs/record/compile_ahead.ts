/** Compiles what kernels launch before they launch it. @module */
import * as tf from "@tensorflow/tfjs-core";
import { unlessAborted } from "@lionjs/base";
import { canRecord } from "./recorder.ts";

/** A backend whose kernels launch what has to be compiled first. */
interface CompilingBackend {
  /**
   * Runs kernels without launching anything, and returns what compiles all that they
   * would have launched; `undefined` if it has run nothing.
   */
  readonly compileAhead?:
    | ((run: () => void) => Compilation | undefined)
    | undefined;
}

/** Shaders that are to be compiled. */
interface Compilation {
  /** Compiles the shaders, and reports at first and each time how many of how many are compiled. */
  compile(
    tell: (done: number, total: number) => void,
    signal?: AbortSignal,
  ): Promise<void>;
}

/**
 * Compiles all that a function's kernels launch, in parallel where the host can; each
 * would otherwise be compiled before its first launch, one after another. On a backend
 * that compiles nothing, and where tfjs looks at each kernel, nothing happens.
 *
 * The function is run without launches: its results have no values, so it may neither
 * read them nor change a variable. If it throws, nothing is reported; a run with launches
 * then throws.
 *
 * @param run A synchronous function; the tensors that it makes are disposed of.
 * @param tell Is called with how many shaders of how many are compiled, at first with 0;
 * not at all if there are none.
 * @default does nothing
 * @param signal Ends the wait early.
 */
export async function compileAhead(
  run: () => void,
  tell: (done: number, total: number) => void = () => {},
  signal?: AbortSignal,
): Promise<void> {
  if (!canRecord()) return;
  const backend = tf.backend() as CompilingBackend;
  const compilation = backend.compileAhead?.(() => tf.tidy(run));
  if (!compilation || signal?.aborted) return;
  try {
    await unlessAborted(signal, compilation.compile(tell, signal));
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
}

/** The kinds of kernels that were compiled ahead, by their backend and their owner. */
const compiled = new WeakMap<object, WeakMap<object, Set<string>>>();

/**
 * Like {@linkcode compileAhead}, but only once on a backend: what runs again and again
 * should not run ahead each time.
 *
 * @param owner Whose kernels they are, such as a model.
 * @param kind Which of the owner's.
 */
export async function compileAheadOnce(
  owner: object,
  kind: string,
  run: () => void,
  signal?: AbortSignal,
): Promise<void> {
  if (!canRecord()) return;
  const backend = tf.backend();
  if (!(backend as CompilingBackend).compileAhead) return;
  const owners = compiled.get(backend) ?? new WeakMap();
  const kinds: Set<string> = owners.get(owner) ?? new Set();
  if (kinds.has(kind)) return;
  compiled.set(backend, owners.set(owner, kinds.add(kind)));
  await compileAhead(run, undefined, signal);
}
