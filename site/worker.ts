/// <reference lib="dom" />
/** Where everything is computed. @module */
import * as tf from "@tensorflow/tfjs-core";
import { decayMask, fixedDecay, noDecay, selectiveDecay } from "@lionjs/lion";
import { answerCalls } from "./answer_calls.ts";
import type { Calls, MaskProblem } from "./calls.ts";
import { classify, compare } from "./classifier.ts";
import { start } from "./device.ts";
import { readLong, timeSoftmax } from "./million/reading.ts";
import { time } from "./timing.ts";

async function mask(
  { variant, decays, convention }: MaskProblem,
): Promise<number[][]> {
  const length = decays.length;
  const rows = tf.tidy(() => {
    const logDecay = tf.log(tf.tensor1d([...decays]));
    const decay = variant === "lit"
      ? noDecay()
      : variant === "d"
      ? fixedDecay(tf.slice(logDecay, 0, 1))
      : selectiveDecay(tf.reshape(logDecay, [1, 1, length]), { convention });
    return tf.reshape(decayMask(decay, length), [length, length]);
  });
  const values = await rows.array() as number[][];
  rows.dispose();
  return values;
}

answerCalls<Calls>({
  start,
  classify,
  compare,
  mask,
  readLong: (length, port) =>
    readLong(length, (done) => port.postMessage(done)),
  time,
  timeSoftmax,
});
