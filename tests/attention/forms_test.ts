import { assertEquals } from "@std/assert";
import { onEachBackend } from "../backends.ts";
import { type Solution, solve } from "../oracle.ts";
import {
  type Case,
  DECAYS,
  describe,
  differences,
  problemOf,
  run,
} from "./cases.ts";

const LENGTHS = [1, 2, 17, 64, 65, 200];
/** One sequence with mixed decays, and six that have each kind of decay. */
const SIZES = [{ batch: 1, heads: 1 }, { batch: 2, heads: 3 }];
/** Chunks that do not divide the lengths, except 64. */
const FORMS = [
  { form: "full", chunkSize: 1 },
  { form: "recurrent", chunkSize: 1 },
  { form: "blockwise", chunkSize: 24 },
  { form: "chunkwise", chunkSize: 16 },
] as const;

function* cases(length: number): Generator<Case> {
  const sizes = length === 17
    ? [...SIZES, { batch: 1, heads: 3 }, { batch: 2, heads: 1 }]
    : SIZES;
  for (const size of sizes) {
    for (const decay of DECAYS) {
      for (const causal of [false, true]) {
        for (const normalize of [false, true]) {
          for (const padded of [false, true]) {
            yield { ...size, length, decay, causal, normalize, padded };
          }
        }
      }
    }
  }
}

const solutions = new Map<string, Solution>();

for (const { form, chunkSize } of FORMS) {
  onEachBackend(
    `lionAttention() as ${form} equals the oracle, with its gradients`,
    async (backend, t) => {
      for (const length of LENGTHS) {
        await t.step(`length ${length}`, async () => {
          const failures: string[] = [];
          for (const c of cases(length)) {
            const problem = problemOf(c);
            const name = describe(c);
            const expected = solutions.get(name) ?? solve(problem);
            solutions.set(name, expected);
            const actual = await run(problem, form, chunkSize);
            failures.push(
              ...differences(problem, actual, expected, backend)
                .map((difference) => `${name}: ${difference}`),
            );
          }
          assertEquals(failures, []);
        });
      }
    },
  );
}
