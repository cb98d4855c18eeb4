/** The progress of training. */
export interface ProgressState {
  /** Number of steps taken, including those before a resumption. */
  readonly step: number;
  /** Total number of steps. */
  readonly steps: number;
  /** Loss of the last step. */
  readonly loss: number;
  /** Means of the last evaluation, by name; empty before the first. */
  readonly evaluation: Readonly<Record<string, number>>;
  /** Speed since training began or was resumed. */
  readonly examplesPerSecond: number;
  /** Estimated time to the last step, at the speed so far. */
  readonly secondsLeft: number;
}

/**
 * A display of training's progress, for instance on a terminal or in a notebook.
 */
export interface TrainingProgress {
  /** Begins the display; called once, before the first step. */
  begin(steps: { readonly step: number; readonly steps: number }): void;
  /**
   * Shows how many of the shaders are compiled. Called before the first step,
   * on a backend that compiles its shaders then: with 0, and after each of
   * them.
   * @default shows nothing
   */
  compiled?(shaders: { readonly done: number; readonly total: number }): void;
  /** Updates the display; called every few steps. */
  update(state: ProgressState): void;
  /** Ends the display; called once when training ends in any way, and awaited. */
  end(): void | Promise<void>;
}
