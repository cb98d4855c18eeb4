/** How optimizers change weights, as kernels for WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { registerKernels } from "../../../contract/kernel.ts";
import {
  type Rule,
  type RuleNumbers,
  RULES,
  SQUARE_SUMS,
  UPDATE,
  type UpdateAttributes,
} from "../../../optimizers/rules.ts";
import {
  type FusedKernel,
  holdsFloats,
  registerFusedKernel,
  toFloats,
} from "../../../tfjs/webgpu/fused_kernel.ts";
import type { StrictWebGPUBackend } from "../../../tfjs/webgpu/gpu_backend.ts";
import {
  makeFloats,
  type PackWidth,
  runProgram,
  sizeOf,
  widthOf,
} from "../../../tfjs/webgpu/program.ts";

/** Registers the kernels. */
export function registerUpdate(): void {
  registerKernels("webgpu", UPDATE, { forward: update });
  registerFusedKernel(SQUARE_SUMS, { forward: squareSums });
}

const THREADS = 256;

/** Packs of a workgroup that adds up squares. */
const BLOCK_PACKS = 4096;

/** Storage buffers of a launch, which every device binds. */
const MOST_TENSORS = 8;

/** What each rule does to a pack at index `at`, in the order of TensorFlow.js's operations. */
const FORMULAS: Readonly<Record<Rule, string>> = {
  adam: /* wgsl */ `
    let average = decay1 * mean[at] + rest1 * slope;
    let energy = decay2 * square[at] + rest2 * slope * slope;
    let root = correction * sqrt(energy) + epsilon;
    value[at] = keep * value[at] + step * (average / root);
    mean[at] = average;
    square[at] = energy;`,
  adamax: /* wgsl */ `
    let average = decay1 * mean[at] + rest1 * slope;
    let most = max(decay2 * largest[at], abs(slope));
    value[at] += step * (average / (most + epsilon));
    mean[at] = average;
    largest[at] = most;`,
  sgd: /* wgsl */ `
    value[at] += step * slope;`,
  momentum: /* wgsl */ `
    let total = decay1 * sum[at] + slope;
    value[at] += step * total;
    sum[at] = total;`,
  nesterov: /* wgsl */ `
    let total = decay1 * sum[at] + slope;
    value[at] += step * (decay1 * total + slope);
    sum[at] = total;`,
  rmsProp: /* wgsl */ `
    let energy = decay2 * square[at] + rest2 * slope * slope;
    let next = decay1 * moment[at]
      + step * slope / sqrt(energy + epsilon);
    value[at] -= next;
    square[at] = energy;
    moment[at] = next;`,
  centeredRmsProp: /* wgsl */ `
    let average = decay2 * mean[at] + rest2 * slope;
    let energy = decay2 * square[at] + rest2 * slope * slope;
    let next = decay1 * moment[at]
      + step * slope / sqrt(energy - (average * average + epsilon));
    value[at] -= next;
    square[at] = energy;
    moment[at] = next;
    mean[at] = average;`,
  adagrad: /* wgsl */ `
    let energy = square[at] + slope * slope;
    value[at] += step * (slope / sqrt(energy + epsilon));
    square[at] = energy;`,
  adadelta: /* wgsl */ `
    let shift = sqrt(change[at] + epsilon) /
      sqrt(square[at] + epsilon) * slope;
    value[at] += step * shift;
    square[at] = decay1 * square[at] + rest1 * slope * slope;
    change[at] = decay1 * change[at] + rest1 * shift * shift;`,
  average: /* wgsl */ `
    value[at] = decay1 * value[at] + rest1 * slope;`,
};

const NEUTRAL: Required<RuleNumbers> = {
  ...{ step: 0, decay1: 0, rest1: 0, decay2: 0, rest2: 0 },
  ...{ correction: 1, epsilon: 0, keep: 1 },
};

/** The numbers of rules, as constants of a thread. */
const CONSTANTS = Object.keys(NEUTRAL)
  .map((name, i) => `  let ${name} = numbers[${i}];`).join("\n");

/** The tensors of a weight: its value, its gradient, and those of its rule. */
type Weight = readonly tf.TensorInfo[];

const update: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const webgpu = backend as StrictWebGPUBackend;
  const { rule, weights, numbers } = attrs as unknown as UpdateAttributes;
  const count = 2 + RULES[rule].length, factor = inputs["factor"];
  const converted: tf.TensorInfo[] = [];
  const floats = (x: tf.TensorInfo) => {
    if (holdsFloats(webgpu, x)) return x;
    converted.push(toFloats(webgpu, x));
    return converted.at(-1)!;
  };
  const changed: object[] = [];
  const byWidth: Record<PackWidth, Weight[]> = { 1: [], 4: [] };
  try {
    for (let i = 0; i < weights; i++) {
      const tensors = Array.from(
        { length: count },
        (_, j) => inputs[i * count + j] as tf.TensorInfo,
      );
      const size = sizeOf(tensors[0]!);
      if (size === 0) continue;
      changed.push(...tensors.toSpliced(1, 1).map(({ dataId }) => dataId));
      byWidth[widthOf(size)].push(tensors.with(1, floats(tensors[1]!)));
    }
    // Other numbers at each step are one tensor, so that the uniforms of launches stay.
    const values = Float32Array.from(Object.values({ ...NEUTRAL, ...numbers }));
    const common = {
      numbers: webgpu.makeTensorInfo([values.length], "float32", values),
      ...(factor ? { factor: floats(factor as tf.TensorInfo) } : {}),
    };
    converted.push(common.numbers);
    for (const width of [4, 1] as const) {
      const others = Object.keys(common).length;
      for (const part of inParts(byWidth[width], count, others)) {
        runUpdate(webgpu, rule, part, width, common);
      }
    }
    webgpu.changed(changed);
    return [];
  } finally {
    converted.forEach(({ dataId }) => webgpu.disposeData(dataId));
  }
};

/** Divides what launches are for into parts whose tensors are bound at once. */
function inParts<Item>(
  items: readonly Item[],
  tensorsEach: number,
  others: number,
): Item[][] {
  const length = Math.floor((MOST_TENSORS - others) / tensorsEach);
  const parts: Item[][] = [];
  for (let i = 0; i < items.length; i += length) {
    parts.push(items.slice(i, i + length));
  }
  return parts;
}

/** Numbers, and the ends of the workgroups, of the tensors of a launch. */
function shareOut(packs: readonly number[], packsEach: number) {
  const integers: Record<string, number> = {};
  let workgroups = 0;
  for (const [i, count] of packs.entries()) {
    integers[`packs${i}`] = count;
    integers[`begin${i}`] = workgroups;
    workgroups += Math.ceil(count / packsEach);
    integers[`end${i}`] = workgroups;
  }
  return { integers, workgroups };
}

function runUpdate(
  backend: StrictWebGPUBackend,
  rule: Rule,
  weights: readonly Weight[],
  width: PackWidth,
  common: {
    readonly numbers: tf.TensorInfo;
    readonly factor?: tf.TensorInfo;
  },
): void {
  const names = ["value", "gradient", ...RULES[rule]];
  const reads: Record<string, tf.TensorInfo> = {};
  const writes: Record<string, tf.TensorInfo> = {};
  for (const [i, tensors] of weights.entries()) {
    for (const [j, name] of names.entries()) {
      (j === 1 ? reads : writes)[`${name}${i}`] = tensors[j]!;
    }
  }
  const packs = weights.map(([value]) => sizeOf(value!) / width);
  const slope = common.factor ? " * factor[0]" : "";
  const ofWeight = (i: number) => {
    const own = RegExp(`\\b(${names.join("|")})\\[at\\]`, "g");
    return /* wgsl */ `  if (workgroup < uniforms.end${i}) {
    let at = (workgroup - uniforms.begin${i}) * ${THREADS}u + local;
    if (at >= uniforms.packs${i}) { return; }
    let slope = gradient${i}[at]${slope};
${FORMULAS[rule].replace(own, `$1${i}[at]`)}
    return;
  }`;
  };
  runProgram(backend, {
    name: "update",
    variants: [rule, `${weights.length}`, slope !== "" && "factor"],
    width,
    elements: { numbers: "f32", factor: "f32" },
    reads: { ...reads, ...common },
    writes,
    ...shareOut(packs, THREADS),
    threads: THREADS,
    body: () =>
      CONSTANTS + "\n" + weights.map((_, i) => ofWeight(i)).join("\n"),
  });
}

/** Sums of squares by workgroups, whatever the number of tensors: one number for each. */
const squareSums: FusedKernel<string> = ({ backend, inputs }) => {
  const byWidth: Record<PackWidth, tf.TensorInfo[]> = { 1: [], 4: [] };
  for (const x of Object.values(inputs)) {
    const size = sizeOf(x);
    if (size > 0) byWidth[widthOf(size)].push(x);
  }
  const parts = ([4, 1] as const).flatMap((width) =>
    inParts(byWidth[width], 1, 1).map((tensors) => {
      const packs = tensors.map((x) => sizeOf(x) / width);
      return { width, tensors, ...shareOut(packs, BLOCK_PACKS) };
    })
  );
  const count = parts.reduce((sum, { workgroups }) => sum + workgroups, 0);
  const sums = makeFloats(backend, [count]);
  let first = 0;
  for (const { width, tensors, integers, workgroups } of parts) {
    const ofTensor = (i: number) =>
      /* wgsl */ `  if (workgroup >= uniforms.begin${i} && workgroup < uniforms.end${i}) {
    let first = (workgroup - uniforms.begin${i}) * ${BLOCK_PACKS}u;
    let end = min(first + ${BLOCK_PACKS}u, uniforms.packs${i});
    for (var at = first + local; at < end; at += ${THREADS}u) {
      sum += x${i}[at] * x${i}[at];
    }
  }`;
    runProgram(backend, {
      name: "square_sums",
      variants: [`${tensors.length}`],
      width,
      elements: { sums: "f32" },
      reads: Object.fromEntries(tensors.map((x, i) => [`x${i}`, x])),
      writes: { sums },
      integers: { ...integers, first },
      threads: THREADS,
      workgroups,
      functions: /* wgsl */ `
var<workgroup> shares: array<f32, ${THREADS}>;
`,
      body: () =>
        /* wgsl */ `  var sum = Pack();
${tensors.map((_, i) => ofTensor(i)).join("\n")}
  shares[local] = ${width === 4 ? "dot(sum, vec4f(1.0))" : "sum"};
  for (var half = ${THREADS / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { shares[local] += shares[local + half]; }
  }
  if (local == 0u) { sums[uniforms.first + workgroup] = shares[0]; }`,
    });
    first += workgroups;
  }
  return [sums];
};
