/** The sequence of layers whose tokens are divided among ranks. @module */
import * as tf from "@tensorflow/tfjs-core";
import type { ContextGroup } from "@lionjs/base";
import type { Sequence } from "../layers/sequence.ts";
import { acrossRanks } from "./across_ranks.ts";
import { assertSameOnRanks } from "./agreement.ts";
import { reversedRanks } from "./context_group.ts";
import { maximumOfRanks, sumOfRanks, tokensOfRanks } from "./exchange.ts";
import {
  endsAcrossRanks,
  numberAcrossRanks,
  positionsAcrossRanks,
} from "./segments.ts";

/** The sequence of which each of these ranks has a part. */
export function sequenceAcross(ranks: ContextGroup): Sequence {
  return {
    ...acrossRanks(ranks),
    isWhole: false,
    seed: `, rank ${ranks.rank}`,
    reversed: () => sequenceAcross(reversedRanks(ranks)),
    assertWhole(owner) {
      throw new RangeError(
        `${owner} should have all tokens of a sequence, got a part, as one of ${ranks.size} ranks; let ranks share the batch instead, or choose a mixer such as LION's`,
      );
    },
    assertSame: (operation, facts) =>
      assertSameOnRanks(operation, facts, ranks),
    lengths: (count) => tokensOfRanks(count, ranks),
    sum: (x) => sumOfRanks(x, ranks),
    maximum: (x) => maximumOfRanks(x, ranks),
    ofFirst: <T extends tf.Tensor>(x: T): T =>
      sumOfRanks(tf.mul(x, Number(ranks.rank === 0)), ranks),
    endsOf: (segments) => endsAcrossRanks(segments, ranks),
    numberSegments: (segments) => numberAcrossRanks(segments, ranks),
    positionsIn: (segments) => positionsAcrossRanks(segments, ranks),
  };
}
