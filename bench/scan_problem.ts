/**
 * Mamba's selective scan as it is timed, and as a loop in float64: the reference
 * that the results of all contenders are compared with.
 *
 *     h_t = e^{Δ_t a} h_{t-1} + Δ_t b_t x_t    y_t = (c_t · h_t + d x_t) SiLU(z_t)
 *
 * @module
 */
import { array, uniform } from "../tests/random.ts";

/** One sequence in flat row-major arrays. */
export interface ScanProblem {
  readonly length: number;
  readonly channels: number;
  readonly stateDim: number;
  /** `x, dt, a, b, c, d, z`, in this order. */
  readonly inputs: Readonly<Record<typeof INPUTS[number], Float32Array>>;
  /** `[length, channels]`, the gradient of a loss in the output. */
  readonly dy: Float32Array;
}

/** The inputs in order. */
export const INPUTS = ["x", "dt", "a", "b", "c", "d", "z"] as const;

/** The same problem for the same arguments: Mamba's first paces and time steps. */
export function scanProblem(
  length: number,
  channels: number,
  stateDim: number,
): ScanProblem {
  const random = uniform(length);
  const perChannel = length * channels, perToken = length * stateDim;
  let place = 0;
  return {
    ...{ length, channels, stateDim },
    inputs: {
      x: array(perChannel, random),
      dt: array(perChannel, random, (u) => 0.001 * 100 ** u),
      a: array(channels * stateDim, random, () => -1 - place++ % stateDim),
      b: array(perToken, random),
      c: array(perToken, random),
      d: array(channels, random),
      z: array(perChannel, random),
    },
    dy: array(perChannel, random),
  };
}

/** The shape of an input, of one sequence; that of x is dy's and y's. */
export function shapeOf(
  { length, channels, stateDim }: ScanProblem,
  name: typeof INPUTS[number],
): number[] {
  switch (name) {
    case "a":
      return [channels, stateDim];
    case "b":
    case "c":
      return [1, length, stateDim];
    case "d":
      return [channels];
    default:
      return [1, length, channels];
  }
}

/** The output, and the gradients of the inputs. */
export interface ScanResult {
  readonly y: Float64Array;
  readonly gradients: Readonly<Record<typeof INPUTS[number], Float64Array>>;
}

/** Solves a problem channel by channel. */
export function scanLoop(problem: ScanProblem): ScanResult {
  const { inputs, dy } = problem;
  const result: ScanResult = {
    y: new Float64Array(dy.length),
    gradients: Object.fromEntries(
      INPUTS.map((name) => [name, new Float64Array(inputs[name].length)]),
    ) as ScanResult["gradients"],
  };
  for (let channel = 0; channel < problem.channels; channel++) {
    solveChannel(problem, channel, result);
  }
  return result;
}

function solveChannel(
  { length, channels, stateDim, inputs, dy }: ScanProblem,
  channel: number,
  { y, gradients }: ScanResult,
): void {
  const { x, dt, a, b, c, d, z } = inputs;
  /** The state after each token; the first is that before all. */
  const states = new Float64Array((length + 1) * stateDim);
  const read = new Float64Array(length);
  for (let t = 0; t < length; t++) {
    const at = t * channels + channel, own = t * stateDim;
    for (let n = 0; n < stateDim; n++) {
      const decay = Math.exp(dt[at]! * a[channel * stateDim + n]!);
      const state = decay * states[own + n]! + dt[at]! * x[at]! * b[own + n]!;
      states[own + stateDim + n] = state;
      read[t]! += c[own + n]! * state;
    }
    read[t]! += d[channel]! * x[at]!;
    y[at] = read[t]! * z[at]! * sigmoid(z[at]!);
  }
  const carried = new Float64Array(stateDim);
  for (let t = length - 1; t >= 0; t--) {
    const at = t * channels + channel, own = t * stateDim;
    const gate = sigmoid(z[at]!);
    const scanGradient = dy[at]! * z[at]! * gate;
    gradients.z[at] = dy[at]! * read[t]! * gate * (1 + z[at]! * (1 - gate));
    gradients.d[channel]! += scanGradient * x[at]!;
    let ofTaken = 0;
    for (let n = 0; n < stateDim; n++) {
      const pace = a[channel * stateDim + n]!;
      const decay = Math.exp(dt[at]! * pace);
      const gradient = carried[n]! + scanGradient * c[own + n]!;
      carried[n] = decay * gradient;
      const weighed = carried[n]! * states[own + n]!;
      gradients.c[own + n]! += scanGradient * states[own + stateDim + n]!;
      gradients.b[own + n]! += gradient * dt[at]! * x[at]!;
      gradients.a[channel * stateDim + n]! += weighed * dt[at]!;
      gradients.dt[at]! += weighed * pace;
      ofTaken += gradient * b[own + n]!;
    }
    gradients.dt[at]! += ofTaken * x[at]!;
    gradients.x[at] = ofTaken * dt[at]! + scanGradient * d[channel]!;
  }
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
