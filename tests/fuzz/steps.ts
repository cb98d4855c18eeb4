/** recurrentStep and deltaStep, in pieces of any length, beside float64 loops of the whole. @module */
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { deltaStep, recurrentState, recurrentStep } from "../../mod.ts";
import { type Input, outputAndGradients } from "../comparison.ts";
import { TOLERANCE } from "../tolerance.ts";
import {
  bounded,
  columns,
  compared,
  given,
  lengths,
  paddings,
  seeds,
  STEPS,
  tokenTensors,
  upTo,
  WORK,
} from "./draw.ts";
import {
  DELTA_DECAYS,
  deltaProblemOf,
  deltaSolutionOf,
  deltaWork,
} from "./delta_problem.ts";
import { DECAYS, problemOf, solutionOf, work } from "./lion_problem.ts";
import type { Target } from "./target.ts";

const common = {
  batch: upTo(3),
  heads: upTo(3),
  length: lengths(),
  headDim: columns,
  valueDim: columns,
  kernel: fc.boolean(),
  scale: fc.constantFrom(null, 0.4, 2),
  padding: paddings,
  /** Tokens of the pieces, as often as it takes. */
  pieces: fc.array(upTo(70), { minLength: 1, maxLength: 4 }),
  values: seeds,
};

const isOfOneWay = <T extends string>(decay: T) =>
  !decay.startsWith("two-sided");

const sums = fc.record({
  ...common,
  decay: fc.constantFrom(...DECAYS.filter(isOfOneWay)),
  normalize: fc.boolean(),
  epsilon: fc.constantFrom(null, 0, 0.5),
}, { noNullPrototype: true });

const deltas = fc.record({
  ...common,
  decay: fc.constantFrom(...DELTA_DECAYS.filter(isOfOneWay)),
}, { noNullPrototype: true });

type Of<A> = A extends fc.Arbitrary<infer T> ? T : never;

/** Borders between pieces, which are fewer than a backend takes its time for. */
function bordersOf(
  { length, pieces }: { length: number; pieces: readonly number[] },
  most: number,
): number[] {
  const fewest = Math.ceil(2 * length / most);
  const borders = [0];
  for (let i = 0; borders.at(-1)! < length; i++) {
    const next = borders.at(-1)! + Math.max(fewest, pieces[i % pieces.length]!);
    borders.push(Math.min(length, next));
  }
  return borders;
}

/** What a step gets, and what it gives. */
type Step<State> = (
  state: State,
  input: Record<string, tf.Tensor>,
) => { y: tf.Tensor4D; state: State };

/** The outputs of all pieces. */
function inPieces<State>(
  start: State,
  borders: readonly number[],
  inputs: Readonly<Record<string, tf.Tensor>>,
  step: Step<State>,
): tf.Tensor {
  let state = start;
  const parts = borders.slice(1).map((end, i) => {
    const begin = borders[i]!;
    const piece = Object.entries(inputs).map(([name, x]) => {
      if (x.rank === 1) return [name, x];
      const axis = x.rank === 2 ? 1 : 2;
      const from = x.shape.map((_, i) => i === axis ? begin : 0);
      const size = x.shape.map((n, i) => i === axis ? end - begin : n);
      return [name, tf.slice(x, from, size)];
    });
    const after = step(state, Object.fromEntries(piece));
    state = after.state;
    return after.y;
  });
  return tf.concat(parts, 2);
}

/** The output without a tape, where pieces have kernels of their own, and that with one, and its gradients. */
async function both(
  inputs: Readonly<Record<string, Input>>,
  dy: Input,
  mask: tf.Tensor2D | null,
  compute: (inputs: Record<string, tf.Tensor>) => tf.Tensor,
) {
  const untaped = tf.tidy(() =>
    compute(Object.fromEntries(
      Object.entries(inputs).map(([name, { values, shape }]) => [
        name,
        tf.tensor(values, [...shape]),
      ]),
    ))
  );
  const alone = await untaped.data<"float32">();
  untaped.dispose();
  const taped = await outputAndGradients(inputs, dy, { mask }, compute);
  return { taped, untaped: { y: alone, gradients: {} } };
}

/** The target of sums. */
export const steps: Target<Of<typeof sums>> = {
  name: "steps",
  kind: "operations",
  cases: () =>
    sums.map((c) =>
      bounded(
        c,
        ["batch", "heads", "headDim", "valueDim"],
        (c) => work({ ...c, causal: true }),
        WORK,
      )
    ),
  async run(c, backend) {
    const { problem, inputs, random } = problemOf({ ...c, causal: true });
    const { batch, heads, length, headDim, valueDim } = c;
    const { mask } = tokenTensors(c, { mask: problem.mask }, random);
    const { kernel, normalize, scale, epsilon } = c;
    const convention = c.decay.startsWith("source") ? "source" : "arrival";
    const borders = bordersOf(c, STEPS[backend]);
    const results = await both(
      inputs,
      { values: problem.dy, shape: [batch, heads, length, valueDim] },
      mask,
      (tensors) =>
        inPieces(
          recurrentState({ batch, heads, headDim, valueDim }),
          borders,
          { ...tensors, ...given({ mask }) },
          (state, input) =>
            recurrentStep(
              state,
              input as unknown as Parameters<typeof recurrentStep>[1],
              {
                ...{ convention, kernel, normalize },
                ...given({ scale, epsilon }),
              },
            ),
        ),
    );
    return comparedBoth(c, results, solutionOf({ problem, inputs }), backend);
  },
};

/** The target of the delta rule. */
export const deltaSteps: Target<Of<typeof deltas>> = {
  name: "delta-steps",
  kind: "operations",
  cases: (backend) =>
    deltas.map((tried) => {
      const c = bounded(
        tried,
        ["batch", "heads", "headDim", "valueDim"],
        (c) => deltaWork({ ...c, causal: true }),
        WORK,
      );
      // Token by token, where there is no kernel; so are gradients where there is.
      const hasKernel = c.kernel && backend !== "cpu";
      if (hasKernel && backend !== "webgpu") return c;
      const most = hasKernel ? 2 * STEPS[backend] : STEPS[backend];
      return { ...c, length: Math.min(c.length, most) };
    }),
  async run(c, backend) {
    const shape = { ...c, causal: true };
    const { problem, inputs, dy, random } = deltaProblemOf(shape);
    const { mask } = tokenTensors(c, { mask: problem.mask }, random);
    const { kernel, scale } = c;
    const borders = bordersOf(c, STEPS[backend]);
    const results = await both(
      inputs,
      dy,
      mask,
      ({ forward: logDecay, ...tensors }) =>
        inPieces<tf.Tensor4D | null>(
          null,
          borders,
          {
            ...tensors,
            ...logDecay ? { logDecay } : {},
            ...given({ mask }),
          },
          (state, input) =>
            deltaStep(
              state,
              input as unknown as Parameters<typeof deltaStep>[1],
              { kernel, ...given({ scale }) },
            ),
        ),
    );
    return comparedBoth(c, results, deltaSolutionOf(shape, problem), backend);
  },
};

/** The largest errors of both. */
function comparedBoth(
  c: { readonly length: number },
  { taped, untaped }: Awaited<ReturnType<typeof both>>,
  expected: ReturnType<typeof solutionOf>,
  backend: keyof typeof TOLERANCE,
) {
  const tolerance = TOLERANCE[backend];
  compared(c, untaped, { ...expected, gradients: {} }, tolerance);
  return compared(c, taped, expected, tolerance);
}
