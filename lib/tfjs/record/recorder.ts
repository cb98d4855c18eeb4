/**
 * Records the kernels that a function runs, so that they can be run again without it.
 * This is the only file that watches TensorFlow.js's engine.
 *
 * A run is recorded twice, compared (`trace.ts`) and then replayed (`replay.ts`), on
 * WebGPU by its launches alone (`captures.ts`); `runs.ts` decides when, and compares
 * again from time to time. Whether it may be recorded at all is said where models and
 * losses are: `isOwnModel` of `models/layer_runs.ts` holds for models whose layers are all
 * the library's own (`layers/own_layers.ts`) as they were made, and `isOwnLoss` of
 * `training/losses/loss.ts` for losses; `models/watched_state.ts` finds whether one of
 * their properties has changed. Other code is recorded only if its user asks for it.
 *
 * A kernel that a recorded run may reach keeps six rules:
 *
 * 1. Its results depend on its inputs and attributes alone, and their shapes on the
 *    shapes of the inputs: not on the environment, the time or an earlier call. Results
 *    of other shapes make a replay throw.
 * 2. It looks at values by `backend.readSync`, which the recorder sees: such a run is
 *    replayed by its kernels, never by launches alone. To look at
 *    `tensorMap.get(dataId).values` on WebGPU is seen by nobody. That is right only where
 *    what follows does not depend on the values, such as an error for a wrong index; or
 *    for values that a kernel has made of its attributes, as all that a captured run is
 *    given is on the device by then.
 * 3. It keeps nothing under a tensor's data id, unless changes are reported to it: an
 *    optimizer changes weights in place, and replays get their inputs under the ids of
 *    other tensors. `changed()` of the WebGPU backend and `valuesChanged()` of WebAssembly
 *    (`wasm/values_changed.ts`) report them.
 * 4. What is different in each run comes as a tensor, or from a function that runs in
 *    {@linkcode runInReplays}: random numbers of a seed, checks of token ids and of decays.
 *    An attribute has to be the same each time, and so has a tensor made from values.
 * 5. It writes to none of its inputs. The kernels that do, of optimizers (`LionUpdate`),
 *    run after the recorded part of a step.
 * 6. Whether a result has the data of an input, as a reshaped tensor has, depends on no
 *    value: in a replay both are one, or neither.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { Recording } from "./replay.ts";
import {
  type Code,
  sharing,
  type Source,
  type Step,
  type View,
} from "./trace.ts";

/** TensorFlow.js's engine, with undeclared members. */
interface Engine {
  readonly state: { readonly profiling: boolean };
  runKernelFunc: RunKernel;
  makeTensor: MakeTensor;
  makeVariable(...args: unknown[]): tf.Variable;
  /** A number above those of all tensors. */
  nextTensorId(): number;
}

type RunKernel = (call: KernelCall | object) => tf.Tensor | tf.Tensor[];
type MakeTensor = (values: tf.BackendValues, ...rest: unknown[]) => tf.Tensor;

interface KernelCall {
  readonly kernelName: string;
  readonly inputs: Readonly<Record<string, tf.Tensor | null | undefined>>;
  readonly attrs: tf.NamedAttrMap | undefined;
}

/** Bytes of the constants that a recording keeps, at most. */
const MOST_CONSTANT_BYTES = 2 ** 24;

const engine = tf.engine() as unknown as Engine;

/** The active recorder; undefined while a kernel runs. */
let current: Recorder | undefined;

/** Whether a run can be recorded or replayed now: not where tfjs looks at each kernel. */
export function canRecord(): boolean {
  return !current && !engine.state.profiling && !tf.env().getBool("DEBUG");
}

/**
 * Runs a function that a replay has to run itself, since it depends on more than
 * tensors, or looks at their values. One that returns nothing is left out where it
 * would read a result that no host has.
 *
 * @param run Gets these tensors, or those in their places. It returns nothing, or a
 * tensor of its own, always of the same shape and dtype, that has no gradient.
 */
export function runInReplays<T extends tf.Tensor | void>(
  inputs: readonly tf.Tensor[],
  run: (inputs: readonly tf.Tensor[]) => T,
): T {
  const result = unrecorded(() => run(inputs));
  current?.addCode(inputs, run, result);
  return result;
}

/**
 * Runs operations of TensorFlow.js under a name. A recorder that is asked to takes them as
 * one step of that name, where what runs depends on the length of sequences in a way that
 * recordings at a few lengths cannot show; others see the operations.
 *
 * @param run Depends on these inputs and attributes alone.
 */
export function composed<T extends tf.Tensor>(
  name: string,
  inputs: Readonly<Record<string, tf.Tensor | undefined>>,
  attributes: tf.NamedAttrMap,
  run: () => T,
): T {
  const recorder = current;
  if (!recorder?.keepsComposed) return run();
  const result = unrecorded(run);
  recorder.addComposed(name, inputs, attributes, result);
  return result;
}

/** Runs a function without recording anything. */
function unrecorded<T>(run: () => T): T {
  const recorder = current;
  current = undefined;
  try {
    return run();
  } finally {
    current = recorder;
  }
}

/**
 * Runs a function and records its kernels.
 *
 * @param inputs The tensors that it gets and that differ from run to run. Besides, it
 * may read variables, and tensors that stay as they are.
 * @param run A synchronous function; call this in `tf.tidy`.
 * @param keepsComposed Whether what runs in {@linkcode composed} is one step; such a
 * recording shows what was run, and is not to be replayed. @default false
 * @returns What `run` returns, and its recording, to be disposed of.
 */
export function recordRun(
  inputs: readonly tf.Tensor[],
  run: () => tf.Tensor[],
  keepsComposed = false,
): { readonly outputs: tf.Tensor[]; readonly recording: Recording } {
  const recorder = new Recorder(inputs, keepsComposed);
  try {
    const outputs = recorder.follow(run);
    return { outputs, recording: recorder.finish(outputs) };
  } catch (error) {
    recorder.dispose();
    throw error;
  }
}

/** Follows a run through tfjs's engine. */
class Recorder {
  readonly #backend = tf.backend();
  readonly #backendName = tf.getBackend();
  readonly #slots = new Map<object, number>();
  readonly #sources = new Map<number, Source>();
  readonly #held = new Map<number, tf.Tensor>();
  readonly #inputs: ReadonlySet<tf.Tensor>;
  readonly #earlier = new Set<tf.Tensor>();
  readonly #steps: Step[] = [];
  /** The variables, by their data, which several may share. */
  readonly #variables = new Map<object, tf.Variable[]>();
  /** Tensors from this number on were made in the run. */
  readonly #first = engine.nextTensorId();
  #constantBytes = 0;
  #isInKernel = false;
  #readsValues = false;
  #refusal: string | undefined;

  constructor(
    inputs: readonly tf.Tensor[],
    readonly keepsComposed: boolean,
  ) {
    this.#inputs = new Set(inputs);
    for (const variable of Object.values(tf.engine().registeredVariables)) {
      const others = this.#variables.get(variable.dataId);
      if (others) others.push(variable);
      else this.#variables.set(variable.dataId, [variable]);
    }
    for (const [index, { dataId }] of inputs.entries()) {
      if (this.#variables.has(dataId)) this.#refuse("gets a variable");
      if (this.#slots.has(dataId)) this.#refuse("gets one tensor twice");
      else this.#add(dataId, { kind: "input", index });
    }
  }

  /** Runs a function, while the engine reports its kernels and tensors. */
  follow<T>(run: () => T): T {
    const backend = this.#backend, { prototype } = tf.Variable;
    const reads = "reads the values of a tensor";
    const undo = [
      replace(engine, "runKernelFunc", (stock: RunKernel) => (call: object) => {
        if (current !== this || !("kernelName" in call)) return stock(call);
        const results = this.#inKernel(() => stock(call));
        this.#addKernel(call as KernelCall, [results].flat());
        return results;
      }),
      replace(
        engine,
        "makeTensor",
        (stock: MakeTensor) =>
        (
          values: tf.BackendValues,
          ...rest: unknown[]
        ) => {
          const tensor = stock(values, ...rest);
          if (current === this) this.#addConstant(tensor, values);
          return tensor;
        },
      ),
      this.#refuseWhere(backend, "read", reads),
      this.#refuseWhere(backend, "readSync", reads, () => {
        this.#readsValues ||= this.#isInKernel;
      }),
      this.#refuseWhere(engine, "makeVariable", "makes a variable"),
      this.#refuseWhere(prototype, "assign", "changes a variable"),
      this.#refuseWhere(Math, "random", "draws random numbers without a seed"),
    ];
    const outer = current;
    current = this;
    try {
      return run();
    } finally {
      current = outer;
      for (const stop of undo.reverse()) stop();
    }
  }

  /** Runs a kernel, which records nothing itself. */
  #inKernel<T>(run: () => T): T {
    this.#isInKernel = true;
    try {
      return unrecorded(run);
    } finally {
      this.#isInKernel = false;
    }
  }

  #refuse(reason: string): void {
    this.#refusal ??= reason;
  }

  #refuseWhere<Name extends string, M extends Method>(
    owner: { [name in Name]: M },
    name: Name,
    reason: string,
    otherwise: () => void = () => {},
  ): () => void {
    const refusing = (stock: M) => (...args: Parameters<M>) => {
      if (current === this) this.#refuse(reason);
      else otherwise();
      return stock(...args);
    };
    return replace(owner, name, (stock: M) => refusing(stock) as M);
  }

  #add(dataId: object, source?: Source): number {
    const slot = this.#slots.size;
    this.#slots.set(dataId, slot);
    if (source) this.#sources.set(slot, source);
    return slot;
  }

  #viewOf(x: tf.Tensor): View {
    const { dataId, shape, dtype } = x;
    const slot = this.#slots.get(dataId) ?? this.#addEarlier(x);
    const isTensor = !(x instanceof tf.Variable) && x.id < this.#first;
    if (isTensor && !this.#inputs.has(x)) this.#earlier.add(x);
    if (isTensor && this.#variables.has(dataId)) this.#shareWithTensor(slot, x);
    return { slot, shape, dtype };
  }

  /** Gives a slot to data that were there before the run. */
  #addEarlier(x: tf.Tensor): number {
    const variables = this.#variables.get(x.dataId);
    if (variables) {
      const [variable, ...others] = variables as [tf.Variable];
      return this.#add(
        x.dataId,
        others.length === 0
          ? { kind: "variable", variable }
          : { kind: "shared", variables },
      );
    }
    const slot = this.#add(x.dataId, { kind: "tensor" });
    this.#held.set(slot, tf.keep(sharing(x)));
    return slot;
  }

  /** Notes that a variable's data are read by a tensor that was there before the run. */
  #shareWithTensor(slot: number, x: tf.Tensor): void {
    if (this.#held.has(slot)) return;
    const variables = this.#variables.get(x.dataId)!;
    this.#sources.set(slot, { kind: "shared", variables });
    this.#held.set(slot, tf.keep(sharing(x)));
  }

  /** The view of a result, which may have the data of an input. */
  #viewOfResult({ dataId, shape, dtype }: tf.Tensor): View {
    return { slot: this.#slots.get(dataId) ?? this.#add(dataId), shape, dtype };
  }

  #addKernel(
    { kernelName, inputs, attrs }: KernelCall,
    results: readonly tf.Tensor[],
  ): void {
    const given = Object.values(inputs).filter((x) => x != null);
    if (!given.every((x) => x instanceof tf.Tensor)) {
      return this.#refuse("runs a kernel on what is no tensor, or on a list");
    }
    if (![...given, ...results].every(isOfNumbers)) {
      return this.#refuse("has tensors of strings or of complex numbers");
    }
    const { kernelFunc } = tf.getKernel(kernelName, this.#backendName)!;
    this.#steps.push({
      name: kernelName,
      run: { kernel: kernelFunc },
      inputs: Object.entries(inputs).map(([name, x]) =>
        [name, x && this.#viewOf(x)] as const
      ),
      takesArray: Array.isArray(inputs),
      attributes: attrs,
      outputs: results.map((result) => this.#viewOfResult(result)),
    });
  }

  addCode(
    inputs: readonly tf.Tensor[],
    code: Code,
    result: tf.Tensor | void,
  ): void {
    this.#steps.push({
      name: "runInReplays",
      run: { code },
      inputs: inputs.map((x, i) => [`${i}`, this.#viewOf(x)] as const),
      takesArray: true,
      attributes: undefined,
      outputs: result ? [this.#viewOfResult(result)] : [],
    });
  }

  addComposed(
    name: string,
    inputs: Readonly<Record<string, tf.Tensor | undefined>>,
    attributes: tf.NamedAttrMap,
    result: tf.Tensor,
  ): void {
    this.#steps.push({
      name,
      run: { composed: true },
      inputs: Object.entries(inputs).map(([name, x]) =>
        [name, x && this.#viewOf(x)] as const
      ),
      takesArray: false,
      attributes,
      outputs: [this.#viewOfResult(result)],
    });
  }

  #addConstant(tensor: tf.Tensor, values: tf.BackendValues): void {
    this.#constantBytes += 4 * tensor.size;
    if (this.#constantBytes > MOST_CONSTANT_BYTES) {
      return this.#refuse(
        `makes tensors of more than ${MOST_CONSTANT_BYTES} bytes from values`,
      );
    }
    if (!isOfNumbers(tensor)) return;
    const own = values.slice() as tf.BackendValues;
    const source: Source = { kind: "constant", values: own };
    const slot = this.#add(tensor.dataId, source);
    this.#held.set(slot, tf.keep(sharing(tensor)));
  }

  finish(outputs: readonly tf.Tensor[]): Recording {
    const views = outputs.map((output) => this.#viewOf(output));
    return new Recording({
      backend: this.#backend,
      slots: this.#slots.size,
      sources: this.#sources,
      steps: this.#steps,
      outputs: views,
      held: this.#held,
      earlier: this.#earlier,
      readsValues: this.#readsValues,
      refusal: this.#refusal,
    });
  }

  dispose(): void {
    tf.dispose([...this.#held.values()]);
  }
}

function isOfNumbers({ dtype }: tf.Tensor): boolean {
  return dtype !== "string" && dtype !== "complex64";
}

/** A method of any object. */
type Method = (...args: never[]) => unknown;

/** Replaces a method until the returned function is called. */
function replace<Name extends string, M extends Method>(
  owner: { [name in Name]: M },
  name: Name,
  by: (stock: M) => M,
): () => void {
  const own = Object.getOwnPropertyDescriptor(owner, name);
  const stock = owner[name];
  owner[name] = function (this: unknown, ...args: Parameters<M>) {
    return by(stock.bind(this) as M)(...args);
  } as M;
  return () => {
    if (own) Object.defineProperty(owner, name, own);
    else delete (owner as { [name in Name]?: M })[name];
  };
}
