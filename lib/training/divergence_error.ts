/** Where training came to numbers that are not finite. */
export interface Divergence {
  /** The step, from 1. */
  readonly step: number;
  /** Its loss. */
  readonly loss: number;
  /** Its learning rate. */
  readonly learningRate: number;
  /** The norm of its gradient, before clipping. */
  readonly gradientNorm: number;
  /** The last checkpoint, all of whose steps were finite; `undefined` if there is none. */
  readonly checkpoint: string | undefined;
}

/** A loss or a gradient that is not finite, after which the weights are not either. */
export class DivergenceError extends Error {
  /** The class of error. */
  override readonly name = "DivergenceError";
  /** Where it happened. */
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

/** Where the weights are as they were before. */
export function beforeOf(checkpoint: string | undefined): string {
  return checkpoint
    ? `the last checkpoint, ${checkpoint}, is from before`
    : `there is no checkpoint from before`;
}
