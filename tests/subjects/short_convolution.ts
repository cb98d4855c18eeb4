/** Short convolutions: their problems, and their truth in float64. @module */
import fc from "fast-check";
import { shortConvolution } from "../../lib/operations/mod.ts";
import type { Input } from "../comparison.ts";
import {
  type ConvolutionProblem as Oracle,
  solveConvolution,
} from "../convolution_oracle.ts";
import { array, uniform } from "../random.ts";
import { spoilPadding, upTo } from "./draw.ts";
import {
  hidingOf,
  type Problem,
  type Subject,
  type TokenCase,
  valuesOf,
} from "./subject.ts";

/** What varies from case to case. */
export interface ConvolutionCase extends TokenCase {
  readonly channels: number;
  readonly taps: number;
  readonly place: "causal" | "centred";
  readonly reverse: boolean;
  readonly bias: boolean;
  readonly activation: "none" | "silu";
}

/** A problem. */
export type ConvolutionProblem = Omit<Oracle, "inputs" | "dy"> & Problem;

function problemOf(c: ConvolutionCase): ConvolutionProblem {
  const { batch, length, channels, taps, place, reverse, activation } = c;
  const random = uniform(c.values ?? length * 1009 + channels * 31 + taps);
  const of = (...shape: number[]): Input => ({
    ...{ values: array(shape.reduce((a, b) => a * b), random), shape },
  });
  const inputs: Record<string, Input> = {
    ...{ x: of(batch, length, channels), weight: of(channels, taps) },
    ...c.bias ? { bias: of(channels) } : {},
  };
  const outputGradient = of(batch, length, channels);
  const hiding = hidingOf(c, random);
  if (hiding.mask) {
    for (const { values } of [inputs["x"]!, outputGradient]) {
      spoilPadding(values, hiding.mask, c);
    }
  }
  return {
    ...{ batch, length, channels, taps, place, reverse, activation },
    ...{ inputs, outputGradient, random, ...hiding },
  };
}

const SIZES = [
  { batch: 2, length: 1, channels: 1, taps: 1 },
  { batch: 1, length: 2, channels: 5, taps: 4 },
  { batch: 1, length: 5, channels: 4, taps: 7 },
  { batch: 2, length: 19, channels: 66, taps: 3 },
  { batch: 1, length: 70, channels: 9, taps: 7 },
  { batch: 2, length: 130, channels: 3, taps: 4 },
];

/** With a bias and SiLU, and without. */
const WHOLE = [
  { bias: false, activation: "none" },
  { bias: true, activation: "silu" },
] as const;

/** Centred taps are odd in number. */
export const placed = <C extends { place: string; taps: number }>(c: C): C => ({
  ...c,
  taps: c.place === "centred" && c.taps % 2 === 0 ? c.taps + 1 : c.taps,
});

/** The subject. */
export const CONVOLUTION: Subject<ConvolutionCase, ConvolutionProblem> = {
  name: "shortConvolution",
  cases: SIZES.flatMap((size) =>
    (["causal", "centred"] as const)
      .filter((place) => place === "causal" || size.taps % 2 === 1)
      .flatMap((place) =>
        [false, true].flatMap((reverse) =>
          WHOLE.flatMap((kind) => {
            const c = { ...size, place, reverse, ...kind };
            return [
              { ...c, padded: false, packed: !kind.bias },
              { ...c, padded: true, packed: kind.bias },
            ];
          })
        )
      )
  ),
  ways: [{ kernel: true }, { kernel: false }],
  random: () =>
    fc.record({
      ...{ batch: upTo(3), length: upTo(40), channels: upTo(17) },
      ...{ taps: upTo(9), reverse: fc.boolean(), bias: fc.boolean() },
      place: fc.constantFrom("causal", "centred"),
      activation: fc.constantFrom("none", "silu"),
      ...{ padded: fc.boolean(), packed: fc.boolean() },
    }).map((c) => [placed(c), { kernel: true }] as const),
  problemOf,
  solve: ({ inputs, outputGradient, ...problem }) =>
    solveConvolution({
      ...problem,
      inputs: valuesOf(inputs),
      dy: outputGradient.values,
    }),
  run: ({ x, weight, bias }, { place, reverse, activation }, options) =>
    shortConvolution(x, weight, bias, {
      ...{ place, reverse, activation, ...options },
    }),
};
