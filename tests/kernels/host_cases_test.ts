/** A few attentions of every kind; `hosts_test.ts` runs them on each host. @module */
import { assertEquals } from "@std/assert";
import type { ConcreteForm } from "../../mod.ts";
import {
  type Case,
  DECAYS,
  describe,
  differences,
  run,
  solvedCase,
} from "../attention/cases.ts";
import {
  problemOf as problemOfDelta,
  run as runDelta,
} from "../attention/delta_cases.ts";
import {
  type DiagonalCase,
  KINDS,
  problemOf as problemOfDiagonal,
  run as runDiagonal,
} from "../attention/diagonal_cases.ts";
import { BACKENDS, onEachBackend, TOLERANCE } from "../backends.ts";
import { differences as differencesOfGradients } from "../comparison.ts";
import { solveDelta } from "../delta_oracle.ts";
import { solveDiagonal } from "../diagonal_oracle.ts";

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
          const { problem, solution } = solvedCase(c);
          for (const [form, kernel] of WAYS) {
            const actual = await run(problem, form, 16, { kernel });
            failures.push(
              ...differences(problem, actual, solution, backend)
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
      const problem = problemOfDiagonal(c);
      const expected = solveDiagonal(problem);
      const actual = await runDiagonal(problem, "chunkwise", 16);
      failures.push(
        ...differencesOfGradients(problem, actual, expected, TOLERANCE[backend])
          .map((difference) => `${JSON.stringify(c)}: ${difference}`),
      );
    }
    assertEquals(failures, []);
  },
  BACKENDS.filter((name) => name !== "cpu"),
);

for (const gate of ["none", "two-sided", "two-sided diagonal"] as const) {
  onEachBackend(
    `kernels of the delta rule equal the oracle, gate ${gate}`,
    async (backend) => {
      const failures: string[] = [];
      for (const causal of [false, true]) {
        for (const headDim of [8, 17]) {
          const problem = problemOfDelta({
            ...{ batch: 2, heads: 2, length: 40, headDim, valueDim: 8 },
            ...{ gate, causal, padded: causal, packed: !causal },
          });
          const actual = await runDelta(problem, { chunkSize: 16 });
          const expected = solveDelta(problem);
          failures.push(
            ...differencesOfGradients(
              problem,
              actual,
              expected,
              TOLERANCE[backend],
            ).map((line) => `causal=${causal} d=${headDim}: ${line}`),
          );
        }
      }
      assertEquals(failures, []);
    },
    BACKENDS.filter((name) => name !== "cpu"),
  );
}
