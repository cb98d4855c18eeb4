/** What layers and losses do in one pass, as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { FIXED_DECAY, SPREAD } from "../../attention/decays/decay_pair.ts";
import { LOWEST_LOG_DECAY } from "../../attention/decays/finite_decay.ts";
import { NOT_COUNTED } from "../../base/not_counted.ts";
import type { Operation } from "../../tfjs/kernel/kernel.ts";
import { TOKEN_LOG_DECAY } from "../../layers/mixers/token_log_decay.ts";
import { ADD_AND_NORM, NORM_OF_SUM } from "../../operations/add_norm.ts";
import { DROPOUT } from "../../operations/dropout.ts";
import { TOKEN_MEAN } from "../../operations/token_mean.ts";
import {
  compute,
  elementwise,
} from "../../tfjs/wasm/elementwise/elementwise.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { refer, sizeOf } from "../../tfjs/kernel_call.ts";
import { REDUCTIONS } from "../../tfjs/wasm/jobs.ts";
import { CROSS_ENTROPY } from "../../training/losses/cross_entropy_kernel.ts";
import {
  type Call,
  type Kernel,
  registerJob,
  registerWasmKernel,
} from "./kernel.ts";

/** Operations for an exponential, roughly. */
const OPERATIONS_AN_EXPONENTIAL = 20;

/** Operations that take as long as reading and writing an element. */
export const OPERATIONS_A_COPY = 8;

export function registerFusedLayers(host: KernelHost): void {
  const register = (operation: Operation, forward: Kernel, gradient: Kernel) =>
    registerWasmKernel(host, operation, { forward, gradient });
  register(
    ADD_AND_NORM,
    (call) => {
      const { sum, y } = normalize(call);
      return [sum, y];
    },
    normGradient,
  );
  register(
    NORM_OF_SUM,
    (call) => {
      const { sum, y } = normalize(call);
      return [y, sum];
    },
    normGradient,
  );
  registerJob(host, CROSS_ENTROPY, {
    job: "crossEntropy",
    outputs({ inputs: { logits }, make }) {
      const [rows] = logits!.shape as [number, number];
      return { loss: make([]), maxima: make([rows]), sums: make([rows]) };
    },
    numbers: rowsOfLogits,
    operations: ({ inputs: { logits } }) =>
      OPERATIONS_AN_EXPONENTIAL * sizeOf(logits!),
  });
  registerJob(host, TOKEN_LOG_DECAY, {
    job: "tokenDecay",
    outputs({ inputs: { x }, make }) {
      const [batch, length, heads] = x!.shape as tf.Tensor3D["shape"];
      return { y: make([batch, heads, length]) };
    },
    numbers: logitsOfTokens,
    operations: ({ inputs: { x } }) =>
      2 * OPERATIONS_AN_EXPONENTIAL * sizeOf(x!),
  });
  register(FIXED_DECAY, fixedDecay, fixedDecayGradient);
  register(SPREAD, spread, spreadGradient);
  register(TOKEN_MEAN, tokenMean, tokenMeanGradient);
  register(DROPOUT, dropout("x"), dropout("dy"));
}

/**
 * The rows that are normalised, and how many of them a task has: as many whatever
 * the number of threads, so that sums over tasks are the same.
 */
export function normRows(
  { shape }: tf.TensorInfo,
  attributes: Call["attributes"],
) {
  const columns = shape.at(-1)!;
  const rows = tf.util.sizeFromShape(shape) / Math.max(1, columns);
  const rowsPerTask = Math.max(16, Math.ceil(rows / 64));
  const epsilon = attributes["epsilon"] as number;
  return { rows, columns, rowsPerTask, epsilon };
}

/** Normalises the sum of two tensors, or a tensor that is then its own sum. */
function normalize(call: Call): { sum: tf.TensorInfo; y: tf.TensorInfo } {
  const { inputs, attributes, wasm, make, run } = call, x = inputs["x"]!;
  const made = inputs["added"] && make(x.shape), y = make(x.shape);
  const tensors = { ...inputs, y, ...(made ? { sum: made } : {}) };
  const operations = OPERATIONS_A_COPY * sizeOf(x);
  run("layerNorm", normRows(x, attributes), tensors, operations);
  return { sum: made ?? refer(wasm, x), y };
}

/** Both summands have the same gradient, which is kept once. */
const normGradient: Kernel = ({ inputs, attributes, wasm, make, run }) => {
  const { sum, scale, dsum, dy } = inputs;
  const dx = make(sum!.shape), dscale = make(scale!.shape);
  const doffset = make(scale!.shape);
  const tensors = { x: sum, scale, dsum, dy, dx, dscale, doffset };
  const operations = 2 * OPERATIONS_A_COPY * sizeOf(dx);
  run("layerNorm", normRows(sum!, attributes), tensors, operations);
  return attributes["adds"]
    ? [dx, refer(wasm, dx), dscale, doffset]
    : [dx, dscale, doffset];
};

function rowsOfLogits({ wasm, inputs, attributes }: Call) {
  const { logits, labels } = inputs;
  const [rows, classes] = logits!.shape as [number, number];
  let counted = 0;
  for (const label of wasm.typedArrayFromHeap(labels!)) {
    if (label !== NOT_COUNTED) counted++;
  }
  return {
    ...{ rows, classes },
    rowsPerTask: Math.max(1, Math.ceil(4096 / classes)),
    notCounted: NOT_COUNTED,
    share: 1 / Math.max(1, counted),
    smoothing: attributes["smoothing"] as number,
  };
}

function logitsOfTokens({ inputs, attributes }: Call) {
  const [batch, length, heads] = inputs["x"]!.shape as tf.Tensor3D["shape"];
  return { batch, length, heads, kept: attributes["kept"] as number };
}

/** Both directions share their numbers, one per token, so that a loop here does. */
const fixedDecay: Kernel = ({ wasm, inputs, attributes, make }) => {
  const { logDecay } = inputs, [heads] = logDecay!.shape;
  const length = attributes["length"] as number;
  const f = make([1, heads!, length]), decays = wasm.typedArrayFromHeap(f);
  wasm.typedArrayFromHeap(logDecay!).forEach((value, head) => {
    const raised = value < LOWEST_LOG_DECAY ? LOWEST_LOG_DECAY : value;
    decays.fill(raised, head * length, (head + 1) * length);
  });
  return [f, refer(wasm, f)];
};

const fixedDecayGradient: Kernel = ({ wasm, inputs, attributes, make }) => {
  const { logDecay, df, db } = inputs, output = make(logDecay!.shape);
  const length = attributes["length"] as number;
  const [values, forward, backward, gradient] = [logDecay!, df!, db!, output]
    .map((x) => wasm.typedArrayFromHeap(x)) as [Values, Values, Values, Values];
  for (let head = 0; head < values.length; head++) {
    let sum = 0;
    for (let i = head * length; i < (head + 1) * length; i++) {
      sum += forward[i]! + backward[i]!;
    }
    gradient[head] = values[head]! < LOWEST_LOG_DECAY ? 0 : sum;
  }
  return [output];
};

type Values = tf.backend_util.TypedArray;

const spread: Kernel = ({ wasm, inputs, attributes, make }) => {
  const { x } = inputs, batch = attributes["batch"] as number;
  const y = make([batch, ...x!.shape.slice(1)]);
  const values = wasm.typedArrayFromHeap(x!);
  const all = wasm.typedArrayFromHeap(y);
  for (let i = 0; i < batch; i++) all.set(values, i * values.length);
  return [y];
};

const spreadGradient: Kernel = ({ inputs: { dy }, make, run }) => {
  const [rows, ...others] = dy!.shape, dx = make([1, ...others]);
  const kind = REDUCTIONS.indexOf("Sum");
  const axes = { repeats: 1, outer: 1, reduced: rows!, inner: sizeOf(dx) };
  run("reduce", { kind, ...axes }, { x: dy, y: dx }, sizeOf(dy!));
  return [dx];
};

/** The kernel of dropout of the input with this name: x, or its output's gradient. */
const dropout = (name: "x" | "dy"): Kernel => {
  const fn = elementwise("dropout");
  return ({ host, wasm, inputs, attributes }) => {
    const operands = [inputs[name]!, inputs["uniform"]!];
    const p = attributes["keep"] as number;
    return [compute(host, wasm, fn, operands, { p })!];
  };
};

const tokenMean: Kernel = ({ inputs, make, run }) => {
  const [batch, length, columns] = inputs["x"]!.shape as tf.Tensor3D["shape"];
  const y = make([batch, columns]), numbers = { batch, length, columns };
  const operations = OPERATIONS_A_COPY * sizeOf(inputs["x"]!);
  run("tokenMean", numbers, { ...inputs, y }, operations);
  return [y];
};

const tokenMeanGradient: Kernel = ({ inputs, attributes, make, run }) => {
  const [batch, columns] = inputs["dy"]!.shape as tf.Tensor2D["shape"];
  const length = attributes["length"] as number;
  const dx = make([batch, length, columns]);
  const operations = OPERATIONS_A_COPY * sizeOf(dx);
  run("tokenMean", { batch, length, columns }, { ...inputs, dx }, operations);
  return [dx];
};
