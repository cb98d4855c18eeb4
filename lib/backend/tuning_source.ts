/** The sources of numbers behind the opaque type of a caller's tuning. @module */
import type { TuningNumbers } from "../kernels/tuning.ts";
import type { BackendInfo } from "./backend_info.ts";
import type { Tuning } from "./tuning.ts";

/** The properties of a backend by which its tuning is found. */
export type TunedBackend = Pick<BackendInfo, "name" | "adapter">;

/** Finds the numbers of a backend; without any, kernels keep their own. */
export type FindTuning = (
  backend: TunedBackend,
) => TuningNumbers | undefined | Promise<TuningNumbers | undefined>;

/** The source of a tuning: numbers, or a function that finds those of the started backend. */
export type TuningSource = TuningNumbers | FindTuning;

/** Makes a caller's opaque tuning from its source. */
export function asTuning(source: TuningSource): Tuning {
  return source as unknown as Tuning;
}

/** The source behind a caller's opaque tuning, unchecked. */
export function sourceOf(tuning: Tuning): TuningSource {
  return tuning as unknown as TuningSource;
}
