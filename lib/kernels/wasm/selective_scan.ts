/** Mamba's selective scan as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  SELECTIVE_SCAN,
  type SelectiveScanAttributes,
} from "../../operations/selective_scan.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import {
  type Call,
  type Kernel,
  registerWasmKernel,
  type Tensors,
} from "./kernel.ts";

/**
 * Tokens between states that are kept: those of a chunk stay in a processor's
 * cache.
 */
const CHUNK = 32;

/** Channels of a pair of vectors. */
const GROUP = 8;

/**
 * Operations for each number of a state and token, roughly: an exponential, a
 * step and a product.
 */
const OPERATIONS = 20;

/**
 * Registers the forward and the gradient kernel.
 *
 * @param host Runs them.
 */
export function registerSelectiveScan(host: KernelHost): void {
  registerWasmKernel(host, SELECTIVE_SCAN, { forward, gradient });
}

const forward: Kernel<SelectiveScanAttributes> = (call) => {
  const { inputs, attributes, make } = call;
  const [batch, length, channels] = inputs.x!.shape as tf.Tensor3D["shape"];
  const stateDim = inputs.a!.shape[1]!;
  const y = make(inputs.x!.shape);
  if (!attributes.keepStates) {
    run(call, { ...inputs, y });
    return [y];
  }
  const chunks = Math.ceil(length / CHUNK);
  const groups = Math.ceil(channels / GROUP);
  const states = make([batch, chunks, groups, stateDim, GROUP]);
  run(call, { ...inputs, y, states });
  return [y, states];
};

const gradient: Kernel<SelectiveScanAttributes> = (call) => {
  const { inputs, make } = call;
  const outputs: Record<string, tf.TensorInfo> = {};
  for (const name of SELECTIVE_SCAN.gradientsIn) {
    const input = inputs[name];
    if (input) outputs[`d${name}`] = make(input.shape);
  }
  run(call, { ...inputs, ...outputs });
  return Object.values(outputs);
};

function run(
  { host, attributes, at }: Call<SelectiveScanAttributes>,
  tensors: Tensors,
): void {
  const { x, dt, a, b, c, d, z, begins, y, states } = tensors;
  const { dy, dx, ddt, da, db, dc, dd, dz } = tensors;
  const [batch, length, channels] = x!.shape as tf.Tensor3D["shape"];
  const stateDim = a!.shape[1]!;
  host.run("selectiveScan", {
    batch,
    length,
    channels,
    stateDim,
    chunkSize: CHUNK,
    reverse: Number(attributes.reverse),
    x: at(x),
    dt: at(dt),
    a: at(a),
    b: at(b),
    c: at(c),
    d: at(d),
    z: at(z),
    begins: at(begins),
    y: at(y),
    states: at(states),
    dy: at(dy),
    dx: at(dx),
    ddt: at(ddt),
    da: at(da),
    db: at(db),
    dc: at(dc),
    dd: at(dd),
    dz: at(dz),
  }, { operations: OPERATIONS * batch * length * channels * stateDim });
}
