/** The call that kernels which copy elements have in common. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { KernelHost } from "../host.ts";
import type { MakeKernel } from "../outputs.ts";
import { move, type Part } from "./move.ts";

/** A call of a kernel that copies elements. */
export class MovingCall {
  readonly #host: KernelHost;
  readonly #made: tf.TensorInfo[] = [];
  readonly wasm: BackendWasm;
  /** The inputs, by name or in the order of a list. */
  readonly inputs: Record<string, tf.TensorInfo>;
  /** The attributes. */
  readonly attrs: unknown;

  /** Reads a call. */
  constructor(host: KernelHost, call: Parameters<tf.KernelFunc>[0]) {
    this.#host = host;
    this.wasm = call.backend as BackendWasm;
    this.inputs = call.inputs as Record<string, tf.TensorInfo>;
    this.attrs = call.attrs;
  }

  /** Makes an uninitialised tensor. */
  make(shape: number[], dtype: tf.DataType): tf.TensorInfo {
    const output = this.wasm.makeOutput(shape, dtype);
    this.#made.push(output);
    return output;
  }

  /** Copies parts; see {@linkcode move}. */
  move(parts: readonly Part[], value?: number): void {
    move(this.#host, this.wasm, parts, value);
  }

  /** Disposes of the tensors that were made, for a call that fails. */
  discard(): void {
    this.#made.forEach(({ dataId }) => this.wasm.disposeData(dataId));
  }
}

/**
 * Makes a kernel that copies elements of numbers and bools; `stock` gets strings, which
 * are stored elsewhere.
 *
 * @param own Copies, or returns `undefined` to leave a call to `stock`.
 */
export function movingKernel(
  own: (
    call: MovingCall,
    name: string,
  ) => tf.TensorInfo | tf.TensorInfo[] | undefined,
): MakeKernel {
  return (stock, name, host) => (call) => {
    if (areStrings(call.inputs)) return stock(call);
    const moving = new MovingCall(host, call);
    try {
      return own(moving, name) ?? stock(call);
    } catch (error) {
      moving.discard();
      throw error;
    }
  };
}

/** Whether the first input has strings; if so, all have. */
function areStrings(inputs: tf.NamedTensorInfoMap): boolean {
  for (const name in inputs) {
    return (inputs[name] as tf.TensorInfo).dtype === "string";
  }
  return false;
}
