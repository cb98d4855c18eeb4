/** TensorFlow.js's operations beside the cpu backend, and its functions beside float64. @module */
import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { type BackendName, useBackend } from "../../mod.ts";
import { wrongFunctions } from "../tfjs/function_cases.ts";
import {
  assertOutcome,
  type IndexCase,
  indexCase,
  NOT_THERE,
  outcomeOf as indexOutcome,
} from "../tfjs/index_calls.ts";
import {
  differs,
  operationCalls,
  outcomeOf,
  REFUSED_FLOATS,
} from "../tfjs/operation_calls.ts";
import {
  drawTransformed,
  type Transformed,
  wrongTransform,
} from "../tfjs/transform_cases.ts";
import { seeds } from "../subjects/draw.ts";
import type { Target } from "./target.ts";

/** Starts the cpu backend beside the current one. */
async function prepareCpu(): Promise<void> {
  const name = tf.getBackend();
  await useBackend({ prefer: ["cpu"] });
  await tf.setBackend(name);
}

/** What a function returns on the cpu backend. */
async function onCpu<T>(run: () => Promise<T>): Promise<T> {
  const name = tf.getBackend();
  await tf.setBackend("cpu");
  try {
    return await run();
  } finally {
    await tf.setBackend(name);
  }
}

/** Of complex numbers on WebGPU, TensorFlow.js counts parts that are gone. */
const OF_COMPLEX = /^(complex|real|imag|fft|ifft|rfft|irfft|signal\.stft) /;

/** The labels of all calls, which are the same for every seed. */
const LABELS = operationCalls(0).map(({ label }) => label);

/** Every operation, with arguments that a seed draws. */
export const tfjs: Target<{ label: string; values: number }> = {
  name: "tfjs",
  kind: "tensorflow",
  share: 4,
  cases: (backend) => {
    const labels = LABELS.filter((label) =>
      backend !== "webgpu" || !OF_COMPLEX.test(label)
    );
    return fc.record({ label: fc.constantFrom(...labels), values: seeds }, {
      noNullPrototype: true,
    });
  },
  prepare: prepareCpu,
  async run({ label, values }, backend) {
    const call = operationCalls(values).find((call) => call.label === label)!;
    const wanted = await onCpu(() => outcomeOf(call));
    const found = await outcomeOf(call);
    if ("error" in found && REFUSED_FLOATS[backend].includes(call.name)) {
      return {};
    }
    assertEquals(differs(call.name, found, wanted), undefined);
    return {};
  },
};

/** Functions of each element, of numbers of every kind; cpu's are those of JavaScript. */
export const functions: Target<number> = {
  name: "functions",
  kind: "tensorflow",
  backends: ["wasm", "webgpu"],
  cases: () => seeds,
  async run(seed) {
    assertEquals(await wrongFunctions(seed), []);
    return {};
  },
};

/** Transformed images. */
export const transforms: Target<Transformed> = {
  name: "transforms",
  kind: "tensorflow",
  cases: () => seeds.map(drawTransformed),
  async run(tried) {
    assertEquals(await wrongTransform(tried), undefined);
    return {};
  },
};

/** Kernels with indices, of which one may name nothing. */
export const indices: Target<IndexCase> = {
  name: "indices",
  kind: "tensorflow",
  share: 2,
  cases: (backend: BackendName) =>
    indexCase.filter(({ call }) => !NOT_THERE[backend].includes(call.kernel)),
  prepare: prepareCpu,
  async run(one) {
    const good = { ...one, ...one.odd && { odd: () => 0 } };
    const [wanted, there] = await onCpu(async () =>
      [await indexOutcome(one), await indexOutcome(good)] as const
    );
    assertOutcome(one, await indexOutcome(one), wanted, there);
    return {};
  },
};
