/** Compares attention's kernels with the oracles; prints a line for each difference. @module */
import { useBackend } from "../../../mod.ts";
import {
  describe,
  differences,
  problemOf,
  run,
} from "../../attention/cases.ts";
import { failuresOf } from "../../attention/softmax_cases.ts";
import { solve } from "../../oracle.ts";

await useBackend({ prefer: ["wasm"], threads: 1 });
/** Lengths at which the last vectors of a row hold any number of tokens. */
const LONGEST = 40;
/** Beside lengths of one tile, two at which the mask passes others. */
const LONGER = [130, 200];

const sizes = {
  batch: 1,
  heads: 1,
  headDim: 8,
  valueDim: 12,
} as const;
for (let length = 1; length <= LONGEST; length++) {
  for (const causal of [false, true]) {
    const failures = await failuresOf(
      { ...sizes, length, causal, mask: "none" },
      true,
      "wasm",
    );
    failures.forEach((failure) => console.log(failure));
  }
}
for (const form of ["full", "chunkwise"] as const) {
  const lengths = Array.from({ length: LONGEST }, (_, i) => i + 1);
  for (const length of [...lengths, ...LONGER]) {
    for (const causal of [false, true]) {
      const c = {
        ...sizes,
        length,
        causal,
        decay: "two-sided",
        normalize: length % 2 === 0,
        padded: false,
      } as const;
      const problem = problemOf(c);
      const actual = await run(problem, form, 32);
      differences(problem, actual, solve(problem), "wasm").forEach((wrong) =>
        console.log(`${form} ${describe(c)}: ${wrong}`)
      );
    }
  }
}
