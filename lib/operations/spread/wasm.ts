/** Repetition along the first axis, in WebAssembly. @module */
import { sizeOf } from "@lionjs/tfjs/kernel";
import {
  type Kernel,
  type KernelHost,
  REDUCE_JOB,
  REDUCTIONS,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { SPREAD } from "./spread.ts";

export function register(host: KernelHost): void {
  registerWasmKernel(host, SPREAD, {
    forward: spread,
    gradient: spreadGradient,
  });
}

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
