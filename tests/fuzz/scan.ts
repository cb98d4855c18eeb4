/** selectiveScan and shortConvolution beside float64 loops. @module */
import type * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import {
  selectiveScan,
  type SelectiveScanInputs,
  shortConvolution,
} from "../../lib/operations/mod.ts";
import { spoilPadding } from "../attention/cases.ts";
import { type Input, outputAndGradients } from "../comparison.ts";
import {
  type ConvolutionProblem,
  solveConvolution,
} from "../convolution_oracle.ts";
import { RATES } from "../operations/scan_cases.ts";
import { array, uniform } from "../random.ts";
import { type ScanProblem, solveScan } from "../selective_scan_oracle.ts";
import { TOLERANCE } from "../tolerance.ts";
import {
  bounded,
  columns,
  compared,
  given,
  keptOf,
  lengths,
  type Padding,
  paddings,
  seeds,
  type Segmentation,
  segmentations,
  segmentNumbers,
  STEPS,
  tokenTensors,
  upTo,
  WORK,
} from "./draw.ts";
import type { Target } from "./target.ts";

const common = {
  batch: upTo(3),
  length: lengths(),
  channels: columns,
  kernel: fc.boolean(),
  reverse: fc.boolean(),
  padding: paddings,
  segments: segmentations,
  values: seeds,
};

const scans = fc.record({
  ...common,
  stateDim: columns,
  skip: fc.boolean(),
  gated: fc.boolean(),
}, { noNullPrototype: true });

const convolutions = fc.record({
  ...common,
  taps: upTo(9),
  bias: fc.boolean(),
  place: fc.constantFrom(...["causal", "centred"] as const),
  activation: fc.constantFrom(...["none", "silu"] as const),
}, { noNullPrototype: true });

type Of<A> = A extends fc.Arbitrary<infer T> ? T : never;

interface Tokens {
  readonly batch: number;
  readonly length: number;
  readonly padding: Padding;
  readonly segments: Segmentation;
}

/** Padding and borders of a case; what it holds in padding is spoiled. */
function hidden(
  c: Tokens,
  spoiled: readonly Float32Array[],
  random: () => number,
) {
  const mask = c.padding && keptOf(c.padding, c, random);
  const segments = c.segments && segmentNumbers(c.segments, c, random);
  const { batch, length } = c;
  if (mask) {
    for (const x of spoiled) spoilPadding(x, mask, { batch, length, heads: 1 });
  }
  return { mask, segments };
}

/** The target of scans. */
export const scan: Target<Of<typeof scans>> = {
  name: "scan",
  kind: "operations",
  cases: (backend) =>
    scans.map((tried) => {
      const c = bounded(
        tried,
        ["batch", "channels", "stateDim"],
        ({ batch, length, channels, stateDim }) =>
          60 * batch * length * channels * (stateDim + 1),
        WORK,
      );
      const length = backend === "webgpu" && !c.kernel
        ? Math.min(c.length, 4 * STEPS.webgpu)
        : c.length;
      return { ...c, length };
    }),
  async run(c, backend) {
    const { batch, length, channels, stateDim, reverse, kernel } = c;
    const random = uniform(c.values);
    const rows = batch * length;
    let place = 0;
    const perToken = (columns: number) => [batch, length, columns];
    const inputs: Record<string, Input> = {
      x: {
        values: array(rows * channels, random),
        shape: perToken(channels),
      },
      dt: {
        values: array(rows * channels, random, (u) => u < 0.1 ? 0 : 2 * u),
        shape: perToken(channels),
      },
      a: {
        values: array(
          channels * stateDim,
          random,
          (u) => -(1 + u) / 2 * RATES[place++ % RATES.length]!,
        ),
        shape: [channels, stateDim],
      },
      b: {
        values: array(rows * stateDim, random),
        shape: perToken(stateDim),
      },
      c: {
        values: array(rows * stateDim, random),
        shape: perToken(stateDim),
      },
      ...c.skip && {
        d: { values: array(channels, random), shape: [channels] },
      },
      ...c.gated && {
        z: {
          values: array(rows * channels, random, (u) => 6 * u - 3),
          shape: perToken(channels),
        },
      },
    };
    const dy = array(rows * channels, random);
    const spoiled = Object.values(inputs)
      .filter(({ shape }) => shape.length === 3).map(({ values }) => values);
    const hiding = hidden(c, [...spoiled, dy], random);
    const problem: ScanProblem = {
      ...{ batch, length, channels, stateDim, reverse, dy },
      inputs: valuesOf(inputs),
      ...given(hiding),
    };
    const others = tokenTensors(c, hiding, random);
    const actual = await outputAndGradients(
      inputs,
      { values: dy, shape: perToken(channels) },
      others,
      (tensors) =>
        selectiveScan(tensors as unknown as SelectiveScanInputs, {
          ...{ reverse, kernel },
          ...given(others),
        }),
    );
    const expected = solveScan(problem);
    return compared(c, actual, expected, TOLERANCE[backend]);
  },
};

/** The target of convolutions. */
export const convolution: Target<Of<typeof convolutions>> = {
  name: "convolution",
  kind: "operations",
  cases: () =>
    convolutions.map((tried) => {
      const taps = tried.place === "causal" || tried.taps % 2
        ? tried.taps
        : tried.taps + 1;
      return bounded(
        { ...tried, taps },
        ["batch", "channels"],
        ({ batch, length, channels, taps }) =>
          30 * batch * length * channels * taps,
        WORK,
      );
    }),
  async run(c, backend) {
    const { batch, length, channels, taps, reverse, kernel } = c;
    const { place, activation } = c;
    const random = uniform(c.values);
    const shape = [batch, length, channels];
    const inputs: Record<string, Input> = {
      x: { values: array(batch * length * channels, random), shape },
      weight: {
        values: array(channels * taps, random),
        shape: [channels, taps],
      },
      ...c.bias && {
        bias: { values: array(channels, random), shape: [channels] },
      },
    };
    const dy = array(batch * length * channels, random);
    const hiding = hidden(c, [inputs["x"]!.values, dy], random);
    const problem: ConvolutionProblem = {
      ...{ batch, length, channels, taps, place, reverse, activation, dy },
      inputs: valuesOf(inputs),
      ...given(hiding),
    };
    const others = tokenTensors(c, hiding, random);
    const actual = await outputAndGradients(
      inputs,
      { values: dy, shape },
      others,
      ({ x, weight, bias }) =>
        shortConvolution(
          x as tf.Tensor3D,
          weight as tf.Tensor2D,
          bias as tf.Tensor1D | undefined,
          { place, reverse, activation, kernel, ...given(others) },
        ),
    );
    const expected = solveConvolution(problem);
    return compared(c, actual, expected, TOLERANCE[backend]);
  },
};

function valuesOf(
  inputs: Readonly<Record<string, Input>>,
): Record<string, Float32Array> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { values }]) => [name, values]),
  );
}
