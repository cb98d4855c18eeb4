/**
 * Runs the kernels of a recorded run again, without the function that ran them: without
 * the code of layers, TensorFlow.js's tape, and a tensor for each result on the way.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { Captures, type Computed } from "./captures.ts";
import {
  difference,
  isValid,
  shareAlike,
  type Step,
  tensorOf,
  type Trace,
  type View,
} from "./trace.ts";

/** A recorded run, which can be replayed. */
export class Recording {
  readonly #trace: Trace;
  /** For each step, the slots that no later one uses. */
  readonly #lastUses: readonly (readonly number[])[];
  readonly #captures: Captures;

  /** Made by `recordRun`. */
  constructor(trace: Trace) {
    this.#trace = trace;
    this.#lastUses = lastUsesIn(trace);
    this.#captures = new Captures(
      trace,
      (inputs, computed) => this.#runKernels(inputs, computed),
    );
  }

  /** The data and the kernels of the run, until it is disposed of. */
  get trace(): Trace {
    return this.#trace;
  }

  /** The reason why the run cannot be replayed, in words that follow "it". */
  get refusal(): string | undefined {
    return this.#trace.refusal;
  }

  /**
   * Whether the backend, the variables and the tensors are there that it was recorded
   * with, and those that shared data still do.
   */
  get isValid(): boolean {
    return isValid(this.#trace);
  }

  /** Whether the same variables shared data when another run was recorded. */
  sharesLike(other: Recording): boolean {
    return shareAlike(this.#trace, other.#trace);
  }

  /** How another run differs from this one, in words that follow "it"; `undefined` if it does not. */
  differenceFrom(other: Recording): string | undefined {
    return difference(this.#trace, other.#trace);
  }

  /**
   * Runs the kernels again. Call it in `tf.tidy`.
   *
   * @param inputs The tensors in the places of those that it was recorded with, of
   * the same shapes and dtypes.
   */
  replay(inputs: readonly tf.Tensor[]): tf.Tensor[] {
    const results = this.#captures.run(inputs) ?? this.#runKernels(inputs);
    return results.map((info) => tf.engine().makeTensorFromTensorInfo(info));
  }

  /** Runs the kernels. Each result has a reference of its own. */
  #runKernels(
    inputs: readonly tf.TensorInfo[],
    computed?: Computed,
  ): tf.TensorInfo[] {
    const { backend, sources, steps, slots, outputs } = this.#trace;
    const data = new ReplayedData(backend, slots);
    for (const [slot, source] of sources) {
      data.put(slot, tensorOf(this.#trace, slot, source, inputs).dataId);
    }
    try {
      for (let i = 0; i < steps.length; i++) {
        runStep(steps[i]!, data, computed);
        for (const slot of this.#lastUses[i]!) data.release(slot);
      }
      return outputs.map((view) => data.referenceTo(view));
    } finally {
      data.releaseAll();
    }
  }

  /** Disposes of the captured launches and of the tensors that the replay keeps. */
  dispose(): void {
    this.#captures.dispose();
    tf.dispose([...this.#trace.held.values()]);
  }
}

/** The data of a replay. */
class ReplayedData {
  readonly backend: tf.KernelBackend;
  readonly #ids: (tf.DataId | undefined)[];
  /** How many references to each slot's data are this replay's. */
  readonly #references: Int32Array;
  /** Results that are tensors of the engine, by slot. */
  readonly #tensors = new Map<number, tf.Tensor[]>();

  constructor(backend: tf.KernelBackend, slots: number) {
    this.backend = backend;
    this.#ids = new Array(slots);
    this.#references = new Int32Array(slots);
  }

  /** Fills a slot with data that others hold. */
  put(slot: number, dataId: tf.DataId): void {
    this.#ids[slot] = dataId;
  }

  infoOf({ slot, shape, dtype }: View): tf.TensorInfo {
    const info = { dataId: this.#ids[slot]!, shape, dtype, rank: shape.length };
    // The gradients of dilation ask for the rank, too, which no declaration has.
    return info;
  }

  /** A slot's data, with a reference of its own. */
  referenceTo(view: View): tf.TensorInfo {
    const info = this.infoOf(view);
    this.backend.incRef(info.dataId);
    return info;
  }

  /** A tensor with a slot's data. */
  tensorOf(view: View): tf.Tensor {
    return tf.engine().makeTensorFromTensorInfo(this.referenceTo(view));
  }

  /** Fills a slot with a result, whose reference is this replay's from then on. */
  take(slot: number, result: tf.TensorInfo): void {
    this.#ids[slot] = result.dataId;
    if (result instanceof tf.Tensor) {
      const others = this.#tensors.get(slot) ?? [];
      this.#tensors.set(slot, [...others, tf.keep(result)]);
    } else this.#references[slot]!++;
  }

  /** Gives back what this replay holds of a slot's data. */
  release(slot: number): void {
    for (; this.#references[slot]! > 0; this.#references[slot]!--) {
      const dataId = this.#ids[slot]!;
      // A tensor that is gone may have had it.
      if (this.backend.disposeData(dataId)) {
        tf.engine().removeDataId(dataId, this.backend);
      }
    }
    const tensors = this.#tensors.get(slot);
    if (!tensors) return;
    tf.dispose(tensors);
    this.#tensors.delete(slot);
  }

  releaseAll(): void {
    for (let slot = 0; slot < this.#ids.length; slot++) this.release(slot);
  }
}

/** Runs a step of a replay, but for code whose result was `computed` before. */
function runStep(step: Step, data: ReplayedData, computed?: Computed): void {
  const { run, inputs, takesArray, attributes, outputs } = step;
  if ("code" in run) {
    const before = computed?.get(step);
    if (before) data.put(outputs[0]!.slot, before.dataId);
    if (computed) return;
    const tensors = inputs.map(([, view]) => data.tensorOf(view!));
    const result = run.code(tensors);
    tf.dispose(tensors);
    if (!result) return;
    data.take(outputs[0]!.slot, result);
    return assertSameShape(step, 0, result);
  }
  if ("composed" in run) {
    throw new TypeError(
      `${step.name} was recorded as one step, to be read only`,
    );
  }
  const given = (takesArray ? [] : {}) as tf.NamedTensorInfoMap;
  for (const [name, view] of inputs) {
    given[name] = view ? data.infoOf(view) : view as unknown as undefined;
  }
  const call = { inputs: given, attrs: attributes!, backend: data.backend };
  const results = run.kernel(call);
  const all = Array.isArray(results) ? results : [results];
  all.forEach((result, i) => data.take(outputs[i]!.slot, result));
  all.forEach((result, i) => assertSameShape(step, i, result));
}

/** Throws if a result's shape depends on more than the shapes of what was read. */
function assertSameShape(
  { name, outputs }: Step,
  index: number,
  { shape }: tf.TensorInfo,
): void {
  const before = outputs[index]!.shape;
  if (tf.util.arraysEqual(shape, before)) return;
  throw new RangeError(
    `${name} should return a tensor of the same shape each time that a run is replayed, ` +
      `[${before}], got [${shape}]; pass record: false, which replays nothing`,
  );
}

/** For each step, the slots that no later one, and no output, uses. */
function lastUsesIn({ slots, steps, outputs }: Trace): number[][] {
  const last = new Int32Array(slots).fill(-1);
  steps.forEach(({ inputs, outputs }, i) => {
    for (const [, view] of inputs) if (view) last[view.slot] = i;
    for (const { slot } of outputs) last[slot] = i;
  });
  for (const { slot } of outputs) last[slot] = -1;
  const lastUses: number[][] = steps.map(() => []);
  last.forEach((i, slot) => lastUses[i]?.push(slot));
  return lastUses;
}
