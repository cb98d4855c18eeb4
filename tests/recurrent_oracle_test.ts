/** The oracle for long sequences is the definition's, to float64 accuracy. @module */
import { assertEquals } from "@std/assert";
import { beyond, deviations } from "./comparison.ts";
import { type DiagonalProblem, solveDiagonal } from "./diagonal_oracle.ts";
import type { Differentiated } from "./float64.ts";
import { solve } from "./oracle.ts";
import { type RecurrentProblem, solveRecurrently } from "./recurrent_oracle.ts";
import { CHANNELS, DECAYS, definitionOf, LION } from "./subjects/lion.ts";

const SHARED = [false, true].flatMap((causal) =>
  [false, true].flatMap((padded) =>
    [1, 2, 23].map((length) => ({
      ...{ batch: 2, heads: 3, length, headDim: 4, valueDim: 3 },
      ...{ causal, padded, normalize: padded !== causal, packed: length > 2 },
    }))
  )
);

/** What is different, if anything is. */
function differencesOf(problem: RecurrentProblem, expected: Differentiated) {
  const { y, gradients } = solveRecurrently(problem);
  // Float32 would be the coarser of the two.
  const exact = (x: Float64Array) => x as unknown as Float32Array;
  const actual = {
    y: exact(y.values),
    gradients: Object.fromEntries(
      Object.entries(gradients).map(([name, x]) => [name, exact(x.values)]),
    ),
  };
  const tolerance = { forward: 1e-12, gradient: 1e-12 };
  return beyond(deviations(problem, actual, expected), tolerance);
}

Deno.test("the recurrence is the definition, outputs and gradients", () => {
  for (const decay of [...DECAYS, ...CHANNELS]) {
    for (const c of SHARED) {
      const problem = LION.problemOf({ ...c, decay });
      const expected = problem.isDiagonal
        ? solveDiagonal(problem as RecurrentProblem as DiagonalProblem)
        : solve(definitionOf(problem));
      const wrong = differencesOf(problem, expected);
      assertEquals(wrong, [], `${decay} ${JSON.stringify(c)}`);
    }
  }
});
