/** Log decays of heads in WebAssembly. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { refer } from "@lionjs/tfjs/kernel";
import {
  type Kernel,
  type KernelHost,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { LOWEST_LOG_DECAY } from "../finite_decay/finite_decay.ts";
import { FIXED_DECAY } from "./fixed_decay.ts";

export function register(host: KernelHost): void {
  registerWasmKernel(host, FIXED_DECAY, {
    forward: fixedDecay,
    gradient: fixedDecayGradient,
  });
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
