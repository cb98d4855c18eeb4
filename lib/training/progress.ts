/** How far training has come. */
export interface ProgressState {
  /** Steps taken, those before a resumption included. */
  readonly step: number;
  /** Steps in all. */
  readonly steps: number;
  /** Of the last step. */
  readonly loss: number;
  /** Means of the last evaluation, by name; empty before the first. */
  readonly evaluation: Readonly<Record<string, number>>;
  /** Since training began, or was resumed. */
  readonly examplesPerSecond: number;
  /** Until the last step, at the speed so far. */
  readonly secondsLeft: number;
}

/** Shows how far training has come: on a terminal, in a notebook, … */
export interface Progress {
  /** Called once, before the first step. */
  begin(steps: { readonly step: number; readonly steps: number }): void;
  /** Called every few steps. */
  update(state: ProgressState): void;
  /** Called once, however training ends, which waits for it. */
  end(): void | Promise<void>;
}
