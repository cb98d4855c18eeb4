/** Compares attention's kernels with the oracles; prints a line for each difference. @module */
import { useBackend } from "../../../mod.ts";
import { LION, type LionCase } from "../../subjects/lion.ts";
import { SOFTMAX } from "../../subjects/softmax.ts";
import { failuresOf } from "../../subjects/subject.ts";

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
    const c = { ...sizes, length, causal };
    const failures = await failuresOf(SOFTMAX, c, "wasm");
    failures.forEach((failure) => console.log(failure));
  }
}
for (const form of ["full", "chunkwise"] as const) {
  const lengths = Array.from({ length: LONGEST }, (_, i) => i + 1);
  for (const length of [...lengths, ...LONGER]) {
    for (const causal of [false, true]) {
      const c: LionCase = {
        ...{ ...sizes, length, causal, decay: "two-sided" },
        normalize: length % 2 === 0,
      };
      const way = { form, chunkSize: 32 };
      const failures = await failuresOf(LION, c, "wasm", way);
      failures.forEach((failure) => console.log(failure));
    }
  }
}
