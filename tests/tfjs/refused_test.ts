import { assertEquals, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs-core";
import { onEachBackend } from "../backends.ts";

const BOXES = [[0, 0, 1, 1], [2, 2, 3, 3]];

/** Calls that ask for elements that are not there, and what is said of them. */
const REFUSED: readonly (readonly [string, () => unknown])[] = [
  [
    "slice's begin and size should stay within [8], got begin [5] and size [10]",
    () => tf.slice(tf.range(0, 8), 5, 10),
  ],
  [
    "slice's begin and size should stay within [8], got begin [-2] and size [2]",
    () => tf.slice(tf.range(0, 8), -2, 2),
  ],
  [
    "split's sizes should be 0 or more and add up to 8, got [9,-1]",
    () => tf.split(tf.range(0, 8), [9, -1]),
  ],
  [
    "pad's paddings should be two numbers of 0 or more for each axis of [8], got [[-1,2]]",
    () => tf.pad(tf.range(0, 8), [[-1, 2]]),
  ],
  [
    "pad's paddings should be two numbers of 0 or more for each axis of [4,3], got [[1,1]]",
    () => tf.pad(tf.ones([4, 3]), [[1, 1]]),
  ],
  [
    "tile's reps should be numbers of 0 or more, got [1.5]",
    () => tf.tile(tf.range(0, 8), [1.5]),
  ],
  [
    "transpose's perm should name each axis once, got [0,0]",
    () => tf.transpose(tf.ones([4, 3]), [0, 0]),
  ],
  [
    "unsortedSegmentSum's segmentIds should have an id for each row of [4,3], got [9]",
    () =>
      tf.unsortedSegmentSum(
        tf.ones([4, 3]),
        tf.zeros([9], "int32") as tf.Tensor1D,
        2,
      ),
  ],
  [
    "unsortedSegmentSum's segmentIds should have an id for each row of [4,3], got [2]",
    () =>
      tf.unsortedSegmentSum(
        tf.ones([4, 3]),
        tf.zeros([2], "int32") as tf.Tensor1D,
        2,
      ),
  ],
  [
    "unsortedSegmentSum's numSegments should be 0 or more, got -1",
    () =>
      tf.unsortedSegmentSum(
        tf.ones([4, 3]),
        tf.zeros([4], "int32") as tf.Tensor1D,
        -1,
      ),
  ],
  [
    "spaceToBatchND's paddings should be two numbers of 0 or more for each axis of a block, got [[-2,2],[0,0]]",
    () => tf.spaceToBatchND(tf.ones([1, 4, 4, 1]), [2, 2], [[-2, 2], [0, 0]]),
  ],
  [
    "batchToSpaceND's crops should be two numbers of 0 or more for each axis of a block, got [[-1,0],[0,0]]",
    () => tf.batchToSpaceND(tf.ones([4, 1, 1, 1]), [2, 2], [[-1, 0], [0, 0]]),
  ],
  [
    "batchToSpaceND's crops of axis 1 should be 2 together at most, got [2, 1]",
    () => tf.batchToSpaceND(tf.ones([4, 1, 1, 1]), [2, 2], [[2, 1], [0, 0]]),
  ],
  [
    "nonMaxSuppression's maxOutputSize should be 0 or more, got -1",
    () => tf.image.nonMaxSuppression(BOXES, [0.9, 0.8], -1),
  ],
  [
    "nonMaxSuppression's maxOutputSize should be 0 or more, got -3",
    () => tf.image.nonMaxSuppressionWithScore(BOXES, [0.9, 0.8], -3),
  ],
];

onEachBackend(
  "what is not there is refused, and nothing is left behind",
  () => {
    for (const [message, run] of REFUSED) {
      assertThrows(() => tf.tidy(() => void run()), Error, message);
    }
  },
);

onEachBackend(
  "any number of boxes is kept, of those that there are",
  async () => {
    for (const most of [2, 3, 2 ** 31 - 1, 2 ** 40]) {
      const kept = tf.image.nonMaxSuppression(BOXES, [0.8, 0.9], most);
      assertEquals([...await kept.data()], [1, 0]);
      kept.dispose();
    }
  },
);
