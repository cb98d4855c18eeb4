/** Changes of weights by optimizers, as kernels of the wasm backend. @module */
import * as tf from "@tensorflow/tfjs-core";
import {
  COLUMNS,
  type RuleNumbers,
  RULES,
  SQUARE_SUMS,
  UPDATE,
  type UpdateAttributes,
} from "../../optimizers/rules.ts";
import { addressOf } from "../address.ts";
import type { KernelHost } from "../host.ts";
import { JOBS } from "../jobs.ts";
import { type Kernel, registerWasmKernel, type Tensors } from "../kernel.ts";
import { valuesChanged } from "../values_changed.ts";

export function registerUpdate(host: KernelHost): void {
  registerWasmKernel(host, UPDATE, { forward: update });
  registerWasmKernel(host, SQUARE_SUMS, { forward: squareSums });
}

/** Numbers of a weight that are one task of the module's. */
const BLOCK = 8192;

/** Addresses of a weight in the module's table: its value, its gradient, and three tensors. */
const ADDRESSES = 5;

/** Operations for a number: a root and a division. */
const OPERATIONS = 30;

const NEUTRAL: Required<Omit<RuleNumbers, "step">> = {
  ...{ decay1: 0, rest1: 0, decay2: 0, rest2: 0 },
  ...{ correction: 1, epsilon: 0, keep: 1 },
};

/** The names of rules, in the order of their numbers. */
const NAMES = Object.keys(RULES);

const update: Kernel<UpdateAttributes> = (
  { host, wasm, inputs, attributes: { rule, weights, numbers } },
) => {
  const states = RULES[rule].length;
  const table = new Int32Array((2 + ADDRESSES) * weights);
  const written: number[] = [];
  let tasks = 0, total = 0, place = 0, input = 0;
  for (let i = 0; i < weights; i++) {
    const value = inputs[input]!, size = tf.util.sizeFromShape(value.shape);
    table[place++] = tasks;
    table[place++] = size;
    for (let address = 0; address < ADDRESSES; address++) {
      const isThere = address < 2 + states;
      const own = isThere ? addressOf(wasm, inputs[input++]!) : 0;
      written.push(own);
      table[place++] = own;
    }
    tasks += Math.ceil(size / BLOCK);
    total += size;
  }
  const record = {
    ...{ ...NEUTRAL, ...numbers },
    ...{ rule: NAMES.indexOf(rule), weights, tasks },
    factor: inputs["factor"]
      ? wasm.typedArrayFromHeap(inputs["factor"])[0]!
      : 1,
  };
  host.run(JOBS.update, record, {
    operations: OPERATIONS * total,
    fill: writing(table),
    written,
  });
  for (let i = 0; i < weights; i++) {
    valuesChanged(wasm, inputs[i * (2 + states)]!);
  }
  return [];
};

const squareSums: Kernel = ({ host, wasm, inputs, make }) => {
  const y = make([COLUMNS]), tensors = countOf(inputs);
  const table = new Int32Array(2 * tensors);
  let operations = 0;
  for (let i = 0; i < tensors; i++) {
    const size = tf.util.sizeFromShape(inputs[i]!.shape);
    table[2 * i] = size;
    table[2 * i + 1] = addressOf(wasm, inputs[i]!);
    operations += 2 * size;
  }
  const record = { tensors, columns: COLUMNS, y: addressOf(wasm, y) };
  host.run(JOBS.squareSums, record, { operations, fill: writing(table) });
  return [y];
};

function countOf(inputs: Tensors): number {
  return Object.keys(inputs).length;
}

/** Writes a table into the memory of a job. */
function writing(table: Int32Array) {
  return (memory: ArrayBufferLike, address: number) =>
    new Int32Array(memory, address, table.length).set(table);
}
