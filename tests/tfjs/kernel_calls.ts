/**
 * Calls of kernels, as they reach a backend: noted while the operations run that other
 * tables of tests call, so that a kernel is called here as soon as one of its operations
 * is in such a table.
 *
 * @module
 */
import { assert } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import {
  type BackendName,
  lionAttention,
  selectiveDecay,
  useBackend,
} from "../../mod.ts";
import { attentionWithJoinedHeads } from "../../lib/attention/lion_attention.ts";
import { decayOfLogits } from "../../lib/layers/mixers/token_log_decay.ts";
import {
  joinDirections,
  splitDirections,
} from "../../lib/operations/directions/directions.ts";
import { joinSweeps, turnSweeps } from "../../lib/operations/turned/sweeps.ts";
import {
  addAndNorm,
  normOfSum,
} from "../../lib/operations/layer_norm/add_norm.ts";
import { layerNorm } from "../../lib/operations/mod.ts";
import { GOOD_CALLS } from "../entries/good_calls/good_calls.ts";
import { endOf } from "../entries/good_calls/replaced_values.ts";
import { KERNEL_CASES, resultsOf } from "../kernels/webgpu/kernel_cases.ts";
import {
  type Call,
  CALLS,
  numbersOf,
  shapeOf,
  SIZES,
} from "../subjects/operations.ts";
import { INDEX_CASES, outcomeOf } from "./index_calls.ts";
import { argumentsOf, CASES } from "./integer_cases.ts";
import { operationCalls, REFUSED_FLOATS } from "./operation_calls.ts";

/** The values of a tensor. */
export interface Values {
  readonly values: ArrayLike<number>;
  readonly shape: number[];
  readonly dtype: tf.DataType;
}

/** A call of a kernel whose inputs are tensors. */
export interface KernelCall {
  readonly kernel: string;
  /** The inputs by name; those that are absent have no values. */
  readonly inputs: readonly (readonly [string, Values | undefined])[];
  /** Whether the kernel gets its inputs as an array. */
  readonly takesArray: boolean;
  readonly attributes: tf.NamedAttrMap | undefined;
}

/**
 * The tensors of a call, in the order of its inputs, without those that are absent.
 *
 * @param make Makes a tensor of values. @default those of the call
 */
export function tensorsOf(
  { inputs }: KernelCall,
  make = ({ values, shape, dtype }: Values): tf.Tensor =>
    tf.tensor([...values as number[]], shape, dtype),
): tf.Tensor[] {
  return inputs.flatMap(([, x]) => x ? make(x) : []);
}

/** Runs the kernel of a call on tensors, as {@linkcode tensorsOf} makes them. */
export function run(
  { kernel, inputs, takesArray, attributes }: KernelCall,
  tensors: readonly tf.Tensor[],
): tf.Tensor[] {
  const given = (takesArray ? [] : {}) as Record<string, tf.Tensor>;
  const left = tensors.values();
  for (const [name, x] of inputs) if (x) given[name] = left.next().value!;
  return [tf.engine().runKernel(kernel, given, attributes)].flat();
}

/** Calls of some kernels. */
export interface NotedCalls {
  /** Calls by kernel, no two of which are alike but for values of tensors. */
  readonly calls: ReadonlyMap<string, readonly KernelCall[]>;
  /** Runs that call kernels with inputs other than tensors of numbers, by kernel. */
  readonly others: ReadonlyMap<string, () => unknown>;
}

/** A call whose input values are not read yet. */
interface Noted extends Omit<KernelCall, "inputs"> {
  readonly inputs: readonly (readonly [string, tf.TensorInfo | undefined])[];
}

/** TensorFlow.js's engine, with an undeclared method. */
interface Engine {
  runKernelFunc(call: object): unknown;
}

interface EngineCall {
  readonly kernelName: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly attrs?: tf.NamedAttrMap;
}

/** Notes the calls of kernels while functions run. */
async function note(
  runs: Iterable<() => unknown>,
): Promise<NotedCalls> {
  const noted = new Map<string, Map<string, Noted>>();
  const others = new Map<string, () => unknown>();
  let running: () => unknown = () => {};
  const engine = tf.engine() as unknown as Engine;
  const own = Object.getOwnPropertyDescriptor(engine, "runKernelFunc");
  const stock = engine.runKernelFunc;
  engine.runKernelFunc = (call) => {
    if ("kernelName" in call) add(call as EngineCall);
    return stock.call(engine, call);
  };
  try {
    for (const run of runs) {
      running = run;
      await run();
    }
  } finally {
    if (own) Object.defineProperty(engine, "runKernelFunc", own);
    else delete (engine as Partial<Engine>).runKernelFunc;
  }
  const calls = new Map<string, KernelCall[]>();
  for (const [kernel, ofKernel] of noted) {
    const read: KernelCall[] = [];
    for (const call of ofKernel.values()) {
      const inputs = await Promise.all(
        call.inputs.map(async ([name, x]) =>
          [name, x && await valuesOf(x)] as const
        ),
      );
      read.push({ ...call, inputs });
    }
    calls.set(kernel, read);
  }
  return { calls, others };

  function add({ kernelName: kernel, inputs, attrs }: EngineCall): void {
    const entries = Object.entries(inputs);
    const areNumbers = entries.every(([, x]) =>
      x == null || (x instanceof tf.Tensor && !x.isDisposed &&
        ["float32", "int32", "bool"].includes(x.dtype))
    );
    if (!areNumbers) return void others.set(kernel, running);
    const given = entries as [string, tf.Tensor | null | undefined][];
    const kind = JSON.stringify([
      given.map(([name, x]) => [name, x && [x.dtype, x.shape]]),
      attrs,
    ]);
    const ofKernel = noted.get(kernel) ?? new Map<string, Noted>();
    noted.set(kernel, ofKernel);
    if (ofKernel.has(kind)) return;
    ofKernel.set(kind, {
      kernel,
      inputs: given.map(([name, x]) => [name, x ? held(x) : undefined]),
      takesArray: Array.isArray(inputs),
      attributes: attrs,
    });
  }
}

/** Counts a reference to a tensor's data, which then outlive it. */
function held({ dataId, shape, dtype }: tf.Tensor): tf.TensorInfo {
  tf.backend().incRef(dataId);
  return { dataId, shape, dtype };
}

/** The values of a tensor, and an end of the reference to its data. */
async function valuesOf(
  { dataId, shape, dtype }: tf.TensorInfo,
): Promise<Values> {
  const backend = tf.backend();
  const values = (await backend.read(dataId)).slice() as ArrayLike<number>;
  if (backend.disposeData(dataId)) tf.engine().removeDataId(dataId, backend);
  return { values, shape, dtype };
}

const filled = (...shape: number[]): tf.Tensor =>
  tf.randomUniform(shape, 0.1, 1, "float32", 5);
const scored = () =>
  [
    tf.tensor2d([[0, 0, 1, 1], [0, 0, 1, 0.9], [2, 2, 3, 3]]),
    tf.tensor1d([0.9, 0.75, 0.6]),
  ] as const;
const graded = (
  run: (...of: never[]) => tf.Tensor,
  ...inputs: tf.Tensor[]
): tf.Tensor[] => tf.grads(run as (...of: tf.Tensor[]) => tf.Tensor)(inputs);

const epsilon = 1e-5;

/** Calls of kernels that WebAssembly and WebGPU give other attributes. */
const NORMS: readonly (() => tf.Tensor[])[] = [
  () =>
    graded(
      (x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) =>
        layerNorm(x, scale, offset),
      ...[filled(6, 4), filled(4), filled(4)],
    ),
  () =>
    graded(
      (x: tf.Tensor, added: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) => {
        const { sum, y } = addAndNorm(x, added, { scale, offset, epsilon });
        return tf.add(sum, y);
      },
      ...[filled(6, 4), filled(6, 4), filled(4), filled(4)],
    ),
  () =>
    graded(
      (x: tf.Tensor, added: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor) =>
        normOfSum(x, added, { scale, offset, epsilon }),
      ...[filled(6, 4), filled(6, 4), filled(4), filled(4)],
    ),
];

/** Calls of kernels that none of the tables reaches. */
const FURTHER: readonly (() => tf.Tensor | tf.Tensor[])[] = [
  () => graded((x: tf.Tensor4D) => tf.avgPool(x, 2, 2, 0), filled(1, 4, 4, 2)),
  () =>
    graded((x: tf.Tensor5D) => tf.avgPool3d(x, 2, 2, 0), filled(1, 4, 4, 2, 2)),
  () => graded((x: tf.Tensor4D) => tf.maxPool(x, 2, 2, 0), filled(1, 4, 4, 2)),
  () =>
    graded((x: tf.Tensor5D) => tf.maxPool3d(x, 2, 2, 0), filled(1, 4, 4, 2, 2)),
  () =>
    graded(
      (x: tf.Tensor4D) => tf.localResponseNormalization(x),
      filled(1, 4, 4, 2),
    ),
  ...[tf.image.resizeBilinear, tf.image.resizeNearestNeighbor].map(
    (resize) => () =>
      graded((x: tf.Tensor4D) => resize(x, [3, 5]), filled(2, 4, 3, 2)),
  ),
  () =>
    graded(
      (x: tf.Tensor4D, filter: tf.Tensor4D) => tf.conv2d(x, filter, 1, "same"),
      filled(2, 5, 6, 3),
      filled(3, 2, 3, 4),
    ),
  () =>
    graded(
      (x: tf.Tensor5D, filter: tf.Tensor5D) => tf.conv3d(x, filter, 1, "same"),
      filled(1, 3, 4, 5, 2),
      filled(2, 2, 2, 2, 3),
    ),
  () =>
    graded(
      (x: tf.Tensor4D, filter: tf.Tensor3D) =>
        tf.dilation2d(x, filter, 1, "same"),
      filled(1, 5, 6, 2),
      filled(2, 3, 2),
    ),
  () => tf.multinomial(filled(3, 4) as tf.Tensor2D, 7, 3, true),
  () => tf.image.nonMaxSuppression(...scored(), 2),
  () =>
    tf.image.nonMaxSuppressionPadded(...scored(), 2, 0.5, 0, true)
      .selectedIndices as tf.Tensor,
  () =>
    tf.image.nonMaxSuppressionWithScore(...scored(), 2)
      .selectedIndices as tf.Tensor,
  () =>
    tf.raggedRange(
      tf.tensor1d([0, 5]),
      tf.tensor1d([4, 7]),
      tf.tensor1d([1, 2]),
    )
      .rtDenseValues!,
  () => tf.string.stringToHashBucketFast(["a", "b"], 9),
  () => tf.string.stringSplit(["a b"], " ").values!,
  ...["ResizeBilinearGrad", "ResizeNearestNeighborGrad"].map((name) => () => {
    const inputs = { images: filled(2, 4, 3, 2), dy: filled(2, 3, 5, 2) };
    const attributes = { alignCorners: false };
    return tf.engine().runKernel(name, inputs, attributes) as tf.Tensor;
  }),
  () => {
    const [a, b] = [[true, false], [true, true]];
    const inputs = { a: tf.tensor1d(a!), b: tf.tensor1d(b!) };
    return tf.engine().runKernel("LogicalXor", inputs) as tf.Tensor;
  },
  () =>
    graded(
      // Softmax has a second gradient in the first one's cotangent.
      (x: tf.Tensor) => tf.grad((x: tf.Tensor) => tf.softmax(x))(x, x),
      filled(3, 5),
    ),
  () =>
    graded(
      (q: tf.Tensor4D, v: tf.Tensor4D, logDecay: tf.Tensor3D) =>
        lionAttention(q, q, v, { decay: selectiveDecay(tf.neg(logDecay)) }),
      filled(2, 1, 9, 4),
      filled(2, 3, 9, 2),
      filled(2, 3, 9),
    ),
  ...NORMS,
  () =>
    graded(
      (mixed: tf.Tensor3D, dt: tf.Tensor3D) => {
        const { q, k, v } = splitDirections(mixed, dt, 3);
        return tf.addN([tf.sum(q), tf.sum(k), tf.sum(v)]);
      },
      filled(2, 5, 16),
      filled(4, 2, 5),
    ),
  () =>
    graded(
      joinDirections,
      filled(4, 2, 5, 2),
      filled(2, 5, 4),
      filled(2, 5, 2),
    ),
  () =>
    graded(
      (
        b: tf.Tensor4D,
        x: tf.Tensor4D,
        after: tf.Tensor3D,
        phase: tf.Tensor4D,
      ) => {
        const vectors = { x, b, c: b, after, before: after, phase };
        const { q, k, v, products } = turnSweeps(vectors, undefined);
        return tf.addN([q, k, v, products].map((x) => tf.sum(x)));
      },
      filled(2, 3, 9, 4),
      filled(2, 3, 9, 2),
      filled(2, 3, 9),
      filled(2, 3, 9, 1),
    ),
  () =>
    graded(
      joinSweeps,
      filled(4, 3, 9, 2),
      filled(2, 3, 9, 2),
      filled(2, 3, 9),
    ),
];

/** Calls of kernels that WebGPU alone has. */
const ON_WEBGPU: readonly (() => tf.Tensor | tf.Tensor[])[] = [
  ...NORMS,
  () =>
    graded(
      (x: tf.Tensor3D) => {
        const decay = decayOfLogits(x, "first", true);
        assert(decay.kind === "two-sided");
        return tf.add(decay.forward, decay.backward);
      },
      filled(2, 5, 3),
    ),
  () =>
    graded(
      (q: tf.Tensor4D, v: tf.Tensor4D) => attentionWithJoinedHeads(q, q, v, {}),
      filled(2, 3, 9, 4),
      filled(2, 3, 9, 4),
    ),
  () => tf.abs(tf.complex(filled(3), filled(3))),
  () => {
    const data = new Uint8Array(16);
    return tf.browser.fromPixels({ data, width: 2, height: 2 });
  },
];

/** A function of tensors with its gradients, or without where it has none. */
function attended({ operation: { axes, run }, options }: Call): void {
  const names = Object.keys(axes);
  const inputs = names.map((name) => {
    const shape = shapeOf(axes[name]!, { ...SIZES, batch: 2, columns: 8 });
    return tf.tensor(numbersOf(name, shape), shape);
  });
  const summed = (...given: tf.Tensor[]) => {
    const y = run(
      Object.fromEntries(names.map((name, i) => [name, given[i]!])),
      options,
    );
    return y instanceof tf.Tensor ? tf.sum(y) : tf.addN(
      Object.values(y).map((x) => tf.sum(x)),
    );
  };
  const { value, grads } = tf.valueAndGrads(summed)(inputs);
  tf.dispose([value, ...grads]);
}

/** Entries of the library whose calls reach kernels. */
const ENTRIES = [".", "./family", "./operations", "./layers", "./training"];

/** Runs a call that may throw, and frees what it makes. */
async function freed(run: () => unknown): Promise<void> {
  tf.engine().startScope();
  try {
    await run();
  } catch {
    // What a backend refuses is tested elsewhere.
  } finally {
    tf.engine().endScope();
  }
}

/** All that the tables call. */
function* allRuns(): Generator<() => unknown> {
  for (const { run } of operationCalls(1)) yield () => freed(run);
  for (const dtype of ["int32", "bool"] as const) {
    for (const [name, calls] of Object.entries(CASES)) {
      for (const [i, run] of calls.entries()) {
        const make = argumentsOf(`${name} ${dtype} ${i}`, dtype);
        yield () => freed(() => run(make));
      }
    }
  }
  for (const one of INDEX_CASES) {
    if (!one.odd) yield () => outcomeOf(one);
  }
  for (const one of Object.values(KERNEL_CASES)) yield () => resultsOf(one);
  for (const call of Object.values(CALLS)) {
    yield () => freed(() => attended(call));
  }
  for (const entry of ENTRIES) {
    for (const call of Object.values(GOOD_CALLS[entry]!)) {
      yield () => endOf(call);
    }
  }
  for (const run of FURTHER) yield () => freed(run);
}

/** Calls of kernels that WebGPU has and WebAssembly has not. */
function* runsOfWebGpu(): Generator<() => unknown> {
  for (const { name, run } of operationCalls(1)) {
    if (REFUSED_FLOATS.wasm.includes(name)) yield () => freed(run);
  }
  for (const run of ON_WEBGPU) yield () => freed(run);
}

/** Why {@linkcode kernelCalls} leaves data behind, for the tests that use it. */
export const DATA_LEFT_BY =
  "tfjs's engine does not hear of parts of complex numbers that are gone";

let ofWasm: NotedCalls | undefined;

/**
 * Calls of the kernels of a backend, which has been started; noted on WebAssembly, which
 * runs all tables in seconds, but for kernels that it has not.
 */
export async function kernelCalls(backend: BackendName): Promise<NotedCalls> {
  if (!ofWasm) {
    await useBackend({ prefer: ["wasm"] });
    ofWasm = await note(allRuns());
    await useBackend({ prefer: [backend] });
  }
  if (backend !== "webgpu") return ofWasm;
  const { calls, others } = await note(runsOfWebGpu());
  return {
    calls: new Map([...ofWasm.calls, ...calls]),
    others: new Map([...ofWasm.others, ...others]),
  };
}
