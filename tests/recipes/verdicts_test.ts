import { assert, assertEquals } from "@std/assert";
import { BY_ACCURACY, BY_LOSS } from "../../tools/recipes/recipe.ts";
import type { TrialResult } from "../../tools/recipes/results_file.ts";
import {
  hasLearned,
  healthOf,
  isAtEdge,
  isOnPlateau,
  verdictOf,
} from "../../tools/recipes/verdicts.ts";

const curve = (name: string, values: readonly number[]) =>
  values.map((value, i) => ({ step: i + 1, means: { [name]: value } }));

Deno.test("a curve is on its plateau where its last quarter adds little", () => {
  const losses = (values: number[]) =>
    isOnPlateau(curve("loss", values), BY_LOSS);
  assert(losses([4, 3, 2, 1.5, 1.2, 1.1, 1.09, 1.085]));
  assert(!losses([4, 3.5, 3, 2.5, 2, 1.5, 1, 0.5]));
  // What gets worse again has been there.
  assert(losses([4, 3, 2, 1, 1, 1, 1.5, 2]));
  // A late fall, after a long flat stretch.
  assert(!losses([4, 4, 4, 4, 4, 4, 4, 2]));
  const accuracies = (values: number[]) =>
    isOnPlateau(curve("accuracy", values), BY_ACCURACY);
  assert(accuracies([0.3, 0.6, 0.9, 0.98, 0.99, 0.99, 0.993, 0.991]));
  assert(!accuracies([0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]));
});

Deno.test("one look at validation data shows no plateau", () => {
  assert(!isOnPlateau(curve("loss", [1]), BY_LOSS));
  assert(!isOnPlateau([], BY_LOSS));
});

Deno.test("a training has learned if its loss is clearly below the floor", () => {
  assert(hasLearned({ trainLoss: 1 }, 2));
  assert(!hasLearned({ trainLoss: 1.95 }, 2));
  assert(!hasLearned({ trainLoss: null }, 2));
});

Deno.test("a contender is healthy if each of its trainings has learned", () => {
  const trial = (
    contender: string,
    seed: number,
    trainLoss: number | null,
  ): TrialResult => ({
    ...{ contender, seed, trainLoss, rate: 1e-3, steps: 8, parameters: 1 },
    curve: curve("loss", seed === 1 ? [4, 2, 1, 1] : [4, 3, 2, 1]),
    figures: {},
  });
  const health = healthOf({
    measure: BY_LOSS,
    floor: { guess: "nothing", loss: 2 },
    trials: [
      trial("good", 1, 1),
      trial("bad", 1, 1),
      trial("lost", 1, null),
      trial("good", 2, 0.5),
      trial("bad", 2, 1.99),
      trial("lost", 2, 1),
    ],
  });
  assertEquals(health, [
    { contender: "good", trainLoss: 0.75, isHealthy: true, onPlateau: 1 },
    { contender: "bad", trainLoss: 1.495, isHealthy: false, onPlateau: 1 },
    { contender: "lost", trainLoss: null, isHealthy: false, onPlateau: 0 },
  ]);
});

Deno.test("a verdict is of the interval, and level of what is small", () => {
  const verdict = (mean: number, half: number) => verdictOf({ mean, half });
  assertEquals(verdict(3, 2), "ahead");
  assertEquals(verdict(-3, 2), "behind");
  assertEquals(verdictOf({ mean: -3, half: 2 }, "lowest"), "ahead");
  assertEquals(verdict(0.5, 1.4), "level");
  // However small it is, a difference that exceeds its interval is one.
  assertEquals(verdict(0.5, 0.4), "ahead");
  assertEquals(verdict(0.5, 1.6), "not told apart");
  assertEquals(verdict(5, NaN), "not told apart");
});

Deno.test("a chosen rate is at the edge where none beyond it was tried", () => {
  const choice = { contender: "a", seeds: 1, steps: 8 };
  const tries = [1e-3, 4e-3, 2e-3].map((rate) => ({ rate, value: 1 }));
  assert(isAtEdge({ ...choice, tries, chosen: 4e-3 }));
  assert(isAtEdge({ ...choice, tries, chosen: 1e-3 }));
  assert(!isAtEdge({ ...choice, tries, chosen: 2e-3 }));
  assert(!isAtEdge({ ...choice, tries: [], chosen: 2e-3 }));
});
