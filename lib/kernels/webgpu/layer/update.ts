/** How optimizers change weights, as kernels for WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { registerKernels } from "../../../contract/kernel.ts";
import {
  JOIN,
  type Rule,
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
import type { Bound } from "../../../tfjs/webgpu/launch.ts";
import {
  makeFloats,
  type PackWidth,
  runProgram,
  sizeOf,
  widthOf,
} from "../../../tfjs/webgpu/program.ts";
import { bufferOfNumbers, CONSTANTS, NUMBER_VECTORS } from "./rule_numbers.ts";
import {
  inLaunches,
  type UpdateLaunch,
  type Weight,
} from "./update_launches.ts";

/** Registers the kernels. */
export function registerUpdate(): void {
  registerKernels("webgpu", UPDATE, { forward: update });
  registerKernels("webgpu", JOIN, { forward: join });
  registerFusedKernel(SQUARE_SUMS, { forward: squareSums });
}

const THREADS = 256;

/** The most buffers of a launch that adds up squares, whose text grows with them. */
const MOST_SQUARED = 32;

/** Packs of a workgroup that adds up squares. */
const BLOCK_PACKS = 4096;

/** What each rule does to a pack, in the order of TensorFlow.js's operations. */
const FORMULAS: Readonly<Record<Rule, string>> = {
  adam: /* wgsl */ `
    let average = decay1 * mean + rest1 * slope;
    let energy = decay2 * square + rest2 * slope * slope;
    let root = correction * sqrt(energy) + epsilon;
    value = keep * value + step * (average / root);
    mean = average;
    square = energy;`,
  adamax: /* wgsl */ `
    let average = decay1 * mean + rest1 * slope;
    let most = max(decay2 * largest, abs(slope));
    value += step * (average / (most + epsilon));
    mean = average;
    largest = most;`,
  sgd: /* wgsl */ `
    value += step * slope;`,
  momentum: /* wgsl */ `
    let total = decay1 * sum + slope;
    value += step * total;
    sum = total;`,
  nesterov: /* wgsl */ `
    let total = decay1 * sum + slope;
    value += step * (decay1 * total + slope);
    sum = total;`,
  rmsProp: /* wgsl */ `
    let energy = decay2 * square + rest2 * slope * slope;
    let next = decay1 * moment
      + step * slope / sqrt(energy + epsilon);
    value -= next;
    square = energy;
    moment = next;`,
  centeredRmsProp: /* wgsl */ `
    let average = decay2 * mean + rest2 * slope;
    let energy = decay2 * square + rest2 * slope * slope;
    let next = decay1 * moment
      + step * slope / sqrt(energy - (average * average + epsilon));
    value -= next;
    square = energy;
    moment = next;
    mean = average;`,
  adagrad: /* wgsl */ `
    let energy = square + slope * slope;
    value += step * (slope / sqrt(energy + epsilon));
    square = energy;`,
  adadelta: /* wgsl */ `
    let shift = sqrt(change + epsilon) /
      sqrt(square + epsilon) * slope;
    value += step * shift;
    square = decay1 * square + rest1 * slope * slope;
    change = decay1 * change + rest1 * shift * shift;`,
  average: /* wgsl */ `
    value = decay1 * value + rest1 * slope;`,
};

/** The most tensors of a launch, on devices that bind more than every one does. */
const MOST_BOUND = 64;

/** Storage buffers with which a launch changes many weights whose tensors lie apart. */
const ENOUGH_BUFFERS = 32;

/** Values and states of weights that were changed before. */
const known = new WeakSet<object>();

/** Joins tensors in memory where a device binds few buffers. */
function joinWhereFew(
  backend: StrictWebGPUBackend,
  dataIds: readonly object[],
): void {
  if (backend.mostBuffers < ENOUGH_BUFFERS) backend.join(dataIds);
}

const join: tf.KernelFunc = ({ inputs, backend }) => {
  const tensors = Object.values(inputs) as tf.TensorInfo[];
  const dataIds = tensors.map(({ dataId }) => dataId);
  joinWhereFew(backend as StrictWebGPUBackend, dataIds);
  return [];
};

const update: tf.KernelFunc = ({ inputs, backend, attrs }) => {
  const webgpu = backend as StrictWebGPUBackend;
  const { rule, weights, numbers } = attrs as unknown as UpdateAttributes;
  const count = 2 + RULES[rule].length, given = inputs["factor"];
  const every = Array.from({ length: weights }, (_, i) => {
    const tensors = Array.from(
      { length: count },
      (_, j) => inputs[i * count + j] as tf.TensorInfo,
    );
    return { size: sizeOf(tensors[0]!), tensors };
  }).filter(({ size }) => size > 0);
  const values = every.map(({ tensors }) => tensors[0]!.dataId);
  const states = every.flatMap(({ tensors }) =>
    tensors.slice(2).map(({ dataId }) => dataId)
  );
  // What is new at each step, as if users assign to a weight, stays where it is.
  for (const dataIds of [values, states]) {
    joinWhereFew(webgpu, dataIds.filter((dataId) => known.has(dataId)));
    for (const dataId of dataIds) known.add(dataId);
  }
  const changed = [...values, ...states];
  const written = new Set(
    changed.map((dataId) => webgpu.partOf(dataId)?.buffer),
  );
  const converted: tf.TensorInfo[] = [];
  /** A tensor of floats that a launch may read while it changes weights. */
  const readable = (x: tf.TensorInfo) => {
    const part = webgpu.partOf(x.dataId);
    if (holdsFloats(webgpu, x) && !(part && written.has(part.buffer))) return x;
    converted.push(toFloats(webgpu, x));
    return converted.at(-1)!;
  };
  const byWidth: Record<PackWidth, Weight[]> = { 1: [], 4: [] };
  try {
    for (const { size, tensors } of every) {
      const readables = tensors.with(1, readable(tensors[1]!));
      byWidth[widthOf(size)].push({ size, tensors: readables });
    }
    const factor = given && readable(given as tf.TensorInfo);
    const most = mostBound(webgpu) - (factor ? 1 : 0);
    const buffer = bufferOfNumbers(webgpu, numbers);
    for (const width of [4, 1] as const) {
      for (const launch of inLaunches(webgpu, byWidth[width], most)) {
        runUpdate(webgpu, rule, launch, width, buffer, factor);
      }
    }
    webgpu.changed(changed);
    return [];
  } finally {
    converted.forEach(({ dataId }) => webgpu.disposeData(dataId));
  }
};

/** The most storage buffers of a launch. */
function mostBound(backend: StrictWebGPUBackend): number {
  return Math.min(backend.mostBuffers, MOST_BOUND);
}

/** Numbers, and the ends of the workgroups, of the tensors of a launch. */
function shareOut(packs: readonly number[], packsEach: number) {
  const integers: Record<string, number> = {};
  let workgroups = 0;
  for (const [i, count] of packs.entries()) {
    integers[`packs${i}`] = count;
    workgroups += Math.ceil(count / packsEach);
    integers[`end${i}`] = workgroups;
  }
  return { integers, workgroups };
}

/** The first workgroup of a tensor of a launch, in the text. */
function beginOf(i: number): string {
  return i === 0 ? "0u" : `uniforms.end${i - 1}`;
}

function runUpdate(
  backend: StrictWebGPUBackend,
  rule: Rule,
  { bound, weights }: UpdateLaunch,
  width: PackWidth,
  numbers: GPUBuffer,
  factor: tf.TensorInfo | undefined,
): void {
  const names = ["value", "gradient", ...RULES[rule]];
  const reads: Record<string, Bound> = {}, writes: Record<string, Bound> = {};
  for (const [i, { bound: own, isWritten }] of bound.entries()) {
    (isWritten ? writes : reads)[`bound${i}`] = own;
  }
  const packs = weights.map(({ size }) => size / width);
  const { integers, workgroups } = shareOut(packs, THREADS);
  for (const [i, { places }] of weights.entries()) {
    for (const [j, { offset }] of places.entries()) {
      if (offset === undefined) continue;
      integers[`first${i}_${j}`] = offset / 4 / width;
    }
  }
  const pattern = weights.map(({ places }) =>
    places.map(({ binding, offset }) =>
      offset === undefined ? binding : `${binding}+`
    ).join()
  );
  /** The pack of a thread, of a tensor of a weight. */
  const packOf = (i: number, j: number) => {
    const { binding, offset } = weights[i]!.places[j]!;
    const first = offset === undefined ? "" : `uniforms.first${i}_${j} + `;
    return `bound${binding}[${first}at]`;
  };
  const read = (i: number) =>
    /* wgsl */ `if (workgroup < uniforms.end${i}) {
    weight = ${i}u;
    at = (workgroup - ${beginOf(i)}) * ${THREADS}u + local;
    if (at >= uniforms.packs${i}) { return; }
${names.map((name, j) => `    ${name} = ${packOf(i, j)};`).join("\n")}
  }`;
  const write = (i: number) =>
    /* wgsl */ `    case ${i}u: {
${
      names.map((name, j) => j === 1 ? "" : `      ${packOf(i, j)} = ${name};`)
        .join("\n")
    }
    }`;
  const each = (text: (i: number) => string) => weights.map((_, i) => text(i));
  runProgram(backend, {
    name: "update",
    variants: [rule, ...pattern, factor !== undefined && "factor"],
    width,
    elements: { factor: "f32" },
    reads: { ...reads, factor },
    writes,
    numbers: { buffer: numbers, vectors: NUMBER_VECTORS },
    ...{ integers, workgroups },
    threads: THREADS,
    body: () =>
      /* wgsl */ `${CONSTANTS}
  var weight = 0u;
  var at = 0u;
${names.map((name) => `  var ${name} = Pack();`).join("\n")}
  ${each(read).join(" else ")}
  let slope = gradient${factor ? " * factor[0]" : ""};
${FORMULAS[rule]}
  switch (weight) {
${each(write).join("\n")}
    default: {}
  }`,
  });
}

/** Divides tensors into parts that are bound at once. */
function inParts<Item>(items: readonly Item[], length: number): Item[][] {
  const parts: Item[][] = [];
  for (let i = 0; i < items.length; i += length) {
    parts.push(items.slice(i, i + length));
  }
  return parts;
}

/** Sums of squares by workgroups, whatever the number of tensors: one number for each. */
const squareSums: FusedKernel<string> = ({ backend, inputs }) => {
  const byWidth: Record<PackWidth, tf.TensorInfo[]> = { 1: [], 4: [] };
  for (const x of Object.values(inputs)) {
    const size = sizeOf(x);
    if (size > 0) byWidth[widthOf(size)].push(x);
  }
  // One buffer is that of the sums.
  const most = Math.min(mostBound(backend), MOST_SQUARED) - 1;
  const parts = ([4, 1] as const).flatMap((width) =>
    inParts(byWidth[width], most).map((tensors) => {
      const packs = tensors.map((x) => sizeOf(x) / width);
      return { width, tensors, ...shareOut(packs, BLOCK_PACKS) };
    })
  );
  const count = parts.reduce((sum, { workgroups }) => sum + workgroups, 0);
  const sums = makeFloats(backend, [count]);
  let first = 0;
  for (const { width, tensors, integers, workgroups } of parts) {
    const ofTensor = (i: number) =>
      /* wgsl */ `  if (workgroup >= ${
        beginOf(i)
      } && workgroup < uniforms.end${i}) {
    let first = (workgroup - ${beginOf(i)}) * ${BLOCK_PACKS}u;
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
