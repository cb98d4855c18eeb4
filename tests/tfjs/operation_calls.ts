/**
 * Every operation of tfjs-core on floats: the calls of `integer_cases.ts`, those of
 * operations that take floats alone, and drawn shapes of up to six axes, with sizes of
 * 0 and 1, broadcasts and gradients. All follows from a seed.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import type { BackendName } from "../../mod.ts";
import { alive } from "../backends.ts";
import { uniform } from "../random.ts";
import { type Arguments, CASES } from "./integer_cases.ts";

type Random = () => number;

type Made = tf.Tensor | tf.Tensor[] | Promise<tf.Tensor | tf.Tensor[]>;

/** A call of an operation, which makes its arguments. */
export interface OperationCall {
  /** The operation's name, and which of its calls it is. */
  readonly label: string;
  readonly name: string;
  readonly run: () => Made;
}

/** Numbers that are exact in sums, some of them equal, none of them 0. */
const number = (random: Random): number => {
  const eighths = Math.floor(40 * random()) - 20;
  return (eighths < 0 ? eighths : eighths + 1) / 8;
};

const filled = (shape: number[], random: Random): tf.Tensor =>
  tf.tensor(
    Float32Array.from(
      { length: tf.util.sizeFromShape(shape) },
      () => number(random),
    ),
    shape,
  );

/** The arguments of the calls of `integer_cases.ts`, as floats. */
function floats(random: Random): Arguments {
  const any = (...shape: number[]) => filled(shape, random);
  const whole = (limit: number, shape: number[]) =>
    tf.tensor(
      Int32Array.from(
        { length: tf.util.sizeFromShape(shape) },
        () => Math.floor(limit * random()),
      ),
      shape,
      "int32",
    );
  return {
    dtype: "float32" as "int32",
    any,
    small: any,
    flags: (...shape) => tf.cast(whole(2, shape), "bool"),
    ids: (limit, ...shape) => whole(limit, shape),
  };
}

/** A shape of so many axes at most, of which few are empty. */
function shapeOf(random: Random, most = 6): number[] {
  const rank = Math.floor((most + 1) * random());
  return Array.from(
    { length: rank },
    () => random() < 0.03 ? 0 : 1 + Math.floor((rank > 4 ? 3 : 5) * random()),
  );
}

/** A shape that is broadcast with another one. */
function besideOf(shape: number[], random: Random): number[] {
  const own = shape.map((size) => random() < 0.3 ? 1 : size);
  return own.slice(Math.floor(random() * random() * (own.length + 1)));
}

/** Some of the axes, counted from either end. */
function axesOf(shape: number[], random: Random): number[] {
  return [...shape.keys()].filter(() => random() < 0.5)
    .map((axis) => random() < 0.3 ? axis - shape.length : axis);
}

const one = <T>(of: readonly T[], random: Random): T =>
  of[Math.floor(of.length * random())]!;

const UNARY = `
abs ceil clipByValue cos cosh elu erf exp expm1 floor isFinite isInf isNaN leakyRelu
logSigmoid neg reciprocal relu relu6 round selu sigmoid sign sin sinh softplus square
step tan tanh onesLike zerosLike asinh atan
`.trim().split(/\s+/);
/** Functions of positive numbers. */
const POSITIVE = ["log", "log1p", "sqrt", "rsqrt"];
/** Functions of numbers from -1 to 1. */
const BELOW_1 = ["asin", "acos", "atanh"];
const BINARY = `
add sub mul div divNoNan floorDiv maximum minimum mod squaredDifference atan2 prelu
equal notEqual less lessEqual greater greaterEqual
`.trim().split(/\s+/);
const REDUCTIONS = `
sum mean prod max min logSumExp euclideanNorm norm
`.trim().split(/\s+/);
/** Functions without a gradient in tfjs. */
const FLAT =
  /^(isFinite|isInf|isNaN|onesLike|zerosLike|floorDiv|.*[eE]qual|less|greater)$/;

type Drawn = (random: Random) => Made;

const operation = (name: string) =>
  tf[name as "abs"] as unknown as (...of: unknown[]) => tf.Tensor;

/** The function, and half of the time its gradients. */
function withGradients(
  name: string,
  run: (...tensors: tf.Tensor[]) => tf.Tensor,
  tensors: tf.Tensor[],
  random: Random,
): tf.Tensor[] {
  const y = run(...tensors);
  if (FLAT.test(name) || random() < 0.5) return [y];
  return [y, ...tf.grads(run)(tensors, filled(y.shape, random))];
}

const unary =
  (name: string, map: (x: tf.Tensor) => tf.Tensor): Drawn => (random) => {
    const x = map(filled(shapeOf(random), random));
    const apply = operation(name);
    return withGradients(
      name,
      (x) => name === "clipByValue" ? apply(x, -1, 1) : apply(x),
      [x],
      random,
    );
  };

const binary = (name: string): Drawn => (random) => {
  const shape = shapeOf(random);
  const pair = [shape, besideOf(shape, random)];
  const [a, b] = random() < 0.5 ? pair : pair.toReversed();
  return withGradients(
    name,
    operation(name),
    [filled(a!, random), filled(b!, random)],
    random,
  );
};

const reduction = (name: string): Drawn => (random) => {
  const shape = shapeOf(random), axes = axesOf(shape, random);
  const keepDims = random() < 0.5;
  const axis = random() < 0.3 ? undefined : axes;
  // The gradient of a norm divides by it, and that of a mean of nothing by 0.
  const isOfNothing = shape.includes(0);
  const run = (x: tf.Tensor) =>
    name === "norm"
      ? tf.norm(x, 2, axes.slice(0, 2), keepDims)
      : operation(name)(x, axis, keepDims);
  const x = filled(shape, random);
  if (name === "norm" && (axes.length === 0 || axes.length > 2)) return [];
  return isOfNothing ? run(x) : withGradients(name, run, [x], random);
};

const moved = (
  run: (x: tf.Tensor, random: Random) => tf.Tensor,
): Drawn =>
(random) => {
  const x = filled(shapeOf(random), random);
  // The same move of another tensor, whatever it draws.
  const seed = Math.floor(1e6 * random());
  return withGradients("", (x) => run(x, uniform(seed)), [x], random);
};

const nonEmpty = (random: Random, most = 6): number[] =>
  shapeOf(random, most).map((size) => Math.max(1, size));

/** Calls whose shapes are drawn. */
const DRAWN: Readonly<Record<string, Drawn>> = {
  ...Object.fromEntries(UNARY.map((name) => [name, unary(name, (x) => x)])),
  ...Object.fromEntries(
    POSITIVE.map((name) => [name, unary(name, (x) => tf.abs(x))]),
  ),
  ...Object.fromEntries(
    BELOW_1.map((name) => [name, unary(name, (x) => tf.div(x, 3))]),
  ),
  ...Object.fromEntries(BINARY.map((name) => [name, binary(name)])),
  ...Object.fromEntries(REDUCTIONS.map((name) => [name, reduction(name)])),
  pow: (random) => {
    const shape = shapeOf(random);
    const base = tf.abs(filled(shape, random));
    const exponent = filled(besideOf(shape, random), random);
    return withGradients("pow", operation("pow"), [base, exponent], random);
  },
  acosh: unary("acosh", (x) => tf.add(tf.abs(x), 1)),
  argMax: (random) => {
    const shape = [...nonEmpty(random, 5), 3];
    return tf.argMax(
      filled(shape, random),
      Math.floor(random() * shape.length),
    );
  },
  argMin: (random) =>
    tf.argMin(filled([...nonEmpty(random, 5), 3], random), -1),
  cumsum: (random) => {
    const shape = [...shapeOf(random, 5), 3];
    const axis = Math.floor(random() * shape.length);
    const [exclusive, reverse] = [random() < 0.5, random() < 0.5];
    const run = (x: tf.Tensor) => tf.cumsum(x, axis, exclusive, reverse);
    return withGradients("cumsum", run, [filled(shape, random)], random);
  },
  softmax: (random) =>
    withGradients(
      "softmax",
      (x) => tf.softmax(x),
      [filled([...nonEmpty(random, 5), 3], random)],
      random,
    ),
  where: (random) => {
    const shape = shapeOf(random),
      other = filled(besideOf(shape, random), random);
    const condition = tf.greater(filled(besideOf(shape, random), random), 0);
    return withGradients(
      "where",
      (x) => tf.where(condition, x, other),
      [filled(shape, random)],
      random,
    );
  },
  transpose: moved((x, random) => {
    const order = [...x.shape.keys()];
    const sorted = order.map((axis) => [random(), axis] as const)
      .sort(([a], [b]) => a - b).map(([, axis]) => axis);
    return tf.transpose(x, sorted);
  }),
  reverse: moved((x, random) => tf.reverse(x, axesOf(x.shape, random))),
  pad: moved((x, random) =>
    tf.pad(
      x,
      x.shape.map(() =>
        [Math.floor(3 * random()), Math.floor(2 * random())] as [number, number]
      ),
      random() < 0.5 ? 0 : 7,
    )
  ),
  mirrorPad: (random) => {
    const shape = nonEmpty(random).map((size) => size + 1);
    return tf.mirrorPad(
      filled(shape, random),
      shape.map(() => [Math.floor(2 * random()), Math.floor(2 * random())]),
      one(["reflect", "symmetric"], random),
    );
  },
  slice: moved((x, random) => {
    const begin = x.shape.map((size) => Math.floor(size * random()));
    const size = x.shape.map((size, axis) =>
      Math.ceil((size - begin[axis]!) * random())
    );
    return tf.slice(x, begin, size);
  }),
  stridedSlice: (random) => {
    const shape = nonEmpty(random);
    if (shape.length === 0) return [];
    return tf.stridedSlice(
      filled(shape, random),
      shape.map(() => 0),
      shape,
      shape.map(() => 1 + Math.floor(2 * random())),
    );
  },
  tile: moved((x, random) =>
    tf.tile(x, x.shape.map(() => 1 + Math.floor(2 * random())))
  ),
  reshape: moved((x) => tf.reshape(x, [x.size])),
  expandDims: moved((x, random) =>
    tf.expandDims(x, Math.floor((x.rank + 1) * random()))
  ),
  squeeze: moved((x) => tf.squeeze(x)),
  broadcastTo: (random) => {
    const shape = shapeOf(random);
    return tf.broadcastTo(filled(besideOf(shape, random), random), shape);
  },
  concat: (random) => {
    const shape = [2, ...shapeOf(random, 5)];
    const axis = Math.floor(random() * shape.length);
    const parts = [1, 2, 3].map((size) =>
      filled(shape.with(axis, size), random)
    );
    return tf.concat(parts, axis);
  },
  stack: (random) => {
    const shape = shapeOf(random, 5);
    const axis = Math.floor(random() * (shape.length + 1));
    return tf.stack([filled(shape, random), filled(shape, random)], axis);
  },
  split: (random) => {
    const shape = [...shapeOf(random, 5), 4];
    return tf.split(filled(shape, random), [1, 3], -1);
  },
  unstack: (random) => {
    const shape = [...shapeOf(random, 5), 3];
    return tf.unstack(filled(shape, random), shape.length - 1);
  },
  matMul: (random) => {
    const batch = shapeOf(random, 3);
    const [rows, inner, columns] = [1, 2, 3].map(() =>
      1 + Math.floor(5 * random())
    ) as [number, number, number];
    const [a, b] = [random() < 0.5, random() < 0.5];
    return tf.matMul(
      filled([...batch, ...(a ? [inner, rows] : [rows, inner])], random),
      filled(
        [
          ...besideOf(batch, random),
          ...(b ? [columns, inner] : [inner, columns]),
        ],
        random,
      ),
      a,
      b,
    );
  },
  all: (random) => {
    const shape = shapeOf(random);
    const flags = tf.greater(filled(shape, random), -2);
    return tf.all(flags, axesOf(shape, random), random() < 0.5);
  },
  any: (random) => {
    const shape = shapeOf(random);
    const flags = tf.greater(filled(shape, random), 2);
    return tf.any(flags, axesOf(shape, random), random() < 0.5);
  },
  gather: (random) => {
    const shape = nonEmpty(random, 4).concat(3);
    const ids = tf.tensor1d([2, 0, 1, 2], "int32");
    return tf.gather(filled(shape, random), ids, shape.length - 1);
  },
  topk: (random) => {
    const shape = [...nonEmpty(random, 4), 6];
    // Of equal numbers, any may be the first.
    const numbers = tf.reshape(
      tf.range(0, tf.util.sizeFromShape(shape)),
      shape,
    );
    const { values, indices } = tf.topk(tf.sin(numbers), 3);
    return [values, indices];
  },
  oneHot: (random) =>
    tf.oneHot(tf.cast(tf.abs(filled(shapeOf(random, 5), random)), "int32"), 3),
};

const image = (random: Random, ...shape: number[]): tf.Tensor4D =>
  filled(shape, random) as tf.Tensor4D;
const complex = (random: Random, ...shape: number[]): tf.Tensor =>
  tf.complex(filled(shape, random), filled(shape, random));
const parts = (x: tf.Tensor): tf.Tensor[] => [tf.real(x), tf.imag(x)];

/** Calls of operations that take floats alone. */
export const FLOATS: Readonly<Record<string, readonly Drawn[]>> = {
  complex: [(random) => parts(complex(random, 2, 3))],
  real: [(random) => tf.real(tf.add(complex(random, 5), complex(random, 5)))],
  imag: [(random) => tf.imag(tf.mul(complex(random, 5), complex(random, 5)))],
  fft: [
    (random) => parts(tf.fft(complex(random, 8))),
    (random) => parts(tf.fft(complex(random, 2, 3, 5))),
  ],
  ifft: [(random) => parts(tf.ifft(complex(random, 2, 6)))],
  rfft: [(random) => parts(tf.rfft(filled([2, 8], random)))],
  irfft: [(random) => tf.irfft(complex(random, 2, 5))],
  "signal.stft": [
    (random) =>
      parts(tf.signal.stft(filled([16], random) as tf.Tensor1D, 8, 4)),
  ],
  batchNorm4d: [(random) =>
    tf.batchNorm4d(
      image(random, 2, 3, 3, 4),
      filled([4], random) as tf.Tensor1D,
      tf.abs(filled([4], random)) as tf.Tensor1D,
      filled([4], random) as tf.Tensor1D,
      filled([4], random) as tf.Tensor1D,
    )],
  conv1d: [(random) =>
    tf.conv1d(
      filled([2, 7, 3], random) as tf.Tensor3D,
      filled([3, 3, 2], random) as tf.Tensor3D,
      2,
      "same",
    )],
  conv2d: [(random) =>
    withGradients(
      "conv2d",
      (x, filter) =>
        tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, [1, 2], "same"),
      [image(random, 2, 5, 6, 3), image(random, 3, 2, 3, 4)],
      random,
    )],
  conv2dTranspose: [(random) =>
    tf.conv2dTranspose(
      image(random, 1, 3, 4, 2),
      image(random, 2, 2, 3, 2),
      [1, 6, 8, 3],
      2,
      "same",
    )],
  conv3d: [(random) =>
    tf.conv3d(
      filled([1, 3, 4, 5, 2], random) as tf.Tensor5D,
      filled([2, 2, 2, 2, 3], random) as tf.Tensor5D,
      1,
      "valid",
    )],
  conv3dTranspose: [(random) =>
    tf.conv3dTranspose(
      filled([1, 2, 2, 3, 2], random) as tf.Tensor5D,
      filled([2, 2, 2, 3, 2], random) as tf.Tensor5D,
      [1, 4, 4, 6, 3],
      2,
      "same",
    )],
  depthwiseConv2d: [(random) =>
    withGradients(
      "depthwiseConv2d",
      (x, filter) =>
        tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, "same"),
      [image(random, 2, 5, 6, 3), image(random, 3, 2, 3, 2)],
      random,
    )],
  separableConv2d: [(random) =>
    tf.separableConv2d(
      image(random, 1, 5, 5, 2),
      image(random, 3, 3, 2, 2),
      image(random, 1, 1, 4, 3),
      1,
      "valid",
    )],
  dilation2d: [(random) =>
    tf.dilation2d(
      image(random, 1, 5, 6, 2),
      filled([2, 3, 2], random) as tf.Tensor3D,
      1,
      "same",
    )],
  linspace: [() => tf.linspace(-1, 2, 7)],
  "fused.conv2d": [(random) =>
    tf.fused.conv2d({
      x: image(random, 1, 4, 5, 3),
      filter: image(random, 2, 2, 3, 4),
      strides: 1,
      pad: "same",
      bias: filled([4], random),
      activation: one(["relu", "relu6", "elu", "sigmoid"], random),
    })],
  "fused.depthwiseConv2d": [(random) =>
    tf.fused.depthwiseConv2d({
      x: image(random, 1, 4, 5, 3),
      filter: image(random, 2, 2, 3, 1),
      strides: 1,
      pad: "same",
      bias: filled([3], random),
      activation: one(["relu", "relu6", "elu", "sigmoid"], random),
    })],
  "fused.matMul": [(random) =>
    tf.fused.matMul({
      a: filled([3, 5], random) as tf.Tensor2D,
      b: filled([5, 4], random) as tf.Tensor2D,
      bias: filled([4], random),
      activation: one(["relu", "relu6", "elu", "sigmoid"], random),
    })],
  "image.rotateWithOffset": [
    (random) =>
      tf.image.rotateWithOffset(image(random, 2, 5, 6, 3), 0.7, 0.25, 0.5),
  ],
  "image.transform": [(random) =>
    tf.image.transform(
      image(random, 2, 4, 5, 2),
      tf.tensor2d([[1.1, 0.1, 0, 0, 1, 0.3, 0.01, 0]]),
      "bilinear",
      "reflect",
    )],
  "image.nonMaxSuppressionAsync": [(random) =>
    tf.image.nonMaxSuppressionAsync(
      tf.tensor2d([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3]]),
      tf.abs(filled([3], random)) as tf.Tensor1D,
      3,
    )],
  "linalg.gramSchmidt": [
    () =>
      tf.linalg.gramSchmidt(tf.tensor2d([[1, 2, 0.5], [0, 1, 2], [2, 0, 1]])),
  ],
  "linalg.qr": [
    () => tf.linalg.qr(tf.tensor2d([[1, 2], [3, 4], [5, 7]])),
  ],
  "signal.hannWindow": [() => tf.signal.hannWindow(7)],
  "signal.hammingWindow": [() => tf.signal.hammingWindow(7)],
};

/**
 * What of {@linkcode NO_INTEGERS} is no operation, draws random numbers, takes strings
 * or is made of operations that are called.
 */
export const NO_CALLS: readonly string[] = `
AdadeltaOptimizer AdagradOptimizer AdamOptimizer AdamaxOptimizer DataStorage
Environment KernelBackend MomentumOptimizer Optimizer OptimizerConstructors
RMSPropOptimizer SGDOptimizer Tensor TensorBuffer Variable backend basicLSTMCell
batchNorm2d batchNorm3d buffer concat2d concat3d concat4d copyRegisteredKernels
cosineWindow customGrad deprecationWarn disableDeprecationWarnings dispose
disposeVariables dropout enableDebugMode enableProdMode enclosingPowerOfTwo engine env
findBackend findBackendFactory getBackend getGradient getKernel getKernelsForBackend
grad grads keep memory movingAverage multiRNNCell multinomial nextFrame op pad2d pad3d
pad4d print profile raggedRange raggedTensorToTensor rand randomGamma randomNormal
randomStandardNormal randomUniform ready registerBackend registerGradient
registerKernel removeBackend reverse2d reverse3d reverse4d setBackend setPlatform
slice2d slice3d slice4d sumOutType tensor1d tensor2d tensor3d tensor4d tensor5d
tensor6d tidy time train truncatedNormal unregisterGradient unregisterKernel upcastType
valueAndGrad valueAndGrads variableGrads image.nonMaxSuppression
image.nonMaxSuppressionWithScore image.nonMaxSuppressionWithScoreAsync
image.nonMaxSuppressionPadded image.nonMaxSuppressionPaddedAsync string.stringNGrams
string.stringSplit string.stringToHashBucketFast string.staticRegexReplace spectral.fft
spectral.ifft spectral.rfft spectral.irfft
`.trim().split(/\s+/);

/** All calls, with what a seed draws. */
export function operationCalls(seed: number): OperationCall[] {
  const calls = (name: string, runs: readonly Drawn[], kind: string) =>
    runs.map((run, i): OperationCall => {
      const label = `${name} ${kind}${i}`;
      const own = [...label].reduce(
        (sum, c) => 31 * sum + c.charCodeAt(0) | 0,
        seed,
      );
      return { label, name, run: () => run(uniform(own)) };
    });
  return [
    ...Object.entries(CASES).flatMap((
      [name, runs],
    ) =>
      calls(
        name,
        runs.map((run): Drawn => (random) => run(floats(random))),
        "",
      )
    ),
    ...Object.entries(FLOATS).flatMap(([name, runs]) => calls(name, runs, "")),
    ...Object.entries(DRAWN).flatMap(([name, run]) =>
      calls(name, [run, run, run], "drawn ")
    ),
  ];
}

/** What a call gave: tensors, or what it threw. */
export type Outcome = { readonly error: string } | {
  readonly results: readonly {
    readonly dtype: tf.DataType;
    readonly shape: readonly number[];
    readonly values: ArrayLike<number>;
  }[];
};

/**
 * Runs a call on the current backend, and frees what it makes.
 *
 * @throws {Error} If it leaves tensors or data behind.
 */
export async function outcomeOf(
  { label, run }: OperationCall,
): Promise<Outcome> {
  const before = alive();
  let outcome: Outcome;
  tf.engine().startScope();
  try {
    const tensors = [await run()].flat();
    const results = await Promise.all(tensors.map(async (tensor) => ({
      dtype: tensor.dtype,
      shape: tensor.shape,
      values: [...await tensor.data()],
    })));
    outcome = { results };
  } catch (error) {
    outcome = { error: (error as Error).message };
  } finally {
    tf.engine().endScope();
  }
  const after = alive();
  if (after.tensors !== before.tensors || after.ids !== before.ids) {
    throw new Error(
      `${label} leaves ${
        after.tensors - before.tensors
      } tensors and the data ` +
        `of ${after.ids - before.ids}`,
    );
  }
  return outcome;
}

/**
 * Operations of large sums, of powers and of quotients by small numbers, whose results
 * other orders and WGSL's functions change by more roundings.
 */
const LOOSE =
  /norm|Norm|conv|Conv|qr|gram|fft|stft|pow|prod|cumprod|tan|matMul/;

/** How an outcome differs from that of the cpu backend, if it does. */
export function differs(
  name: string,
  found: Outcome,
  wanted: Outcome,
): string | undefined {
  if ("error" in wanted) return undefined;
  if ("error" in found) return `throws ${found.error}`;
  // Sums and functions of numbers about 1 are wrong by a few units of 6e-8.
  const tolerance = LOOSE.test(name) ? 1e-4 : 1e-5;
  for (const [i, { dtype, shape, values }] of wanted.results.entries()) {
    const other = found.results[i]!;
    if (other.dtype !== dtype || `${other.shape}` !== `${shape}`) {
      return `${other.dtype} [${other.shape}] for ${dtype} [${shape}]`;
    }
    for (let at = 0; at < values.length; at++) {
      const [value, got] = [values[at]!, other.values[at]!];
      if (Object.is(value, got) || value === got) continue;
      // A bool may be any number but 0.
      if (dtype === "bool" && (value !== 0) === (got !== 0)) continue;
      const off = Math.abs(value - got);
      if (
        dtype === "float32" && off <= tolerance * Math.max(1, Math.abs(value))
      ) {
        continue;
      }
      return `${got} for ${value} at ${at} of result ${i}, [${shape}]`;
    }
  }
  return undefined;
}

/** What a backend refuses of floats by name, by the operation's name. */
export const REFUSED_FLOATS: Readonly<Record<BackendName, readonly string[]>> =
  {
    cpu: [],
    // tfjs has no complex numbers there.
    wasm: `complex real imag fft ifft rfft irfft signal.stft`.split(" "),
    webgpu: [],
  };
