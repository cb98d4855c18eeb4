/**
 * Every form and family that kernels of ours compute, in small; also a page in a
 * browser runs them.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import {
  bidirectionalDecay,
  type ConcreteForm,
  deltaAttention,
  diagonalDecay,
  explainAttention,
  lionAttention,
  selectiveDecay,
  softmaxAttention,
} from "../../../mod.ts";
import { attendWithState } from "../../../lib/attention/planning/with_state.ts";
import { FORMS } from "../../../lib/attention/forms/form.ts";
import { dense, selectiveScan } from "../../../lib/operations/mod.ts";
import { denseGelu } from "../../../lib/operations/dense.ts";

const BATCH = 1, HEADS = 2, LENGTH = 20, HEAD_DIM = 4, VALUE_DIM = 5;
/** Of heads whose rows more threads share. */
const WIDE_DIM = 32;
const OF_TOKEN = [BATCH, HEADS, LENGTH];
const STATE = [BATCH, HEADS, HEAD_DIM, VALUE_DIM + 1];
const CHANNELS = [BATCH, LENGTH, 4], SCAN_STATE = [BATCH, LENGTH, 2];

/** The shape of each input, and its lowest and highest value. */
const INPUTS: Readonly<Record<string, [number[], number, number]>> = {
  q: [[...OF_TOKEN, HEAD_DIM], 0, 1],
  k: [[...OF_TOKEN, HEAD_DIM], 0, 1],
  v: [[...OF_TOKEN, VALUE_DIM], -1, 1],
  q_wide: [[...OF_TOKEN, WIDE_DIM], 0, 1],
  k_wide: [[...OF_TOKEN, WIDE_DIM], 0, 1],
  v_wide: [[...OF_TOKEN, WIDE_DIM], -1, 1],
  beta: [OF_TOKEN, 0, 1],
  f: [OF_TOKEN, -1, 0],
  b: [OF_TOKEN, -1, 0],
  channels: [[...OF_TOKEN, HEAD_DIM], -1, 0],
  before: [STATE, 0, 1],
  after: [STATE, 0, 1],
  x: [CHANNELS, -1, 1],
  z: [CHANNELS, -1, 1],
  dt: [CHANNELS, 0, 1],
  a: [[4, 2], -1, 0],
  b_t: [SCAN_STATE, -1, 1],
  c_t: [SCAN_STATE, -1, 1],
  d: [[4], -1, 1],
  rows: [[5, 36], -1, 1],
  weight: [[36, 7], -1, 1],
  bias: [[7], -1, 1],
};

/** Something that kernels compute. */
export interface KernelCase {
  /** The names of its inputs. */
  readonly of: readonly string[];
  // deno-lint-ignore no-explicit-any -- each has inputs of its own
  run(inputs: any): tf.Tensor;
  /** What the keys of the shaders begin with that bind the most buffers. */
  readonly shaders: readonly string[];
  /** Whether there is no gradient. @default false */
  readonly isForward?: boolean;
}

/** Ones for 18 tokens, and padding after them. */
const mask = () =>
  tf.tensor2d([Array.from({ length: LENGTH }, (_, t) => Number(t < 18))]);
/** Two sequences packed into one. */
const segments = () =>
  tf.tensor2d([Array.from({ length: LENGTH }, (_, t) => Number(t > 8))]);

const FORWARD_SHADERS: Readonly<Record<ConcreteForm, string>> = {
  full: "full",
  blockwise: "full",
  recurrent: "recurrent_forward DECAYS COMPLETES DIVIDES",
  chunkwise: "attend y=",
};

const ofForm = (form: ConcreteForm): KernelCase => ({
  of: ["q", "k", "v", "f", "b"],
  run: ({ q, k, v, f, b }) => {
    const decay = bidirectionalDecay(f, b);
    const { kernel, reason } = explainAttention(q, k, v, { form, decay });
    if (kernel === null) throw new Error(reason);
    const options = { form, decay, mask: mask(), scale: 0.3 };
    return lionAttention(q, k, v, options);
  },
  shaders: [FORWARD_SHADERS[form], "attend dq=", "attend dk="],
});

/** Each form and each family, by name. */
export const KERNEL_CASES: Readonly<Record<string, KernelCase>> = {
  ...Object.fromEntries(FORMS.map((form) => [form, ofForm(form)])),
  "full, wide heads": {
    of: ["q_wide", "k_wide", "v_wide"],
    run: ({ q_wide, k_wide, v_wide }) =>
      lionAttention(q_wide, k_wide, v_wide, { form: "full", scale: 0.3 }),
    shaders: ["full", "attend dq=", "attend dk="],
  },
  "several chunks": {
    of: ["q", "k", "v", "f", "b"],
    run: ({ q, k, v, f, b }) =>
      lionAttention(q, k, v, {
        ...{ form: "chunkwise", chunkSize: 4, scale: 0.3 },
        decay: bidirectionalDecay(f, b),
      }),
    shaders: ["chunk_states", "carry_states", "decay_gradients DECAYS"],
  },
  "two chunks": {
    of: ["q", "k", "v", "f", "b"],
    run: ({ q, k, v, f, b }) =>
      lionAttention(q, k, v, {
        ...{ form: "chunkwise", scale: 0.3 },
        chunkSize: Math.ceil(q.shape[2]! / 2),
        decay: bidirectionalDecay(f, b),
      }),
    shaders: ["chunk_states", "decay_gradients APART"],
  },
  "decays of each channel": {
    of: ["q", "k", "v", "channels"],
    run: ({ q, k, v, channels }) =>
      lionAttention(q, k, v, { decay: diagonalDecay(channels), scale: 0.3 }),
    shaders: ["chunk_products add", "chunk_key_gradients add"],
  },
  "a piece": {
    of: ["q", "k", "v", "f", "b", "before", "after"],
    run: ({ q, k, v, f, b, before, after }) => {
      const short = [q, k, v].map((x) => tf.slice(x, 0, [-1, -1, 10, -1]));
      const [forward, backward] = [f, b].map((x) =>
        tf.slice(x, 0, [-1, -1, 10]) as tf.Tensor3D
      );
      const [queries, keys, values] = short as tf.Tensor4D[];
      return attendWithState(
        queries!,
        keys!,
        values!,
        { forward: forward!, backward: backward! },
        {
          ...{ causal: false, scale: 0.3, normalize: true, epsilon: 1e-6 },
          ...{ kernel: true, before, after },
        },
      ).y;
    },
    shaders: ["recurrent_forward DECAYS ENTERS LEAVES COMPLETES IN_PLACE"],
    isForward: true,
  },
  "the delta rule": {
    of: ["q", "k", "v", "beta", "f"],
    run: ({ q, k, v, beta, f }) =>
      deltaAttention(q, k, v, beta, {
        decay: selectiveDecay(f, { convention: "arrival" }),
      }),
    shaders: ["delta_state_gradients", "chunk_products delta"],
  },
  "softmax attention": {
    of: ["q", "k", "v"],
    run: ({ q, k, v }) =>
      softmaxAttention(q, k, v, { mask: mask(), segments: segments() }),
    shaders: ["softmax_attention", "softmax_key_gradients"],
  },
  "softmax attention, wide heads": {
    of: ["q_wide", "k_wide", "v_wide"],
    run: ({ q_wide, k_wide, v_wide }) =>
      softmaxAttention(q_wide, k_wide, v_wide),
    shaders: ["softmax_attention", "softmax_key_gradients"],
  },
  "the selective scan": {
    of: ["x", "dt", "a", "b_t", "c_t", "d", "z"],
    run: ({ x, dt, a, b_t, c_t, d, z }) =>
      selectiveScan(
        { x, dt, a, b: b_t, c: c_t, d, z },
        { segments: segments() },
      ),
    shaders: ["scan_outputs", "scan_gradients"],
  },
  "a dense layer": {
    of: ["rows", "weight", "bias"],
    run: ({ rows, weight, bias }) => dense(rows, weight, bias),
    shaders: ["dense widths=", "dense_gradient linear"],
  },
  "a dense layer with GELU": {
    of: ["rows", "weight", "bias"],
    run: ({ rows, weight, bias }) => denseGelu(rows, weight, bias),
    shaders: ["dense widths=4,1 GELU SLOPES", "dense_gradient"],
  },
};

/**
 * Those of them that have other shaders on a card, which need more workgroup memory
 * than WebGPU guarantees.
 */
export const CASES_OF_CARDS: readonly string[] = [
  "full, wide heads",
  "softmax attention, wide heads",
];

/** A tensor of the values of an input, the same on each backend. */
export function inputOf(name: string): tf.Tensor {
  const [shape, lowest, highest] = INPUTS[name]!;
  const seed = Object.keys(INPUTS).indexOf(name);
  return tf.randomUniform(shape, lowest, highest, "float32", seed);
}

/** What a case computes on the current backend: its output, and the gradients. */
export async function resultsOf(
  { of, run, isForward }: KernelCase,
): Promise<Float32Array[]> {
  const found = tf.tidy(() => {
    const inputs = of.map(inputOf);
    const attend = (...x: tf.Tensor[]) =>
      run(Object.fromEntries(of.map((name, i) => [name, x[i]!])));
    const y = attend(...inputs);
    if (isForward) return [y];
    const slopes = tf.randomUniform(y.shape, -1, 1, "float32", 99);
    return [y, ...tf.grads(attend)(inputs, slopes)];
  });
  const all = await Promise.all(found.map((x) => x.data<"float32">()));
  tf.dispose(found);
  return all;
}

/** What all cases compute on the current backend, by name. */
export async function allResults(): Promise<Map<string, Float32Array[]>> {
  const found = new Map<string, Float32Array[]>();
  for (const [name, one] of Object.entries(KERNEL_CASES)) {
    found.set(name, await resultsOf(one));
  }
  return found;
}

/** The largest difference of values, in the largest value of their tensor. */
export function errorOf(
  found: readonly Float32Array[],
  expected: readonly Float32Array[],
): number {
  return Math.max(...expected.map((wanted, i) => {
    const largest = wanted.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    const difference = (value: number, at: number) =>
      Math.abs(found[i]![at]! - value);
    return wanted.reduce((a, b, at) => Math.max(a, difference(b, at)), 0) /
      largest;
  }));
}

/** Notes all texts that the backend's device compiles from now on. */
export function compiledTexts(): readonly GPUShaderModuleDescriptor[] {
  const { device } = tf.backend() as unknown as { device: GPUDevice };
  const texts: GPUShaderModuleDescriptor[] = [];
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (given) => {
    texts.push(given);
    return create(given);
  };
  return texts;
}

/** Those shaders of a case that are not among the texts. */
export function missingOf(
  { shaders }: KernelCase,
  texts: readonly GPUShaderModuleDescriptor[],
): string[] {
  return shaders.filter((key) =>
    !texts.some(({ label }) => label?.startsWith(`lion_${key}`))
  );
}
