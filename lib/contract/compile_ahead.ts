/** Compiles what kernels launch before they launch it. @module */
import * as tf from "@tensorflow/tfjs-core";
import { canRecord } from "./recorded_run.ts";

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

/** What is to be compiled. */
interface Compilation {
  /** Compiles it, and tells each time how many of how many are compiled. */
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
 * read them nor change a variable. If it throws, that is not told; whoever runs it in
 * earnest hears of it.
 *
 * @param run A synchronous function; the tensors that it makes are disposed of.
 * @param tell Is called with how many shaders of how many are compiled, after each.
 * @param signal Ends it early.
 */
export async function compileAhead(
  run: () => void,
  tell: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  if (!canRecord()) return;
  const backend = tf.backend() as CompilingBackend;
  const compilation = backend.compileAhead?.(() => tf.tidy(run));
  await compilation?.compile(tell, signal);
}
