import { SingleBar } from "cli-progress";
import type { Progress, ProgressState } from "./progress.ts";

const FORMAT = "{value}/{total} steps, {figures}";
const MILLISECONDS_BETWEEN_LINES = 10_000;

/**
 * Shows progress on the standard error stream: one bar on a terminal, and
 * elsewhere a line every ten seconds.
 *
 * @example What `train` shows its progress with, unless it is told otherwise
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { terminalProgress } from "@lionjs/lion/training";
 *
 * const progress = terminalProgress();
 * progress.begin({ step: 0, steps: 10 });
 * assertEquals(progress.end(), undefined);
 * ```
 *
 * @returns To be passed to `train`.
 */
export function terminalProgress(): Progress {
  const bar = new SingleBar({
    format: Deno.stderr.isTerminal() ? `{bar} ${FORMAT}` : FORMAT,
    barsize: 24,
    noTTYOutput: true,
    notTTYSchedule: MILLISECONDS_BETWEEN_LINES,
  });
  return {
    begin: ({ step, steps }) => bar.start(steps, step, { figures: "…" }),
    update: (state) => bar.update(state.step, { figures: figuresOf(state) }),
    end: () => bar.stop(),
  };
}

/** Such as `loss 0.1234, accuracy 0.987, 51.3 examples/s, 1:02:03 left`. */
function figuresOf(state: ProgressState): string {
  const { loss, evaluation, examplesPerSecond, secondsLeft } = state;
  const means = Object.entries(evaluation).map(([name, mean]) =>
    `${name === "loss" ? "evaluation loss" : name} ${mean.toPrecision(4)}`
  );
  const seconds = Math.round(secondsLeft);
  const clock = [seconds / 3600, seconds / 60 % 60, seconds % 60].map((part) =>
    String(Math.floor(part)).padStart(2, "0")
  );
  return [
    `loss ${loss.toPrecision(4)}`,
    ...means,
    `${examplesPerSecond.toPrecision(3)} examples/s`,
    `${clock.join(":")} left`,
  ].join(", ");
}
