import { assertEquals } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { softmaxAttention } from "../../mod.ts";
import { onEachBackend } from "../backends.ts";
import { failuresOf, type SoftmaxCase } from "./softmax_cases.ts";

const MASKS = ["none", "some", "none of the first"] as const;

/** Lengths about the blocks of the kernels, and columns that are no whole vectors. */
const CASES: SoftmaxCase[] = [1, 2, 67, 130, 200].flatMap((length) =>
  MASKS.flatMap((mask) =>
    [false, true].flatMap((causal) => [
      { batch: 2, heads: 1, length, headDim: 6, valueDim: 5, mask, causal },
      { batch: 1, heads: 3, length, headDim: 8, valueDim: 12, mask, causal },
    ])
  )
);

for (const kernel of [false, true]) {
  onEachBackend(
    `softmax attention equals the oracle, ${
      kernel ? "as a kernel" : "in tfjs operations"
    }`,
    async (backend) => {
      const failures: string[] = [];
      for (const c of CASES) {
        failures.push(...await failuresOf(c, kernel, backend));
      }
      assertEquals(failures, []);
    },
  );
}
