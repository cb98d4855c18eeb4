/** Problems of the selective scan, and their comparison with the oracle. @module */
import {
  selectiveScan,
  type SelectiveScanInputs,
} from "../../lib/operations/mod.ts";
import {
  outputAndGradients,
  type Result,
  shaped,
  tokenOptions,
} from "../comparison.ts";
import { array, uniform } from "../random.ts";
import type { ScanProblem } from "../selective_scan_oracle.ts";

/** What varies from case to case. */
export interface ScanCase {
  readonly batch: number;
  readonly length: number;
  readonly channels: number;
  readonly stateDim: number;
  readonly reverse: boolean;
  /** Whether there are `d` and `z`. */
  readonly gated: boolean;
  readonly padded: boolean;
  readonly packed: boolean;
}

/** A case in words, for messages. */
export function describe(c: ScanCase): string {
  return `B=${c.batch} L=${c.length} D=${c.channels} N=${c.stateDim}` +
    (c.reverse ? " reverse" : "") + (c.gated ? " gated" : "") +
    (c.padded ? " mask" : "") + (c.packed ? " segments" : "");
}

/** Exponents Δ a: of decays of about 1, of 0.1 to 1, of e^-60, of 0 and of 1. */
export const RATES = [1e-3, 1, 60, 1e4, 0];

/** Fills a case with seeded numbers. */
export function problemOf(c: ScanCase): ScanProblem {
  const { batch, length, channels, stateDim } = c;
  const random = uniform(length * 1009 + channels * 31 + stateDim);
  const tokens = batch * length;
  let place = 0;
  const inputs: Record<string, Float32Array> = {
    x: array(tokens * channels, random),
    dt: array(tokens * channels, random, (u) => u < 0.1 ? 0 : 2 * u),
    a: array(
      channels * stateDim,
      random,
      (u) => -(1 + u) / 2 * RATES[place++ % RATES.length]!,
    ),
    b: array(tokens * stateDim, random),
    c: array(tokens * stateDim, random),
    ...(c.gated
      ? {
        d: array(channels, random),
        z: array(tokens * channels, random, (u) => 6 * u - 3),
      }
      : {}),
  };
  const dy = array(tokens * channels, random);
  const mask = array(tokens, random, (u) => u < 0.3 ? 0 : 1);
  const segments = Int32Array.from(
    { length: tokens },
    () => random() < 0.2 ? ++place : place,
  );
  if (c.padded) {
    const { x, dt, b, c, z } = inputs;
    for (const values of [x, dt, b, c, z, dy]) {
      const columns = (values?.length ?? 0) / tokens;
      values?.forEach((_, i) => {
        if (mask[Math.floor(i / columns)] === 0) values[i] = NaN;
      });
    }
  }
  return {
    ...{ batch, length, channels, stateDim, inputs, dy },
    reverse: c.reverse,
    ...(c.padded ? { mask } : {}),
    ...(c.packed ? { segments } : {}),
  };
}

/** Runs a problem on the current backend: the output and all gradients. */
export function run(
  problem: ScanProblem,
  options: { kernel?: boolean },
): Promise<Result> {
  const { batch, length, channels, stateDim, reverse } = problem;
  const shapes: Record<string, number[]> = {
    x: [batch, length, channels],
    dt: [batch, length, channels],
    a: [channels, stateDim],
    b: [batch, length, stateDim],
    c: [batch, length, stateDim],
    d: [channels],
    z: [batch, length, channels],
  };
  const tokens = tokenOptions(problem);
  return outputAndGradients(
    shaped(problem.inputs, (name) => shapes[name]!),
    { values: problem.dy, shape: [batch, length, channels] },
    tokens,
    (inputs) =>
      selectiveScan(inputs as unknown as SelectiveScanInputs, {
        ...{ reverse, ...options, ...tokens },
      }),
  );
}
