/** How a directory's files become a model of this library. @module */
import type { LionModel } from "./lion_config.ts";

/** What the caller asks to be other than in the files. */
export interface Changes {
  readonly head?: "masked-language-model" | "classification" | undefined;
  readonly numClasses?: number | undefined;
  /** How tokens are weighted. */
  readonly variant?: "lit" | "d" | "s" | undefined;
}

/** What a config.json says, and what the caller has changed. */
export interface Plan {
  readonly model: LionModel;
  /** Weights that the files may lack: modules, by PyTorch's names. */
  readonly initial: readonly string[];
  /** Tensors that the model has no use for: modules, by PyTorch's names. */
  readonly unused: readonly string[];
}
