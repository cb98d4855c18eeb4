import { assertAlmostEquals, assertThrows } from "@std/assert";
import { warmUpCosine, warmUpLinear } from "../../lib/training/mod.ts";

Deno.test("warmUpCosine() rises, falls and stays", () => {
  const schedule = warmUpCosine({
    learningRate: 2,
    warmUpSteps: 5,
    steps: 105,
    final: 0.5,
  });
  const expected = { 1: 0.4, 4: 1.6, 5: 2, 55: 1.25, 105: 0.5, 999: 0.5 };
  for (const [step, rate] of Object.entries(expected)) {
    assertAlmostEquals(schedule(Number(step)), rate, 1e-12);
  }
  const third = 0.5 + 1.5 * (1 + Math.cos(Math.PI / 4)) / 2;
  assertAlmostEquals(schedule(30), third, 1e-12);
});

Deno.test("warmUpCosine() begins at the highest without warm-up", () => {
  const schedule = warmUpCosine({ learningRate: 1, steps: 10 });
  assertAlmostEquals(schedule(1), (1 + Math.cos(Math.PI / 10)) / 2, 1e-12);
});

Deno.test("warmUpLinear() rises, falls and stays", () => {
  const schedule = warmUpLinear({
    learningRate: 2,
    warmUpSteps: 5,
    steps: 105,
    final: 0.5,
  });
  const expected = { 1: 0.4, 5: 2, 30: 1.625, 55: 1.25, 105: 0.5, 999: 0.5 };
  for (const [step, rate] of Object.entries(expected)) {
    assertAlmostEquals(schedule(Number(step)), rate, 1e-12);
  }
});

Deno.test("schedules refuse a warm-up that never ends", () => {
  const options = { learningRate: 1, warmUpSteps: 10, steps: 10 };
  for (const schedule of [warmUpCosine, warmUpLinear]) {
    assertThrows(
      () => schedule(options),
      RangeError,
      "warmUpSteps should be in [0, steps = 10), got 10",
    );
  }
});
