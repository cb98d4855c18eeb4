/** How BERT is trained by MosaicML's code, on which the authors' stands. @module */
import { type OptimizerOptions, warmUpLinear } from "@lionjs/lion/training";

/** The numbers of a training. */
export interface BertTraining {
  readonly steps: number;
  /** The highest learning rate. */
  readonly rate: number;
  readonly weightDecay: number;
  /** Where the rate ends, as a share of the highest. @default 0 */
  readonly finalShare?: number;
  /** Parts of a batch. @default 1 */
  readonly accumulate?: number;
  /**
   * AdamW, or MosaicML's decoupled AdamW, which takes off `weightDecay` of each
   * value where the rate is highest, whatever that rate is.
   * @default "decoupled"
   */
  readonly adam?: "decoupled" | "torch";
}

/** The share of the steps in which the rate rises. */
const WARM_UP = 0.06;

/**
 * The options of the optimizer: nothing is clipped, and weight decay applies to all
 * weights, biases too.
 *
 * Source: `DecoupledAdamW` and `LinearWithWarmupScheduler` of MosaicML's Composer,
 * and the yaml files of LION's authors.
 */
export function bertOptimizer(
  { steps, rate, weightDecay, finalShare = 0, accumulate, adam = "decoupled" }:
    BertTraining,
): OptimizerOptions {
  return {
    learningRate: warmUpLinear({
      learningRate: rate,
      warmUpSteps: WARM_UP * steps,
      steps,
      final: finalShare * rate,
    }),
    ...{ beta1: 0.9, beta2: 0.98, epsilon: 1e-6, accumulate },
    // `train` takes off the product of the rate and this.
    weightDecay: adam === "decoupled" ? weightDecay / rate : weightDecay,
    decays: () => true,
    clipNorm: Infinity,
  };
}
