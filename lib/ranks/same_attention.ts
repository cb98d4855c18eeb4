/** Checks that ranks ask for the same attention. @module */
import type * as tf from "@tensorflow/tfjs-core";
import type { Decay } from "../attention/decays/decay.ts";
import type { ContextGroup } from "@lionjs/base";
import { assertSameOnRanks } from "./agreement.ts";

/** The options that must be the same on all ranks; of `mask` and `segments`, whether there are any. */
interface SharedOptions {
  readonly decay: Decay;
  readonly mask: tf.Tensor | undefined;
  readonly segments: tf.Tensor | undefined;
  readonly causal: boolean;
  readonly scale: number;
  readonly normalize?: boolean | undefined;
  readonly epsilon?: number | undefined;
  /** Steps of a token, where tokens have such. */
  readonly steps?: number;
  /** The names of the vectors, where there may be others than q, k and v. */
  readonly vectors?: readonly string[];
  /** Whether there is an initial state, where there may be one. */
  readonly initialState?: boolean;
}

/**
 * Throws on all ranks unless they ask for the same attention, of tensors that
 * differ at most in length.
 */
export function assertSameAttention(
  operation: string,
  { q, k, v }: Readonly<Record<"q" | "k" | "v", tf.Tensor4D>>,
  { decay, mask, segments, ...options }: SharedOptions,
  ranks: ContextGroup,
): void {
  const [batch, keyHeads, , headDim] = q.shape;
  const { kind, ...ofDecay } = decay;
  const facts = {
    ...{ batch, heads: v.shape[1], keyHeads, headDim, valueDim: v.shape[3] },
    dtypes: [q, k, v].map(({ dtype }) => dtype),
    ...options,
    decay: [
      kind,
      ...Object.values(ofDecay).map((part: string | tf.Tensor) =>
        typeof part === "string"
          ? part
          : part.shape.filter((_, axis) => axis !== 2)
      ),
    ],
    ...{ mask: mask !== undefined, segments: segments !== undefined },
  };
  assertSameOnRanks(operation, facts, ranks);
}
