/** The chunkwise form of attention as kernels of the wasm backend. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import {
  type AttentionSizes,
  type ChunkwiseAttributes,
  type ChunkwiseKernel,
  type ChunkwiseRequest,
  LION_CHUNKWISE,
  LION_CHUNKWISE_GRADIENT,
} from "../../attention/kernel.ts";
import { onFloats } from "../../contract/kernel.ts";
import { replaceKernel } from "../replace_kernel.ts";
import { addressOf } from "./address.ts";
import type { Job, KernelHost } from "./host.ts";
import { withOutputs } from "./outputs.ts";
import { clearPadding } from "./padding.ts";

/** Tokens a chunk, as measured with heads of 64. */
const BEST_CHUNK = 32;
/** Larger chunks only cost scratch: four matrices of [chunk, chunk] a thread. */
const LARGEST_CHUNK = 512;

/**
 * Registers the forward and the gradient kernel.
 *
 * @param host Runs them.
 */
export function registerChunkwise(host: KernelHost): void {
  const forward: tf.KernelFunc = ({ inputs, backend, attrs }) => {
    const wasm = backend as BackendWasm;
    const { q, v, mask } = inputs as Inputs;
    return withOutputs(wasm, (make) => {
      const y = make(v.shape);
      const rowSums = make(q.shape.slice(0, 3));
      runJob(host, wasm, "forward", { ...inputs, y, rowSums } as Inputs, attrs);
      if (mask) clearPadding(wasm, y, mask);
      return [y, rowSums];
    });
  };
  const gradient: tf.KernelFunc = ({ inputs, backend, attrs }) => {
    const wasm = backend as BackendWasm;
    return withOutputs(wasm, (make) => {
      const outputs: Record<string, tf.TensorInfo> = {};
      for (const name of ["q", "k", "v", "f", "b"]) {
        const input = inputs[name];
        if (input) outputs[`d${name}`] = make(input.shape);
      }
      const tensors = { ...inputs, ...outputs } as Inputs;
      runJob(host, wasm, "backward", tensors, attrs);
      const { dq, dk, dv, mask } = tensors;
      if (mask) [dq, dk, dv].forEach((x) => clearPadding(wasm, x!, mask));
      return Object.values(outputs);
    });
  };
  const planning: Pick<ChunkwiseKernel, "plan"> = {
    plan: (request) => plan(request, host.threads),
  };
  replaceKernel(
    "wasm",
    LION_CHUNKWISE,
    onFloats(LION_CHUNKWISE, forward),
    planning,
  );
  replaceKernel(
    "wasm",
    LION_CHUNKWISE_GRADIENT,
    onFloats(LION_CHUNKWISE_GRADIENT, gradient),
  );
}

type Inputs =
  & Record<"q" | "k" | "v" | "y" | "rowSums", tf.TensorInfo>
  & Partial<
    Record<
      "f" | "b" | "mask" | "dy" | "dq" | "dk" | "dv" | "df" | "db",
      tf.TensorInfo
    >
  >;

function runJob(
  host: KernelHost,
  wasm: BackendWasm,
  name: "forward" | "backward",
  tensors: Inputs,
  attrs: tf.NamedAttrMap | undefined,
): void {
  const attributes = attrs as unknown as ChunkwiseAttributes;
  const [batch, heads, length, headDim] = tensors.q.shape as [
    number,
    number,
    number,
    number,
  ];
  const valueDim = tensors.v.shape[3]!;
  const { chunkSize } = attributes;
  const address = (tensor: tf.TensorInfo | undefined) =>
    tensor ? addressOf(wasm, tensor) : 0;
  const job: Job<"forward"> = {
    sequences: batch * heads,
    length,
    headDim,
    valueDim,
    chunkSize,
    segments: segmentsOf(
      batch * heads,
      Math.ceil(length / chunkSize),
      host.threads,
    ),
    causal: Number(attributes.causal),
    normalize: Number(attributes.normalize),
    scale: attributes.scale,
    epsilon: attributes.epsilon,
    q: address(tensors.q),
    k: address(tensors.k),
    v: address(tensors.v),
    f: address(tensors.f),
    b: address(tensors.b),
    y: address(tensors.y),
    rowSums: address(tensors.rowSums),
    dy: address(tensors.dy),
    dq: address(tensors.dq),
    dk: address(tensors.dk),
    dv: address(tensors.dv),
    df: address(tensors.df),
    db: address(tensors.db),
  };
  const perToken = 2 * (headDim + valueDim) * chunkSize +
    8 * headDim * valueDim;
  const operations = batch * heads * length * perToken;
  host.run(name, job, { operations });
}

/** What a segment's summary costs, in parts of its output's cost. */
const SUMMARY_COST = 0.4;

/**
 * Parts of a sequence, so that all threads have work: a part needs the states
 * around it, and their summaries are extra work.
 */
function segmentsOf(
  sequences: number,
  chunks: number,
  threads: number,
): number {
  let best = { segments: 1, cost: Infinity };
  for (let segments = 1; segments <= Math.min(chunks, threads); segments++) {
    const rounds = Math.ceil(sequences * segments / threads);
    const each = (segments > 1 ? 1 + SUMMARY_COST : 1) / segments;
    const cost = rounds * each;
    if (cost < best.cost) best = { segments, cost };
  }
  return best.segments;
}

function plan(
  request: ChunkwiseRequest,
  threads: number,
): ReturnType<ChunkwiseKernel["plan"]> {
  if (request.precision === "f16") {
    return { refusal: "WebAssembly computes in 32 bits" };
  }
  const { length, causal, decays } = request;
  const chunkSize = Math.min(
    request.chunkSize ?? BEST_CHUNK,
    LARGEST_CHUNK,
    length,
  );
  // The states after each chunk, of the sequences that are at work.
  const kept = causal || !decays ? 0 : Math.ceil(length / chunkSize);
  const atWork = Math.min(threads, request.batch * request.heads);
  return {
    chunkSize,
    scratchBytes: atWork * kept * stateBytes(request),
    how: `wasm, ${threads} ${threads === 1 ? "thread" : "threads"}`,
  };
}

function stateBytes({ headDim, valueDim }: AttentionSizes): number {
  return 4 * headDim * (valueDim + 1);
}
