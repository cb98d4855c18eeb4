/** Compares softmax attention's kernel with the oracle; prints a line for each difference. @module */
import { useBackend } from "../../../mod.ts";
import { failuresOf } from "../../attention/softmax_cases.ts";

await useBackend({ prefer: ["wasm"], threads: 1 });
const sizes = {
  batch: 1,
  heads: 1,
  headDim: 8,
  valueDim: 12,
  mask: "none",
} as const;
for (let length = 1; length <= 40; length++) {
  for (const causal of [false, true]) {
    const failures = await failuresOf(
      { ...sizes, length, causal },
      true,
      "wasm",
    );
    failures.forEach((failure) => console.log(failure));
  }
}
