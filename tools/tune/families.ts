/** Kinds of kernels that are tuned: what they compute, and the numbers that are tried. @module */
import type * as tf from "@tensorflow/tfjs-core";
import {
  deltaAttention,
  diagonalDecay,
  lionAttention,
  noDecay,
  selectiveDecay,
  softmaxAttention,
} from "@lionjs/lion";
import type {
  SomeNumbers,
  TileNumbers,
  WasmNumbers,
  WebGpuNumbers,
} from "../../lib/kernels/tuning.ts";
import { array, uniform } from "../../tests/random.ts";
import type { Sizes } from "./shapes.ts";

/** Backends whose kernels have numbers. */
export type TunedName = "webgpu" | "wasm";

/** Some numbers of one backend's kernels. */
export type Numbers = SomeNumbers<WebGpuNumbers> | SomeNumbers<WasmNumbers>;

/** Attention of the tensors that {@linkcode Family.inputs} makes. */
export type Attend = (...inputs: tf.Tensor[]) => tf.Tensor;

/** What computes. */
export type Engine = "wasm" | "software WebGPU" | "GPU";

/** A kind of kernel. */
export interface Family {
  readonly name: string;
  /** Numbers to try; those that are defaults are no harm. */
  readonly candidates: Readonly<Record<Engine, readonly Numbers[]>>;
  /** The arrays that it is computed of, by name, the first three q, k and v. */
  inputs(sizes: Sizes): Input[];
  /** With kernels, or as the plain form in tfjs operations. */
  attend(kernel: boolean): Attend;
}

/** An input and its gradient's name. */
export interface Input {
  readonly name: string;
  readonly shape: number[];
  readonly values: Float32Array;
}

type Vectors = [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];

/** q and k positive, as feature maps make them, and v. */
function vectors({ heads, length, columns }: Sizes): Input[] {
  const random = uniform(length + columns);
  const shape = [1, heads, length, columns];
  const feature = (u: number) => (0.1 + u) / Math.sqrt(columns);
  return ["q", "k", "v"].map((name) => ({
    name,
    shape,
    values: array(
      heads * length * columns,
      random,
      name === "v" ? undefined : feature,
    ),
  }));
}

/** Numbers of each token, or of each of its channels. */
function gates(
  name: string,
  { heads, length }: Sizes,
  of: (u: number) => number,
  columns = 1,
): Input {
  const random = uniform(length + 1);
  const shape = [1, heads, length, ...(columns > 1 ? [columns] : [])];
  const values = array(heads * length * columns, random, of);
  return { name, shape, values };
}

/** From 1 down to e^-0.2. */
const logDecay = (u: number) => -0.2 * u;

const masklessChunks = (...sizes: number[]) =>
  sizes.map((masklessChunkSize) => ({ chunkwise: { masklessChunkSize } }));

const channelChunks = (...sizes: number[]) =>
  sizes.map((chunkSize) => ({ channels: { chunkSize } }));

const chunks = (...sizes: number[]) =>
  sizes.map((chunkSize) => ({ chunkwise: { chunkSize } }));

/** Few, since a software adapter takes seconds to compile each. */
const SOFTWARE_TILES: readonly Partial<TileNumbers>[] = [
  { stagedColumns: 0 },
  { threads: 128 },
];

const THREADS = [64, 128, 256] as const;

const TILES: readonly Partial<TileNumbers>[] = [
  ...THREADS.flatMap((threads) =>
    ([4, 8, 16] as const).map((columnsPerThread) => ({
      threads,
      columnsPerThread,
    }))
  ),
  { stagedColumns: 0 },
  { stagedColumns: 32 },
];

/** The most used first: time may not be enough for the last. */
export const FAMILIES: readonly Family[] = [
  {
    name: "chunkwise",
    candidates: {
      wasm: chunks(16, 24, 48, 64),
      "software WebGPU": [...chunks(16, 32), { chunkwise: { blockRows: 16 } }],
      GPU: [
        ...chunks(16, 32, 128),
        { chunkwise: { blockRows: 16 } },
        { chunkwise: { chunkSize: 32, blockRows: 16 } },
      ],
    },
    inputs: (sizes) => [
      ...vectors(sizes),
      gates("logDecay", sizes, logDecay),
    ],
    attend: (kernel) => (...inputs) => {
      const [q, k, v] = inputs as Vectors;
      const decay = selectiveDecay(inputs[3] as tf.Tensor3D);
      return lionAttention(q, k, v, { decay, form: "chunkwise", kernel });
    },
  },
  {
    name: "softmax",
    candidates: {
      wasm: [],
      "software WebGPU": SOFTWARE_TILES.map((softmax) => ({ softmax })),
      GPU: [
        ...TILES.map((softmax) => ({ softmax })),
        ...THREADS.map((threads) => ({
          softmax: { threads, maxima: "subgroups" as const },
        })),
      ],
    },
    inputs: vectors,
    attend: (kernel) => (...inputs) =>
      softmaxAttention(...(inputs as Vectors), { kernel }),
  },
  {
    name: "delta",
    candidates: {
      wasm: [16, 32, 48].map((chunkSize) => ({ delta: { chunkSize } })),
      "software WebGPU": [16, 24].map((chunkSize) => ({
        delta: { chunkSize },
      })),
      GPU: [16, 24].map((chunkSize) => ({ delta: { chunkSize } })),
    },
    inputs: (sizes) => [
      ...vectors(sizes),
      gates("beta", sizes, (u) => u),
      gates("logDecay", sizes, logDecay),
    ],
    attend: (kernel) => (...inputs) => {
      const [q, k, v] = inputs as Vectors;
      const decay = selectiveDecay(inputs[4] as tf.Tensor3D, {
        convention: "arrival",
      });
      return deltaAttention(q, k, v, inputs[3] as tf.Tensor3D, {
        decay,
        form: "chunkwise",
        kernel,
      });
    },
  },
  {
    name: "full",
    candidates: {
      wasm: [32, 48, 96, 128].map((tileSize) => ({ full: { tileSize } })),
      "software WebGPU": SOFTWARE_TILES.map((full) => ({ full })),
      GPU: TILES.map((full) => ({ full })),
    },
    inputs: (sizes) => [
      ...vectors(sizes),
      gates("logDecay", sizes, logDecay),
    ],
    attend: (kernel) => (...inputs) => {
      const [q, k, v] = inputs as Vectors;
      const decay = selectiveDecay(inputs[3] as tf.Tensor3D);
      return lionAttention(q, k, v, { decay, form: "full", kernel });
    },
  },
  {
    name: "chunkwise without decays",
    candidates: {
      wasm: [],
      "software WebGPU": masklessChunks(128, 512),
      GPU: masklessChunks(64, 128, 512),
    },
    inputs: vectors,
    attend: (kernel) => (...inputs) =>
      lionAttention(...(inputs as Vectors), {
        decay: noDecay(),
        form: "chunkwise",
        kernel,
      }),
  },
  {
    name: "decays of each channel",
    candidates: {
      wasm: [],
      "software WebGPU": channelChunks(16, 64),
      GPU: channelChunks(16, 64),
    },
    inputs: (sizes) => [
      ...vectors(sizes),
      gates("logDecay", sizes, logDecay, sizes.columns),
    ],
    attend: (kernel) => (...inputs) => {
      const [q, k, v] = inputs as Vectors;
      const decay = diagonalDecay(inputs[3] as tf.Tensor4D, {
        convention: "arrival",
      });
      return lionAttention(q, k, v, { decay, form: "chunkwise", kernel });
    },
  },
];
