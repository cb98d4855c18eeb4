/** The delta rule as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  DELTA_ATTENTION,
  DELTA_PIECE,
  type DeltaAttributes,
  type DeltaRequest,
} from "../../attention/planning/delta_kernel.ts";
import type { KernelPlan } from "../../contract/kernel.ts";
import type { Job, KernelHost } from "../../tfjs/wasm/host.ts";
import type { NumbersFor } from "../numbers.ts";
import type { WasmNumbers } from "../tuning.ts";
import {
  type Call,
  type Kernel,
  registerWasmKernel,
  type Tensors,
} from "./kernel.ts";

/** Larger chunks only cost scratch. */
const LARGEST_CHUNK = 256;
/** Fewer columns of values are not worth a task of their own. */
const LEAST_COLUMNS = 8;

/**
 * Registers the forward and the gradient kernels.
 *
 * @param host Runs them.
 * @param numbersFor Tuned sizes of chunks.
 */
export function registerDeltaAttention(
  host: KernelHost,
  numbersFor: NumbersFor<WasmNumbers>,
): void {
  const others = {
    gradient,
    plan: (request: DeltaRequest) => {
      const { chunkSize = numbersFor(request).delta.chunkSize } = request;
      return plan(host, { ...request, chunkSize });
    },
  };
  const register = registerWasmKernel<DeltaAttributes, DeltaRequest>;
  register(host, DELTA_ATTENTION, { forward, ...others });
  register(host, DELTA_PIECE, { forward: forwardPiece, ...others });
}

const forward: Kernel<DeltaAttributes> = (call) => {
  const { inputs, make } = call;
  const y = make(inputs.v!.shape);
  run(call, { ...inputs, y });
  return [y];
};

const forwardPiece: Kernel<DeltaAttributes> = (call) => {
  const { inputs: { q, v, ...others }, make } = call;
  const [batch, heads, , headDim] = q!.shape as tf.Tensor4D["shape"];
  const y = make(v!.shape);
  const forward = make([batch, heads, headDim, v!.shape[3]!]);
  run(call, { q, v, ...others, y, forward });
  return [y, forward];
};

const gradient: Kernel<DeltaAttributes> = (call) => {
  const { inputs, make } = call;
  const outputs: Record<string, tf.TensorInfo> = {};
  // In the order of either operation.
  for (const name of ["q", "k", "v", "beta", "f", "b", "before"]) {
    const input = inputs[name];
    if (input) outputs[`d${name}`] = make(input.shape);
  }
  run(call, { ...inputs, ...outputs });
  return Object.values(outputs);
};

function run(
  { host, attributes, at }: Call<DeltaAttributes>,
  tensors: Tensors,
): void {
  const { q, k, v, beta, f, b, before, y, forward } = tensors;
  const { dy, dforward, dq, dk, dv, dbeta, df, db, dbefore } = tensors;
  const [batch, heads, length, headDim] = q!.shape as tf.Tensor4D["shape"];
  const sizes = { batch, heads, length, headDim, valueDim: v!.shape[3]! };
  // Of heads of one channel the two kinds are the same.
  const diagonal = f !== undefined && f.shape[3]! > 1;
  const request = { ...sizes, ...attributes, diagonal };
  const parts = dy ? 1 : partsOf(request, host.threads);
  const whole = dy !== undefined && sharesOutSequences(request, host.threads);
  host.run("delta", {
    ...sizesOf(request),
    parts,
    whole: Number(whole),
    scale: attributes.scale,
    q: at(q),
    k: at(k),
    v: at(v),
    beta: at(beta),
    f: at(f),
    b: at(b),
    before: at(before),
    y: at(y),
    forward: at(forward),
    dy: at(dy),
    dforward: at(dforward),
    dq: at(dq),
    dk: at(dk),
    dv: at(dv),
    dbeta: at(dbeta),
    df: at(df),
    db: at(db),
    dbefore: at(dbefore),
  }, { operations: operationsOf(request) });
}

/** A request whose chunks have a size. */
interface PlannedRequest extends DeltaRequest {
  readonly chunkSize: number;
}

/** The sizes in a job's record. */
function sizesOf(
  request: PlannedRequest,
): Pick<
  Job<"delta">,
  | "sequences"
  | "length"
  | "headDim"
  | "valueDim"
  | "chunkSize"
  | "causal"
  | "diagonal"
> {
  const { batch, heads, length, headDim, valueDim, chunkSize } = request;
  return {
    sequences: batch * heads,
    length,
    headDim,
    valueDim,
    chunkSize: Math.min(chunkSize, LARGEST_CHUNK, length),
    causal: Number(request.causal),
    diagonal: Number(request.diagonal),
  };
}

/** Multiplications and additions of the forward pass, roughly. */
function operationsOf(request: PlannedRequest): number {
  const { sequences, length } = sizesOf(request);
  const { scores, columns } = operationsOfToken(request);
  return sweepsOf(request) * sequences * length * (scores + columns);
}

/** Sweeps of a sequence. */
function sweepsOf({ causal }: PlannedRequest): number {
  return causal ? 1 : 2;
}

/**
 * Multiplications and additions of a token: for the scores of its chunk, and for
 * all columns of values.
 */
function operationsOfToken(
  request: PlannedRequest,
): { scores: number; columns: number } {
  const { headDim, valueDim, chunkSize } = sizesOf(request);
  return {
    scores: 4 * headDim * chunkSize,
    columns: 3 * valueDim * chunkSize + 6 * headDim * valueDim,
  };
}

/**
 * Tasks that share out the columns of each sweep, where threads would idle. All
 * score the keys, so that more tasks are more work.
 */
function partsOf(request: PlannedRequest, threads: number): number {
  const { sequences, valueDim } = sizesOf(request);
  const sweeps = sequences * sweepsOf(request);
  if (sweeps >= threads) return 1;
  const { scores, columns } = operationsOfToken(request);
  let best = { parts: 1, cost: Infinity };
  // In whole vectors.
  const all = 4 * Math.ceil(valueDim / 4);
  for (let width = all; width >= LEAST_COLUMNS; width -= 4) {
    const parts = Math.ceil(valueDim / width);
    const rounds = Math.ceil(sweeps * parts / threads);
    const cost = rounds * (scores + columns * width / all);
    if (cost < best.cost) best = { parts, cost };
  }
  return best.parts;
}

/**
 * Whether the gradient's tasks are sequences: sweeps that meet in the middle
 * make half of their states twice, but are twice as many tasks.
 */
function sharesOutSequences(request: PlannedRequest, threads: number): boolean {
  const { sequences } = sizesOf(request);
  const sweeps = sweepsOf(request);
  return sweeps * Math.ceil(sequences / threads) <=
    Math.ceil(sequences * sweeps / threads);
}

function plan(host: KernelHost, request: PlannedRequest): KernelPlan {
  const { threads } = host;
  const sizes = sizesOf(request);
  return {
    chunkSize: sizes.chunkSize,
    scratchBytes: host.scratchBytes("delta", {
      ...NOWHERE,
      ...sizes,
      parts: partsOf(request, threads),
    }, { operations: operationsOf(request) }),
    carriedBytes: 0,
    how: `wasm, ${threads} ${threads === 1 ? "thread" : "threads"}`,
  };
}

/** Fields of a record of which only sizes are read. */
const NOWHERE: Omit<Job<"delta">, keyof ReturnType<typeof sizesOf> | "parts"> =
  {
    whole: 0,
    scale: 0,
    q: 0,
    k: 0,
    v: 0,
    beta: 0,
    f: 0,
    b: 0,
    before: 0,
    y: 0,
    forward: 0,
    dy: 0,
    dforward: 0,
    dq: 0,
    dk: 0,
    dv: 0,
    dbeta: 0,
    df: 0,
    db: 0,
    dbefore: 0,
  };
