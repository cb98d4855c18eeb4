/** A few attentions of every kind; `layouts_test.ts` runs them in each layout. @module */
import { assertEquals } from "@std/assert";
import type { ConcreteForm } from "../../mod.ts";
import {
  type Case,
  DECAYS,
  describe,
  differences,
  problemOf,
  run,
} from "../attention/cases.ts";
import { BACKENDS, onEachBackend, TOLERANCE } from "../backends.ts";
import { differences as differ } from "../comparison.ts";
import { solveDiagonal } from "../diagonal_oracle.ts";
import { solve } from "../oracle.ts";
import {
  type DiagonalCase,
  KINDS,
  problemOf as diagonalProblemOf,
  run as runDiagonal,
} from "../attention/diagonal_cases.ts";

/** Kernels, where there are such, and the two forms that differ most. */
const WAYS: readonly [form: ConcreteForm, kernel: boolean][] = [
  ["full", true],
  ["blockwise", true],
  ["recurrent", true],
  ["chunkwise", true],
  ["full", false],
  ["chunkwise", false],
];

for (const decay of DECAYS) {
  onEachBackend(
    `kernels and plain forms equal the oracle, decay ${decay}`,
    async (backend) => {
      const failures: string[] = [];
      for (const causal of [false, true]) {
        for (const headDim of [8, 17]) {
          const c: Case = {
            ...{ batch: 2, heads: 2, length: 40, headDim, valueDim: 8 },
            ...{ decay, causal, normalize: !causal, padded: causal },
          };
          const problem = problemOf(c);
          const expected = solve(problem);
          for (const [form, kernel] of WAYS) {
            const actual = await run(problem, form, 16, { kernel });
            failures.push(
              ...differences(problem, actual, expected, backend)
                .map((difference) => `${describe(c)} ${form}: ${difference}`),
            );
          }
        }
      }
      assertEquals(failures, []);
    },
    BACKENDS.filter((name) => name !== "cpu"),
  );
}

onEachBackend(
  "kernels equal the oracle, decays of each channel",
  async (backend) => {
    const failures: string[] = [];
    for (const [i, causal] of [false, true].entries()) {
      const c: DiagonalCase = {
        ...{ batch: 2, heads: 2, length: 40, headDim: 17, valueDim: 8 },
        ...{ causal, normalize: !causal, padded: causal, packed: !causal },
        kind: KINDS[i]!,
      };
      const problem = diagonalProblemOf(c);
      const expected = solveDiagonal(problem);
      const actual = await runDiagonal(problem, "chunkwise", 16);
      failures.push(
        ...differ(problem, actual, expected, TOLERANCE[backend])
          .map((difference) => `${JSON.stringify(c)}: ${difference}`),
      );
    }
    assertEquals(failures, []);
  },
  BACKENDS.filter((name) => name !== "cpu"),
);
