/** How an operation becomes kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import {
  type Operation,
  type Planner,
  registerKernels,
} from "../../contract/kernel.ts";
import { addressOf } from "../../tfjs/wasm/address.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { type Make, withOutputs } from "../../tfjs/wasm/outputs.ts";

/** Tensors by their names; some need not be there. */
export type Tensors = Readonly<Record<string, tf.TensorInfo | undefined>>;

/** The call of a kernel. */
export interface Call<Attributes = Readonly<Record<string, unknown>>> {
  /** Runs jobs. */
  readonly host: KernelHost;
  /** The backend of the tensors. */
  readonly wasm: BackendWasm;
  /** Tensors of 32-bit floats. */
  readonly inputs: Tensors;
  readonly attributes: Attributes;
  /** Makes an output. */
  readonly make: Make;
  /** The address of a tensor; 0 of an optional one that is not there. */
  at(tensor: tf.TensorInfo | undefined): number;
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

/**
 * Registers the kernels of an operation.
 *
 * @param host Runs their jobs.
 * @param operation The operation.
 * @param kernels Its kernels.
 */
export function registerWasmKernel<Attributes, Request>(
  host: KernelHost,
  operation: Operation,
  { forward, gradient, plan }: WasmKernels<Attributes, Request>,
): void {
  const withHost =
    (kernel: Kernel<Attributes>): tf.KernelFunc =>
    ({ inputs, backend, attrs }) => {
      const wasm = backend as BackendWasm;
      return withOutputs(wasm, (make) =>
        kernel({
          host,
          wasm,
          inputs: inputs as Tensors,
          attributes: attrs as Attributes,
          make,
          at: (tensor) => tensor ? addressOf(wasm, tensor) : 0,
        }));
    };
  registerKernels("wasm", operation, {
    forward: withHost(forward),
    gradient: gradient && withHost(gradient),
    plan,
  });
}
