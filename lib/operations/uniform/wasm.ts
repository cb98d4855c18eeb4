/** Random numbers in WebAssembly. @module */
import * as tf from "@tensorflow/tfjs-core";
import seedrandom from "seedrandom";
import {
  addressOf,
  type Fields,
  integers,
  jobsOf,
  type KernelHost,
  registerWasmKernel,
} from "@lionjs/tfjs/wasm";
import { UNIFORM, type UniformAttributes } from "./uniform.ts";

/**
 * The job of random numbers from 0 to 1; its extra memory holds the generator's state at
 * the beginning of each task.
 */
const RECORD = {
  ...integers("size", "sizePerTask"),
  y: "usize",
} as const satisfies Fields;

export const JOBS = jobsOf({ uniform: RECORD });

/** Numbers of a task, where several threads make them. */
const PER_TASK = 65_536;

/** The cost of a random number, in multiplications. */
const OPERATIONS = 20;

export function register(host: KernelHost): void {
  registerWasmKernel<UniformAttributes, never>(host, UNIFORM, {
    forward: ({ host, wasm, attributes: { shape, seed }, make }) => {
      const y = make(shape);
      const size = tf.util.sizeFromShape(shape);
      if (size === 0) return [y];
      const sizePerTask = host.threads === 1 ? size : PER_TASK;
      const states = statesOf(seed, Math.ceil(size / sizePerTask));
      host.run(
        JOBS.uniform,
        { size, sizePerTask, y: addressOf(wasm, y) },
        {
          operations: OPERATIONS * size,
          fill: (memory, address) =>
            new Uint32Array(memory, address, states.length).set(states),
        },
      );
      return [y];
    },
  });
}

/** The generator's word, and its factor. */
const WORD = 32n, FACTOR = 2091639n;

/** The modulus by which a state, as one number, is multiplied by a constant at each step. */
const MODULUS = (FACTOR << (3n * WORD)) - 1n;

/** The factor of a state from the beginning of a task to its end. */
const OVER_TASK = power(FACTOR << (2n * WORD), PER_TASK);

/** The states at the beginning of each task: three words each, and the carry. */
function statesOf(seed: string, tasks: number): Uint32Array {
  const { s0, s1, s2, c } = seedrandom.alea(seed, { state: true })
    .state() as unknown as Record<"s0" | "s1" | "s2" | "c", number>;
  const words = [s0 * 2 ** 32, s1 * 2 ** 32, s2 * 2 ** 32, c];
  const states = new Uint32Array(4 * tasks);
  states.set(words);
  let state = words.reduceRight((all, word) => all << WORD | BigInt(word), 0n);
  for (let task = 1; task < tasks; task++) {
    state = state * OVER_TASK % MODULUS;
    for (let i = 0n; i < 4n; i++) {
      states[4 * task + Number(i)] = Number(
        BigInt.asUintN(32, state >> (i * WORD)),
      );
    }
  }
  return states;
}

/** A power of a number, by the generator's modulus. */
function power(base: bigint, exponent: number): bigint {
  let result = 1n;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result = result * base % MODULUS;
    base = base * base % MODULUS;
  }
  return result;
}
