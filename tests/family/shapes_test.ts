/**
 * Each model of the family at random shapes, against the float64 loop of its
 * paper's recurrence. In a file beside that of the forms, they run at the same time.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { onEachBackend } from "../backends.ts";
import { differences } from "../comparison.ts";
import { headSizes, sampleOf200 } from "../sample.ts";
import { problemOf, run, TOLERANCE } from "./cases.ts";
import { MODELS } from "./models.ts";
import { solveRecurrence } from "./recurrence.ts";

for (const model of MODELS) {
  onEachBackend(
    `${model.name}() equals its paper's recurrence at 200 random shapes`,
    async (backend) => {
      const integer = (max: number) => fc.integer({ min: 1, max });
      const cases = fc.tuple(
        fc.record({
          batch: integer(2),
          heads: integer(3),
          length: integer(9),
          causal: fc.boolean(),
          padded: fc.boolean(),
          packed: fc.boolean(),
        }),
        headSizes(backend, { headDim: 6, valueDim: 6, chunkSize: 10 }),
        fc.constantFrom(...model.forms),
      );
      const failures: string[] = [];
      const chosen = sampleOf200(backend, cases, () => false);
      for (const [shape, sizes, form] of chosen) {
        const { chunkSize, ...dims } = sizes;
        const c = { ...shape, ...dims };
        const problem = problemOf(model, c);
        const actual = await run(model, problem, { form, chunkSize });
        const expected = solveRecurrence(model, problem);
        failures.push(
          ...differences(problem, actual, expected, TOLERANCE).map((line) =>
            `${form} ${chunkSize} ${JSON.stringify(c)}: ${line}`
          ),
        );
      }
      assertEquals(failures, []);
    },
  );
}
