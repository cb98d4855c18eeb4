/**
 * Every form and family that kernels of ours compute, in small; also a page in a
 * browser runs them.
 *
 * @module
 */
import * as tf from "@tensorflow/tfjs-core";
import { type ConcreteForm, explainAttention } from "../../../mod.ts";
import { FORMS } from "../../../lib/attention/forms/form.ts";
import { dense } from "../../../lib/operations/mod.ts";
import { denseGelu } from "../../../lib/operations/dense/dense.ts";
import type { Input } from "../../comparison.ts";
import { array, uniform } from "../../random.ts";
import { DELTA } from "../../subjects/delta.ts";
import { decayOf, LION, type LionCase } from "../../subjects/lion.ts";
import { PIECE } from "../../subjects/pieces.ts";
import { SCAN } from "../../subjects/selective_scan.ts";
import { SOFTMAX } from "../../subjects/softmax.ts";
import { TRANSITION } from "../../subjects/transition.ts";
import {
  type AnySubject,
  resultOf,
  untapedOf,
  type Way,
} from "../../subjects/subject.ts";

const LENGTH = 20;
/** Heads as other tests have them: shaders of others take seconds to compile. */
const SIZES = { batch: 1, heads: 2, length: LENGTH, headDim: 4, valueDim: 3 };
/** Heads whose rows more threads share. */
const WIDE = { ...SIZES, headDim: 32, valueDim: 32 };
const TWO_SIDED: LionCase = {
  ...{ ...SIZES, decay: "two-sided", causal: false, normalize: true },
  scale: 0.3,
};

/** Something that kernels compute. */
export interface KernelCase {
  readonly subject: Pick<AnySubject, "problemOf" | "run">;
  readonly case: object;
  readonly way?: Way;
  /** What the keys of the shaders begin with that bind the most buffers. */
  readonly shaders: readonly string[];
  /** Whether there is no gradient. @default false */
  readonly isForward?: boolean;
}

const FORWARD_SHADERS: Readonly<Record<ConcreteForm, string>> = {
  full: "full",
  blockwise: "full",
  recurrent: "recurrent_forward DECAYS COMPLETES DIVIDES",
  chunkwise: "attend y=",
};

/** A form, where a kernel computes it. */
const ofForm = (form: ConcreteForm): KernelCase => ({
  subject: {
    ...LION,
    run(inputs, problem, options) {
      const { q, k, v, ...decays } = inputs;
      const decay = decayOf("two-sided", decays);
      const { kernel, reason } = explainAttention(q, k, v, { form, decay });
      if (kernel === null) throw new Error(reason);
      return LION.run(inputs, problem, options);
    },
  } satisfies typeof LION,
  case: { ...TWO_SIDED, padded: true },
  way: { form },
  shaders: [FORWARD_SHADERS[form], "attend dq=", "attend dk="],
});

/** Dense layers, of rows that are no whole tiles. */
const DENSE: Pick<AnySubject, "problemOf" | "run"> = {
  problemOf() {
    const random = uniform(1);
    const of = (...shape: number[]): Input => ({
      ...{ values: array(shape.reduce((a, b) => a * b), random), shape },
    });
    const inputs = { x: of(5, 36), weight: of(36, 7), bias: of(7) };
    return { inputs, outputGradient: of(5, 7), random };
  },
  run: ({ x, weight, bias }) => dense(x, weight, bias),
};

/** Functions of two operands, each of which is repeated along some axis. */
const BROADCAST: Pick<AnySubject, "problemOf" | "run"> = {
  problemOf() {
    const random = uniform(2);
    const of = (...shape: number[]): Input => ({
      ...{ values: array(shape.reduce((a, b) => a * b), random), shape },
    });
    const inputs = {
      x: of(2, 3, 8),
      row: of(8),
      column: of(3, 1),
      z: of(2, 1, 7),
    };
    return { inputs, outputGradient: of(2, 3, 8, 7), random };
  },
  run: ({ x, row, column, z }) =>
    tf.tidy(() => {
      const sum = tf.sub(tf.mul(x!, row!), tf.maximum(x!, column!));
      return tf.squaredDifference(
        tf.expandDims(sum, 3),
        tf.expandDims(z!, 1),
      );
    }),
};

const chunks = (
  chunkSize: number,
): Pick<KernelCase, "subject" | "case" | "way"> => ({
  ...{ subject: LION, case: TWO_SIDED, way: { form: "chunkwise", chunkSize } },
});
const softmax = ["softmax_attention", "softmax_key_gradients"];

/** Each form and each family, by name. */
export const KERNEL_CASES: Readonly<Record<string, KernelCase>> = {
  ...Object.fromEntries(FORMS.map((form) => [form, ofForm(form)])),
  "full, wide heads": {
    subject: LION,
    case: { ...TWO_SIDED, ...WIDE, decay: "none" },
    way: { form: "full" },
    shaders: ["full", "attend dq=", "attend dk="],
  },
  "several chunks": {
    ...chunks(4),
    shaders: ["chunk_states", "carry_states", "decay_gradients DECAYS"],
  },
  "two chunks": {
    ...chunks(LENGTH / 2),
    shaders: ["chunk_states", "decay_gradients UNSCANNED"],
  },
  "decays of each channel": {
    subject: LION,
    case: { ...TWO_SIDED, decay: "source of channels" },
    shaders: [
      "transition_outputs sums",
      "transition_vector_gradients READERS=1",
    ],
  },
  "a piece": {
    subject: PIECE,
    case: { ...TWO_SIDED, pieces: [5, 10, 5] },
    way: { kernel: true },
    shaders: ["recurrent_forward DECAYS ENTERS LEAVES COMPLETES IN_PLACE"],
    isForward: true,
  },
  "the delta rule": {
    subject: DELTA,
    case: { ...SIZES, decay: "arrival", causal: false },
    shaders: [
      "transition_states READERS=2",
      "transition_products READERS=2",
      "transition_vector_gradients READERS=2",
    ],
  },
  "transitions of rank one": {
    subject: TRANSITION,
    case: {
      ...{ ...SIZES, reads: "untied", decay: "arrival of channels" },
      causal: false,
    },
    shaders: ["transition_vector_gradients READERS=2 WRITERS=2"],
  },
  "softmax attention": {
    subject: SOFTMAX,
    case: { ...SIZES, causal: false, padded: true, packed: true },
    shaders: softmax,
  },
  "softmax attention with a decay": {
    subject: SOFTMAX,
    case: { ...SIZES, causal: false, padded: true, decay: "two-sided" },
    shaders: [...softmax, "softmax_decays", "softmax_decay_gradients"],
  },
  "softmax attention, wide heads": {
    subject: SOFTMAX,
    case: { ...WIDE, causal: false },
    shaders: softmax,
  },
  "the selective scan": {
    subject: SCAN,
    case: {
      ...{ batch: 1, length: LENGTH, channels: 4, stateDim: 2 },
      ...{ reverse: false, gated: true, packed: true },
    },
    shaders: ["scan_outputs", "scan_gradients"],
  },
  "functions of two operands": {
    subject: BROADCAST,
    case: {},
    shaders: [
      "binary Multiply vec4f vec4f INNER=1 A_IS_WHOLE",
      "binary Maximum vec4f f32 INNER=2 A_IS_WHOLE",
      "binary SquaredDifference f32 f32 INNER=2",
    ],
    isForward: true,
  },
  "a dense layer": {
    subject: DENSE,
    case: {},
    shaders: ["dense widths=", "dense_gradient linear"],
  },
  "a dense layer with GELU": {
    subject: {
      ...DENSE,
      run: ({ x, weight, bias }) => denseGelu(x, weight, bias),
    },
    case: {},
    shaders: ["dense widths=4,1 GELU DERIVATIVES", "dense_gradient"],
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

/** What a case computes on the current backend: its output, and the gradients. */
export async function resultsOf(
  { subject, case: c, way, isForward }: KernelCase,
): Promise<Float32Array[]> {
  const problem = subject.problemOf(c);
  const { y, gradients } = isForward
    ? await untapedOf(subject, problem, way)
    : await resultOf(subject, problem, way);
  return [y, ...Object.values(gradients)];
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
