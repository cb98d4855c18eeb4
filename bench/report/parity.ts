/** Small problems beside the float64 reference, before anything is timed. @module */
import type { BackendName } from "@lionjs/lion";
import { solve } from "../../tests/oracle.ts";
import { TOLERANCE } from "../../tests/tolerance.ts";
import { attentionGroup, FORMS } from "../attention.ts";
import {
  EPSILON,
  HEAD_DIM,
  problemOf,
  type Variant,
  VARIANTS,
} from "../attention_problem.ts";
import { PASSES } from "../measure/tensors.ts";
import { errorIn, ParityError } from "../measure/timing.ts";
import type { Power } from "./figure.ts";
import type { Parity } from "../measure/report_file.ts";

/** Neither chunks nor tiles divide it. */
const LENGTH = 70;
const HEADS = 2;

/**
 * Compares every form and variant with float64 loops from the definition:
 * outputs, and gradients; where a GPU is software, whose shaders take seconds to
 * compile, gradients of one form only.
 *
 * @throws {ParityError} If one is wrong.
 */
export async function measureParity(
  backend: BackendName,
  power: Power,
  threads: number,
): Promise<Parity[]> {
  const found: Parity[] = [];
  for (const variant of VARIANTS) {
    for (const pass of PASSES) {
      const only = power === "software" && pass === "gradients"
        ? variant === "s" ? ["chunkwise"] : []
        : FORMS;
      if (only.length === 0) continue;
      const expected = truthOf(variant);
      const { forward, gradient } = TOLERANCE[backend];
      const tolerance = pass === "forward" ? forward : gradient;
      const { contenders, close } = await attentionGroup({
        ...{ backend, pass, variant, length: LENGTH, heads: HEADS, threads },
        only,
      }).open();
      try {
        for (const { name, results } of contenders) {
          const error = errorOf(await results!(), expected);
          found.push({
            ...{ backend, variant, form: name, pass, length: LENGTH },
            ...{ error, tolerance },
          });
          // NaN is not.
          if (error <= tolerance) continue;
          throw new ParityError(
            `${name}, LION-${variant.toUpperCase()}, ${pass} on ${backend}: ` +
              `off by ${error.toExponential(1)} of the largest value, where ` +
              `${tolerance.toExponential(0)} is allowed`,
          );
        }
      } finally {
        await close();
      }
    }
  }
  return found;
}

/** The output and the gradients of q, k, v and any log decay, in float64. */
function truthOf(variant: Variant): Float64Array[] {
  const problem = problemOf(variant, HEADS, LENGTH);
  const { logDecay } = problem;
  const { y, gradients } = solve({
    ...{ ...problem, batch: 1, headDim: HEAD_DIM, valueDim: HEAD_DIM },
    decay: logDecay === null
      ? { kind: "none" }
      : { kind: variant === "d" ? "fixed" : "source", logDecay },
    ...{ scale: 1, epsilon: EPSILON, normalize: true, causal: false },
  });
  return [y, ...Object.values(gradients)].map(({ values }) => values);
}

type Numbers = ArrayLike<number>;

/** The output's error or the gradients', whichever is larger; those of q, k and v are judged together, since some may cancel. */
function errorOf(got: readonly Numbers[], wanted: readonly Numbers[]): number {
  const groups = [[0], [1, 2, 3], [4]]
    .map((places) => places.filter((place) => place < got.length))
    .filter(({ length }) => length > 0);
  return Math.max(
    ...groups.map((places) => {
      const { error, largest } = errorIn(
        places.map((place) => [got[place]!, wanted[place]!]),
      );
      return error / largest;
    }),
  );
}
