/**
 * The steps around bidirectional attention as two causal ones, as kernels of the
 * wasm backend. @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { JOIN_ENDS, SPLIT_ENDS } from "../../layers/mixers/two_ends.ts";
import type { KernelHost } from "../../tfjs/wasm/host.ts";
import { type Call, type Kernel, registerWasmKernel } from "./kernel.ts";

/**
 * Registers the forward and the gradient kernels.
 *
 * @param host Runs them.
 */
export function registerBidirectional(host: KernelHost): void {
  registerWasmKernel(host, SPLIT_ENDS, {
    forward: splitEnds,
    gradient: splitEndsGradient,
  });
  registerWasmKernel(host, JOIN_ENDS, {
    forward: joinEnds,
    gradient: joinEndsGradient,
  });
}

/** Operations that take as long as reading and writing a number, in short rows. */
const OPERATIONS_A_COPY = 8;

interface SplitAttributes {
  readonly stateDim: number;
}

function splitJob({ inputs, attributes, at }: Call<SplitAttributes>) {
  const { mixed, dt } = inputs;
  const [batch, length, columns] = mixed!.shape as tf.Tensor3D["shape"];
  const { stateDim } = attributes;
  const heads = dt!.shape[1]!, channels = columns - 4 * stateDim;
  return {
    sizes: { batch, length, heads, headDim: channels / heads, stateDim },
    addresses: {
      mixed: at(mixed),
      dt: at(dt),
      ...{ x: 0, q: 0, k: 0, v: 0, dx: 0, dq: 0, dk: 0, dv: 0 },
      ...{ dmixed: 0, ddt: 0 },
    },
    operations: OPERATIONS_A_COPY * 2 * batch * length *
      (2 * stateDim + channels),
  };
}

const splitEnds: Kernel<SplitAttributes> = (call) => {
  const { host, make, at } = call;
  const { sizes, addresses, operations } = splitJob(call);
  const { batch, length, heads, headDim, stateDim } = sizes;
  const perHead = [2 * batch, heads, length];
  const x = make([batch, length, heads * headDim]);
  const ofAll = [2 * batch, 1, length, stateDim];
  const q = make(ofAll), k = make(ofAll);
  const v = make([...perHead, headDim]);
  host.run("splitEnds", {
    ...sizes,
    ...addresses,
    x: at(x),
    q: at(q),
    k: at(k),
    v: at(v),
  }, { operations });
  return [x, q, k, v];
};

const splitEndsGradient: Kernel<SplitAttributes> = (call) => {
  const { host, inputs, make, at } = call;
  const { sizes, addresses, operations } = splitJob(call);
  const { mixed, dt, dx, dq, dk, dv } = inputs;
  const dmixed = make(mixed!.shape), ddt = make(dt!.shape);
  host.run("splitEnds", {
    ...sizes,
    ...addresses,
    dx: at(dx),
    dq: at(dq),
    dk: at(dk),
    dv: at(dv),
    dmixed: at(dmixed),
    ddt: at(ddt),
  }, { operations });
  return [dmixed, ddt];
};

function joinJob({ inputs, at }: Call) {
  const { read, x, own, segments } = inputs;
  const [batch, length] = x!.shape as tf.Tensor3D["shape"];
  const [, heads, , headDim] = read!.shape as tf.Tensor4D["shape"];
  return {
    sizes: { batch, length, heads, headDim },
    addresses: {
      read: at(read),
      x: at(x),
      own: at(own),
      segments: at(segments),
      ...{ y: 0, dy: 0, dread: 0, dx: 0, down: 0 },
    },
    operations: 3 * OPERATIONS_A_COPY * tf.util.sizeFromShape(x!.shape),
  };
}

const joinEnds: Kernel = (call) => {
  const { sizes, addresses, operations } = joinJob(call);
  const y = call.make(call.inputs["x"]!.shape);
  const job = { ...sizes, ...addresses, y: call.at(y) };
  call.host.run("joinEnds", job, { operations });
  return [y];
};

const joinEndsGradient: Kernel = (call) => {
  const { host, inputs, make, at } = call;
  const { sizes, addresses, operations } = joinJob(call);
  const { read, x, own, dy } = inputs;
  const dread = make(read!.shape), dx = make(x!.shape);
  const down = make(own!.shape);
  host.run("joinEnds", {
    ...sizes,
    ...addresses,
    dy: at(dy),
    dread: at(dread),
    dx: at(dx),
    down: at(down),
  }, { operations });
  return [dread, dx, down];
};
