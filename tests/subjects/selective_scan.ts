/** The selective scan: its problems, and their truth in float64. @module */
import fc from "fast-check";
import {
  selectiveScan,
  type SelectiveScanInputs,
} from "../../lib/operations/mod.ts";
import type { Input } from "../comparison.ts";
import { array, uniform } from "../random.ts";
import {
  type ScanProblem as Oracle,
  solveScan,
} from "../selective_scan_oracle.ts";
import { spoilPadding, upTo } from "./draw.ts";
import {
  hidingOf,
  type Problem,
  type Subject,
  type TokenCase,
  valuesOf,
} from "./subject.ts";

/** What varies from case to case. */
export interface ScanCase extends TokenCase {
  readonly channels: number;
  readonly stateDim: number;
  readonly reverse: boolean;
  /** Whether there is `z`. */
  readonly gated: boolean;
  /** Whether there is `d`. @default as `gated` */
  readonly skip?: boolean;
}

/** A problem. */
export type ScanProblem = Omit<Oracle, "inputs" | "dy"> & Problem;

/** Exponents Δ a: of decays of about 1, of 0.1 to 1, of e^-60, of 0 and of 1. */
const RATES = [1e-3, 1, 60, 1e4, 0];

function problemOf(c: ScanCase): ScanProblem {
  const { batch, length, channels, stateDim, reverse } = c;
  const random = uniform(c.values ?? length * 1009 + channels * 31 + stateDim);
  let place = 0;
  const of = (shape: number[], make?: (u: number) => number): Input => ({
    ...{ values: array(shape.reduce((a, b) => a * b), random, make), shape },
  });
  const rows = [batch, length, channels], tokens = [batch, length, stateDim];
  const inputs: Record<string, Input> = {
    x: of(rows),
    dt: of(rows, (u) => u < 0.1 ? 0 : 2 * u),
    a: of(
      [channels, stateDim],
      (u) => -(1 + u) / 2 * RATES[place++ % RATES.length]!,
    ),
    ...{ b: of(tokens), c: of(tokens) },
    ...c.skip ?? c.gated ? { d: of([channels]) } : {},
    ...c.gated ? { z: of(rows, (u) => 6 * u - 3) } : {},
  };
  const outputGradient = of(rows);
  const hiding = hidingOf(c, random);
  for (const { values, shape } of [...Object.values(inputs), outputGradient]) {
    if (hiding.mask && shape.length === 3) spoilPadding(values, hiding.mask, c);
  }
  return {
    ...{
      batch,
      length,
      channels,
      stateDim,
      reverse,
      inputs,
      outputGradient,
      random,
    },
    ...hiding,
    // Paces of 1e-3 and of 1e4 are side by side: their logarithms have gradients of a size.
    ...c.values === undefined ? { logarithms: { a: inputs["a"]!.values } } : {},
  };
}

const SIZES = [
  { batch: 2, length: 1, channels: 1, stateDim: 1 },
  { batch: 1, length: 2, channels: 5, stateDim: 3 },
  { batch: 2, length: 19, channels: 8, stateDim: 2 },
  { batch: 1, length: 33, channels: 19, stateDim: 5 },
  { batch: 2, length: 70, channels: 3, stateDim: 4 },
  { batch: 1, length: 130, channels: 9, stateDim: 2 },
];

const KINDS = [
  { gated: false, padded: false, packed: false },
  { gated: true, padded: true, packed: false },
  { gated: true, padded: false, packed: true },
  { gated: false, padded: true, packed: true },
];

/** The subject. */
export const SCAN: Subject<ScanCase, ScanProblem> = {
  name: "selectiveScan",
  cases: SIZES.flatMap((size) =>
    [false, true].flatMap((reverse) =>
      KINDS.map((kind) => ({ ...size, reverse, ...kind }))
    )
  ),
  ways: [{ kernel: true }, { kernel: false }],
  random: () =>
    fc.record({
      ...{ batch: upTo(2), length: upTo(40) },
      ...{ channels: upTo(17), stateDim: upTo(5) },
      ...{ reverse: fc.boolean(), gated: fc.boolean() },
      ...{ padded: fc.boolean(), packed: fc.boolean() },
    }).map((c) => [c, { kernel: true }] as const),
  problemOf,
  solve: ({ inputs, outputGradient, ...problem }) =>
    solveScan({
      ...problem,
      inputs: valuesOf(inputs),
      dy: outputGradient.values,
    }),
  run: (inputs, { reverse }, options) =>
    selectiveScan(inputs as SelectiveScanInputs, { reverse, ...options }),
};
