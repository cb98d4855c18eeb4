/** The step at which training diverged. */
export interface Divergence {
  /** The step, from 1. */
  readonly step: number;
  /** The loss of the step. */
  readonly loss: number;
  /** The learning rate of the step. */
  readonly learningRate: number;
  /** The norm of the step's gradient, before clipping. */
  readonly gradientNorm: number;
  /**
   * The last checkpoint before the divergence; `undefined` if there is none.
   */
  readonly checkpoint: string | undefined;
}

/** Thrown when a loss or a gradient is not finite, which spoils the weights. */
export class DivergenceError extends Error {
  /** The name of the error. */
  override readonly name = "DivergenceError";
  /** Where training diverged. */
  readonly divergence: Divergence;

  /** Makes the error. */
  constructor(divergence: Divergence) {
    const { step, loss, learningRate, gradientNorm, checkpoint } = divergence;
    super(
      `step ${step} came to loss ${loss} and gradient norm ${gradientNorm} ` +
        `with learning rate ${learningRate}; use a lower learning rate, or look ` +
        `for bad values in the data; ${beforeOf(checkpoint)}`,
    );
    this.divergence = divergence;
  }
}

/** A sentence that names the checkpoint before the divergence. */
export function beforeOf(checkpoint: string | undefined): string {
  return checkpoint
    ? `the last checkpoint, ${checkpoint}, is from before`
    : `there is no checkpoint from before`;
}
