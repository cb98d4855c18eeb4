/** The small fused operations as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import { LOG_SIGMOID } from "../../attention/decays/decay.ts";
import { SOURCE_DECAY } from "../../attention/decays/decay_pair.ts";
import {
  FINITE_DECAY,
  LOWEST_LOG_DECAY,
} from "../../attention/decays/finite_decay.ts";
import {
  BETWEEN_TOKENS,
  type BetweenTokensAttributes,
} from "../../attention/forms/paths.ts";
import type { Operation } from "../../contract/kernel.ts";
import { GELU } from "../../operations/gelu.ts";
import {
  FUSED_FEATURE_MAPS,
  type FusedFeatureMap,
  SPLIT_HEADS,
} from "../../operations/heads.ts";
import { LAYER_NORM } from "../../operations/layer_norm.ts";
import { TOKENS, WITHOUT_PADDING } from "../../operations/padding.ts";
import { RMS_NORM } from "../../operations/rms_norm.ts";
import { ADAM, type AdamAttributes } from "../../optimizers/adam.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { refer } from "../../tfjs/wasm/identity.ts";
import { type Call, type Kernel, registerWasmKernel } from "./kernel.ts";
import { clearPadding } from "./padding.ts";

/**
 * Registers the kernels.
 *
 * @param host Runs them.
 */
export function registerOperations(host: KernelHost): void {
  const register = (operation: Operation, forward: Kernel, gradient?: Kernel) =>
    registerWasmKernel(host, operation, {
      forward,
      ...(gradient ? { gradient } : {}),
    });
  register(LAYER_NORM, layerNorm, layerNormGradient);
  register(RMS_NORM, rmsNorm, rmsNormGradient);
  register(GELU, gelu, gelu);
  register(LOG_SIGMOID, logSigmoid, logSigmoid);
  register(FINITE_DECAY, finiteDecay, finiteDecay);
  register(SPLIT_HEADS, splitHeads, splitHeadsGradient);
  register(SOURCE_DECAY, sourceDecay, sourceDecayGradient);
  register(TOKENS, tokens);
  register(WITHOUT_PADDING, withoutPadding);
  registerWasmKernel(host, BETWEEN_TOKENS, { forward: betweenTokens });
  register(ADAM, adam);
}

/**
 * Operations for an element of an elementwise function, roughly: an exponential
 * and a division.
 */
const OPERATIONS_AN_ELEMENT = 30;

/** Operations that take as long as reading and writing an element. */
const OPERATIONS_A_COPY = 8;

function sizeOf({ shape }: tf.TensorInfo): number {
  return tf.util.sizeFromShape(shape);
}

function normJob({ inputs, attributes, host, at }: Call) {
  const { x, scale, offset } = inputs;
  const columns = x!.shape.at(-1)!;
  const rows = sizeOf(x!) / Math.max(1, columns);
  return {
    rows,
    columns,
    rowsPerTask: Math.max(16, Math.ceil(rows / (4 * host.threads))),
    epsilon: attributes["epsilon"] as number,
    x: at(x),
    scale: at(scale),
    offset: at(offset),
    y: 0,
    dy: 0,
    dx: 0,
    dscale: 0,
    doffset: 0,
  };
}

const layerNorm: Kernel = (call) => {
  const x = call.inputs["x"]!;
  const y = call.make(x.shape);
  call.host.run("layerNorm", { ...normJob(call), y: call.at(y) }, {
    operations: 8 * sizeOf(x),
  });
  return [y];
};

const layerNormGradient: Kernel = (call) => {
  const { inputs, make, at } = call;
  const dx = make(inputs["x"]!.shape);
  const dscale = make(inputs["scale"]!.shape);
  const doffset = make(inputs["offset"]!.shape);
  call.host.run("layerNorm", {
    ...normJob(call),
    dy: at(inputs["dy"]),
    dx: at(dx),
    dscale: at(dscale),
    doffset: at(doffset),
  }, { operations: 16 * sizeOf(dx) });
  return [dx, dscale, doffset];
};

function rmsNormJob({ inputs, attributes, host, at }: Call) {
  const { x, scale, gate } = inputs;
  const columns = x!.shape.at(-1)!;
  const rows = sizeOf(x!) / columns;
  return {
    rows,
    columns,
    rowsPerTask: Math.max(16, Math.ceil(rows / (4 * host.threads))),
    epsilon: attributes["epsilon"] as number,
    x: at(x),
    scale: at(scale),
    gate: at(gate),
    ...{ y: 0, dy: 0, dx: 0, dscale: 0, dgate: 0 },
  };
}

const rmsNorm: Kernel = (call) => {
  const x = call.inputs["x"]!;
  const y = call.make(x.shape);
  call.host.run("rmsNorm", { ...rmsNormJob(call), y: call.at(y) }, {
    operations: OPERATIONS_AN_ELEMENT * sizeOf(x),
  });
  return [y];
};

const rmsNormGradient: Kernel = (call) => {
  const { inputs, make, at } = call;
  const { dy, x, scale, gate } = inputs;
  const dx = make(x!.shape), dscale = make(scale!.shape);
  const dgate = gate && make(gate.shape);
  call.host.run("rmsNorm", {
    ...rmsNormJob(call),
    dy: at(dy),
    dx: at(dx),
    dscale: at(dscale),
    dgate: at(dgate),
  }, { operations: 2 * OPERATIONS_AN_ELEMENT * sizeOf(dx) });
  return dgate ? [dx, dscale, dgate] : [dx, dscale];
};

/** The record of an operation of each element of x, or of its gradient. */
function elementwiseJob({ inputs, make, at }: Call) {
  const { x, dy } = inputs;
  const y = make(x!.shape);
  return { y, job: { size: sizeOf(y), x: at(x), y: at(y), dy: at(dy) } };
}

const gelu: Kernel = (call) => {
  const { y, job } = elementwiseJob(call);
  call.host.run("gelu", job, {
    operations: OPERATIONS_AN_ELEMENT * job.size,
  });
  return [y];
};

const logSigmoid: Kernel = (call) => {
  const { y, job } = elementwiseJob(call);
  call.host.run("logSigmoid", job, {
    operations: OPERATIONS_AN_ELEMENT * job.size,
  });
  return [y];
};

const finiteDecay: Kernel = (call) => {
  const { y, job } = elementwiseJob(call);
  call.host.run("finiteDecay", { ...job, lowest: LOWEST_LOG_DECAY }, {
    operations: OPERATIONS_A_COPY * job.size,
  });
  return [y];
};

function headsJob({ inputs, attributes, at }: Call) {
  const x = inputs["x"]!;
  const [batch, length, columns] = x.shape as [number, number, number];
  const heads = attributes["numHeads"] as number;
  const name = attributes["featureMap"] as FusedFeatureMap;
  return {
    batch,
    length,
    heads,
    headDim: columns / (3 * heads),
    featureMap: FUSED_FEATURE_MAPS.indexOf(name),
    x: at(x),
    dx: 0,
  };
}

const splitHeads: Kernel = (call) => {
  const { host, make, at } = call;
  const job = headsJob(call);
  const shape = [job.batch, job.heads, job.length, job.headDim];
  const [q, k, v] = [make(shape), make(shape), make(shape)];
  host.run("splitHeads", { ...job, q: at(q), k: at(k), v: at(v) }, {
    operations: OPERATIONS_AN_ELEMENT * sizeOf(call.inputs["x"]!),
  });
  return [q, k, v];
};

const splitHeadsGradient: Kernel = (call) => {
  const { host, inputs, make, at } = call;
  const dx = make(inputs["x"]!.shape);
  host.run("splitHeads", {
    ...headsJob(call),
    q: at(inputs["dq"]),
    k: at(inputs["dk"]),
    v: at(inputs["dv"]),
    dx: at(dx),
  }, { operations: OPERATIONS_AN_ELEMENT * sizeOf(dx) });
  return [dx];
};

/** Source decays have one number a token: a loop here is as fast as a job. */
const sourceDecay: Kernel = ({ wasm, inputs, make }) => {
  const logDecay = inputs["logDecay"]!;
  const length = logDecay.shape.at(-1)!;
  const outputs = [make(logDecay.shape), make(logDecay.shape)];
  const values = wasm.typedArrayFromHeap(logDecay);
  const [forward, backward] = outputs.map((x) => wasm.typedArrayFromHeap(x));
  for (let first = 0; first < values.length; first += length) {
    const last = first + length - 1;
    forward![first] = backward![last] = 0;
    for (let i = first; i < last; i++) {
      forward![i + 1] = clip(values[i]!);
      backward![i] = clip(values[i + 1]!);
    }
  }
  return outputs;
};

function clip(value: number): number {
  return value < LOWEST_LOG_DECAY ? LOWEST_LOG_DECAY : value;
}

const sourceDecayGradient: Kernel = ({ wasm, inputs, make }) => {
  const { logDecay, df, db } = inputs;
  const output = make(logDecay!.shape);
  const length = logDecay!.shape.at(-1)!;
  const gradient = wasm.typedArrayFromHeap(output);
  const [values, forward, backward] = [logDecay!, df!, db!].map((x) =>
    wasm.typedArrayFromHeap(x)
  );
  for (let first = 0; first < gradient.length; first += length) {
    const last = first + length - 1;
    for (let i = first; i <= last; i++) {
      const before = i > first ? backward![i - 1]! : 0;
      const after = i < last ? forward![i + 1]! : 0;
      gradient[i] = values![i]! < LOWEST_LOG_DECAY ? 0 : before + after;
    }
  }
  return [output];
};

/** Makes a mask of 1 and 0, which is the mask itself where it holds nothing else. */
const tokens: Kernel = ({ wasm, inputs, make }) => {
  const mask = inputs.mask!;
  const values = wasm.typedArrayFromHeap(mask) as Float32Array;
  if (values.every((value) => value === 0 || value === 1)) {
    return [refer(wasm, mask)];
  }
  const found = values.map((value) => value === 0 ? 0 : 1);
  const y = make(mask.shape);
  wasm.typedArrayFromHeap(y).set(found);
  return [y];
};

/**
 * Sets padding to 0: a copy and fills, at the speed of memory, which no job beats.
 * Where nothing is padding, the tensor itself is the result.
 */
const withoutPadding: Kernel = ({ wasm, inputs, make }) => {
  const { x, mask } = inputs as Record<"x" | "mask", tf.TensorInfo>;
  if (!wasm.typedArrayFromHeap(mask).includes(0)) return [refer(wasm, x)];
  const y = make(x.shape);
  wasm.typedArrayFromHeap(y).set(wasm.typedArrayFromHeap(x));
  clearPadding(wasm, y, mask);
  return [y];
};

/**
 * Clears rows at a sequence's ends: a copy and at most a few fills, which no job
 * beats.
 */
const betweenTokens: Kernel<BetweenTokensAttributes> = (
  { wasm, inputs, attributes, make },
) => {
  const { x, tokens } = inputs as Record<"x" | "tokens", tf.TensorInfo>;
  const [batch, heads, length, channels = 1] = x.shape as tf.Tensor4D["shape"];
  const y = make(x.shape);
  const values = wasm.typedArrayFromHeap(y);
  const mask = wasm.typedArrayFromHeap(tokens) as Float32Array;
  values.set(wasm.typedArrayFromHeap(x));
  const row = length * channels;
  for (let i = 0; i < batch; i++) {
    const own = mask.subarray(i * length, (i + 1) * length);
    const isToken = (value: number) => value !== 0;
    const first = own.findIndex(isToken), last = own.findLastIndex(isToken);
    const start = first < 0 ? length : first + Number(attributes.forward);
    const end = last + Number(attributes.forward);
    for (let at = i * heads * row; at < (i + 1) * heads * row; at += row) {
      values.fill(0, at, at + start * channels);
      values.fill(0, at + Math.max(start, end) * channels, at + row);
    }
  }
  return [y];
};

const adam: Kernel = ({ host, inputs, attributes, make, at }) => {
  const { value, gradient, mean, square } = inputs as Record<
    "value" | "gradient" | "mean" | "square",
    tf.TensorInfo
  >;
  const { shape } = value;
  const outputs = [make(shape), make(shape), make(shape)] as const;
  const [newValue, newMean, newSquare] = outputs;
  const size = sizeOf(value);
  const step = attributes as unknown as AdamAttributes;
  host.run("adam", {
    ...step,
    rest1: 1 - step.beta1,
    rest2: 1 - step.beta2,
    size,
    value: at(value),
    gradient: at(gradient),
    mean: at(mean),
    square: at(square),
    newValue: at(newValue),
    newMean: at(newMean),
    newSquare: at(newSquare),
  }, { operations: OPERATIONS_AN_ELEMENT * size });
  return [...outputs];
};
