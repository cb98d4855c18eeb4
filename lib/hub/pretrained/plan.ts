/** The plan by which the files of a model become a model of this library. @module */
import type { LionModel } from "./lion_config.ts";

/** The caller's changes to the model of the files. */
export interface Changes {
  readonly head?: "masked-language-model" | "classification" | undefined;
  readonly numClasses?: number | undefined;
  /** The variant of attention. @default the config's */
  readonly variant?: "lit" | "d" | "s" | undefined;
}

/** A model to make: that of a config.json, with the caller's changes. */
export interface Plan {
  readonly model: LionModel;
  /** Weights that the files may lack: modules, by PyTorch's names. */
  readonly initial: readonly string[];
  /** Tensors that the model has no use for: modules, by PyTorch's names. */
  readonly unused: readonly string[];
}
