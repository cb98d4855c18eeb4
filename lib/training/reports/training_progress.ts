import { Progress as ProgressBar } from "@lionjs/notebook/progress";
import type { ProgressState, TrainingProgress } from "./progress.ts";

/** Milliseconds that shaders compile before a line tells how far they are. */
const MILLISECONDS_IN_SILENCE = 1000;

/**
 * Shows progress in tqdm's format, as `Progress` of `./notebook` does: a bar in
 * a notebook, one line on a terminal, and a line every ten seconds elsewhere.
 *
 * @example The default progress display of `train`
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { trainingProgress } from "@lionjs/lion/training";
 *
 * const progress = trainingProgress();
 * progress.begin({ step: 0, steps: 10 });
 * assertEquals(await progress.end(), undefined);
 * // 0%|          | 0/10 [00:00<?, ?step/s]
 * ```
 *
 * @returns The progress display, for the option `progress` of `train`.
 */
export function trainingProgress(): TrainingProgress {
  let bar: ProgressBar | undefined, shaders: ProgressBar | undefined;
  let began: number | undefined, closed: Promise<void> | undefined;
  const closeShaders = () => {
    closed ??= shaders?.close();
  };
  return {
    begin({ step, steps }) {
      shaders = began = closed = undefined;
      bar = new ProgressBar({ total: steps, initial: step, unit: "step" });
    },
    compiled({ done, total }) {
      began ??= performance.now();
      if (performance.now() - began < MILLISECONDS_IN_SILENCE) return;
      shaders ??= new ProgressBar({
        ...{ total, initial: done - 1 },
        ...{ description: "compiling shaders", unit: "shader" },
      });
      shaders.update(done - shaders.done);
      if (done === total) closeShaders();
    },
    update(state) {
      bar?.update(state.step - bar.done, figuresOf(state));
    },
    async end() {
      closeShaders();
      await closed;
      await bar?.close();
    },
  };
}

/** The figures shown beside the step count. */
function figuresOf(
  { loss, evaluation, examplesPerSecond }: ProgressState,
): Record<string, number> {
  const { loss: evaluationLoss, ...means } = evaluation;
  return {
    loss,
    ...(evaluationLoss !== undefined && { "evaluation loss": evaluationLoss }),
    ...means,
    "examples/s": examplesPerSecond,
  };
}
