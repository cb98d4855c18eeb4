/** Functions that make an operation kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import {
  type Operation,
  type Planner,
  registerKernels,
} from "../kernel/kernel.ts";
import { addressOf } from "./address.ts";
import type { KernelHost } from "./host.ts";
import type { GivenRecord, Job, Numbers } from "./job.ts";
import { type Running, withOutputs } from "./outputs.ts";

/** Operations that take as long as reading and writing an element. */
export const OPERATIONS_A_COPY = 8;

/** Operations for an exponential, roughly. */
export const OPERATIONS_AN_EXPONENTIAL = 20;

/**
 * Operations for an element of an elementwise function, roughly: an exponential and a
 * division.
 */
export const OPERATIONS_AN_ELEMENT = 30;

/** Tensors by their names; some need not be there. */
export type Tensors = Readonly<Record<string, tf.TensorInfo | undefined>>;

/** The call of a kernel. */
export interface Call<Attributes = Readonly<Record<string, unknown>>>
  extends Running {
  /** Tensors of 32-bit floats. */
  readonly inputs: Tensors;
  readonly attributes: Attributes;
  /** Makes the gradients of all inputs that are there and have one, `d<input>`. */
  gradients(): Record<string, tf.TensorInfo>;
  /**
   * Runs a job.
   *
   * @param numbers The fields of its record that are not addresses.
   * @param tensors Those of which the record has the address, by name, and any others.
   * @param operations Multiplications and additions, roughly.
   */
  run<J extends Job>(
    job: J,
    numbers: Numbers<J>,
    tensors: Tensors,
    operations: number,
  ): void;
}

/** Runs jobs, and returns the tensors that they write. */
export type Kernel<Attributes = Readonly<Record<string, unknown>>> = (
  call: Call<Attributes>,
) => tf.TensorInfo[];

/** The kernels of an operation. */
export interface WasmKernels<Attributes, Request> {
  readonly forward: Kernel<Attributes>;
  readonly gradient?: Kernel<Attributes>;
  readonly plan?: Planner<Request>;
}

/** Registers the kernels of an operation for wasm; they run jobs on a host. */
export function registerWasmKernel<Attributes, Request>(
  host: KernelHost,
  operation: Operation,
  { forward, gradient, plan }: WasmKernels<Attributes, Request>,
): void {
  const withHost =
    (kernel: Kernel<Attributes>): tf.KernelFunc =>
    ({ inputs: given, backend, attrs }) => {
      const wasm = backend as BackendWasm;
      const inputs = given as Tensors;
      // What is on another backend moves now: the memory may grow, of which
      // tfjs's typedArrayFromHeap then has the part from before.
      for (const input of Object.values(inputs)) {
        if (input) addressOf(wasm, input);
      }
      return withOutputs(wasm, (make) =>
        kernel({
          host,
          wasm,
          inputs,
          make,
          attributes: attrs as Attributes,
          gradients: () => {
            const gradients: Record<string, tf.TensorInfo> = {};
            for (const name of operation.gradientsIn) {
              const input = inputs[name];
              if (input) gradients[`d${name}`] = make(input.shape);
            }
            return gradients;
          },
          run: (job, numbers, tensors, operations) => {
            const record: Record<string, number> = { ...numbers };
            for (const name in tensors) {
              const tensor = tensors[name];
              if (!tensor || !(name in job.fields)) continue;
              record[name] = addressOf(wasm, tensor);
            }
            host.run(job, record as GivenRecord<typeof job>, { operations });
          },
        }));
    };
  registerKernels("wasm", operation, {
    forward: withHost(forward),
    gradient: gradient && withHost(gradient),
    plan,
  });
}

/**
 * An operation whose two kernels are one job: the module knows by the gradients in the
 * record which of the kernels runs.
 */
export interface OneJob<J extends Job, Attributes, Request> {
  readonly job: J;
  /** Makes the outputs of the forward kernel, by their names in the record. */
  outputs(call: Call<Attributes>): Record<string, tf.TensorInfo>;
  /** The numbers in the record. */
  numbers(call: Call<Attributes>): Numbers<J>;
  /** Multiplications and additions, roughly. */
  operations(call: Call<Attributes>): number;
  readonly plan?: Planner<Request>;
}

/** Registers the kernels of an operation that are one job. */
export function registerJob<J extends Job, Attributes, Request = never>(
  host: KernelHost,
  operation: Operation,
  { job, outputs, numbers, operations, plan }: OneJob<J, Attributes, Request>,
): void {
  const kernel =
    (make: OneJob<J, Attributes, Request>["outputs"]): Kernel<Attributes> =>
    (call) => {
      const made = make(call);
      const tensors = { ...call.inputs, ...made };
      call.run(job, numbers(call), tensors, operations(call));
      return Object.values(made);
    };
  registerWasmKernel(host, operation, {
    forward: kernel(outputs),
    ...(operation.gradientsIn.length > 0
      ? { gradient: kernel((call) => call.gradients()) }
      : {}),
    ...(plan ? { plan } : {}),
  });
}
