/** Changes of weights by optimizers, as kernels for WebGPU. @module */
import type * as tf from "@tensorflow/tfjs-core";
import { registerKernels } from "../../kernel/kernel.ts";
import { FORMULAS } from "../../optimizers/formulas.ts";
import {
  JOIN,
  type Rule,
  RULES,
  SQUARE_SUMS,
  UPDATE,
  type UpdateAttributes,
} from "../../optimizers/rules.ts";
import {
  type FusedKernel,
  holdsFloats,
  registerFusedKernel,
  toFloats,
} from "../fused_kernel.ts";
import type { StrictWebGPUBackend } from "../gpu_backend.ts";
import type { Bound } from "../launch.ts";
import { sizeOf } from "../../kernel_call.ts";
import { makeFloats, type PackWidth, runProgram, widthOf } from "../program.ts";
import { PACKS } from "../functions/packs.ts";
import { CONSTANTS, NUMBER_VECTORS, withNumbers } from "./rule_numbers.ts";
import {
  inLaunches,
  slicesOf,
  type UpdateLaunch,
  type Weight,
} from "./update_launches.ts";

export function registerUpdate(): void {
  registerKernels("webgpu", UPDATE, { forward: update });
  registerKernels("webgpu", JOIN, { forward: join });
  registerFusedKernel(SQUARE_SUMS, { forward: squareSums });
}

const THREADS = 256;

/** Packs of a workgroup that adds up squares. */
const BLOCK_PACKS = 4096;

/** Storage buffers of a launch, which every device binds. */
const GUARANTEED_BUFFERS = 8;

/** The most storage buffers of a launch, whose text grows with them. */
const MOST_BUFFERS = 32;

const join: tf.KernelFunc = ({ inputs, backend }) => {
  const tensors = Object.values(inputs) as tf.TensorInfo[];
  const dataIds = tensors.map(({ dataId }) => dataId);
  (backend as StrictWebGPUBackend).places.join(dataIds);
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
  webgpu.places.join(values);
  webgpu.places.join(states);
  const changed = [...values, ...states];
  const written = new Set(
    changed.map((dataId) => webgpu.places.partOf(dataId)?.buffer),
  );
  const converted: tf.TensorInfo[] = [];
  /** A tensor of floats that a launch may read while it changes weights. */
  const readable = (x: tf.TensorInfo) => {
    const part = webgpu.places.partOf(x.dataId);
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
    const others = factor ? 1 : 0;
    const most = {
      ofCommon: Math.min(webgpu.launches.mostBuffers, MOST_BUFFERS) - others,
      ofOthers: GUARANTEED_BUFFERS - others,
    };
    withNumbers(webgpu, numbers, (buffer) => {
      for (const width of [4, 1] as const) {
        for (const launch of inLaunches(webgpu, byWidth[width], most)) {
          runUpdate(webgpu, rule, launch, width, buffer, factor);
        }
      }
    });
    webgpu.changed(changed);
    return [];
  } finally {
    converted.forEach(({ dataId }) => webgpu.disposeData(dataId));
  }
};

/** The packs, and the first workgroup, of each tensor of a launch. */
function shareOut(packs: readonly number[], packsEach: number) {
  const integers: Record<string, number> = {};
  let workgroups = 0;
  for (const [i, count] of packs.entries()) {
    integers[`packs${i}`] = count;
    integers[`begin${i}`] = workgroups;
    workgroups += Math.ceil(count / packsEach);
  }
  return { integers, workgroups };
}

/**
 * WGSL that runs the statement of one of `count` tensors, by comparisons that halve
 * their number.
 */
function oneOf(
  count: number,
  isBelow: (i: number) => string,
  statement: (i: number) => string,
  from = 0,
): string {
  if (count === 1) return statement(from);
  const half = count >> 1, middle = from + half;
  return `if (${isBelow(middle)}) {
${oneOf(half, isBelow, statement, from)}
} else {
${oneOf(count - half, isBelow, statement, middle)}
}`;
}

/**
 * WGSL function: the tensor of a launch that a workgroup has a part of, with the
 * tensor's uniforms.
 */
function tensorOf(count: number, fields: readonly string[]): string {
  const isBelow = (i: number) => `workgroup < uniforms.begin${i}`;
  const listed = (text: (name: string) => string) =>
    ["begin", "packs", ...fields].map(text).join(", ");
  return /* wgsl */ `
struct Tensor { number: u32, ${listed((name) => `${name}: u32`)} }
fn tensor_of(workgroup: u32) -> Tensor {
  var tensor = Tensor();
${
    oneOf(count, isBelow, (i) =>
      `tensor = Tensor(${i}u, ${
        listed((name) => `uniforms.${name}${i}`)
      });`)
  }
  return tensor;
}
`;
}

/** WGSL functions that read and write the pack at index `at` of a tensor, which has a buffer of its own or a place in one. */
function access(
  name: string,
  place: number | undefined,
  count: number,
  isWritten: boolean,
): string {
  const isBelow = (i: number) => `tensor.number < ${i}u`;
  const each = (statement: (pack: string) => string) =>
    place === undefined
      ? oneOf(count, isBelow, (i) => statement(`${name}${i}[at]`))
      : statement(`common${place}[tensor.${name} + at]`);
  const write = () => /* wgsl */ `
fn write_${name}(tensor: Tensor, at: u32, pack: Pack) {
${each((own) => `${own} = pack;`)}
}
`;
  return /* wgsl */ `
fn read_${name}(tensor: Tensor, at: u32) -> Pack {
  var pack = Pack();
${each((own) => `pack = ${own};`)}
  return pack;
}
${isWritten ? write() : ""}`;
}

function runUpdate(
  backend: StrictWebGPUBackend,
  rule: Rule,
  { buffers, places, weights }: UpdateLaunch,
  width: PackWidth,
  numbers: GPUBuffer,
  factor: tf.TensorInfo | undefined,
): void {
  const names = ["value", "gradient", ...RULES[rule]];
  const changed = names.filter((name) => name !== "gradient");
  const common = names.filter((_, j) => places[j] !== undefined);
  const count = weights.length;
  const reads: Record<string, Bound> = {}, writes: Record<string, Bound> = {};
  const { integers, workgroups } = shareOut(
    weights.map(({ size }) => size / width),
    THREADS,
  );
  for (const [j, name] of names.entries()) {
    const bound = name === "gradient" ? reads : writes, place = places[j];
    if (place !== undefined) bound[`common${place}`] = buffers[place]!;
    for (const [i, { tensors, parts }] of weights.entries()) {
      if (place === undefined) bound[`${name}${i}`] = tensors[j]!;
      else integers[`${name}${i}`] = parts[j]!.offset / 4 / width;
    }
  }
  runProgram(backend, {
    name: "update",
    variants: [
      rule,
      `${count}`,
      common.length > 0 &&
      `common=${places.map((place) => place ?? "-").join()}`,
      factor !== undefined && "factor",
    ],
    width,
    elements: { factor: "f32" },
    reads: { ...reads, factor },
    writes,
    numbers: { buffer: numbers, vectors: NUMBER_VECTORS },
    ...{ integers, workgroups },
    threads: THREADS,
    functions: () => [
      tensorOf(count, common),
      ...names.map((name, j) =>
        access(name, places[j], count, name !== "gradient")
      ),
      `fn factor_of() -> f32 { return ${factor ? "factor[0]" : "1.0"}; }\n`,
    ],
    body: () =>
      /* wgsl */ `${CONSTANTS}
  let tensor = tensor_of(workgroup);
  let at = (workgroup - tensor.begin) * THREADS + local;
  if (at >= tensor.packs) { return; }
${changed.map((name) => `  var ${name} = read_${name}(tensor, at);`).join("\n")}
  let gradient = read_gradient(tensor, at) * factor_of();
${FORMULAS[rule]}
${changed.map((name) => `  write_${name}(tensor, at, ${name});`).join("\n")}`,
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
    slicesOf(byWidth[width], GUARANTEED_BUFFERS - 1).map((tensors) => {
      const packs = tensors.map((x) => sizeOf(x) / width);
      return { width, tensors, ...shareOut(packs, BLOCK_PACKS) };
    })
  );
  const count = parts.reduce((sum, { workgroups }) => sum + workgroups, 0);
  const sums = makeFloats(backend, [count]);
  let first = 0;
  for (const { width, tensors, integers, workgroups } of parts) {
    runProgram(backend, {
      name: "square_sums",
      variants: [`${tensors.length}`],
      constants: { BLOCK_PACKS },
      width,
      elements: { sums: "f32" },
      reads: Object.fromEntries(tensors.map((x, i) => [`x${i}`, x])),
      writes: { sums },
      integers: { ...integers, first },
      threads: THREADS,
      workgroups,
      functions: () =>
        PACKS[width] + tensorOf(tensors.length, []) +
        access("x", undefined, tensors.length, false) +
        "var<workgroup> shares: array<f32, THREADS>;\n",
      body: SUM_SQUARES,
    });
    first += workgroups;
  }
  return [sums];
};

const SUM_SQUARES = /* wgsl */ `
  let tensor = tensor_of(workgroup);
  let begin = (workgroup - tensor.begin) * BLOCK_PACKS;
  let end = min(begin + BLOCK_PACKS, tensor.packs);
  var sum = Pack();
  for (var at = begin + local; at < end; at += THREADS) {
    let x = read_x(tensor, at);
    sum += x * x;
  }
  shares[local] = total(sum);
  for (var half = THREADS / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { shares[local] += shares[local + half]; }
  }
  if (local == 0u) { sums[uniforms.first + workgroup] = shares[0]; }`;
