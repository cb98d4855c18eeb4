import { assertEquals } from "@std/assert";
import { difference } from "../../bench/measure/timing.ts";
import { INPUTS, scanLoop, scanProblem } from "../../bench/scan_problem.ts";
import { solveScan } from "../selective_scan_oracle.ts";

Deno.test("scanLoop() agrees with the oracle", () => {
  const problem = scanProblem(21, 3, 4);
  const { y, gradients } = solveScan({ ...problem, batch: 1, reverse: false });
  const result = scanLoop(problem);
  const wrong = [
    difference("y", [[result.y, y.values]], 1e-12),
    ...INPUTS.map((name) =>
      difference(
        name,
        [[result.gradients[name], gradients[name]!.values]],
        1e-12,
      )
    ),
  ].filter(Boolean);
  assertEquals(wrong, []);
});
