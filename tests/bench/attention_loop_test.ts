import { assertEquals } from "@std/assert";
import { attentionLoop } from "../../bench/attention_loop.ts";
import {
  EPSILON,
  HEAD_DIM,
  problemOf,
  VARIANTS,
} from "../../bench/attention_problem.ts";
import { PASSES } from "../../bench/measure/tensors.ts";
import { difference } from "../../bench/measure/timing.ts";
import { type OracleDecay, solve } from "../oracle.ts";

for (const variant of VARIANTS) {
  Deno.test(`attentionLoop() agrees with the oracle on LION-${variant.toUpperCase()}`, () => {
    const problem = problemOf(variant, 2, 9);
    const { logDecay } = problem;
    const decay: OracleDecay = logDecay === null
      ? { kind: "none" }
      : { kind: variant === "d" ? "fixed" : "source", logDecay };
    const { y, gradients } = solve({
      ...problem,
      batch: 1,
      headDim: HEAD_DIM,
      valueDim: HEAD_DIM,
      decay,
      scale: 1,
      epsilon: EPSILON,
      normalize: true,
      causal: false,
    });
    const expected = [y, ...Object.values(gradients)].map((x) => x.values);
    for (const pass of PASSES) {
      const wrong = attentionLoop(problem, pass).map((values, i) =>
        difference(`array ${i}`, [[values, expected[i]!]], 2e-6)
      ).filter(Boolean);
      assertEquals(wrong, []);
    }
  });
}
