/** What backends find behind a caller's tuning. @module */
import type { TuningNumbers } from "../kernels/tuning.ts";
import type { BackendInfo } from "./backend_info.ts";
import type { Tuning } from "./tuning.ts";

/** What a tuning is found by. */
export type TunedBackend = Pick<BackendInfo, "name" | "adapter">;

/** Finds the numbers of a backend; without any, kernels keep their own. */
export type FindTuning = (
  backend: TunedBackend,
) => TuningNumbers | undefined | Promise<TuningNumbers | undefined>;

/** What is behind a tuning: numbers, or what finds those of what has started. */
export type TuningSource = TuningNumbers | FindTuning;

/** A tuning as callers have it. */
export function asTuning(source: TuningSource): Tuning {
  return source as unknown as Tuning;
}

/** What a caller's tuning is behind its type; nothing of it is checked. */
export function sourceOf(tuning: Tuning): TuningSource {
  return tuning as unknown as TuningSource;
}
