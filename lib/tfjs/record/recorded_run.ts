/**
 * Records the kernels that a function runs, and runs them again without the function:
 * without the code of layers, tfjs's tape, and a tensor for each result on the way.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";

/** tfjs's engine, with undeclared members. */
interface Engine {
  readonly state: { readonly profiling: boolean };
  runKernelFunc: RunKernel;
  makeTensor: MakeTensor;
  makeTensorFromTensorInfo(info: tf.TensorInfo): tf.Tensor;
  makeVariable(...args: unknown[]): tf.Variable;
  removeDataId(dataId: object, backend: tf.KernelBackend): void;
  /** A number above those of all tensors. */
  nextTensorId(): number;
}

type RunKernel = (call: KernelCall | object) => tf.Tensor | tf.Tensor[];
type MakeTensor = (values: tf.BackendValues, ...rest: unknown[]) => tf.Tensor;

interface KernelCall {
  readonly kernelName: string;
  readonly inputs: Readonly<Record<string, tf.Tensor | null | undefined>>;
  readonly attrs: Attributes;
}

type Attributes = tf.NamedAttrMap | undefined;

/** A tensor of a run: the number of its data, and how they are read. */
interface Place {
  readonly slot: number;
  readonly shape: number[];
  readonly dtype: tf.DataType;
}

/**
 * The data that a run finds, by their slots; all others are made by its operations. Of
 * variables that share data, or of one that shares them with a tensor, nothing tells
 * which an operation reads: a replay is right while they share them.
 */
type Source =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "variable"; readonly variable: tf.Variable }
  | { readonly kind: "shared"; readonly variables: readonly tf.Variable[] }
  | { readonly kind: "constant"; readonly values: tf.BackendValues }
  | { readonly kind: "other" };

/** What a replay runs itself. */
type Again = (inputs: readonly tf.Tensor[]) => tf.Tensor | void;

/** A kernel, or a function that a replay runs itself. */
interface Operation {
  readonly name: string;
  readonly run:
    | { readonly kernel: tf.KernelFunc }
    | { readonly again: Again };
  readonly inputs: readonly (readonly [string, Place | null | undefined])[];
  /** Whether the kernel gets its inputs as an array. */
  readonly isArray: boolean;
  readonly attributes: Attributes;
  readonly outputs: readonly Place[];
}

interface Recorded {
  readonly backend: tf.KernelBackend;
  readonly slots: number;
  readonly sources: ReadonlyMap<number, Source>;
  readonly operations: readonly Operation[];
  readonly outputs: readonly Place[];
  /** Tensors that stay for replays, by slot. */
  readonly kept: ReadonlyMap<number, tf.Tensor>;
  /** The tensors that the run has found, other than variables. */
  readonly found: ReadonlySet<tf.Tensor>;
  readonly refusal: string | undefined;
}

/** Launches of kernels on a device. */
interface Launches {
  /** Whether all that they read besides what is given is where it was. */
  fits(found: readonly tf.TensorInfo[]): boolean;
  /** Repeats them; the results are the caller's. */
  run(given: readonly tf.TensorInfo[]): tf.TensorInfo[];
  dispose(): void;
}

/** A backend that may repeat launches without the kernels that made them. */
export interface CapturingBackend {
  /**
   * Runs kernels, and returns their results and, if they can be repeated, their
   * launches; `undefined` if it has run nothing.
   */
  readonly captureLaunches?:
    | ((
      found: readonly tf.TensorInfo[],
      given: readonly tf.TensorInfo[],
      run: (given: readonly tf.TensorInfo[]) => tf.TensorInfo[],
    ) =>
      | { results: tf.TensorInfo[]; launches: Launches | undefined }
      | undefined)
    | undefined;
}

/** How often the launches of a run are captured in vain: where its weights move, never again. */
const MOST_CAPTURES = 16;

/** Repetitions after which a capture was not in vain. */
const REPEATS_THAT_PAY = 8;

/** Bytes of the constants that a recording keeps, at most. */
const MOST_CONSTANT_BYTES = 2 ** 24;

const engine = tf.engine() as unknown as Engine;

/** What records now; nothing within a kernel. */
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
  current?.addAgain(inputs, run, result);
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
 * @returns What `run` returns, and its recording, to be disposed of.
 */
export function recordRun(
  inputs: readonly tf.Tensor[],
  run: () => tf.Tensor[],
): { readonly outputs: tf.Tensor[]; readonly recording: RecordedRun } {
  const recorder = new Recorder(inputs);
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
  readonly #kept = new Map<number, tf.Tensor>();
  readonly #inputs: ReadonlySet<tf.Tensor>;
  readonly #found = new Set<tf.Tensor>();
  readonly #operations: Operation[] = [];
  /** The variables, by their data, which several may share. */
  readonly #variables = new Map<object, tf.Variable[]>();
  /** Tensors from this number on were made in the run. */
  readonly #first = engine.nextTensorId();
  #constantBytes = 0;
  #refusal: string | undefined;

  constructor(inputs: readonly tf.Tensor[]) {
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

  /** Runs a function, while the engine tells what it does. */
  follow<T>(run: () => T): T {
    const backend = this.#backend, { prototype } = tf.Variable;
    const reads = "reads the values of a tensor";
    const undo = [
      replace(engine, "runKernelFunc", (stock: RunKernel) => (call: object) => {
        if (current !== this || !("kernelName" in call)) return stock(call);
        const results = unrecorded(() => stock(call));
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
      this.#refuseWhere(backend, "readSync", reads),
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

  #refuse(reason: string): void {
    this.#refusal ??= reason;
  }

  #refuseWhere<Name extends string, M extends Method>(
    owner: { [name in Name]: M },
    name: Name,
    reason: string,
  ): () => void {
    const refusing = (stock: M) => (...args: Parameters<M>) => {
      if (current === this) this.#refuse(reason);
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

  #placeOf(x: tf.Tensor): Place {
    const { dataId, shape, dtype } = x;
    const slot = this.#slots.get(dataId) ?? this.#addFound(x);
    const isTensor = !(x instanceof tf.Variable) && x.id < this.#first;
    if (isTensor && !this.#inputs.has(x)) this.#found.add(x);
    if (isTensor && this.#variables.has(dataId)) this.#shareWithTensor(slot, x);
    return { slot, shape, dtype };
  }

  /** Gives a slot to data that were there before the run. */
  #addFound(x: tf.Tensor): number {
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
    const slot = this.#add(x.dataId, { kind: "other" });
    this.#kept.set(slot, tf.keep(shared(x)));
    return slot;
  }

  /** Notes that a variable's data are read by a tensor that was there before the run. */
  #shareWithTensor(slot: number, x: tf.Tensor): void {
    if (this.#kept.has(slot)) return;
    const variables = this.#variables.get(x.dataId)!;
    this.#sources.set(slot, { kind: "shared", variables });
    this.#kept.set(slot, tf.keep(shared(x)));
  }

  /** The place of a result, which may have the data of an input. */
  #placeOfResult({ dataId, shape, dtype }: tf.Tensor): Place {
    return { slot: this.#slots.get(dataId) ?? this.#add(dataId), shape, dtype };
  }

  #addKernel(
    { kernelName, inputs, attrs }: KernelCall,
    results: readonly tf.Tensor[],
  ): void {
    const tensors = [...Object.values(inputs), ...results];
    if (!tensors.every((x) => !x || isOfNumbers(x))) {
      return this.#refuse("has tensors of strings or of complex numbers");
    }
    const { kernelFunc } = tf.getKernel(kernelName, this.#backendName)!;
    this.#operations.push({
      name: kernelName,
      run: { kernel: kernelFunc },
      inputs: Object.entries(inputs).map(([name, x]) =>
        [name, x && this.#placeOf(x)] as const
      ),
      isArray: Array.isArray(inputs),
      attributes: attrs,
      outputs: results.map((result) => this.#placeOfResult(result)),
    });
  }

  addAgain(
    inputs: readonly tf.Tensor[],
    again: Again,
    result: tf.Tensor | void,
  ): void {
    this.#operations.push({
      name: "runInReplays",
      run: { again },
      inputs: inputs.map((x, i) => [`${i}`, this.#placeOf(x)] as const),
      isArray: true,
      attributes: undefined,
      outputs: result ? [this.#placeOfResult(result)] : [],
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
    this.#kept.set(slot, tf.keep(shared(tensor)));
  }

  finish(outputs: readonly tf.Tensor[]): RecordedRun {
    const places = outputs.map((output) => this.#placeOf(output));
    return new RecordedRun({
      backend: this.#backend,
      slots: this.#slots.size,
      sources: this.#sources,
      operations: this.#operations,
      outputs: places,
      kept: this.#kept,
      found: this.#found,
      refusal: this.#refusal,
    });
  }

  dispose(): void {
    tf.dispose([...this.#kept.values()]);
  }
}

/** The kernels of a run, to be run again. */
export class RecordedRun {
  readonly #recorded: Recorded;
  /** For each operation, the slots that no later one uses. */
  readonly #over: readonly (readonly number[])[];
  #replays = 0;
  /** Whether launches alone would do the same. */
  readonly #isOfLaunches: boolean;
  #launches: Launches | undefined;
  /** Captures since one was worth it, and how often the last was repeated. */
  #captures = 0;
  #repeats = 0;

  /** Made by {@linkcode recordRun}. */
  constructor(recorded: Recorded) {
    this.#recorded = recorded;
    this.#over = slotsOver(recorded);
    this.#isOfLaunches = isOfLaunches(recorded);
  }

  /** Why it cannot be replayed, in words that follow "it". */
  get refusal(): string | undefined {
    return this.#recorded.refusal;
  }

  /**
   * Whether the backend, the variables and the tensors are there that it was recorded
   * with, and those that shared data still do.
   */
  get isValid(): boolean {
    const { backend, sources, kept, found } = this.#recorded;
    if (tf.backend() !== backend) return false;
    for (const x of found) if (x.isDisposed) return false;
    for (const [slot, source] of sources) {
      if (source.kind === "variable") {
        if (source.variable.isDisposed) return false;
      } else if (source.kind === "shared") {
        const { dataId } = kept.get(slot) ?? source.variables[0]!;
        const areShared = source.variables.every((variable) =>
          !variable.isDisposed && variable.dataId === dataId
        );
        if (!areShared) return false;
      }
    }
    return true;
  }

  /** Whether the same variables shared data when another run was recorded. */
  sharesLike(other: RecordedRun): boolean {
    return areSame(sharedIn(this.#recorded), sharedIn(other.#recorded));
  }

  /** How another run differs from this one, in words that follow "it"; `undefined` if it does not. */
  differenceFrom(other: RecordedRun): string | undefined {
    const ours = this.#recorded, theirs = other.#recorded;
    const kernels = "does not run the same kernels each time";
    if (ours.operations.length !== theirs.operations.length) return kernels;
    if (!areSame(ours.outputs, theirs.outputs)) return kernels;
    for (const [i, its] of theirs.operations.entries()) {
      const { name, inputs, outputs, attributes } = ours.operations[i]!;
      if (name !== its.name || !areSame(inputs, its.inputs)) return kernels;
      if (!areSame(outputs, its.outputs)) return kernels;
      if (!areSame(attributes, its.attributes)) {
        return `runs ${name} with other attributes each time`;
      }
    }
    for (const [slot, source] of ours.sources) {
      const its = theirs.sources.get(slot);
      const isSame = its && areSame(source, its) &&
        (source.kind !== "other" ||
          ours.kept.get(slot)!.dataId === theirs.kept.get(slot)!.dataId);
      if (!isSame) {
        return source.kind === "constant"
          ? "makes tensors of other values each time"
          : "reads other tensors each time";
      }
    }
    return undefined;
  }

  /**
   * Runs the kernels again. Call it in `tf.tidy`.
   *
   * @param inputs The tensors in the places of those that it was recorded with, of
   * the same shapes and dtypes.
   */
  replay(inputs: readonly tf.Tensor[]): tf.Tensor[] {
    this.#replays++;
    const results = this.#launch(inputs) ?? this.#run(inputs);
    return results.map((info) => engine.makeTensorFromTensorInfo(info));
  }

  /** Runs the kernels. Each result has a reference of its own. */
  #run(
    inputs: readonly tf.TensorInfo[],
    made?: ReadonlyMap<Operation, tf.TensorInfo>,
  ): tf.TensorInfo[] {
    const { backend, sources, operations, outputs } = this.#recorded;
    const data = new ReplayedData(backend, this.#recorded.slots);
    for (const [slot, source] of sources) {
      data.put(slot, this.#find(slot, source, inputs).dataId);
    }
    try {
      for (let i = 0; i < operations.length; i++) {
        runAgain(operations[i]!, data, made);
        for (const slot of this.#over[i]!) data.release(slot);
      }
      return outputs.map((place) => data.referenceTo(place));
    } finally {
      data.releaseAll();
    }
  }

  #find(
    slot: number,
    source: Source,
    inputs: readonly tf.TensorInfo[],
  ): tf.TensorInfo {
    if (source.kind === "input") return inputs[source.index]!;
    if (source.kind === "variable") return source.variable;
    const kept = this.#recorded.kept.get(slot);
    return source.kind === "shared" ? kept ?? source.variables[0]! : kept!;
  }

  /**
   * Repeats the launches of the kernels without running these, where the backend can;
   * else returns `undefined`.
   */
  #launch(inputs: readonly tf.Tensor[]): tf.TensorInfo[] | undefined {
    const { backend, sources, operations } = this.#recorded;
    const { captureLaunches } = backend as Partial<CapturingBackend>;
    if (!captureLaunches || !this.#isOfLaunches || this.#replays === 1) {
      return undefined;
    }
    const found = [...sources].flatMap(([slot, source]) =>
      source.kind === "input" ? [] : this.#find(slot, source, inputs)
    );
    const made = new Map<Operation, tf.Tensor>();
    for (const operation of operations) {
      const { run, inputs: places } = operation;
      if (!("again" in run)) continue;
      const read = places.flatMap(([, place]) => {
        const source = sources.get(place!.slot);
        return source ? this.#find(place!.slot, source, inputs) : [];
      });
      // What looks at values finds none of a result that is on a device.
      if (read.length < places.length) continue;
      const tensors = read.map((info) => shared(info));
      const result = run.again(tensors);
      tf.dispose(tensors);
      if (result) made.set(operation, result);
    }
    const given = [...inputs, ...made.values()];
    try {
      if (this.#launches?.fits(found)) {
        this.#repeats++;
        return this.#launches.run(given);
      }
      this.#launches?.dispose();
      this.#launches = undefined;
      if (this.#repeats >= REPEATS_THAT_PAY) this.#captures = 0;
      this.#repeats = 0;
      // Without captures, the kernels run with what was made.
      const run = (given: readonly tf.TensorInfo[]) => {
        const others = given.values().drop(inputs.length);
        const operations = [...made.keys()];
        return this.#run(
          given.slice(0, inputs.length),
          new Map(
            operations.map((one) => [one, others.next().value!] as const),
          ),
        );
      };
      if (this.#captures++ >= MOST_CAPTURES) return run(given);
      const captured = captureLaunches(found, given, run);
      this.#launches = captured?.launches;
      return captured?.results ?? run(given);
    } finally {
      tf.dispose([...made.values()]);
    }
  }

  /** Disposes of what it keeps. */
  dispose(): void {
    this.#launches?.dispose();
    this.#launches = undefined;
    tf.dispose([...this.#recorded.kept.values()]);
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

  /** Data that others hold. */
  put(slot: number, dataId: tf.DataId): void {
    this.#ids[slot] = dataId;
  }

  infoOf({ slot, shape, dtype }: Place): tf.TensorInfo {
    const info = { dataId: this.#ids[slot]!, shape, dtype, rank: shape.length };
    // The gradients of dilation ask for the rank, too, which no declaration has.
    return info;
  }

  /** A slot's data, with a reference of its own. */
  referenceTo(place: Place): tf.TensorInfo {
    const info = this.infoOf(place);
    this.backend.incRef(info.dataId);
    return info;
  }

  /** A tensor with a slot's data. */
  tensorOf(place: Place): tf.Tensor {
    return engine.makeTensorFromTensorInfo(this.referenceTo(place));
  }

  take(slot: number, result: tf.TensorInfo): void {
    this.#ids[slot] = result.dataId;
    if (result instanceof tf.Tensor) {
      const others = this.#tensors.get(slot) ?? [];
      this.#tensors.set(slot, [...others, tf.keep(result)]);
    } else this.#references[slot]!++;
  }

  release(slot: number): void {
    for (; this.#references[slot]! > 0; this.#references[slot]!--) {
      const dataId = this.#ids[slot]!;
      // A tensor that is gone may have had it.
      if (this.backend.disposeData(dataId)) {
        engine.removeDataId(dataId, this.backend);
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

/**
 * Runs an operation in a replay; where launches are captured, what a replay runs itself
 * is `made` before.
 */
function runAgain(
  operation: Operation,
  data: ReplayedData,
  made?: ReadonlyMap<Operation, tf.TensorInfo>,
): void {
  const { run, inputs, isArray, attributes, outputs } = operation;
  if ("again" in run) {
    const before = made?.get(operation);
    if (before) data.put(outputs[0]!.slot, before.dataId);
    if (made) return;
    const tensors = inputs.map(([, place]) => data.tensorOf(place!));
    const result = run.again(tensors);
    tf.dispose(tensors);
    if (!result) return;
    data.take(outputs[0]!.slot, result);
    return assertSameShape(operation, 0, result);
  }
  const given = (isArray ? [] : {}) as tf.NamedTensorInfoMap;
  for (const [name, place] of inputs) {
    given[name] = place ? data.infoOf(place) : place as unknown as undefined;
  }
  const call = { inputs: given, attrs: attributes!, backend: data.backend };
  const results = run.kernel(call);
  const all = Array.isArray(results) ? results : [results];
  all.forEach((result, i) => data.take(outputs[i]!.slot, result));
  all.forEach((result, i) => assertSameShape(operation, i, result));
}

/** Throws if a result's shape depends on more than the shapes of what was read. */
function assertSameShape(
  { name, outputs }: Operation,
  place: number,
  { shape }: tf.TensorInfo,
): void {
  const before = outputs[place]!.shape;
  if (tf.util.arraysEqual(shape, before)) return;
  throw new RangeError(
    `${name} should return a tensor of the same shape each time that a run is replayed, ` +
      `[${before}], got [${shape}]; pass record: false, which replays nothing`,
  );
}

/** The variables of a run that share data, and whether with a tensor, too. */
function sharedIn({ sources, kept }: Recorded) {
  return [...sources].flatMap(([slot, source]) =>
    source.kind === "shared"
      ? { variables: source.variables, hasTensor: kept.has(slot) }
      : []
  );
}

/** For each operation, the slots that no later one, and no output, uses. */
function slotsOver({ slots, operations, outputs }: Recorded): number[][] {
  const last = new Int32Array(slots).fill(-1);
  operations.forEach(({ inputs, outputs }, i) => {
    for (const [, place] of inputs) if (place) last[place.slot] = i;
    for (const { slot } of outputs) last[slot] = i;
  });
  for (const { slot } of outputs) last[slot] = -1;
  const over: number[][] = operations.map(() => []);
  last.forEach((i, slot) => over[i]?.push(slot));
  return over;
}

/**
 * Whether all that a run computes comes of kernels, of what it finds, and of functions
 * that read no results of kernels.
 */
function isOfLaunches({ sources, operations, outputs }: Recorded): boolean {
  const made = new Set<number>();
  for (const { run, inputs, outputs } of operations) {
    if ("again" in run) {
      // What a kernel has computed is not there yet when such functions run.
      const isEarly = inputs.every(([, place]) => sources.has(place!.slot));
      if (outputs.length > 0 && !isEarly) return false;
    } else for (const { slot } of outputs) made.add(slot);
  }
  return outputs.every(({ slot }) => made.has(slot) && !sources.has(slot));
}

function shared({ dataId, shape, dtype }: tf.TensorInfo): tf.Tensor {
  tf.backend().incRef(dataId);
  return engine.makeTensorFromTensorInfo({ dataId, shape, dtype });
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
