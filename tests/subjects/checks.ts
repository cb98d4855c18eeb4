/** The checks that every subject has. @module */
import { assertEquals } from "@std/assert";
import { useBackend } from "../../mod.ts";
import {
  BACKENDS,
  onEachBackend,
  TOLERANCE,
  WITH_KERNELS,
} from "../backends.ts";
import { assertNear } from "../comparison.ts";
import { sample, sampleForms, sampleOf200 } from "../sample.ts";
import { assertRight } from "./assert_right.ts";
import {
  type AnySubject,
  type Problem,
  resultOf,
  type Subject,
  type TokenCase,
  type Way,
} from "./subject.ts";

/** Whether a way runs operations of TensorFlow.js. */
const isPlainIn = ({ isPlain }: AnySubject) => (c: TokenCase, way: Way) =>
  isPlain?.(way, c) ?? way.kernel === false;

/** Registers the test of a subject's cases in all of their ways. */
export function testCases(subject: AnySubject): void {
  const isPlain = isPlainIn(subject);
  onEachBackend(
    `${subject.name} equals its oracle in every way, outputs and gradients`,
    async (backend) => {
      // Ways change last, so that a sample has each.
      const runs = subject.ways.flatMap((way) =>
        subject.cases.map((c) => [c, way] as const)
      );
      const plain = (run: typeof runs[number]) => isPlain(...run);
      const chosen = sampleForms(backend, runs, plain, subject.every);
      await assertRight(subject, chosen, backend);
    },
    { sampled: true },
  );
}

/** Registers the test of a subject at random shapes. */
export function testRandom(subject: AnySubject): void {
  const isPlain = isPlainIn(subject);
  onEachBackend(
    `${subject.name} equals its oracle at 200 random shapes`,
    async (backend) => {
      const cases = subject.random(backend);
      const chosen = sampleOf200(backend, cases, (run) => isPlain(...run));
      await assertRight(subject, chosen, backend);
    },
    { sampled: true },
  );
}

/** Registers the test that a kernel equals operations of TensorFlow.js, where loops take too long. */
export function testWidths<C extends TokenCase, P>(
  subject: Subject<C, P>,
  cases: readonly C[],
  plain: Way = { kernel: false },
  change: (problem: P & Problem) => P & Problem = (problem) => problem,
): void {
  onEachBackend(
    `the kernel of ${subject.name} equals tfjs operations at the widths of models`,
    async (backend) => {
      const { forward, gradient } = TOLERANCE[backend];
      for (const c of sample(backend, cases)) {
        const problem = change(subject.problemOf(c));
        const ours = await resultOf(subject, problem);
        const theirs = await resultOf(subject, problem, plain);
        // Both are off by so much.
        assertNear("y", ours.y, theirs.y, 2 * forward);
        for (const [name, values] of Object.entries(theirs.gradients)) {
          assertNear(name, ours.gradients[name]!, values, 2 * gradient);
        }
      }
    },
    { only: WITH_KERNELS, sampled: true },
  );
}

/** Registers the test that a case has the same bits on any number of threads. */
export function testThreads<C extends TokenCase, P>(
  subject: Subject<C, P>,
  cases: readonly C[],
  numbers: readonly number[] = [1, 2, 3, 5],
): void {
  Deno.test({
    name: `${subject.name} is the same on any number of threads [wasm]`,
    ignore: !BACKENDS.includes("wasm"),
    fn: async () => {
      const problems = cases.map(subject.problemOf);
      const results: unknown[] = [];
      for (const threads of numbers) {
        await useBackend({ prefer: ["wasm"], threads });
        for (const [i, problem] of problems.entries()) {
          const result = await resultOf(subject, problem);
          assertEquals(result, results[i] ??= result);
        }
      }
      await useBackend({ prefer: ["wasm"] });
    },
  });
}
