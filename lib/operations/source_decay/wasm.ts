/** Log decays of the source convention in WebAssembly. @module */
import {
  type Kernel,
  type KernelHost,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { LOWEST_LOG_DECAY } from "../finite_decay/finite_decay.ts";
import { SOURCE_DECAY } from "./source_decay.ts";

export function register(host: KernelHost): void {
  registerWasmKernel(host, SOURCE_DECAY, {
    forward: sourceDecay,
    gradient: sourceDecayGradient,
  });
}

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
