/** Layers and losses in one pass each, as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { FIXED_DECAY, SPREAD } from "../../attention/decays/decay_pair.ts";
import { LOWEST_LOG_DECAY } from "../../attention/decays/finite_decay.ts";
import { type Operation, refer, sizeOf } from "@lionjs/tfjs/kernel";
import {
  type Kernel,
  type KernelHost,
  REDUCE_JOB,
  REDUCTIONS,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";

export function registerFusedLayers(host: KernelHost): void {
  const register = (operation: Operation, forward: Kernel, gradient: Kernel) =>
    registerWasmKernel(host, operation, { forward, gradient });
  register(FIXED_DECAY, fixedDecay, fixedDecayGradient);
  register(SPREAD, spread, spreadGradient);
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
  run(REDUCE_JOB, { kind, ...axes }, { x: dy, y: dx }, sizeOf(dy!));
  return [dx];
};
